/* SPDX-License-Identifier: Apache-2.0 */
/* What directory says to MAIL, RCPT and DATA. */
#include "directory_talk.h"
#include "os/clock.h"
#include "store/sql.h"

#define CONVERSATION "ipc/logger_directory.def"
#include "ipc/conversation.h"

static int start(void **state)
{
	(void)state;
	static const char *const settings[] = { "smtp.message_max=1000000", "smtp.recipients_max=5",
		"relay.relay_networks=203.0.113.0/24", NULL };
	return house_start_with(settings);
}

#define OUTSIDE "192.0.2.7"
#define RELAY "203.0.113.9"

static struct channel smtp(const char *client) { return open_session(S("receiver-smtp"), client, S("smtp")); }

static const struct {
	const char *client;
	str recipient;
	unsigned code;
	const char *status;
	bool relay_refused;
} recipients[] = {
	{ OUTSIDE, S("anna@example.org"), 250, "2.1.5", false },
	{ OUTSIDE, S("ANNA@Example.ORG"), 250, "2.1.5", false },
	{ OUTSIDE, S("anna+news@example.org"), 250, "2.1.5", false },
	{ OUTSIDE, S("all@example.org"), 250, "2.1.5", false },
	{ OUTSIDE, S("postmaster"), 250, "2.1.5", false },
	{ OUTSIDE, S("Postmaster@example.org"), 250, "2.1.5", false },
	{ OUTSIDE, S("abuse@example.org"), 250, "2.1.5", false },
	{ OUTSIDE, S("nobody@example.org"), 550, "5.1.1", false },
	{ OUTSIDE, S("user@elsewhere.net"), 550, "5.7.1", true },
	{ OUTSIDE, S("user@mail.example.org"), 550, "5.7.1", true },
	{ OUTSIDE, S("user@[127.0.0.1]"), 550, "5.7.1", true },
	{ OUTSIDE, S("\"user@elsewhere.net\"@example.org"), 550, "5.1.1", false },
	{ OUTSIDE, S("user%elsewhere.net@example.org"), 550, "5.1.1", false },
	{ OUTSIDE, S("elsewhere.net!user@example.org"), 550, "5.1.1", false },
	{ OUTSIDE, S("@example.org:user@elsewhere.net"), 550, "5.7.1", true },
	{ OUTSIDE, S("@example.org,@example.org:user@elsewhere.net"), 550, "5.7.1", true },
	{ OUTSIDE, S("user@elsewhere.net@example.org"), 501, "5.1.3", false },
	{ OUTSIDE, S("@example.org"), 501, "5.1.3", false },
	{ OUTSIDE, S(""), 501, "5.1.3", false },
	{ OUTSIDE, S("anna"), 501, "5.1.3", false },
	{ "127.0.0.1", S("user@elsewhere.net"), 550, "5.7.1", true },
	{ "::1", S("user@elsewhere.net"), 550, "5.7.1", true },
	{ "192.168.1.1", S("user@elsewhere.net"), 550, "5.7.1", true },
	{ RELAY, S("user@elsewhere.net"), 250, "2.1.5", false },
	{ RELAY, S("nobody@example.org"), 550, "5.1.1", false },
};

static void test_recipients(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(recipients); i++) {
		struct channel c = smtp(recipients[i].client);
		check_verdict("mail", ask_mail(&c, i % 2 != 0 ? S("") : S("friend@elsewhere.net"), 0), 250, "2.1.0");
		struct msg_verdict v = ask_rcpt(&c, recipients[i].recipient);
		check_verdict(recipients[i].recipient.p, v, recipients[i].code, recipients[i].status);
		assert_int_equal(v.relay_refused, recipients[i].relay_refused);
		check_verdict("data", ask_data(&c), v.code == 250 ? 354 : 554, v.code == 250 ? "" : "5.5.1");
		channel_close(&c);
	}
}

struct envelope {
	struct msg_envelope m;
	char seen[4000]; /* "2 anna@example.org +news notify orcpt;" for each recipient */
	size_t seen_n;
};

static void take_envelope(struct envelope *e)
{
	static struct frame scratch;
	struct buf b = BUF_ON(e->seen);
	do {
		struct msg_recipient r;
		err bad = OK;
		turn();
		check_err("envelope", msg_expect_envelope(&house.queue, &e->m), ERR_NONE);
		str records = e->m.recipients;
		while (msg_next_recipient(&records, &scratch, &r, &bad))
			buf_addf(&b, "%u %.*s%s%.*s;", (unsigned)r.account, ARG(r.address), r.detail.n > 0 ? " +" : "",
				ARG(r.detail));
		check_err("records", bad, ERR_NONE);
	} while (!e->m.last);
	e->seen_n = b.n;
}

static void test_envelope(void **state)
{
	(void)state;
	struct envelope e;
	char id[16];
	struct channel c = smtp(OUTSIDE);
	struct msg_verdict v = ask_mail(&c, S("Friend@elsewhere.net"), 5000);
	check_verdict("mail", v, 250, "2.1.0");
	assert_int_equal(v.transaction.n, 16);
	memcpy(id, v.transaction.p, 16);
	check_verdict("a", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
	check_verdict("again", ask_rcpt(&c, S("ANNA@example.org")), 250, "2.1.5");
	check_verdict("subaddress", ask_rcpt(&c, S("anna+News@example.org")), 250, "2.1.5");
	check_verdict("group", ask_rcpt(&c, S("all@example.org")), 250, "2.1.5");
	check_verdict("refused", ask_rcpt(&c, S("nobody@example.org")), 550, "5.1.1");
	v = ask_data(&c);
	check_verdict("data", v, 354, "");
	check_str("transaction", v.transaction, str_from(id, 16));
	take_envelope(&e);
	check_str("recipients", str_from(e.seen, e.seen_n),
		S("2 anna@example.org;2 anna+News@example.org +news;3 all@example.org;"));
	check_str("transaction", e.m.transaction, str_from(id, 16));
	check_str("sender", e.m.sender, S("Friend@elsewhere.net"));
	assert_int_equal(e.m.account, 0);
	assert_int_equal(e.m.size_max, 1000000);
	check_verdict("data twice", ask_data(&c), 503, "5.5.1");
	check_verdict("rcpt after data", ask_rcpt(&c, S("anna@example.org")), 503, "5.5.1");
	v = ask_mail(&c, S(""), 0);
	assert_true(memcmp(v.transaction.p, id, 16) != 0);
	check_verdict("data without rcpt", ask_data(&c), 554, "5.5.1");
	channel_close(&c);
}

static void test_sizes(void **state)
{
	(void)state;
	struct envelope e;
	struct directory_account *anna = directory_account(house.role->store, 2);
	struct channel c = smtp(OUTSIDE);
	check_verdict("too large", ask_mail(&c, S("f@elsewhere.net"), 1000001), 552, "5.3.4");
	check_verdict("no transaction", ask_rcpt(&c, S("anna@example.org")), 503, "5.5.1");
	anna->quota = 10000;
	anna->used_bytes = 4000;
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 6001), 250, "2.1.0");
	check_verdict("no room", ask_rcpt(&c, S("anna@example.org")), 452, "4.2.2");
	check_verdict("alias of one", ask_rcpt(&c, S("info@example.org")), 452, "4.2.2");
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 10001), 250, "2.1.0");
	check_verdict("never any room", ask_rcpt(&c, S("anna@example.org")), 552, "5.2.3");
	check_verdict("others", ask_rcpt(&c, S("berta@example.org")), 250, "2.1.5");
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 5000), 250, "2.1.0");
	check_verdict("room", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
	check_verdict("data", ask_data(&c), 354, "");
	take_envelope(&e);
	assert_int_equal(e.m.size_max, 6000);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 2000), 250, "2.1.0");
	check_verdict("what is on its way counts", ask_rcpt(&c, S("anna@example.org")), 452, "4.2.2");
	house.mailbox = peer(S("mailbox"), 2);
	struct msg_limits limits;
	turn();
	check_err("limits", msg_expect_limits(&house.mailbox, &limits), ERR_NONE);
	assert_int_equal(limits.bytes_max, 10000);
	assert_int_equal(limits.spooled, 5000);
	struct msg_usage usage = { .bytes = 7000, .messages = 2 };
	check_err("usage", msg_send_usage(&house.mailbox, 0, &usage), ERR_NONE);
	turn();
	assert_int_equal(anna->spooled, 2000);
	usage.bytes = 10000;
	check_err("usage", msg_send_usage(&house.mailbox, 0, &usage), ERR_NONE);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 0), 250, "2.1.0");
	check_verdict("full", ask_rcpt(&c, S("anna@example.org")), 452, "4.2.2");
	check_verdict("a full member does not stop a group", ask_rcpt(&c, S("all@example.org")), 250, "2.1.5");
	usage = (struct msg_usage){ .damaged = true };
	check_err("usage", msg_send_usage(&house.mailbox, 0, &usage), ERR_NONE);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 0), 250, "2.1.0");
	check_verdict("damaged", ask_rcpt(&c, S("anna@example.org")), 451, "4.3.0");
	check_verdict("damaged member", ask_rcpt(&c, S("all@example.org")), 451, "4.3.0");
	check_verdict("others", ask_rcpt(&c, S("berta@example.org")), 250, "2.1.5");
	channel_close(&house.mailbox);
	turn();
	assert_true(anna->damaged_until > clock_ms() && anna->damaged_until < clock_ms() + 100000);
	channel_close(&c);
}

/* A session from before, in the middle of a transaction; and a mailbox process that is told its limit. */
static void test_renewed(void **state)
{
	(void)state;
	struct envelope e;
	struct channel c = smtp(OUTSIDE);
	struct msg_limits limits = { .bytes_max = 1 };
	house.mailbox = peer(S("mailbox"), 2);
	turn();
	check_err("limits", msg_expect_limits(&house.mailbox, &limits), ERR_NONE);
	assert_int_equal(limits.bytes_max, 0);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 100), 250, "2.1.0");
	check_verdict("before", ask_rcpt(&c, S("anna-news@example.org")), 550, "5.1.1");
	check_verdict("before", ask_rcpt(&c, S("user@elsewhere.net")), 550, "5.7.1");
	fake_service_set(&house.fake, "accounts.subaddress_separator=-");
	fake_service_set(&house.fake, "accounts.quota=5000");
	fake_service_set(&house.fake, "relay.relay_networks=192.0.2.0/24");
	directory_role_renewed(&house.fake.service);
	turn();
	check_err("limits", msg_expect_limits(&house.mailbox, &limits), ERR_NONE);
	assert_int_equal(limits.bytes_max, 5000);
	check_verdict("after", ask_rcpt(&c, S("anna-news@example.org")), 250, "2.1.5");
	check_verdict("after", ask_rcpt(&c, S("user@elsewhere.net")), 250, "2.1.5");
	check_verdict("data", ask_data(&c), 354, "");
	take_envelope(&e);
	channel_close(&c);
}

static void test_states(void **state)
{
	(void)state;
	struct directory_change change = { .at = 1 };
	struct channel c = smtp(OUTSIDE);
	check_err("suspend", directory_account_state(house.role->store, &change, 2, ACCOUNT_SUSPENDED), ERR_NONE);
	check_err("remove", directory_account_remove(house.role->store, &change, 3), ERR_NONE);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 0), 250, "2.1.0");
	check_verdict("suspended", ask_rcpt(&c, S("anna@example.org")), 550, "5.2.1");
	check_verdict("removed", ask_rcpt(&c, S("berta@example.org")), 550, "5.2.1");
	check_verdict("all of them", ask_rcpt(&c, S("all@example.org")), 550, "5.2.1");
	check_err("resume", directory_account_state(house.role->store, &change, 2, ACCOUNT_ACTIVE), ERR_NONE);
	check_verdict("one of them", ask_rcpt(&c, S("all@example.org")), 250, "2.1.5");
	channel_close(&c);
}

static void test_counts(void **state)
{
	(void)state;
	struct channel c = smtp(OUTSIDE);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 0), 250, "2.1.0");
	for (int i = 0; i < 5; i++)
		check_verdict("rcpt", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
	check_verdict("too many", ask_rcpt(&c, S("anna@example.org")), 452, "4.5.3");
	check_verdict("data", ask_data(&c), 354, "");
	channel_close(&c);
}

/* Hundreds of recipients, each once, in several parts. */
static void test_many(void **state)
{
	(void)state;
	fake_service_set(&house.fake, "smtp.recipients_max=1000");
	struct channel c = smtp(RELAY);
	struct msg_envelope m = { .last = true };
	static struct frame scratch;
	char address[300], filler[200];
	unsigned parts = 0, count = 0;
	memset(filler, 'x', sizeof filler);
	check_verdict("mail", ask_mail(&c, S("f@elsewhere.net"), 0), 250, "2.1.0");
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 400; i++) {
			snprintf(address, sizeof address, "u%d@%.50s.%.50s.%.50s.example", i, filler, filler, filler);
			check_verdict(address, ask_rcpt(&c, str_of(address)), 250, "2.1.5");
		}
	check_verdict("data", ask_data(&c), 354, "");
	do {
		struct msg_recipient r;
		err e = OK;
		check_err("part", msg_expect_envelope(&house.queue, &m), ERR_NONE);
		str records = m.recipients;
		for (parts++; msg_next_recipient(&records, &scratch, &r, &e); count++)
			;
		check_err("records", e, ERR_NONE);
	} while (!m.last);
	assert_true(parts >= 2);
	assert_int_equal(count, 400);
	channel_close(&c);
}

static void test_queue_gone(void **state)
{
	(void)state;
	struct channel c = smtp(OUTSIDE);
	channel_close(&house.queue);
	turn();
	check_verdict("mail", ask_mail(&c, S(""), 0), 250, "2.1.0");
	check_verdict("rcpt", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
	check_verdict("data", ask_data(&c), 451, "4.3.0");
	house.queue = peer(S("queue"), 0);
	check_verdict("mail", ask_mail(&c, S(""), 0), 250, "2.1.0");
	check_verdict("rcpt", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
	check_verdict("data", ask_data(&c), 354, "");
	for (unsigned i = 0; i < 100000; i++) { /* nobody reads: the channel fills up */
		ask_mail(&c, S(""), 0);
		ask_rcpt(&c, S("anna@example.org"));
		if (ask_data(&c).code == 451)
			break;
		assert_true(i < 5000);
	}
	channel_close(&c);
}

static bool always(enum sql_deed deed) { return deed == SQL_DEED_ALLOCATION; }

static void test_store_fails(void **state)
{
	(void)state;
	struct channel c = smtp(OUTSIDE);
	check_verdict("mail", ask_mail(&c, S(""), 0), 250, "2.1.0");
	sql_fault = always;
	struct msg_verdict v = ask_rcpt(&c, S("anna@example.org"));
	sql_fault = NULL;
	assert_true(
		v.code == 451 || v.code == 250); /* whatever needed no memory went well; nothing else is an answer */
	check_verdict("afterwards", ask_rcpt(&c, S("berta@example.org")), 250, "2.1.5");
	channel_close(&c);
}

static void test_lmtp(void **state)
{
	(void)state;
	struct channel c = open_session(S("receiver-lmtp"), OUTSIDE, S("lmtp"));
	check_verdict("from outside", ask_mail(&c, S(""), 0), 550, "5.7.1");
	channel_close(&c);
	c = open_session(S("receiver-lmtp"), "127.0.0.1", S("lmtp"));
	check_verdict("mail", ask_mail(&c, S(""), 0), 250, "2.1.0");
	check_verdict("ours", ask_rcpt(&c, S("anna@example.org")), 250, "2.1.5");
	check_verdict("elsewhere", ask_rcpt(&c, S("user@elsewhere.net")), 550, "5.7.1");
	channel_close(&c);
}

static void test_submission_needs_login(void **state)
{
	(void)state;
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	check_verdict("mail", ask_mail(&c, S("anna@example.org"), 0), 530, "5.7.0");
	channel_close(&c);
}

/* A process that was taken over asks what it must not: its channel ends, nothing else does. */
static void test_strangers(void **state)
{
	(void)state;
	struct msg_verdicts v;
	struct msg_auth_done done;
	const struct msg_auth_start start_plain = { .mechanism = S("PLAIN"), .encrypted = true, .initial = S("") };
	struct channel c = smtp(OUTSIDE);
	check_err("a password on port 25", msg_send_auth_start(&c, 0, &start_plain), ERR_NONE);
	turn();
	check_err("closed", msg_expect_auth_done(&c, &done), ERR_CLOSED);
	assert_int_equal(house.fake.events[EV_channel_broken], 1);
	channel_close(&c);

	c = open_session(S("greeter"), OUTSIDE, S("imap"));
	const struct msg_questions none = { .records = S("") };
	check_err("questions of the greeter", msg_send_questions(&c, 0, &none), ERR_NONE);
	turn();
	check_err("closed", msg_expect_verdicts(&c, &v), ERR_CLOSED);
	assert_int_equal(house.fake.events[EV_channel_broken], 2);
	channel_close(&c);

	c = smtp(OUTSIDE);
	check_err("verdicts", msg_send_verdicts(&c, 0, &(struct msg_verdicts){ .records = S("") }), ERR_NONE);
	turn();
	check_err("closed", msg_expect_verdicts(&c, &v), ERR_CLOSED);
	assert_int_equal(house.fake.events[EV_channel_broken], 3);
	channel_close(&c);
	c = smtp(OUTSIDE);
	check_verdict("the others go on", ask_mail(&c, S(""), 0), 250, "2.1.0");
	channel_close(&c);
}

static void test_networks(void **state)
{
	(void)state;
	struct directory_network n;
	static const char *const clients[] = { OUTSIDE, "192.168.7.1", "192.168.7.2", "10.0.0.1" };
	for (size_t i = 0; i < COUNT(clients); i++) {
		struct channel c = smtp(clients[i]);
		ask_mail(&c, S("printer@example.org"), 0);
		ask_rcpt(&c, S("user@elsewhere.net"));
		channel_close(&c);
	}
	networks_flush(house.role->networks);
	check_err("outside", directory_network_find(house.role->store, S("192.0.2.0/24"), &n), ERR_ABSENT);
	check_err("inside", directory_network_find(house.role->store, S("192.168.7.0/24"), &n), ERR_NONE);
	assert_int_equal(n.refused, 2);
	assert_int_equal(house.fake.events[EV_relay_network], 2);
	struct channel c = smtp("192.168.7.3");
	ask_mail(&c, S("printer@example.org"), 0);
	ask_rcpt(&c, S("user@elsewhere.net"));
	networks_flush(house.role->networks);
	assert_int_equal(house.fake.events[EV_relay_network], 2); /* one a day */
	const struct directory_network login = { .name = S("192.0.2.0/24"), .logged_in = 5 };
	check_err("outside", directory_networks_save(house.role->store, &login, 1), ERR_NONE);
	channel_close(&c);
	c = smtp(OUTSIDE);
	ask_mail(&c, S("printer@example.org"), 0);
	ask_rcpt(&c, S("user@elsewhere.net"));
	networks_flush(house.role->networks);
	assert_int_equal(house.fake.events[EV_relay_network], 3);
	channel_close(&c);
}

static void test_filter(void **state)
{
	(void)state;
	static const struct {
		uint32_t account;
		str address;
		bool owned;
	} cases[] = {
		{ 2, S("Anna@example.org"), true },
		{ 2, S("anna+x@example.org"), true },
		{ 2, S("info@example.org"), true },
		{ 2, S("all@example.org"), false },
		{ 2, S("team@example.org"), true },
		{ 3, S("anna@example.org"), false },
		{ 0, S("anna@example.org"), false },
		{ 99, S("anna@example.org"), false },
		{ 2, S("not an address"), false },
		{ 2, S("anna@elsewhere.net"), false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct msg_owns m = { cases[i].account, cases[i].address, 0 };
		struct msg_owned answer = { .owned = false };
		check_err("owns", msg_send_owns(&house.filter, (uint32_t)i, &m), ERR_NONE);
		turn();
		check_err(cases[i].address.p, msg_expect_owned(&house.filter, &answer), ERR_NONE);
		assert_int_equal(house.in.tag, i);
		if (answer.owned != cases[i].owned)
			fail_msg("%u, %s: got %d", cases[i].account, cases[i].address.p, answer.owned);
	}
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, start, house_end)

static void tell_alarm(struct channel *logger, enum log_event event, str entry)
{
	check_err("alarm", msg_send_alarm(logger, 0, &(const struct msg_alarm){ .event = event, .entry = entry }),
		ERR_NONE);
	turn();
}

static void test_alarms(void **state)
{
	(void)state;
	struct envelope e;
	struct msg_own own;
	char id[16];
	struct channel logger = peer(S("logger"), 0);
	tell_alarm(&logger, EV_store_damaged, S("nobody is named"));
	check_err("nobody to tell", channel_receive(&house.queue), ERR_AGAIN);
	fake_service_set(&house.fake, "server.administrator=team@example.org");
	fake_service_set(&house.fake, "server.deputy=deputy@elsewhere.net");
	tell_alarm(&logger, EV_store_damaged, S("{\"event\":\"store_damaged\"}"));
	take_envelope(&e);
	check_str("recipients", str_from(e.seen, e.seen_n),
		S("2 team@example.org;3 team@example.org;0 deputy@elsewhere.net;"));
	check_str("sender", e.m.sender, S("")); /* nothing comes back of it */
	memcpy(id, e.m.transaction.p, sizeof id);
	check_err("its message", msg_expect_own(&house.queue, &own), ERR_NONE);
	check_str("transaction", own.transaction, str_from(id, sizeof id));
	assert_true(str_find_str(own.text, S("\r\nTo: <team@example.org>\r\n")) != STR_NONE);
	assert_true(str_find_str(own.text, S("\r\n{\"event\":\"store_damaged\"}\r\n")) != STR_NONE);
	tell_alarm(&logger, LOG_EVENTS, S("an event that is none"));
	check_err("no such event", channel_receive(&house.queue), ERR_AGAIN);
	/* A logger that was taken over is held to sixty an hour. */
	unsigned told = 1;
	for (int i = 0; i < 100; i++)
		tell_alarm(&logger, EV_alarm, S("x"));
	while (!failed(msg_expect_envelope(&house.queue, &e.m)) && !failed(msg_expect_own(&house.queue, &own)))
		told++;
	assert_in_range(told, 58, 60);
	channel_close(&logger);
}

static void log_anna_in(struct channel *c)
{
	const struct msg_auth_start m = { .mechanism = S("PLAIN"),
		.encrypted = true,
		.has_initial = true,
		.initial = S("\0kx77-anna\0secret password") };
	struct msg_auth_done done = { .granted = false };
	int64_t end = clock_ms() + 20000;
	err e = FAIL(AGAIN);
	check_err("start", msg_send_auth_start(c, 0, &m), ERR_NONE);
	for (; e.code == ERR_AGAIN && clock_ms() < end; e = msg_expect_auth_done(c, &done))
		hasher_works();
	check_err("login", e, ERR_NONE);
	assert_true(done.granted);
}

/* Above the limits nothing is refused, but what goes elsewhere is held, and everybody concerned is told once. */
static void test_brake(void **state)
{
	struct envelope e;
	struct msg_own own;
	(void)state;
	fake_service_set(&house.fake, "accounts.sent_per_hour=2");
	fake_service_set(&house.fake, "accounts.strangers_per_day=4");
	struct channel c = open_session(S("receiver-submission"), OUTSIDE, S("submission"));
	struct directory_account *anna = directory_account(house.role->store, 2);
	log_anna_in(&c);
	for (unsigned i = 0; i < 4; i++) {
		check_verdict("mail", ask_mail(&c, S("anna@example.org"), 0), 250, "2.1.0");
		check_verdict("rcpt", ask_rcpt(&c, S("friend@elsewhere.net")), 250, "2.1.5");
		check_verdict("data", ask_data(&c), 354, "");
		if (i == 2) { /* she is told, by a message to her mailbox */
			take_envelope(&e);
			check_str("told", str_from(e.seen, e.seen_n), S("2 anna@example.org;"));
			check_err("told", msg_expect_own(&house.queue, &own), ERR_NONE);
			assert_true(str_find_str(own.text, S("call your administrator")) != STR_NONE);
		}
		take_envelope(&e);
		if (e.m.held != (i >= 2))
			fail_msg("message %u: held %d", i, e.m.held);
	}
	assert_int_equal(anna->hour.strangers, 1);
	assert_true(anna->braked > 0);
	/* Mail that stays inside does not count. */
	check_verdict("mail", ask_mail(&c, S("anna@example.org"), 0), 250, "2.1.0");
	check_verdict("rcpt", ask_rcpt(&c, S("berta@example.org")), 250, "2.1.5");
	check_verdict("data", ask_data(&c), 354, "");
	take_envelope(&e);
	assert_false(e.m.held);
	/* Many strangers in one message. */
	anna->hour = anna->day = (struct sending){ 0 };
	anna->braked = 0;
	check_verdict("mail", ask_mail(&c, S("anna@example.org"), 0), 250, "2.1.0");
	for (unsigned i = 0; i < 5; i++) {
		char room[40];
		struct buf b = BUF_ON(room);
		buf_addf(&b, "stranger%u@elsewhere.net", i);
		check_verdict("rcpt", ask_rcpt(&c, buf_str(&b)), 250, "2.1.5");
	}
	check_verdict("data", ask_data(&c), 354, "");
	assert_int_equal(anna->day.strangers, 5);
	assert_true(anna->braked > 0);
	channel_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_recipients),
		IN_HOUSE(test_envelope),
		IN_HOUSE(test_sizes),
		IN_HOUSE(test_renewed),
		IN_HOUSE(test_states),
		IN_HOUSE(test_counts),
		IN_HOUSE(test_many),
		IN_HOUSE(test_queue_gone),
		IN_HOUSE(test_store_fails),
		IN_HOUSE(test_lmtp),
		IN_HOUSE(test_submission_needs_login),
		IN_HOUSE(test_strangers),
		IN_HOUSE(test_networks),
		IN_HOUSE(test_filter),
		IN_HOUSE(test_alarms),
		IN_HOUSE(test_brake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
