/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what became of a message, and who is not. */
#include "queue_sender.h"

#include "role/queue/notice.h"

static bool has(str text) { return str_find_str(anna.body, text) != STR_NONE; }

static void test_notice(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1);
	static const char *const wanted[] = { "\r\nTo: <anna@ours.test>\r\n", "\r\nAuto-Submitted: auto-replied\r\n",
		"report-type=delivery-status", "\r\nFinal-Recipient: rfc822; bob@else.test\r\n",
		"\r\nOriginal-Recipient: rfc822;orig@else.test\r\n", "\r\nAction: failed\r\nStatus: 5.1.1\r\n",
		"\r\nRemote-MTA: dns; mx.else.test\r\n", "\r\nDiagnostic-Code: smtp; 550 5.1.1 words of theirs\r\n",
		"\r\nOriginal-Envelope-Id: QQ314\r\n", "no such mailbox", "\r\nSubject: x\r\n",
		"\r\nSubject: Not delivered: x\r\n" };
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!has(str_of(wanted[i])))
			fail_msg("the notice has no \"%s\":\n%.*s", wanted[i], ARG(anna.body));
	if (!str_starts(anna.body, S("Return-Path: <>\r\nDate: ")))
		fail_msg("RFC 5321 4.4:\n%.*s", ARG(anna.body));
	if (has(S("hello")))
		fail_msg("the body was quoted although it was not asked for");
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_notice_made], 1);
}

static void test_notice_in_german(void **state)
{
	static const struct envelope from_berta = { 8, "berta@ours.test", 0, 1, { "bob@else.test" } };
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &from_berta, BODY);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_full, 552, S("5.2.2"));
	mailbox_open(&anna, 8);
	mailbox_fetch_all(&anna, true, NULL);
	if (!has(S("\r\nSubject: Nicht zugestellt: x\r\n")) || !has(S("Das Postfach des Empf")) ||
		!has(S("\r\nContent-Type: message/rfc822\r\n")) || !has(S("\r\n\r\nhello\r\n")))
		fail_msg("not what was wanted:\n%.*s", ARG(anna.body));
	house_close();
}

/* RFC 8689 4.1, 5: what the envelope demands goes before what the header leaves open, stays with the message over a restart,
 * and its body is in no notice, whatever was asked for. */
static void test_requires_tls(void **state)
{
	static const struct {
		const char *name;
		bool requires_tls, tls_optional, want_optional, want_body;
	} cases[] = {
		{ "neither", false, false, false, true },
		{ "TLS-Required: No", false, true, true, true },
		{ "REQUIRETLS", true, false, false, false },
		{ "both", true, true, false, false },
	};
	struct job j;
	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct envelope asked = { 7, "anna@ours.test", 0, 1, { "bob@else.test" },
			.requires_tls = cases[i].requires_tls, .tls_optional = cases[i].tls_optional };
		house_open(NULL);
		struct channel session = house_session(&house.receiver);
		submit(&session, i + 1, &asked, BODY);
		house_close();
		house_open(NULL);
		open_sender(4);
		hear_job(&j);
		if (j.requires_tls != cases[i].requires_tls || j.tls_optional != cases[i].want_optional)
			fail_msg("%s: got %d %d", cases[i].name, j.requires_tls, j.tls_optional);
		answer(&j, OUTCOME_FAILED, CAUSE_capability, 0, S("5.7.30"));
		mailbox_open(&anna, 7);
		mailbox_fetch_all(&anna, true, NULL);
		if (!has(S("\r\nSubject: x\r\n")) || has(S("\r\n\r\nhello\r\n")) != cases[i].want_body)
			fail_msg("%s: not what was wanted:\n%.*s", cases[i].name, ARG(anna.body));
		house_close();
	}
}

/* N1-N6 of the requirements: to whom a notice goes, and what asks for one. */
static void test_who_gets_a_notice(void **state)
{
	static const struct {
		const char *name;
		struct envelope envelope;
		enum outcome_kind kind;
		unsigned want;
	} cases[] = {
		{ "failure, by default", { 7, "anna@ours.test", 0, 0, { "b@else.test" } }, OUTCOME_FAILED, 1 },
		{ "failure, asked", { 7, "anna@ours.test", 4, 1, { "b@else.test" } }, OUTCOME_FAILED, 1 },
		{ "failure, never", { 7, "anna@ours.test", 1, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "failure, only success", { 7, "anna@ours.test", 2, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "failure, null sender", { 7, "", 0, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "failure, automatic", { 7, "anna@ours.test", 4, 0, { "b@else.test" }, true }, OUTCOME_FAILED, 0 },
		{ "failure, stranger", { 0, "x@strange.test", 4, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "success, automatic", { 7, "anna@ours.test", 2, 0, { "b@else.test" }, true }, OUTCOME_DELIVERED, 0 },
		{ "success, by default", { 7, "anna@ours.test", 0, 0, { "b@else.test" } }, OUTCOME_DELIVERED, 0 },
		{ "success, asked", { 7, "anna@ours.test", 2, 0, { "b@else.test" } }, OUTCOME_DELIVERED, 1 },
		{ "success, stranger", { 0, "x@strange.test", 2, 0, { "b@else.test" } }, OUTCOME_DELIVERED, 0 },
	};
	struct job j;
	unsigned want = 0;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		submit(&session, i + 1, &cases[i].envelope, BODY);
		hear_job(&j);
		answer(&j, cases[i].kind, CAUSE_recipient, cases[i].kind == OUTCOME_FAILED ? 550 : 250, S("5.1.1"));
		want += cases[i].want;
		assert_true(is_noted(j.number));
		if (waiting() != want)
			fail_msg("%s: %u notices wait, want %u", cases[i].name, waiting(), want);
	}
	house_close();
}

/* What came without a login and is lost nobody is told of, but whoever keeps the server. */
static void test_alarm_of_what_nobody_is_told(void **state)
{
	static const struct {
		const char *name;
		struct envelope envelope;
		enum outcome_kind kind;
		unsigned want;
	} cases[] = {
		{ "a device", { 0, "scanner@ours.test", 0, 0, { "b@else.test" } }, OUTCOME_FAILED, 1 },
		{ "delivered", { 0, "scanner@ours.test", 0, 0, { "b@else.test" } }, OUTCOME_DELIVERED, 0 },
		{ "null sender", { 0, "", 0, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "never", { 0, "scanner@ours.test", 1, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "an account, who is told", { 7, "anna@ours.test", 0, 0, { "b@else.test" } }, OUTCOME_FAILED, 0 },
		{ "its machine", { 7, "anna@ours.test", 0, 0, { "b@else.test" }, true }, OUTCOME_FAILED, 0 },
	};
	struct job j;
	unsigned want = 0;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		submit(&session, i + 1, &cases[i].envelope, BODY);
		hear_job(&j);
		answer(&j, cases[i].kind, CAUSE_recipient, cases[i].kind == OUTCOME_FAILED ? 550 : 250, S("5.1.1"));
		want += cases[i].want;
		assert_true(is_noted(j.number));
		if (house.events[EV_alarm] != want)
			fail_msg("%s: %u alarms, want %u", cases[i].name, house.events[EV_alarm], want);
	}
	house_close();
}

/* What is taken over from the message and from the server's words, and what is not. */
static void test_fields(void **state)
{
	static const struct {
		const char *name, *header;
		enum notice_kind kind;
		unsigned flags;
		const char *host, *status, *text, *want, *want_not;
	} cases[] = {
		{ "folded", "Subject: a\r\n b\r\n\r\n", 0, 0, "", "5.1.1", "no", "\r\nSubject: Not delivered: a b\r\n",
			NULL },
		{ "encoded", "subject:=?utf-8?q?=C3=A4?=\r\n\r\n", 0, SPOOL_GERMAN, "", "5.1.1", "no",
			"\r\nSubject: Nicht zugestellt: =?utf-8?q?=C3=A4?=\r\n", NULL },
		{ "8-bit", "Subject: \xc3\xa4\r\n\r\n", 0, 0, "", "5.1.1", "no",
			"\r\nSubject: Not delivered: your message\r\n", NULL },
		{ "none", "From: x\r\n\r\nSubject: body\r\n", 0, SPOOL_GERMAN, "", "5.1.1", "no",
			"\r\nSubject: Nicht zugestellt: Ihre Nachricht\r\n", NULL },
		{ "REQUIRETLS", "Subject: secret\r\n\r\n", 0, SPOOL_REQUIRETLS, "", "5.1.1", "no",
			"\r\nSubject: Not delivered: your message\r\n", NULL },
		{ "delayed", "Subject: x\r\n\r\n", NOTICE_DELAYED, SPOOL_GERMAN, "", "4.1.1", "no",
			"\r\nSubject: =?utf-8?q?Verz=C3=B6gert:?=\r\n x\r\n", NULL },
		{ "until", "Subject: x\r\n\r\n", NOTICE_DELAYED, 0, "", "4.1.1", "no",
			"\r\nIt is given up only after 2026-12-01 10:40 UTC.\r\n", NULL },
		{ "thread", "Message-ID: <a@b>\r\n\r\n", 0, 0, "", "5.1.1", "no",
			"\r\nIn-Reply-To: <a@b>\r\nReferences: <a@b>\r\n", NULL },
		{ "odd id", "Message-ID: <a@b> <c@d>\r\n\r\n", 0, 0, "", "5.1.1", "no", "Subject: ", "In-Reply-To" },
		{ "name", "\r\n", 0, 0, "mx.else.test", "5.1.1", "no", "\r\nRemote-MTA: dns; mx.else.test\r\n", NULL },
		{ "address", "\r\n", 0, 0, "192.0.2.1", "5.1.1", "no", "\r\nRemote-MTA: dns; [192.0.2.1]\r\n", NULL },
		{ "long address", "\r\n", 0, 0, "2001:db8::1", "5.1.1", "no",
			"\r\nRemote-MTA: dns; [IPv6:2001:db8::1]\r\n", NULL },
		{ "their status", "\r\n", 0, 0, "m", "5.7.1", "go \x1b\xff",
			"\r\nDiagnostic-Code: smtp; 550 5.7.1 go ??\r\n", NULL },
		{ "our status", "\r\n", 0, 0, "m", "5.0.0", "go", "\r\nDiagnostic-Code: smtp; 550 go\r\n", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		static char room[20000];
		struct buf b = BUF_ON(room);
		const struct spool_message about = {
			.account = 7, .sender = S("anna@ours.test"), .flags = cases[i].flags
		};
		const struct notice_recipient to = { .address = S("bob@else.test"),
			.why = { CAUSE_refused, 550, str_of(cases[i].status), str_of(cases[i].text),
				str_of(cases[i].host) } };
		const struct notice n = { .kind = cases[i].kind,
			.about = &about,
			.account = 7,
			.list = &to,
			.count = 1,
			.hostname = S("mail.ours.test"),
			.retry_until = INT64_C(1796121600000) };
		const struct notice_quote q = { .text = str_of(cases[i].header) };
		MUST(notice_write(&n, &q, 0, S("token"), &b));
		if (str_find_str(buf_str(&b), str_of(cases[i].want)) == STR_NONE)
			fail_msg("%s: no \"%s\" in\n%.*s", cases[i].name, cases[i].want, ARG(buf_str(&b)));
		if (cases[i].want_not != NULL && str_find_str(buf_str(&b), str_of(cases[i].want_not)) != STR_NONE)
			fail_msg("%s: \"%s\" in\n%.*s", cases[i].name, cases[i].want_not, ARG(buf_str(&b)));
	}
}

/* A user of this machine has no login. Whom directory names for him is told, and gets nothing else. */
static void test_local_user(void **state)
{
	static const struct envelope from_user = { 0, "web@host.test", 0, 0, { "bob@else.test" }, .local = 34,
		.keeper = 7 };
	static const struct envelope to_nobody = { 0, "web@host.test", 0, 0, { "bob@else.test" }, .local = 34 };
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_nobody, BODY);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	assert_true(is_noted(j.number));
	assert_int_equal(waiting(), 0);
	assert_int_equal(house.events[EV_notice_made], 0);
	submit(&session, 2, &from_user, BODY);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1);
	if (!has(S("\r\nTo: <web@host.test>\r\n")) || !has(S("\r\nAction: failed\r\n")) ||
		!has(S("\r\nSubject: x\r\n")))
		fail_msg("not what was wanted:\n%.*s", ARG(anna.body));
	wait_for(0);
	assert_int_equal(house.events[EV_notice_made], 1);
	house_close();
}

static void short_life(struct conf *conf)
{
	soon(conf);
	conf->queue.delay_notice = 1;
	conf->queue.expire = 3;
}

/* What is tried again is not given up before its result; so it is not tried again, however late it is looked at. */
static void last_try(struct conf *conf)
{
	short_life(conf);
	conf->queue.retry_first = conf->queue.retry_max = 3600;
}

/* First the sender is told that it takes long, once; then that it is given up. Nobody ever sends it elsewhere. */
static void test_expires(void **state)
{
	struct job j;
	(void)state;
	house_open(short_life);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	int64_t end = clock_ms() + PATIENCE_MS;
	while (house.events[EV_notice_made] == 0 && clock_ms() < end)
		usleep(20000);
	assert_int_equal(house.events[EV_notice_made], 1);
	sleep(3);
	assert_int_equal(house.events[EV_notice_made], 1);
	assert_int_equal(house.events[EV_message_failed], 0);
	house_close();
	house_open(last_try);
	open_sender(4);
	hear_job(&j);
	say_unreachable(&j);
	end = clock_ms() + PATIENCE_MS;
	while (house.events[EV_message_failed] == 0 && clock_ms() < end)
		usleep(20000);
	assert_int_equal(house.events[EV_message_failed], 1);
	mailbox_open(&anna, 7);
	while (anna.got < 2)
		mailbox_fetch_all(&anna, true, NULL);
	if (!has(S("Action: failed\r\nStatus: 4.4.1")))
		fail_msg("not what was wanted:\n%.*s", ARG(anna.body));
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_notice, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_notice_in_german, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_requires_tls, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_who_gets_a_notice, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_alarm_of_what_nobody_is_told, house_enter, house_leave),
		cmocka_unit_test(test_fields),
		cmocka_unit_test_setup_teardown(test_local_user, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_expires, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
