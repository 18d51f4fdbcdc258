/* SPDX-License-Identifier: Apache-2.0 */
/* What the queue promises to those who talk to it. */
#include "queue_files.h"
#include "queue_talk.h"

#include "check.h"
#include "os/clock.h"

#define BODY S("Subject: x\r\n\r\nhello\r\n")
#define FOR_OTHERS "Received: x\r\nSubject: x\r\n\r\nhello\r\n"
#define WHOLE S("Return-Path: <sender@example.org>\r\n" FOR_OTHERS)
enum { TRACE = 48 }; /* what stands in front of BODY in WHOLE */

static struct mailbox anna;
static const uint32_t to_anna[] = { 7 }, to_both[] = { 7, 8, 0 }, to_others[] = { 0 };
static char large[1 << 20];

/* How many messages a queue that is started now knows of. */
static unsigned count_listed(str filter)
{
	static char room[4096];
	struct buf words = BUF_ON(room);
	unsigned lines = 0;
	struct channel command = house_session(&house.control);
	if (filter.n > 0)
		MUST(msg_add_word(&words, &house.scratch, &(struct msg_word){ .text = filter }));
	MUST(msg_send_command(&command, 0,
		&(struct msg_command){
			.verb = S("queue list"), .words = buf_str(&words), .secret = S(""), .caller = S("root") }));
	for (;; lines++) {
		MUST(channel_receive(&command));
		if (command.in->number != MSG_line)
			break;
		struct msg_line line;
		MUST(msg_get_line(command.in, &line));
		assert_true(str_starts(line.json, S("{\"id\":\"6e")));
		assert_true(str_find_str(line.json, S("\"state\":\"")) != STR_NONE);
	}
	struct msg_end end;
	MUST(msg_get_end(command.in, &end));
	assert_true(end.done);
	channel_close(&command);
	return lines;
}

/* Confirmed deliveries leave the store a little later. */
static void wait_for_listed(str filter, unsigned messages)
{
	int64_t end = clock_ms() + PATIENCE_MS;
	while (count_listed(filter) != messages) {
		if (clock_ms() > end)
			fail_msg("%u messages wait, want %u", count_listed(filter), messages);
		usleep(20000);
	}
}

static void wait_until_empty(void) { wait_for_listed(NO_STR, 0); }

static void test_way_of_one_message(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	assert_int_equal(send_message(&session, 1, 7, BODY), 250);
	struct msg_wake wake;
	MUST(msg_expect_wake(&house.mailroom, &wake));
	assert_int_equal(wake.account, 7);
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1);
	check_str("body", anna.body, WHOLE);
	wait_until_empty();
	assert_int_equal(send_message(&session, 2, 7, BODY), 250);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.last, 2);
	house_close();
	assert_int_equal(house.events[EV_message_accepted], 2);
	assert_int_equal(house_files(S("-wal")), 0);
}

/* The 250 comes from the writer's thread: the next message is often here before the loop has heard of it. */
static void test_one_after_the_other_at_once(void **state)
{
	enum { MESSAGES = 300 };
	const uint32_t account = 7;
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	for (unsigned n = 0; n < MESSAGES; n++)
		tell_envelope(n, 0, UINT32_MAX, &account, 1);
	for (unsigned n = 0; n < MESSAGES; n++) {
		send_begin(&session, n);
		send_bytes(&session, S("x"));
		send_end(&session, 1);
		assert_int_equal(hear_code(&session), 250);
	}
	channel_close(&session);
	house_close();
}

/* A fetch that waits is answered when mail comes, by nothing but the mail, and holds until its room is used up. */
static void test_fetch_waits(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	struct msg_deliver d;
	mailbox_open(&anna, 7);
	MUST(msg_send_fetch(&anna.channel, 0, &(struct msg_fetch){ .most = 64, .waits = true }));
	for (unsigned n = 1; n <= 3; n++) {
		if (is_told(&anna.channel, 100))
			fail_msg("%u: a waiting fetch was answered although there is no mail", n);
		assert_int_equal(send_message(&session, n, 7, BODY), 250);
		MUST(msg_expect_deliver(&anna.channel, &d));
		assert_true(d.last);
		take_delivery(&anna, &d);
		assert_int_equal(anna.last, n);
		confirm(&anna, &d);
	}
	if (is_told(&anna.channel, 100))
		fail_msg("told although all was fetched");
	MUST(msg_send_fetch(&anna.channel, 0, &(struct msg_fetch){ .most = 3, .waits = true }));
	if (is_told(&anna.channel, 100))
		fail_msg("room for 64 in all was refused");
	MUST(msg_send_fetch(&anna.channel, 0, &(struct msg_fetch){ .most = 1, .waits = true }));
	err e = msg_expect_deliver(&anna.channel, &d);
	if (e.code != ERR_CLOSED)
		fail_msg("room for 65: got %s, want a closed channel", err_text(e));
	house_close();
}

static void test_several_recipients(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	tell_envelope(1, 0, UINT32_MAX, to_both, 3);
	send_begin(&session, 1);
	send_bytes(&session, BODY);
	send_end(&session, BODY.n);
	judge_as(false, false); /* since it leaves, too */
	assert_int_equal(hear_queued(&session), 250);
	mailbox_open(&anna, 8);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1);
	channel_close(&anna.channel);
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1);
	/* The recipient elsewhere stays. */
	wait_for_listed(S("domain=ours.test"), 0);
	assert_int_equal(count_listed(NO_STR), 1);
	assert_int_equal(count_listed(S("domain=else.test")), 1);
	assert_int_equal(count_listed(S("sender=sender@example.org")), 1);
	assert_int_equal(count_listed(S("age=1h")), 0);
	house_close();
}

static void test_envelopes(void **state)
{
	(void)state;
	struct msg_queued queued;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	send_begin(&session, 1);
	MUST(msg_expect_queued(&session, &queued));
	assert_int_equal(queued.code, 451);
	check_err("forged", channel_receive(&session), ERR_CLOSED);
	assert_int_equal(house.events[EV_envelope_forged], 1);
	/* Used once. */
	session = house_session(&house.receiver);
	assert_int_equal(send_message(&session, 2, 7, BODY), 250);
	send_begin(&session, 2);
	MUST(msg_expect_queued(&session, &queued));
	assert_int_equal(queued.code, 451);
	check_err("used", channel_receive(&session), ERR_CLOSED);
	/* In parts, with more recipients than one frame holds. */
	static uint32_t many[3000];
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = 7;
	session = house_session(&house.receiver);
	tell_envelope(3, 0, UINT32_MAX, many, COUNT(many));
	assert_int_equal(send_body(&session, 3, BODY), 250);
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1 + COUNT(many));
	wait_until_empty();
	house_close();
}

static void tell_own(unsigned n, str text)
{
	struct number number = number_of(n);
	MUST(msg_send_own(&house.directory, 0, &(struct msg_own){ .transaction = number_str(&number), .text = text }));
}

/* A message of the server's own comes with its envelope, over the same channel, and is delivered as any other. */
static void test_own_message(void **state)
{
	static const uint32_t recipients[] = { 7, 0 };
	(void)state;
	house_open(NULL);
	tell_envelope(1, 0, UINT32_MAX, recipients, COUNT(recipients));
	tell_own(1, BODY);
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 1);
	assert_int_equal(anna.last, 1);
	assert_true(str_ends(anna.body, BODY));
	/* Its envelope is used up, as by a session. */
	struct channel session = house_session(&house.receiver);
	send_begin(&session, 1);
	assert_int_equal(hear_queued(&session), 451);
	/* Without an envelope there is no message, and no channel any more. */
	tell_own(2, BODY);
	check_err("no envelope", channel_receive(&house.directory), ERR_CLOSED);
	channel_close(&house.directory);
	house.directory = house_channel("directory", 0);
	tell_envelope(3, 0, UINT32_MAX, recipients, 1);
	tell_own(3, S(""));
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.last, 3);
	house_close();
	assert_int_equal(house.events[EV_channel_broken], 1);
	assert_int_equal(house.events[EV_message_accepted], 2);
}

static void test_sizes(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	tell_envelope(1, 0, 5000, to_anna, 1);
	send_begin(&session, 1);
	send_bytes(&session, str_from(large, 100000));
	assert_int_equal(hear_queued(&session), 452); /* as at RCPT, had the client named the size */
	send_end(&session, 100000);
	assert_int_equal(send_message(&session, 2, 7, BODY), 250);
	/* Around all borders: one chunk, several, inline and file, memory and file. */
	static const size_t sizes[] = { 0, 1, 57344 - TRACE, 57344 - TRACE + 1, 65536, 131072 - TRACE, 131072,
		262144 - TRACE, 262144, 1 << 20 };
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		assert_int_equal(send_message(&session, 10 + i, 7, str_from(large, sizes[i])), 250);
		mailbox_fetch_all(&anna, true, NULL);
		assert_int_equal(anna.last, 10 + i);
		assert_int_equal(anna.body.n, TRACE + sizes[i]);
		assert_memory_equal(anna.body.p + TRACE, large, sizes[i]);
		assert_int_equal(anna.as_file, TRACE + sizes[i] > 57344);
	}
	wait_until_empty();
	assert_int_equal(house_files(S(".body")), 0);
	house_close();
}

static void test_clients_that_leave(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	tell_envelope(1, 0, UINT32_MAX, to_anna, 1);
	send_begin(&session, 1);
	send_bytes(&session, str_from(large, sizeof large));
	wait_for_files(S(".body"), 1);
	channel_close(&session);
	session = house_session(&house.receiver);
	tell_envelope(2, 0, UINT32_MAX, to_anna, 1);
	send_begin(&session, 2);
	send_bytes(&session, BODY);
	send_end(&session, BODY.n);
	channel_close(&session);
	session = house_session(&house.receiver);
	tell_envelope(3, 0, UINT32_MAX, to_anna, 1);
	send_begin(&session, 3);
	send_bytes(&session, BODY);
	MUST(msg_send_body_cancel(&session, 0, &(struct msg_body_cancel){ 0 }));
	assert_int_equal(send_message(&session, 4, 7, BODY), 250);
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, true, NULL);
	assert_int_equal(anna.got, 2);
	assert_int_equal(anna.last, 4);
	assert_int_equal(house_files(S(".body")), 0);
	house_close();
}

/* The sum of all body frames is a check; states are kept. */
static void test_sessions_that_break_the_rules(void **state)
{
	(void)state;
	house_open(NULL);
	for (unsigned i = 0; i < 4; i++) {
		struct channel session = house_session(&house.receiver);
		tell_envelope(i, 0, UINT32_MAX, to_anna, 1);
		if (i < 3)
			send_begin(&session, i);
		if (i == 0)
			send_end(&session, 5);
		else if (i == 1)
			send_begin(&session, 1);
		else if (i == 2)
			MUST(msg_send_queued(&session, 0,
				&(struct msg_queued){ .status = S(""), .reason = S(""), .transaction = S("") }));
		else
			send_end(&session, 0);
		check_err("broken", channel_receive(&session), ERR_CLOSED);
		channel_close(&session);
	}
	assert_int_equal(house.events[EV_channel_broken], 4);
	house_close();
}

/* Other servers put their own Return-Path in front (RFC 5321 4.4). */
static unsigned judge_with(struct channel *session, unsigned n, unsigned code, const uint32_t *to, str want)
{
	struct msg_judge question;
	tell_envelope(n, 9, UINT32_MAX, to, 1);
	send_begin(session, n);
	send_bytes(session, BODY);
	send_end(session, BODY.n);
	MUST(msg_expect_judge(&house.filter, &question));
	assert_int_equal(question.account, 9);
	assert_int_equal(question.body, -1);
	check_str("what is judged", question.bytes, want);
	MUST(msg_send_judged(&house.filter, house.filter.in->tag,
		&(struct msg_judged){ .code = code, .status = S("5.7.1"), .reason = S("no") }));
	return hear_queued(session);
}

/* What does not fit into a frame is a descriptor that nobody can write to. */
static void judge_large(struct channel *session, unsigned n)
{
	static const char long_body[50000] = { 'x', 'x', 'x' };
	struct msg_judge question;
	char text[100];
	tell_envelope(n, 9, UINT32_MAX, to_others, 1);
	send_begin(session, n);
	send_bytes(session, str_from(long_body, sizeof long_body));
	send_end(session, sizeof long_body);
	MUST(msg_expect_judge(&house.filter, &question));
	assert_int_equal(question.bytes.n, 0);
	ssize_t got = pread(question.body, text, 3, (off_t)(question.size - sizeof long_body));
	check_str("what is judged", str_from(text, (size_t)got), S("xxx"));
	assert_true(write(question.body, "x", 1) < 0);
	close(question.body);
	MUST(msg_send_judged(&house.filter, house.filter.in->tag,
		&(struct msg_judged){ .code = 550, .status = S("5.7.1"), .reason = S("no") }));
	assert_int_equal(hear_queued(session), 550);
}

static void test_judgement(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	assert_int_equal(judge_with(&session, 1, 550, to_others, S(FOR_OTHERS)), 550);
	assert_int_equal(judge_with(&session, 2, 250, to_anna, WHOLE), 250);
	judge_large(&session, 6);
	/* The filter dies with the question, then is not there. */
	tell_envelope(3, 9, UINT32_MAX, to_anna, 1);
	send_begin(&session, 3);
	send_end(&session, 0);
	struct msg_judge question;
	MUST(msg_expect_judge(&house.filter, &question));
	channel_close(&house.filter);
	assert_int_equal(hear_queued(&session), 451);
	tell_envelope(4, 9, UINT32_MAX, to_anna, 1);
	assert_int_equal(send_body(&session, 4, BODY), 451);
	assert_int_equal(send_message(&session, 5, 7, BODY), 250);
	assert_int_equal(count_listed(NO_STR), 2);
	house_close();
}

static unsigned next_number;
static void check_order(const struct msg_deliver *d)
{
	unsigned n;
	memcpy(&n, d->transaction.p + 4, sizeof n);
	if (n != next_number)
		fail_msg("delivered %u, want %u", n, next_number);
	next_number++;
}

/* More than memory keeps, across a restart, each once and in order; a mailbox that dies gets it again. */
static void test_many_wait(void **state)
{
	(void)state;
	enum { MANY = 1500 };
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(send_message(&session, i, 7, BODY), 250);
	mailbox_open(&anna, 7);
	next_number = 0;
	mailbox_fetch_all(&anna, false, check_order);
	assert_int_equal(anna.got, MANY);
	channel_close(&anna.channel);
	for (unsigned i = MANY; i < MANY + 100; i++)
		assert_int_equal(send_message(&session, i, 7, BODY), 250);
	mailbox_open(&anna, 7);
	next_number = 0;
	mailbox_fetch_all(&anna, false, check_order);
	assert_int_equal(anna.got, MANY + 100);
	house_close();
	house_open(NULL);
	mailbox_open(&anna, 7);
	next_number = 0;
	mailbox_fetch_all(&anna, true, check_order);
	assert_int_equal(anna.got, MANY + 100);
	wait_until_empty();
	house_close();
}

static void retry_soon(struct conf *conf) { conf->queue.retry_first = 1; }

static void test_undeliverable(void **state)
{
	(void)state;
	house_open(retry_soon);
	struct channel session = house_session(&house.receiver);
	assert_int_equal(send_message(&session, 1, 7, BODY), 250);
	mailbox_open(&anna, 7);
	mailbox_fetch_all(&anna, false, NULL);
	struct number number = number_of(1);
	/* Of a delivery that it was not given a mailbox may say what it likes. */
	MUST(msg_send_undeliverable(&anna.channel, 0,
		&(struct msg_undeliverable){ .transaction = number_str(&number), .recipient = 5, .reason = S("no") }));
	int64_t before = clock_ms(); /* whatever comes between: the second begins later */
	MUST(msg_send_undeliverable(&anna.channel, 0,
		&(struct msg_undeliverable){ .transaction = number_str(&number), .reason = S("no room") }));
	mailbox_fetch_all(&anna, true, NULL);
	assert_true(clock_ms() - before >= 900);
	assert_int_equal(anna.got, 2);
	assert_int_equal(house.events[EV_message_deferred], 1);
	wait_until_empty();
	house_close();
}

static void test_foreign_delivery(void **state)
{
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	assert_int_equal(send_message(&session, 1, 7, BODY), 250);
	static struct mailbox other;
	mailbox_open(&anna, 7);
	mailbox_open(&other, 8);
	mailbox_fetch_all(&anna, false, NULL);
	struct number number = number_of(1);
	confirm(&other, &(struct msg_deliver){ .transaction = number_str(&number) });
	usleep(800000);
	assert_int_equal(count_listed(NO_STR), 1);
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_way_of_one_message, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_one_after_the_other_at_once, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_fetch_waits, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_several_recipients, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_envelopes, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_own_message, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_sizes, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_clients_that_leave, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_sessions_that_break_the_rules, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_judgement, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_many_wait, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_undeliverable, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_foreign_delivery, house_enter, house_leave),
	};
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)('a' + i % 23);
	return cmocka_run_group_tests_name("role/queue", tests, NULL, NULL);
}
