/* SPDX-License-Identifier: Apache-2.0 */
/* What is forwarded leaves with its own sender and mark; what may not leave, or is refused, goes to its keeper; nobody is sent
 * a notice, and directory hears what failed and who agreed. */
#include "queue_sender.h"

enum { FORWARD = 5, KEEPER = 9, ACCOUNT = 7 };

/* A recipient of a forward, of whom account 9 gets what does not leave; and one that is a mailbox. */
static const struct msg_recipient forwarded = {
	.address = { "you@else.test", 13 },
	.detail = { "", 0 },
	.orcpt = { "", 0 },
	.notify = 2,
	.forward = FORWARD,
	.keeper = KEEPER,
	.sender = { "SRS0=x@ours.test", 16 },
	.mark = { "AAAAAAAA", 8 },
};
static const struct msg_recipient local = { .account = ACCOUNT,
	.address = { "anna@ours.test", 14 },
	.detail = { "", 0 },
	.orcpt = { "", 0 },
	.sender = { "", 0 },
	.mark = { "", 0 } };

/* As it lies in a mailbox. */
#define WHOLE                                                                                 \
	S("Return-Path: <stranger@other.test>\r\nSiegel-Forward: AAAAAAAA\r\nReceived: x\r\n" \
	  "From: <anna@ours.test>\r\nSubject: x\r\n\r\nhello\r\n")

static struct channel session;

static void send(unsigned n, uint32_t account, const struct msg_recipient *const *to)
{
	static char room[4000];
	struct number number = number_of(n);
	struct buf records = BUF_ON(room);
	for (; *to != NULL; to++)
		MUST(msg_add_recipient(&records, &house.scratch, *to));
	MUST(msg_send_envelope(&house.directory, 0,
		&(struct msg_envelope){ .transaction = number_str(&number),
			.last = true,
			.sender = S("stranger@other.test"),
			.account = account,
			.size_max = UINT32_MAX,
			.envid = S(""),
			.recipients = buf_str(&records) }));
	send_begin(&session, n);
	send_bytes(&session, BODY);
	send_end(&session, BODY.n);
}

/* What filter is asked, and its answer; then the code of ours. */
static unsigned judged(const char *marks, struct msg_judged answer)
{
	struct msg_judge j;
	MUST(msg_expect_judge(&house.filter, &j));
	fd_close(&j.body);
	check_str("marks", j.marks, str_of(marks));
	answer.code = 250;
	answer.status = S("2.0.0");
	answer.reason = S("");
	if (answer.marks.p == NULL)
		answer.marks = S("");
	if (answer.report.p == NULL)
		answer.report = S("");
	MUST(msg_send_judged(&house.filter, house.filter.in->tag, &answer));
	return hear_queued(&session);
}

static void expect_news(bool consent, const char *reason)
{
	struct msg_forward_news m;
	MUST(msg_expect_forward_news(&house.directory, &m));
	assert_int_equal(m.forward, FORWARD);
	assert_int_equal(m.consent, consent);
	check_str("reason", m.reason, str_of(reason));
}

static void open_all(void)
{
	house_open(NULL);
	open_sender(4);
	session = house_session(&house.receiver);
}

static void close_all(void)
{
	channel_close(&session);
	house_close();
}

static void expect_in_mailbox(uint32_t account, str body)
{
	static struct mailbox m;
	memset(&m, 0, sizeof m);
	mailbox_open(&m, account);
	mailbox_fetch_all(&m, true, NULL);
	assert_int_equal(m.got, 1);
	check_str("body", m.body, body);
}

static const struct msg_recipient *const one[] = { &forwarded, NULL };
static const struct msg_recipient *const two[] = { &local, &forwarded, NULL };

static void test_leaves(void **state)
{
	struct job j;
	(void)state;
	open_all();
	send(1, 0, two);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .tls_optional = true }), 250);
	hear_job(&j);
	assert_true(j.tls_optional); /* RFC 8689 6 */
	assert_string_equal(j.sender, "SRS0=x@ours.test");
	assert_string_equal(j.address, "you@else.test");
	assert_int_equal(j.size, BODY.n + sizeof "Siegel-Forward: AAAAAAAA\r\nReceived: x\r\n" - 1);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	assert_true(is_noted(j.number));
	expect_in_mailbox(ACCOUNT, WHOLE);
	wait_for(0);
	close_all();
}

/* Over a restart too: the sender and the keeper stand in the store. */
static void test_is_kept_when_refused(void **state)
{
	struct job j;
	(void)state;
	open_all();
	send(2, 0, one);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .code = 0 }), 250);
	hear_job(&j);
	close_all();
	open_all();
	hear_job(&j);
	assert_string_equal(j.sender, "SRS0=x@ours.test");
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	expect_news(false, "words of theirs");
	assert_true(is_noted(j.number));
	expect_in_mailbox(KEEPER, WHOLE);
	wait_for(0);
	close_all();
	assert_int_equal(house.events[EV_notice_made], 0);
}

/* Somebody of ours who wrote to the address is not told where it leads to. */
static void test_no_notice(void **state)
{
	struct msg_recipient without = forwarded;
	const struct msg_recipient *const to[] = { &without, NULL };
	struct job j;
	(void)state;
	without.keeper = 0;
	open_all();
	send(3, ACCOUNT, to);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .code = 0 }), 250);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	expect_news(false, "words of theirs");
	wait_for(0);
	close_all();
	assert_int_equal(house.events[EV_notice_made], 0);
}

static void test_spam_and_loops(void **state)
{
	struct msg_recipient alone = forwarded;
	const struct msg_recipient *const only[] = { &alone, NULL }, *const beside[] = { &local, &alone, NULL };
	(void)state;
	alone.alone = true;
	open_all();
	send(4, 0, one);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .spam = true }), 250);
	send(5, 0, only);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .spam = true }), 550);
	send(6, 0, only);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .marks = S("AAAAAAAA") }), 554);
	assert_int_equal(waiting(), 1);
	expect_in_mailbox(KEEPER, WHOLE);
	/* where others get it, it cannot be refused, and is not lost */
	send(7, 0, beside);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .spam = true }), 250);
	expect_in_mailbox(KEEPER, WHOLE);
	/* the mark of another forward is none */
	send(8, 0, one);
	assert_int_equal(judged("AAAAAAAA", (struct msg_judged){ .marks = S("BBBBBBBB") }), 250);
	struct job j;
	hear_job(&j);
	assert_string_equal(j.address, "you@else.test");
	close_all();
}

static void test_comes_back(void **state)
{
	struct msg_recipient back = local, agreed = local;
	const struct msg_recipient *const bounce[] = { &back, NULL }, *const reply[] = { &agreed, NULL };
	(void)state;
	back.forward = agreed.forward = FORWARD;
	agreed.consent = true;
	open_all();
	send(9, 0, bounce);
	assert_int_equal(judged("", (struct msg_judged){ .undelivered = false }), 250);
	send(10, 0, bounce);
	assert_int_equal(judged("", (struct msg_judged){ .undelivered = true, .report = S("5.1.1 no") }), 250);
	expect_news(false, "5.1.1 no");
	send(11, 0, reply);
	assert_int_equal(judged("", (struct msg_judged){ .automatic = true }), 250);
	send(12, 0, reply);
	assert_int_equal(judged("", (struct msg_judged){ .undelivered = true, .report = S("x") }), 250);
	expect_news(true, "");
	assert_false(is_told(&house.directory, 50));
	assert_int_equal(waiting(), 4); /* all of it is in the mailbox, too */
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_leaves, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_is_kept_when_refused, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_no_notice, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_spam_and_loops, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_comes_back, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
