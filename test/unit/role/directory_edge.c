/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT for a domain whose mailboxes are on an inner server: the question to `sender`, and the session that waits for it. */
#include <poll.h>

#include "directory_talk.h"

#define CONVERSATION "ipc/directory_sender.def"
#include "ipc/conversation.h"

static struct channel sender;

static int start_with(const char *timeout)
{
	const char *const settings[] = { timeout, "edge.remember_taken=0", "smtp.recipients_max=50",
		"relay.relay_networks=203.0.113.0/24", NULL };
	struct directory_change c = { .caller = S("test"), .at = 1 };
	if (house_start_with(settings) != 0)
		return -1;
	sender = peer(S("sender"), 0);
	turn();
	return failed(directory_domain_add(house.role->store, &c,
		       &(const struct directory_new_domain){
			       .name = S("inner.test"), .main = NO_STR, .is_inner = true }))
		       ? -1
		       : 0;
}

static int start(void **state)
{
	(void)state;
	return start_with("edge.answer_timeout=25");
}

static int start_impatient(void **state)
{
	(void)state;
	return start_with("edge.answer_timeout=1");
}

static int end(void **state)
{
	channel_close(&sender);
	return house_end(state);
}

static struct channel smtp(void) { return open_session(S("receiver-smtp"), "192.0.2.7", S("smtp")); }

/* ---- a client's group ---- */

static char group_room[40000];
static struct buf group;

static void group_mail(struct channel *c, uint64_t size)
{
	const struct msg_mail m = { .sender = S("you@far.test"), .helo = S("far.test"), .size = size, .envid = S("") };
	group = BUF_ON(group_room);
	check_err("mail", msg_put_mail(c->out, 0, &m), ERR_NONE);
	check_err("mail", records_add(&group, c->out), ERR_NONE);
}

static void group_rcpt(struct channel *c, str recipient)
{
	const struct msg_rcpt m = { .recipient = recipient, .orcpt = S("") };
	check_err("rcpt", msg_put_rcpt(c->out, 0, &m), ERR_NONE);
	check_err("rcpt", records_add(&group, c->out), ERR_NONE);
}

static void group_data(struct channel *c)
{
	check_err("data", msg_put_data(c->out, 0, &(struct msg_data){ .no_more = 0 }), ERR_NONE);
	check_err("data", records_add(&group, c->out), ERR_NONE);
}

static void group_send(struct channel *c)
{
	check_err("send", msg_send_questions(c, 0, &(struct msg_questions){ .records = buf_str(&group) }), ERR_NONE);
	turn();
}

/* "250 550 354", or "closed", or "nothing". */
static str verdicts(struct channel *c)
{
	static struct frame scratch;
	static char room[2000];
	struct buf b = BUF_ON(room);
	struct msg_verdicts m;
	struct msg_verdict v;
	turn();
	err e = channel_receive(c);
	if (failed(e))
		return e.code == ERR_AGAIN ? S("nothing") : S("closed");
	check_err("verdicts", msg_get_verdicts(c->in, &m), ERR_NONE);
	while (msg_next_verdict(&m.records, &scratch, &v, &e))
		buf_addf(&b, "%s%u %.*s", b.n > 0 ? ", " : "", (unsigned)v.code, ARG(v.status));
	check_err("verdict", e, ERR_NONE);
	return buf_str(&b);
}

/* ---- the false sender ---- */

static uint32_t asked(str recipient)
{
	static struct msg_ask m;
	turn();
	check_err(recipient.p, msg_expect_ask(&sender, &m), ERR_NONE);
	check_str("recipient", m.recipient, recipient);
	check_str("domain", m.domain, S("inner.test"));
	check_str("sender", m.sender, S("you@far.test"));
	return house.in.tag;
}

static void not_asked(void)
{
	turn();
	assert_int_equal(channel_receive(&sender).code, ERR_AGAIN);
}

static void tell(uint32_t tag, enum callout_answer answer, unsigned code, uint64_t size_max)
{
	const struct msg_told m = { .answer = answer,
		.code = code,
		.status = S("4.7.1"),
		.text = S("its words"),
		.host = S("mx"),
		.size_max = size_max };
	check_err("told", msg_send_told(&sender, tag, &m), ERR_NONE);
	turn();
}

/* ---- the tests ---- */

static void test_order(void **state)
{
	(void)state;
	static struct frame scratch;
	struct channel c = smtp();
	struct msg_envelope e;
	struct msg_recipient r = { .account = 0 };
	err bad = OK;
	group_mail(&c, 700);
	group_rcpt(&c, S("anna@example.org"));
	group_rcpt(&c, S("one@inner.test"));
	group_rcpt(&c, S("nobody@example.org"));
	group_rcpt(&c, S("two@inner.test"));
	group_rcpt(&c, S("three@inner.test"));
	group_data(&c);
	group_send(&c);
	uint32_t tag = asked(S("one@inner.test"));
	check_str("not yet", verdicts(&c), S("nothing"));
	tell(tag, CALLOUT_TAKEN, 250, 5000);
	tell(tag, CALLOUT_UNKNOWN, 550, 0); /* twice is once */
	tell(asked(S("two@inner.test")), CALLOUT_UNKNOWN, 550, 0);
	check_str("not yet", verdicts(&c), S("nothing"));
	tell(asked(S("three@inner.test")), CALLOUT_TAKEN, 250, 4000);
	check_str(
		"in order", verdicts(&c), S("250 2.1.0, 250 2.1.5, 250 2.1.5, 550 5.1.1, 550 5.1.1, 250 2.1.5, 354 "));
	not_asked();
	check_err("envelope", msg_expect_envelope(&house.queue, &e), ERR_NONE);
	assert_int_equal(e.inner_max, 4000);
	const struct {
		unsigned account;
		bool inner;
	} want[] = { { 2, false }, { 0, true }, { 0, true } };
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_true(msg_next_recipient(&e.recipients, &scratch, &r, &bad));
		assert_int_equal(r.account, want[i].account);
		assert_int_equal(r.inner, want[i].inner);
	}
	assert_int_equal(e.recipients.n, 0);
	channel_close(&c);
	turn();
}

static str one_answer(struct channel *c, str recipient, enum callout_answer answer, unsigned code)
{
	group_mail(c, 0);
	group_rcpt(c, recipient);
	group_send(c);
	tell(asked(recipient), answer, code, 0);
	return verdicts(c);
}

static void test_answers(void **state)
{
	(void)state;
	struct channel c = smtp();
	check_str("taken", one_answer(&c, S("a@inner.test"), CALLOUT_TAKEN, 250), S("250 2.1.0, 250 2.1.5"));
	check_str("full", one_answer(&c, S("b@inner.test"), CALLOUT_FULL, 552), S("250 2.1.0, 552 5.2.2"));
	check_str("size", one_answer(&c, S("c@inner.test"), CALLOUT_SIZE, 552), S("250 2.1.0, 552 5.3.4"));
	check_str("refused", one_answer(&c, S("d@inner.test"), CALLOUT_REFUSED, 550), S("250 2.1.0, 550 5.0.0"));
	check_str("later", one_answer(&c, S("e@inner.test"), CALLOUT_LATER, 450), S("250 2.1.0, 451 4.7.1"));
	check_str("away", one_answer(&c, S("f@inner.test"), CALLOUT_AWAY, 0), S("250 2.1.0, 451 4.4.1"));
	/* For a moment nobody is asked again. */
	group_mail(&c, 0);
	group_rcpt(&c, S("a@inner.test"));
	group_send(&c);
	check_str("still away", verdicts(&c), S("250 2.1.0, 451 4.4.1"));
	not_asked();
	channel_close(&c);
	turn();
}

/* Whose sender may be told inside: it is of an inner domain, and so is the network. */
static void test_inside(void **state)
{
	(void)state;
	static const struct {
		const char *client;
		str sender;
		bool inside;
	} cases[] = {
		{ "203.0.113.9", S("anna@inner.test"), true },
		{ "203.0.113.9", S("anna@example.org"), false },
		{ "203.0.113.9", S("anna@far.test"), false },
		{ "203.0.113.9", S(""), false },
		{ "192.0.2.7", S("anna@inner.test"), false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct channel c = open_session(S("receiver-smtp"), cases[i].client, S("smtp"));
		struct msg_envelope e;
		check_verdict("mail", ask_mail(&c, cases[i].sender, 0), 250, "2.1.0");
		check_verdict("rcpt", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
		check_verdict("data", ask_data(&c), 354, "");
		check_err("envelope", msg_expect_envelope(&house.queue, &e), ERR_NONE);
		assert_int_equal(e.inside, cases[i].inside);
		channel_close(&c);
		turn();
	}
}

static void test_unknown_is_kept(void **state)
{
	(void)state;
	struct channel c = smtp();
	check_str("unknown", one_answer(&c, S("x@inner.test"), CALLOUT_UNKNOWN, 550), S("250 2.1.0, 550 5.1.1"));
	group_mail(&c, 0);
	group_rcpt(&c, S("x@inner.test"));
	group_send(&c);
	check_str("kept", verdicts(&c), S("250 2.1.0, 550 5.1.1"));
	not_asked();
	check_err("doubted", msg_send_doubted(&sender, 0, &(struct msg_doubted){ .recipient = S("x@inner.test") }),
		ERR_NONE);
	check_str("asked anew", one_answer(&c, S("x@inner.test"), CALLOUT_TAKEN, 250), S("250 2.1.0, 250 2.1.5"));
	channel_close(&c);
	turn();
}

/* The client hangs up, speaks out of turn, or waits in vain; `sender` dies, or was never there. */
static void test_ends(void **state)
{
	(void)state;
	struct channel c = smtp();
	group_mail(&c, 0);
	group_rcpt(&c, S("a@inner.test"));
	group_send(&c);
	uint32_t tag = asked(S("a@inner.test"));
	channel_close(&c);
	tell(tag, CALLOUT_TAKEN, 250, 0);

	c = smtp();
	group_mail(&c, 0);
	group_rcpt(&c, S("b@inner.test"));
	group_send(&c);
	tag = asked(S("b@inner.test"));
	group_send(&c);
	check_str("out of turn", verdicts(&c), S("closed"));
	tell(tag, CALLOUT_TAKEN, 250, 0);
	channel_close(&c);

	c = smtp();
	group_mail(&c, 0);
	group_rcpt(&c, S("c@inner.test"));
	group_rcpt(&c, S("d@inner.test"));
	group_send(&c);
	asked(S("c@inner.test"));
	for (unsigned i = 0; i < 2000 && poll(&(struct pollfd){ .fd = c.fd, .events = POLLIN }, 1, 0) == 0; i++)
		fake_service_turn(&house.fake, 5);
	check_str("silent", verdicts(&c), S("250 2.1.0, 451 4.4.1, 451 4.4.1"));
	inner_forget(house.role->inner, NO_STR, 0);

	group_mail(&c, 0);
	group_rcpt(&c, S("e@inner.test"));
	group_send(&c);
	asked(S("e@inner.test"));
	channel_close(&sender);
	check_str("sender dies", verdicts(&c), S("250 2.1.0, 451 4.4.1"));
	inner_forget(house.role->inner, NO_STR, 0);
	group_mail(&c, 0);
	group_rcpt(&c, S("e@inner.test"));
	group_rcpt(&c, S("anna@example.org"));
	group_send(&c);
	check_str("no sender", verdicts(&c), S("250 2.1.0, 451 4.3.0, 250 2.1.5"));
	channel_close(&c);
	turn();
}

/* A sender that speaks out of its part is heard no more, and what it says of questions that nobody asked is nothing. */
static void test_forged(void **state)
{
	(void)state;
	struct channel c = smtp();
	tell(1, CALLOUT_TAKEN, 250, 0);
	tell(UINT32_MAX, CALLOUT_UNKNOWN, 550, 0);
	group_mail(&c, 0);
	group_rcpt(&c, S("a@inner.test"));
	group_send(&c);
	uint32_t tag = asked(S("a@inner.test"));
	tell(tag + 1, CALLOUT_TAKEN, 250, 0);
	check_str("another question's", verdicts(&c), S("nothing"));
	const struct msg_ask m = {
		.domain = S("inner.test"), .sender = S(""), .recipient = S("a@inner.test"), .deadline = 1000
	};
	check_err("ask", msg_send_ask(&sender, 1, &m), ERR_NONE);
	check_str("its channel ends", verdicts(&c), S("250 2.1.0, 451 4.4.1"));
	assert_null(house.role->sender);
	channel_close(&c);
	turn();
}

/* More questions than may be open, and all of a group that waits, one after the other. */
static void test_many(void **state)
{
	(void)state;
	static struct channel all[CALLOUTS_MAX + 3];
	char room[40];
	for (size_t i = 0; i < COUNT(all); i++) {
		all[i] = smtp();
		group_mail(&all[i], 0);
		int n = snprintf(room, sizeof room, "a%zu@inner.test", i);
		group_rcpt(&all[i], str_from(room, (size_t)n));
		group_send(&all[i]);
		if (i < CALLOUTS_MAX)
			asked(str_from(room, (size_t)n));
		else
			check_str("too many", verdicts(&all[i]), S("250 2.1.0, 451 4.3.0"));
	}
	for (size_t i = 0; i < COUNT(all); i++)
		channel_close(&all[i]);
	turn();
	struct channel c = smtp();
	group_mail(&c, 0);
	for (int i = 0; i < 30; i++) {
		int n = snprintf(room, sizeof room, "b%d@inner.test", i);
		group_rcpt(&c, str_from(room, (size_t)n));
	}
	group_send(&c);
	for (int i = 0; i < 30; i++) {
		int n = snprintf(room, sizeof room, "b%d@inner.test", i);
		tell(asked(str_from(room, (size_t)n)), i % 2 == 0 ? CALLOUT_TAKEN : CALLOUT_UNKNOWN, 0, 0);
	}
	str got = verdicts(&c);
	assert_true(str_starts(got, S("250 2.1.0, 250 2.1.5, 550 5.1.1, 250 2.1.5")));
	channel_close(&c);
	turn();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_answers),
		TEST(test_inside),
		TEST(test_unknown_is_kept),
		cmocka_unit_test_setup_teardown(test_ends, start_impatient, end),
		TEST(test_forged),
		TEST(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
