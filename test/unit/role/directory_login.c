/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: mechanisms, wrong ones, throttling, what is vouched for. */
#include "directory_talk.h"

#include "os/clock.h"
#include "role/directory/sasl.h"

#define OUTSIDE "192.0.2.7"
#define RIGHT S("\0kx77-anna\0secret password")
#define WRONG S("\0kx77-anna\0wrong password")
#define NOBODY S("\0nobody\0secret password")

static int start(void **state)
{
	(void)state;
	static const char *const settings[] = { "login.failures_per_session=3", "login.failures_per_login=5",
		"login.failures_per_network=8", NULL };
	int rc = house_start_with(settings);
	hasher_works(); /* the hash for logins that nobody has */
	house.hashes = 0;
	return rc;
}

/* Waits for the answer, through the delay if there is one; how long it took. */
static int64_t wait_done(struct channel *c, struct msg_auth_done *done)
{
	int64_t began = clock_ms();
	for (;;) {
		hasher_works();
		err e = msg_expect_auth_done(c, done);
		if (!failed(e))
			return clock_ms() - began;
		check_err("answer", e, ERR_AGAIN);
		assert_true(clock_ms() - began < 20000);
	}
}

static struct msg_auth_done log_in(struct channel *c, str plain)
{
	struct msg_auth_done done = { .granted = false };
	const struct msg_auth_start m = {
		.mechanism = S("PLAIN"), .encrypted = true, .has_initial = true, .initial = plain
	};
	check_err("start", msg_send_auth_start(c, 0, &m), ERR_NONE);
	wait_done(c, &done);
	return done;
}

static const struct {
	const char *name;
	str message, login, password;
	enum err_code e;
} plains[] = {
	{ "RFC 4616 4", S("\0tim\0tanstaaftanstaaf"), S("tim"), S("tanstaaftanstaaf"), ERR_NONE },
	{ "another identity", S("Ursel\0Kurt\0xipj3plmq"), NO_STR, NO_STR, ERR_DENIED },
	{ "the same identity", S("Kurt\0kurt\0xipj3plmq"), S("kurt"), S("xipj3plmq"), ERR_NONE },
	{ "UTF-8", S("\0m\xc3\xbcller\0p\xc3\xa4ss"), S("m\xc3\xbcller"), S("p\xc3\xa4ss"), ERR_NONE },
	{ "empty", S(""), NO_STR, NO_STR, ERR_SYNTAX },
	{ "one NUL", S("\0tim"), NO_STR, NO_STR, ERR_SYNTAX },
	{ "no password", S("\0tim\0"), NO_STR, NO_STR, ERR_SYNTAX },
	{ "no login", S("\0\0pass"), NO_STR, NO_STR, ERR_SYNTAX },
	{ "NUL in the password", S("\0tim\0pa\0ss"), NO_STR, NO_STR, ERR_SYNTAX },
	{ "not UTF-8", S("\0tim\xff\0pass"), NO_STR, NO_STR, ERR_SYNTAX },
	{ "control character", S("\0tim\n\0pass"), NO_STR, NO_STR, ERR_SYNTAX },
};

static void test_plain(void **state)
{
	(void)state;
	char long_login[300] = { 0 };
	memset(long_login + 1, 'x', 255);
	memcpy(long_login + 257, "pass", 4);
	struct sasl_credentials c;
	for (size_t i = 0; i < COUNT(plains); i++) {
		c = (struct sasl_credentials){ NO_STR, NO_STR };
		check_err(plains[i].name, sasl_plain(plains[i].message, &c), plains[i].e);
		check_str(plains[i].name, c.login, plains[i].login);
		check_str(plains[i].name, c.password, plains[i].password);
	}
	check_err("long login", sasl_plain(str_from(long_login, 261), &c), ERR_LIMIT);
}

static void test_imap(void **state)
{
	(void)state;
	struct msg_vouch vouch;
	struct channel c = open_session(S("greeter"), OUTSIDE, S("imap"));
	struct msg_auth_done done = log_in(&c, RIGHT);
	assert_true(done.granted);
	assert_int_equal(done.account, 2);
	assert_int_equal(done.ticket.n, 16);
	char ticket[16];
	memcpy(ticket, done.ticket.p, 16);
	check_str("login", done.login, S("kx77-anna"));
	check_err("vouch", msg_expect_vouch(&house.mailroom, &vouch), ERR_NONE);
	check_str("ticket", vouch.ticket, str_from(ticket, 16));
	assert_int_equal(vouch.account, 2);
	check_str("session", vouch.session, S("s1"));
	assert_int_equal(house.fake.events[EV_login_ok], 1);
	assert_true(directory_account(house.role->store, 2)->last_login > 0);
	channel_close(&c);

	c = open_session(S("greeter"), OUTSIDE, S("imap"));
	channel_close(&house.mailroom);
	turn();
	done = log_in(&c, RIGHT);
	assert_true(!done.granted && done.temporary); /* nobody to vouch to */
	channel_close(&c);
}

static void test_remembered(void **state)
{
	(void)state;
	struct directory_change change = { .at = 1 };
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	assert_true(log_in(&c, RIGHT).granted);
	assert_int_equal(house.hashes, 1);
	channel_close(&c);
	c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	assert_true(log_in(&c, S("\0KX77-Anna\0secret password")).granted);
	assert_int_equal(house.hashes, 1);
	channel_close(&c);
	c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	assert_false(log_in(&c, WRONG).granted);
	assert_int_equal(house.hashes, 2);
	account_evict(house.role, 2);
	assert_true(log_in(&c, RIGHT).granted);
	assert_int_equal(house.hashes, 3);
	channel_close(&c);
	check_err("suspend", directory_account_state(house.role->store, &change, 2, ACCOUNT_SUSPENDED), ERR_NONE);
	c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	assert_false(log_in(&c, RIGHT).granted); /* also where it is still remembered */
	channel_close(&c);
}

static void renew(const char *setting)
{
	fake_service_set(&house.fake, setting);
	directory_role_renewed(&house.fake.service);
}

/* Other settings come while a password is being hashed: the login goes on, and what is remembered ends when it should. */
static void test_renewed(void **state)
{
	(void)state;
	struct msg_auth_done done = { .granted = false };
	const struct msg_auth_start m = {
		.mechanism = S("PLAIN"), .encrypted = true, .has_initial = true, .initial = RIGHT
	};
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	renew("login.remember=1h");
	wait_done(&c, &done);
	assert_true(done.granted);
	assert_int_equal(house.hashes, 1);
	struct channel other = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	assert_true(log_in(&other, RIGHT).granted);
	assert_int_equal(house.hashes, 1);
	channel_close(&other);
	renew("login.remember=0");
	for (unsigned i = 2; i <= 3; i++) {
		other = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
		assert_true(log_in(&other, RIGHT).granted);
		assert_int_equal(house.hashes, i);
		channel_close(&other);
	}
	check_err("the first is logged in still", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("and may not twice", msg_expect_auth_done(&c, &done), ERR_CLOSED);
	channel_close(&c);
}

static void test_mechanisms(void **state)
{
	(void)state;
	struct msg_auth_challenge challenge;
	struct msg_auth_done done = { .granted = false };
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	struct msg_auth_start m = { .mechanism = S("login"), .encrypted = true, .initial = S("") };
	check_err("LOGIN", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("user", msg_expect_auth_challenge(&c, &challenge), ERR_NONE);
	check_str("user", challenge.challenge, S("Username:"));
	check_err("login", msg_send_auth_response(&c, 0, &(struct msg_auth_response){ .response = S("kx77-anna") }),
		ERR_NONE);
	turn();
	check_err("password", msg_expect_auth_challenge(&c, &challenge), ERR_NONE);
	check_str("password", challenge.challenge, S("Password:"));
	check_err("password",
		msg_send_auth_response(&c, 0, &(struct msg_auth_response){ .response = S("secret password") }),
		ERR_NONE);
	wait_done(&c, &done);
	assert_true(done.granted);
	channel_close(&c);

	c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	m.mechanism = S("PLAIN");
	check_err("PLAIN", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("empty challenge", msg_expect_auth_challenge(&c, &challenge), ERR_NONE);
	assert_int_equal(challenge.challenge.n, 0);
	m.mechanism = S("CRAM-MD5"); /* the client gave up and begins anew */
	check_err("CRAM-MD5", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	wait_done(&c, &done);
	assert_true(!done.granted && !done.temporary);
	m = (struct msg_auth_start){ .mechanism = S("PLAIN"), .has_initial = true, .initial = RIGHT };
	check_err("in clear", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	wait_done(&c, &done);
	assert_false(done.granted);
	channel_close(&c);

	c = open_session(S("greeter"), OUTSIDE, S("imap"));
	check_err("in clear", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	wait_done(&c, &done);
	assert_false(done.granted);
	channel_close(&c);
	c = open_session(S("greeter"), "127.0.0.1", S("imap"));
	check_err("in clear, within this machine", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	wait_done(&c, &done);
	assert_true(done.granted);
	channel_close(&c);
}

/* The same words, the same work, and time, whether the login is there or not. */
static void test_uniform(void **state)
{
	(void)state;
	struct msg_auth_done done = { .granted = false };
	int64_t times[2];
	char reasons[2][254];
	static const str tries[] = { S("\0kx77-anna\0wrong"), S("\0nobody\0wrong") };
	for (int i = 0; i < 2; i++) {
		struct channel c =
			open_session(S("receiver-submission"), i == 0 ? OUTSIDE : "198.51.100.1", S("submission"));
		const struct msg_auth_start m = {
			.mechanism = S("PLAIN"), .encrypted = true, .has_initial = true, .initial = tries[i]
		};
		house.hashes = 0;
		check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
		times[i] = wait_done(&c, &done);
		assert_int_equal(house.hashes, 1);
		assert_true(
			!done.granted && !done.temporary && !done.hang_up && done.account == 0 && done.login.n == 0);
		struct buf b = BUF_ON(reasons[i]);
		buf_add(&b, done.reason);
		assert_true(b.n > 0);
		if (i > 0)
			assert_memory_equal(reasons[0], reasons[1], b.n);
		channel_close(&c);
	}
	assert_true(times[0] >= 490 && times[1] >= 490);
	assert_true(times[0] - times[1] < 200 && times[1] - times[0] < 200);
	assert_int_equal(house.fake.events[EV_login_failed], 2);
}

static void test_failures_of_a_session(void **state)
{
	(void)state;
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	int64_t last = 0;
	for (int i = 1; i <= 3; i++) {
		int64_t began = clock_ms();
		struct msg_auth_done done = log_in(&c, i == 2 ? NOBODY : WRONG);
		int64_t took = clock_ms() - began;
		assert_true(took > last);
		assert_int_equal(done.hang_up, i == 3);
		last = took;
	}
	channel_close(&c);
}

static void fail_often(const char *client, str message, int times)
{
	for (int i = 0; i < times; i++) {
		struct channel c = open_session(S("receiver-submission"), client, S("submission"));
		const struct msg_auth_start m = {
			.mechanism = S("PLAIN"), .encrypted = true, .has_initial = true, .initial = message
		};
		check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
		hasher_works();
		channel_close(&c); /* without waiting for the answer */
		turn();
	}
}

/* A login that is tried too often is refused, but not where its owner has logged in from. */
static void test_login_blocked(void **state)
{
	(void)state;
	struct channel c = open_session(S("receiver-submission"), "198.51.100.1", S("submission"));
	assert_true(log_in(&c, RIGHT).granted);
	channel_close(&c);
	char client[32];
	for (int i = 0; i < 5; i++) {
		snprintf(client, sizeof client, "192.0.%d.1", i);
		fail_often(client, WRONG, 1);
	}
	house.hashes = 0;
	c = open_session(S("receiver-submission"), "203.0.113.1", S("submission"));
	struct msg_auth_done done = log_in(&c, RIGHT);
	assert_true(!done.granted && done.temporary && done.hang_up);
	assert_int_equal(house.hashes, 0);
	channel_close(&c);
	c = open_session(S("receiver-submission"), "198.51.100.77", S("submission"));
	assert_true(log_in(&c, RIGHT).granted);
	channel_close(&c);
}

static void test_network_blocked(void **state)
{
	(void)state;
	char text[40];
	for (int i = 0; i < 8; i++) {
		size_t n = (size_t)snprintf(text, sizeof text, "%cname%d%cpassword", 0, i, 0);
		fail_often("2001:db8:1:2::5", str_from(text, n), 1);
	}
	struct channel c = open_session(S("receiver-submission"), "2001:db8:1:2:ffff::1", S("submission"));
	struct msg_auth_done done = log_in(&c, RIGHT);
	assert_true(!done.granted && done.temporary && done.hang_up);
	channel_close(&c);
	c = open_session(S("receiver-submission"), "2001:db8:1:3::5", S("submission"));
	assert_true(log_in(&c, RIGHT).granted);
	channel_close(&c);
}

/* The hasher dies, or is not there; a session goes away while it works; another question comes before the answer. */
static void test_interruptions(void **state)
{
	(void)state;
	struct msg_auth_done done = { .granted = false };
	const struct msg_auth_start m = {
		.mechanism = S("PLAIN"), .encrypted = true, .has_initial = true, .initial = RIGHT
	};
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	channel_close(&house.hasher);
	turn();
	check_err("done", msg_expect_auth_done(&c, &done), ERR_NONE);
	assert_true(!done.granted && done.temporary);
	check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("done", msg_expect_auth_done(&c, &done), ERR_NONE);
	assert_true(!done.granted && done.temporary);
	house.hasher = peer(S("hasher"), 0);
	assert_true(log_in(&c, RIGHT).granted);
	channel_close(&c);

	account_evict(house.role, 2);
	c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	channel_close(&c);
	turn();
	hasher_works();

	c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	check_err("impatient", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("closed", msg_expect_auth_done(&c, &done), ERR_CLOSED);
	assert_int_equal(house.fake.events[EV_channel_broken], 1);
	channel_close(&c);
	hasher_works();
}

/* The account is suspended while its password is being hashed. */
static void test_changed_meanwhile(void **state)
{
	(void)state;
	struct directory_change change = { .at = 1 };
	struct msg_auth_done done = { .granted = false };
	const struct msg_auth_start m = {
		.mechanism = S("PLAIN"), .encrypted = true, .has_initial = true, .initial = RIGHT
	};
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	check_err("start", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("suspend", directory_account_state(house.role->store, &change, 2, ACCOUNT_SUSPENDED), ERR_NONE);
	wait_done(&c, &done);
	assert_false(done.granted);
	channel_close(&c);
}

/* What a login is good for. */
static void test_submission(void **state)
{
	(void)state;
	struct msg_envelope e;
	struct directory_change change = { .at = 1 };
	static const struct {
		str sender;
		unsigned code;
	} senders[] = {
		{ S("anna@example.org"), 250 },
		{ S("Anna+shop@example.org"), 250 },
		{ S("info@example.org"), 250 },
		{ S("team@example.org"), 250 },
		{ S(""), 250 },
		{ S("all@example.org"), 553 },
		{ S("berta@example.org"), 553 },
		{ S("anna@elsewhere.net"), 553 },
		{ S("nobody@example.org"), 553 },
	};
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	assert_true(log_in(&c, RIGHT).granted);
	for (size_t i = 0; i < COUNT(senders); i++)
		check_verdict(senders[i].sender.p, ask_mail(&c, senders[i].sender, 0), senders[i].code,
			senders[i].code == 250 ? "2.1.0" : "5.7.1");
	check_verdict("mail", ask_mail(&c, S("anna@example.org"), 0), 250, "2.1.0");
	check_verdict("to anybody", ask_rcpt(&c, S("Friend@Elsewhere.net")), 250, "2.1.5");
	check_verdict("unknown", ask_rcpt(&c, S("nobody@example.org")), 550, "5.1.1");
	check_verdict("data", ask_data(&c), 354, "");
	check_err("envelope", msg_expect_envelope(&house.queue, &e), ERR_NONE);
	assert_int_equal(e.account, 2);
	check_verdict("mail", ask_mail(&c, S("anna@example.org"), 0), 250, "2.1.0");
	check_verdict("rcpt", ask_rcpt(&c, S("berta@example.org")), 250, "2.1.5");
	check_err("suspend", directory_account_state(house.role->store, &change, 2, ACCOUNT_SUSPENDED), ERR_NONE);
	check_verdict("suspended meanwhile", ask_data(&c), 550, "5.7.1");
	check_verdict("suspended meanwhile", ask_mail(&c, S("anna@example.org"), 0), 550, "5.7.1");
	channel_close(&c);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, start, house_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		IN_HOUSE(test_imap),
		IN_HOUSE(test_remembered),
		IN_HOUSE(test_renewed),
		IN_HOUSE(test_mechanisms),
		IN_HOUSE(test_uniform),
		IN_HOUSE(test_failures_of_a_session),
		IN_HOUSE(test_login_blocked),
		IN_HOUSE(test_network_blocked),
		IN_HOUSE(test_interruptions),
		IN_HOUSE(test_changed_meanwhile),
		IN_HOUSE(test_submission),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
