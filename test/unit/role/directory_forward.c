/* SPDX-License-Identifier: Apache-2.0 */
/* Which forwards a recipient has, the addresses that their mail leaves with, and who may write to those. */
#include "directory_talk.h"
#include "os/clock.h"
#include "role/directory/forward.h"

static int start(void **state)
{
	(void)state;
	static const char *const settings[] = { "forward.target_per_hour=3", "forward.failures_max=2", NULL };
	return house_start_with(settings);
}

enum { ANNA = 2, POSTMASTER = 1 };

/* The forward, and whether its target has agreed. */
static uint32_t do_forward(uint32_t account, str target, bool keeps, bool agreed)
{
	struct directory_change c = { .caller = S("test"), .at = 1 };
	uint32_t number = 0;
	check_err(target.p, directory_forward_add(house.role->store, &c, account, target, keeps, &number), ERR_NONE);
	if (agreed)
		check_err("agree", directory_forward_confirm(house.role->store, &c, number), ERR_NONE);
	return number;
}

static uint32_t do_forward_alias(str local, str user, bool agreed)
{
	struct directory_change c = { .caller = S("test"), .at = 1 };
	char room[100];
	struct buf b = BUF_ON(room);
	const struct mailname to = { user, S("remote.test") };
	mailname_write(&b, &to);
	str written = buf_str(&b);
	const struct directory_new_alias new = {
		.name = { local, S("example.org") }, .targets = &to, .count = 1, .written = &written
	};
	uint32_t number = 0;
	check_err(local.p, directory_alias_add(house.role->store, &c, &new), ERR_NONE);
	check_err("number", directory_forward_of_alias(house.role->store, &new.name, &to, &number), ERR_NONE);
	if (agreed)
		check_err("agree", directory_forward_confirm(house.role->store, &c, number), ERR_NONE);
	return number;
}

struct sent {
	size_t count;
	struct copy {
		uint32_t account, forward, keeper;
		bool alone, consent;
		char address[100], sender[100], mark[20];
	} all[10];
};

static void keep(char *to, size_t room, str from)
{
	assert_true(from.n < room);
	if (from.n > 0)
		memcpy(to, from.p, from.n);
	to[from.n] = '\0';
}

/* The envelope as queue gets it. */
static void hear_envelope(struct sent *out)
{
	static struct frame scratch;
	struct msg_envelope m;
	struct msg_recipient r;
	err e = OK;
	out->count = 0;
	turn();
	check_err("envelope", msg_expect_envelope(&house.queue, &m), ERR_NONE);
	while (msg_next_recipient(&m.recipients, &scratch, &r, &e)) {
		struct copy *c = &out->all[out->count++];
		*c = (struct copy){ (uint32_t)r.account, (uint32_t)r.forward, (uint32_t)r.keeper, r.alone, r.consent };
		keep(c->address, sizeof c->address, r.address);
		keep(c->sender, sizeof c->sender, r.sender);
		keep(c->mark, sizeof c->mark, r.mark);
	}
	check_err("recipients", e, ERR_NONE);
}

/* A message of a stranger: what queue is told, or the code of the refusal. */
static unsigned deliver(str sender, str recipient, struct sent *out)
{
	struct channel c = open_session(S("receiver-smtp"), "192.0.2.7", S("smtp"));
	check_verdict("mail", ask_mail(&c, sender, 100), 250, "2.1.0");
	struct msg_verdict v = ask_rcpt(&c, recipient);
	unsigned code = (unsigned)v.code;
	if (code == 250) {
		check_verdict("data", ask_data(&c), 354, "");
		hear_envelope(out);
	}
	channel_close(&c);
	turn();
	return code;
}

#define STRANGER S("stranger@other.test")

static void test_of_account(void **state)
{
	struct sent s;
	(void)state;
	uint32_t number = do_forward(ANNA, S("Anna.Privat@remote.test"), true, false);
	assert_int_equal(deliver(STRANGER, S("anna@example.org"), &s), 250);
	assert_int_equal(s.count, 1); /* nobody agreed */
	struct directory_change c = { .caller = S("test"), .at = 1 };
	check_err("agree", directory_forward_confirm(house.role->store, &c, number), ERR_NONE);
	assert_int_equal(deliver(STRANGER, S("anna+x@example.org"), &s), 250);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.all[0].forward, number);
	assert_int_equal(s.all[0].account, 0);
	assert_int_equal(s.all[0].keeper, 0);
	assert_string_equal(s.all[0].address, "Anna.Privat@remote.test");
	assert_int_equal(strncmp(s.all[0].sender, "SRS0=", 5), 0);
	assert_non_null(strstr(s.all[0].sender, "=other.test=stranger@example.org"));
	assert_int_equal(strlen(s.all[0].mark), 8);
	assert_int_equal(s.all[1].account, ANNA);
	assert_int_equal(s.all[1].forward, 0);
	/* without a copy, the mailbox keeps what cannot leave */
	check_err("keep", directory_forward_keep(house.role->store, &c, ANNA, false), ERR_NONE);
	assert_int_equal(deliver(S(""), S("anna@example.org"), &s), 250);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.all[0].keeper, ANNA);
	assert_false(s.all[0].alone);
	assert_string_equal(s.all[0].sender, ""); /* the null sender stays null */
	/* it is behind a group, too */
	assert_int_equal(deliver(STRANGER, S("all@example.org"), &s), 250);
	assert_int_equal(s.count, 2);
	/* whoever is suspended sends and gets nothing */
	check_err("suspend", directory_account_state(house.role->store, &c, ANNA, ACCOUNT_SUSPENDED), ERR_NONE);
	assert_int_equal(deliver(STRANGER, S("anna@example.org"), &s), 550);
	check_err("resume", directory_account_state(house.role->store, &c, ANNA, ACCOUNT_ACTIVE), ERR_NONE);
	/* three in an hour to one target, the fourth stays */
	assert_int_equal(deliver(STRANGER, S("anna@example.org"), &s), 250);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.all[0].account, ANNA);
	/* with the account its forwards go */
	check_err("remove", directory_account_remove(house.role->store, &c, ANNA), ERR_NONE);
	check_err("gone", directory_forward_to(house.role->store, ANNA, S("anna.privat@remote.test"), &number),
		ERR_ABSENT);
}

static void test_of_alias(void **state)
{
	struct sent s;
	bool suspended;
	(void)state;
	uint32_t number = do_forward_alias(S("press"), S("you"), false);
	assert_int_equal(deliver(STRANGER, S("press@example.org"), &s), 450); /* perhaps they agree soon */
	struct directory_change c = { .caller = S("test"), .at = 1 };
	check_err("agree", directory_forward_confirm(house.role->store, &c, number), ERR_NONE);
	assert_int_equal(deliver(STRANGER, S("press@example.org"), &s), 250);
	assert_int_equal(s.count, 1);
	assert_true(s.all[0].alone);
	assert_int_equal(s.all[0].keeper, POSTMASTER);
	/* what left by it comes back no further, whoever says it sends it */
	char sender[100];
	keep(sender, sizeof sender, str_of(s.all[0].sender));
	assert_int_equal(deliver(str_of(sender), S("press@example.org"), &s), 554);
	/* beside a mailbox it is not alone, and the mailbox has it */
	do_forward_alias(S("info"), S("other"), true);
	assert_int_equal(deliver(STRANGER, S("info@example.org"), &s), 250);
	assert_int_equal(s.count, 2);
	assert_false(s.all[0].alone);
	assert_int_equal(s.all[0].keeper, 0);
	assert_int_equal(s.all[1].account, ANNA);
	/* twice a failure within a week */
	const struct msg_forward_news news = { .forward = number, .reason = S("5.1.1 no") };
	for (int i = 0; i < 2; i++)
		check_err("news", msg_send_forward_news(&house.queue, 0, &news), ERR_NONE);
	turn();
	assert_int_equal(deliver(STRANGER, S("press@example.org"), &s), 550);
	check_err("once more",
		directory_forward_failed(house.role->store, number, clock_utc_ms(), S("x"), 2, &suspended), ERR_NONE);
	assert_false(suspended); /* it is already */
	/* the target becomes ours */
	check_err("resume", directory_forward_confirm(house.role->store, &c, number), ERR_NONE);
	do_domain(S("remote.test"), NO_STR);
	assert_int_equal(deliver(STRANGER, S("press@example.org"), &s), 550);
	check_err("remove",
		directory_alias_remove(house.role->store, &c, &(struct mailname){ S("press"), S("example.org") }, NULL),
		ERR_NONE);
	char room[FORWARD_ROOM];
	struct buf b = BUF_ON(room);
	struct directory_forward f;
	check_err("gone", directory_forward(house.role->store, number, &b, &f), ERR_ABSENT);
}

/* An address as the forward would write it on that day. */
static str address(char *room, size_t size, uint32_t number, enum srs_kind kind, unsigned day)
{
	char text[FORWARD_ROOM];
	struct buf t = BUF_ON(text), b = { .p = room, .room = size };
	struct directory_forward f;
	const struct srs srs = { .kind = kind, .forward = number, .day = day, .sender = S("other.test=stranger") };
	check_err("forward", directory_forward(house.role->store, number, &t, &f), ERR_NONE);
	forward_address(house.role, &f, &srs, &b);
	buf_add(&b, S("@example.org"));
	assert_false(b.lost);
	return buf_str(&b);
}

static void test_comes_back(void **state)
{
	struct sent s;
	char room[100], lower[100];
	(void)state;
	unsigned today = srs_day(clock_utc_ms());
	uint32_t number = do_forward(ANNA, S("anna@remote.test"), true, true);
	str good = address(room, sizeof room, number, SRS_RETURN, today);
	assert_int_equal(deliver(S(""), good, &s), 250);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.all[0].account, ANNA);
	assert_int_equal(s.all[0].forward, number);
	assert_false(s.all[0].consent);
	assert_int_equal(deliver(STRANGER, good, &s), 550);
	for (size_t i = 0; i < good.n; i++)
		lower[i] = ascii_lower(good.p[i]);
	assert_int_equal(deliver(S(""), str_from(lower, good.n), &s), 250);
	for (size_t i = 5; i < good.n - sizeof "@example.org"; i++) { /* each byte is signed */
		char forged[100];
		memcpy(forged, good.p, good.n);
		forged[i] = forged[i] == 'a' || forged[i] == 'A' ? 'b' : 'a';
		if (deliver(S(""), str_from(forged, good.n), &s) != 550)
			fail_msg("%.*s is taken", (int)good.n, forged);
	}
	assert_int_equal(
		deliver(S(""), address(room, sizeof room, number, SRS_RETURN, (today + 1024 - 22) % 1024), &s), 550);
	assert_int_equal(
		deliver(S(""), address(room, sizeof room, number, SRS_RETURN, (today + 1024 - 21) % 1024), &s), 250);
	assert_int_equal(deliver(S(""), S("SRS0=x=y=z=a@example.org"), &s), 550);
	assert_int_equal(deliver(S(""), S("SRS0=x=y=z=a@elsewhere.test"), &s), 550); /* a relay attempt */
}

static void test_consent(void **state)
{
	struct sent s;
	char room[100];
	struct msg_own own;
	struct msg_envelope envelope;
	(void)state;
	uint32_t number = do_forward(ANNA, S("anna@remote.test"), true, false);
	struct directory_change c = { .caller = S("test"), .at = clock_utc_ms() };
	check_err("ask", forward_ask(house.role, &c, number), ERR_NONE);
	turn();
	check_err("envelope", msg_expect_envelope(&house.queue, &envelope), ERR_NONE);
	check_err("own", msg_expect_own(&house.queue, &own), ERR_NONE);
	str from = str_after(own.text, str_find_str(own.text, S("Reply-To: <")) + 11);
	str reply = str_slice(from, 0, str_find(from, '>'));
	keep(room, sizeof room, reply);
	reply = str_of(room);
	assert_int_equal(deliver(S(""), reply, &s), 550);
	assert_int_equal(deliver(S("anna@remote.test"), reply, &s), 250);
	assert_int_equal(s.all[0].forward, number);
	assert_true(s.all[0].consent);
	/* a new code makes the old address void */
	check_err("ask", forward_ask(house.role, &c, number), ERR_NONE);
	turn();
	check_err("envelope", msg_expect_envelope(&house.queue, &envelope), ERR_NONE);
	check_err("own", msg_expect_own(&house.queue, &own), ERR_NONE);
	assert_int_equal(deliver(S("anna@remote.test"), reply, &s), 550);
	/* three a day to one address, whatever forward it is */
	check_err("ask", forward_ask(house.role, &c, number), ERR_NONE);
	uint32_t other = do_forward(3, S("ANNA@remote.test"), true, false);
	check_err("too often", forward_ask(house.role, &c, other), ERR_LIMIT);
	c.at += 86400000;
	check_err("tomorrow", forward_ask(house.role, &c, other), ERR_NONE);
	/* queue tells that somebody wrote to the address */
	check_err("news",
		msg_send_forward_news(&house.queue, 0,
			&(struct msg_forward_news){ .forward = number, .consent = true, .reason = S("") }),
		ERR_NONE);
	turn();
	char text[FORWARD_ROOM];
	struct buf b = BUF_ON(text);
	struct directory_forward f;
	check_err("forward", directory_forward(house.role->store, number, &b, &f), ERR_NONE);
	assert_int_equal(f.state, FORWARD_ACTIVE);
	assert_false(f.has_code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_of_account, start, house_end),
		cmocka_unit_test_setup_teardown(test_of_alias, start, house_end),
		cmocka_unit_test_setup_teardown(test_comes_back, start, house_end),
		cmocka_unit_test_setup_teardown(test_consent, start, house_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
