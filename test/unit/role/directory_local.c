/* SPDX-License-Identifier: Apache-2.0 */
/* What directory says to the users of this machine. */
#include "directory_talk.h"

#include <sys/mman.h>

#include "os/peer_user.h"
#include "role/directory/local.h"

static uid_t next_user;

/* Instead of the kernel's word. */
err peer_user_of_socket(int fd, uid_t *user)
{
	struct stat st;
	if (next_user == (uid_t)-1 || fstat(fd, &st) != 0)
		return FAIL(UNSUPPORTED);
	*user = next_user;
	return OK;
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "daemon:x:1:1::/:/bin/false\n"
			     "# a comment\n"
			     "+nis::::::\n"
			     "broken:x\n"
			     "::5::::\n"
			     "minus:x:-7:1:::\n"
			     "huge:x:4294967295:1:::\n"
			     "Web-Data:x:33:33:www:/var/www:/bin/false\n"
			     "toor:x:0:0::/:/bin/sh\n"
			     "anna:x:1000:1000::/:/bin/sh\n"
			     "ansgar:x:1001:1001::/:/bin/sh\n"
			     "second:x:1001:1001::/:/bin/sh";

static void tell_users(str text)
{
	int fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
	local_users_read(&house.fake.service, fd);
}

static int start_with(const char *const *settings)
{
	int status = house_start_with(settings);
	if (status == 0)
		tell_users(str_of(passwd));
	return status;
}

static int start(void **state)
{
	(void)state;
	static const char *const settings[] = {
		"local.senders=web-data=shop@example.org,@shop.test 1001=Info@Example.org", "local.outside_per_hour=3",
		NULL
	};
	return start_with(settings);
}

static int start_one_domain(void **state)
{
	(void)state;
	static const char *const settings[] = { "server.hostname=example.org", "local.outside=no", NULL };
	return start_with(settings);
}

static int start_own_domain(void **state)
{
	(void)state;
	static const char *const settings[] = { "local.domain=example.org", NULL };
	return start_with(settings);
}

static struct channel local(uid_t user)
{
	next_user = user;
	return open_session(S("receiver-local"), "192.0.2.1", S("local"));
}

struct sender {
	uid_t user;
	str sender;
	bool good;
};

static void check_owned(const struct sender *one, bool want)
{
	const struct msg_owns m = { .local = (uint64_t)one->user + 1, .address = one->sender };
	struct msg_owned answer = { .owned = false };
	check_err("owns", msg_send_owns(&house.filter, 1, &m), ERR_NONE);
	turn();
	check_err(one->sender.p, msg_expect_owned(&house.filter, &answer), ERR_NONE);
	if (answer.owned != want)
		fail_msg("From, uid %u, %s: got %d", one->user, one->sender.p, answer.owned);
}

/* In MAIL FROM and in From the same is allowed, but for the null path. */
static void check_senders(const struct sender *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct channel c = local(cases[i].user);
		check_verdict(cases[i].sender.p, ask_mail(&c, cases[i].sender, 0), cases[i].good ? 250 : 553,
			cases[i].good ? "2.1.0" : "5.7.1");
		channel_close(&c);
		check_owned(&cases[i], cases[i].good && cases[i].sender.n > 0);
	}
}

static void test_senders(void **state)
{
	(void)state;
	static const struct sender cases[] = {
		{ 1000, S("anna@mail.example.org"), true },
		{ 1000, S("ANNA@Mail.Example.ORG"), true },
		{ 1000, S("anna+cron@mail.example.org"), true },
		{ 1000, S("\"anna\"@mail.example.org"), true },
		{ 1000, S(""), true },
		{ 1000, S("anna@example.org"), false },
		{ 1000, S("root@mail.example.org"), false },
		{ 1000, S("ansgar@mail.example.org"), false },
		{ 1000, S("annax@mail.example.org"), false },
		{ 1000, S("anna@mail.example.org.evil.test"), false },
		{ 1000, S("1000@mail.example.org"), false },
		{ 1000, S("shop@example.org"), false },
		{ 1001, S("ansgar@mail.example.org"), true },
		{ 1001, S("second@mail.example.org"), true },
		{ 1001, S("info@example.org"), true },
		{ 33, S("web-data@mail.example.org"), true },
		{ 33, S("shop@example.org"), true },
		{ 33, S("shop+x@example.org"), false },
		{ 33, S("any@shop.test"), true },
		{ 33, S("any@sub.shop.test"), false },
		{ 33, S("info@example.org"), false },
		{ 0, S("root@mail.example.org"), true },
		{ 0, S("anybody@anywhere.test"), true },
		{ 4711, S("uid-4711@mail.example.org"), true },
		{ 4711, S("uid-47@mail.example.org"), false },
		{ 4711, S("@mail.example.org"), false },
		{ 5, S("uid-5@mail.example.org"), true },
		{ 4294967294, S("uid-4294967294@mail.example.org"), true },
		{ 4294967294, S("huge@mail.example.org"), false },
	};
	check_senders(cases, COUNT(cases));
}

/* Host and domain have one name: an account's addresses stay the account's. */
static void test_one_domain(void **state)
{
	(void)state;
	static const struct sender cases[] = {
		{ 1000, S("anna@example.org"), false },
		{ 1001, S("ansgar@example.org"), true },
		{ 33, S("web-data@example.org"), true },
	};
	check_senders(cases, COUNT(cases));
}

static void test_own_domain(void **state)
{
	(void)state;
	static const struct sender cases[] = {
		{ 1000, S("anna@example.org"), true },
		{ 1000, S("anna@mail.example.org"), false },
		{ 1000, S("berta@example.org"), false },
	};
	check_senders(cases, COUNT(cases));
}

static const struct {
	str recipient, written;
	unsigned code;
	const char *status;
} recipients[] = {
	{ S("anna@example.org"), S("2 anna@example.org;"), 250, "2.1.5" },
	{ S("Anna@Mail.example.org"), S("2 anna@example.org;"), 250, "2.1.5" },
	{ S("anna+x@mail.example.org"), S("2 anna+x@example.org;"), 250, "2.1.5" },
	{ S("nobody@mail.example.org"), NO_STR, 550, "5.1.1" },
	{ S("nobody@example.org"), NO_STR, 550, "5.1.1" },
	{ S("out@elsewhere.net"), S("0 out@elsewhere.net;"), 250, "2.1.5" },
};

static void take_envelope(char *seen, size_t room, struct msg_envelope *e)
{
	static struct frame scratch;
	struct buf b = { .p = seen, .room = room };
	struct msg_recipient r;
	err bad = OK;
	turn();
	check_err("envelope", msg_expect_envelope(&house.queue, e), ERR_NONE);
	str records = e->recipients;
	while (msg_next_recipient(&records, &scratch, &r, &bad))
		buf_addf(&b, "%u %.*s;", (unsigned)r.account, ARG(r.address));
	buf_byte(&b, '\0');
}

static void test_recipients(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(recipients); i++) {
		struct channel c = local(1000);
		struct msg_envelope e;
		char seen[500];
		check_verdict("mail", ask_mail(&c, S("anna@mail.example.org"), 0), 250, "2.1.0");
		check_verdict(recipients[i].recipient.p, ask_rcpt(&c, recipients[i].recipient), recipients[i].code,
			recipients[i].status);
		if (recipients[i].code == 250) {
			check_verdict("data", ask_data(&c), 354, "");
			take_envelope(seen, sizeof seen, &e);
			check_str("recipients", str_of(seen), recipients[i].written);
			assert_int_equal(e.account, 0);
			assert_int_equal(e.local, 1001);
			check_str("client", e.client, S("uid 1000"));
		}
		channel_close(&c);
	}
}

/* Who is told of mail that does not reach another server. Accounts: 1 postmaster, 2 anna. */
static void test_keeper(void **state)
{
	(void)state;
	static const struct {
		uid_t user;
		str sender;
		const char *root; /* what root is an alias of, from here on */
		unsigned want;
	} cases[] = {
		{ 1000, S("anna@mail.example.org"), NULL, 2 },    /* the machine's anna is that of the first domain */
		{ 33, S("web-data@mail.example.org"), NULL, 1 },  /* nobody's: the postmaster */
		{ 1001, S("info@example.org"), NULL, 2 },         /* an alias */
		{ 0, S("anybody@anywhere.test"), NULL, 1 },       /* nobody outside, whatever root says */
		{ 1000, S(""), NULL, 0 },                         /* RFC 5321 4.5.5 */
		{ 33, S("web-data@mail.example.org"), "carl", 4 } /* root's mail has a reader */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_envelope e;
		struct msg_recipient r;
		static struct frame scratch;
		err bad = OK;
		if (cases[i].root != NULL)
			do_alias(S("root"), str_of(cases[i].root), false);
		struct channel c = local(cases[i].user);
		check_verdict("mail", ask_mail(&c, cases[i].sender, 0), 250, "2.1.0");
		check_verdict("rcpt", ask_rcpt(&c, S("out@elsewhere.net")), 250, "2.1.5");
		check_verdict("data", ask_data(&c), 354, "");
		turn();
		check_err("envelope", msg_expect_envelope(&house.queue, &e), ERR_NONE);
		str records = e.recipients;
		assert_true(msg_next_recipient(&records, &scratch, &r, &bad));
		if (r.keeper != cases[i].want)
			fail_msg("%s: keeper %u, want %u", cases[i].sender.p, (unsigned)r.keeper, cases[i].want);
		channel_close(&c);
	}
}

static struct msg_verdict send_outside(uid_t user, str sender)
{
	struct channel c = local(user);
	check_verdict("mail", ask_mail(&c, sender, 0), 250, "2.1.0");
	struct msg_verdict v = ask_rcpt(&c, S("user@elsewhere.net"));
	channel_close(&c);
	return v;
}

static void test_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		check_verdict("below", send_outside(1000, S("anna@mail.example.org")), 250, "2.1.5");
	check_verdict("above", send_outside(1000, S("anna@mail.example.org")), 452, "4.7.1");
	check_verdict("another", send_outside(1001, S("ansgar@mail.example.org")), 250, "2.1.5");
	check_verdict("same place of the table", send_outside(1000 + 1024, S("")), 250, "2.1.5");
	check_verdict("still above", send_outside(1000, S("anna@mail.example.org")), 452, "4.7.1");
	for (int i = 0; i < 10; i++)
		check_verdict("root", send_outside(0, S("root@mail.example.org")), 250, "2.1.5");
}

static void test_inside_only(void **state)
{
	(void)state;
	check_verdict("user", send_outside(1001, S("ansgar@example.org")), 550, "5.7.1");
	check_verdict("root", send_outside(0, S("root@example.org")), 250, "2.1.5");
}

/* What the kernel does not vouch for is nobody; and nobody logs in here. */
static void test_strangers(void **state)
{
	(void)state;
	struct channel c = local((uid_t)-1);
	check_err("closed", channel_receive(&c), ERR_CLOSED);
	channel_close(&c);
	c = local(1000);
	const struct msg_auth_start m = { .mechanism = S("PLAIN"), .encrypted = true, .initial = NO_STR };
	check_err("login", msg_send_auth_start(&c, 0, &m), ERR_NONE);
	turn();
	check_err("closed", channel_receive(&c), ERR_CLOSED);
	channel_close(&c);
}

static void test_users_change(void **state)
{
	(void)state;
	static const struct sender before = { 1000, S("anna@mail.example.org"), true };
	static const struct sender after[] = { { 1000, S("anna@mail.example.org"), false },
		{ 1000, S("new@mail.example.org"), true }, { 1001, S("uid-1001@mail.example.org"), true } };
	check_senders(&before, 1);
	tell_users(S("new:x:1000:1000:::\n"));
	check_senders(after, COUNT(after));
	tell_users(S(""));
	check_senders(&(const struct sender){ 1000, S("uid-1000@mail.example.org"), true }, 1);
}

#define IN_HOUSE(test, start) cmocka_unit_test_setup_teardown(test, start, house_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_senders, start),
		IN_HOUSE(test_one_domain, start_one_domain),
		IN_HOUSE(test_own_domain, start_own_domain),
		IN_HOUSE(test_recipients, start),
		IN_HOUSE(test_keeper, start),
		IN_HOUSE(test_limit, start),
		IN_HOUSE(test_inside_only, start_one_domain),
		IN_HOUSE(test_strangers, start),
		IN_HOUSE(test_users_change, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
