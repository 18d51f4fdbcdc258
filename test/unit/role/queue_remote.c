/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for other servers: what the queue promises to the sender, which this test plays, and to the sender of a message. */
#include "queue_talk.h"

#include "check.h"
#include "ipc/cause.h"
#include "os/clock.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

#define BODY S("From: <anna@ours.test>\r\nSubject: x\r\n\r\nhello\r\n")

static struct mailbox anna;
static struct channel sender;

/* ---- what the sender hears and says ---- */

struct job {
	uint64_t number;
	struct number transaction;
	unsigned targets[200];
	char destination[64], address[64];
	size_t count, size;
	bool more;
};

static void open_sender(unsigned credit)
{
	sender = house_channel("sender", 0);
	if (credit > 0)
		MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = credit }));
}

static void copy(char *to, size_t room, str from)
{
	assert_true(from.n < room);
	memcpy(to, from.p, from.n);
	to[from.n] = '\0';
}

static void read_job(struct job *out)
{
	struct msg_job m;
	struct msg_target t;
	err e = OK;
	MUST(msg_get_job(sender.in, &m));
	*out = (struct job){ .number = m.job, .size = m.size, .more = m.more };
	memcpy(out->transaction.bytes, m.transaction.p, NUMBER_BYTES);
	copy(out->destination, sizeof out->destination, m.destination);
	str records = m.targets;
	while (msg_next_target(&records, &house.scratch, &t, &e)) {
		copy(out->address, sizeof out->address, t.address);
		out->targets[out->count++] = (unsigned)t.recipient;
	}
	MUST(e);
	if (m.file >= 0) {
		static char room[1 << 20];
		assert_int_equal(pread(m.file, room, sizeof room, 0), m.size);
		close(m.file);
	} else {
		assert_int_equal(m.bytes.n, m.size);
	}
}

/* The next job; `noted` on the way is passed over. */
static void hear_job(struct job *out)
{
	for (;;) {
		MUST(channel_receive(&sender));
		if (sender.in->number == MSG_job)
			break;
		frame_drop(sender.in);
	}
	read_job(out);
}

static bool is_noted(uint64_t number)
{
	for (;;) {
		struct msg_noted m;
		struct msg_number one;
		err e = OK;
		bool found = false;
		MUST(channel_receive(&sender));
		assert_int_equal(sender.in->number, MSG_noted);
		MUST(msg_get_noted(sender.in, &m));
		while (msg_next_number(&m.jobs, &house.scratch, &one, &e))
			found |= one.number == number;
		if (found)
			return true;
	}
}

static void say_result(const struct job *j, enum outcome_kind kind, enum cause cause, unsigned code, str status)
{
	static char room[49152];
	struct buf records = BUF_ON(room);
	for (size_t i = 0; i < j->count; i++)
		MUST(msg_add_outcome(&records, &house.scratch,
			&(struct msg_outcome){ .recipient = j->targets[i],
				.kind = kind,
				.cause = cause,
				.code = code,
				.status = status,
				.text = S("words of theirs") }));
	MUST(msg_send_result(&sender, 0,
		&(struct msg_result){ .job = j->number,
			.transaction = number_str(&j->transaction),
			.host = S("mx.else.test"),
			.last = true,
			.outcomes = buf_str(&records) }));
}

static void answer(const struct job *j, enum outcome_kind kind, enum cause cause, unsigned code, str status)
{
	say_result(j, kind, cause, code, status);
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 1 }));
}

static void say_destination(const char *name, enum destination_state state)
{
	MUST(msg_send_destination(&sender, 0,
		&(struct msg_destination){ .destination = str_of(name),
			.state = state,
			.cause = state == DESTINATION_REACHABLE ? CAUSE_none : CAUSE_unreachable,
			.status = S("4.4.1"),
			.text = S("no connection"),
			.host = S("mx.else.test") }));
}

/* ---- what is submitted ---- */

struct envelope {
	uint32_t account;
	const char *sender;
	unsigned notify, ret;
	const char *addresses[30];
	bool automatic;
};

static void submit(struct channel *session, unsigned n, const struct envelope *from, str body)
{
	static char room[48000];
	struct number number = number_of(n);
	struct buf records = BUF_ON(room);
	for (size_t i = 0; from->addresses[i] != NULL; i++)
		MUST(msg_add_recipient(&records, &house.scratch,
			&(struct msg_recipient){ .address = str_of(from->addresses[i]),
				.detail = S(""),
				.notify = from->notify,
				.orcpt = S("rfc822;orig@else.test") }));
	MUST(msg_send_envelope(&house.directory, 0,
		&(struct msg_envelope){ .transaction = number_str(&number),
			.last = true,
			.sender = str_of(from->sender),
			.account = from->account,
			.size_max = UINT32_MAX,
			.ret = from->ret,
			.envid = S("QQ314"),
			.recipients = buf_str(&records) }));
	send_begin(session, n);
	send_bytes(session, body);
	send_end(session, body.n);
	if (from->account > 0) {
		struct msg_judge j;
		MUST(msg_expect_judge(&house.filter, &j));
		close(j.body);
		MUST(msg_send_judged(&house.filter, house.filter.in->tag,
			&(struct msg_judged){
				.code = 250, .status = S("2.0.0"), .reason = S(""), .automatic = from->automatic }));
	}
	assert_int_equal(hear_queued(session), 250);
}

static const struct envelope to_bob = { 7, "anna@ours.test", 0, 0, { "bob@else.test", NULL } };
static const struct envelope from_nobody = { 0, "stranger@other.test", 0, 0, { "bob@else.test", NULL } };

/* Lines of the answer to a command. A refusal counts as none. */
static unsigned command(const char *verb, const char *word)
{
	char room[200];
	struct buf words = BUF_ON(room);
	unsigned lines = 0;
	struct msg_end end;
	struct channel c = house_session(&house.control);
	if (word != NULL)
		MUST(msg_add_word(&words, &house.scratch, &(struct msg_word){ .text = str_of(word) }));
	MUST(msg_send_command(&c, 0,
		&(struct msg_command){
			.verb = str_of(verb), .words = buf_str(&words), .secret = S(""), .caller = S("root") }));
	for (;; lines++) {
		MUST(channel_receive(&c));
		if (c.in->number != MSG_line)
			break;
		frame_drop(c.in);
	}
	MUST(msg_get_end(c.in, &end));
	channel_close(&c);
	return lines;
}

static unsigned waiting(void) { return command("queue list", NULL); }

static void wait_for(unsigned messages)
{
	int64_t end = clock_ms() + PATIENCE_MS;
	while (waiting() != messages) {
		if (clock_ms() > end)
			fail_msg("%u messages wait, want %u", waiting(), messages);
		usleep(20000);
	}
}

/* ---- deliveries ---- */

static void test_delivered(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	check_str("destination", str_of(j.destination), S("else.test"));
	check_str("address", str_of(j.address), S("bob@else.test"));
	assert_false(j.more);
	say_destination("else.test", DESTINATION_REACHABLE);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	assert_true(is_noted(j.number));
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_message_relayed], 1);
	assert_int_equal(house.events[EV_notice_made], 0);
}

/* One job for each destination, with all its recipients; each of them may come to another end. */
static void test_grouped(void **state)
{
	static const struct envelope many = { 7, "anna@ours.test", 0, 0,
		{ "a@one.test", "b@two.test", "c@ONE.test", "d@two.test", "e@one.test", NULL } };
	struct job j;
	size_t recipients = 0;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &many, BODY);
	for (int i = 0; i < 2; i++) {
		hear_job(&j);
		recipients += j.count;
		assert_int_equal(j.count, strcmp(j.destination, "one.test") == 0 ? 3 : 2);
		answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	}
	assert_int_equal(recipients, 5);
	wait_for(0);
	house_close();
}

static void soon(struct conf *conf)
{
	conf->queue.retry_first = 1;
	conf->queue.retry_max = 1;
}

static void test_deferred_comes_again(void **state)
{
	struct job j;
	(void)state;
	house_open(soon);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	int64_t begin = clock_ms();
	answer(&j, OUTCOME_DEFERRED, CAUSE_busy, 451, S("4.7.1"));
	hear_job(&j);
	assert_true(clock_ms() - begin >= 900);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_message_deferred], 1);
}

/* All mail for a destination that cannot be reached waits together, what comes in meanwhile too. */
static void test_destination_backs_off(void **state)
{
	struct job j;
	(void)state;
	house_open(soon);
	open_sender(8);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	say_destination("else.test", DESTINATION_UNREACHABLE);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = j.number }));
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 1 }));
	submit(&session, 2, &to_bob, BODY);
	if (is_told(&sender, 500))
		fail_msg("a destination that cannot be reached was tried again at once");
	hear_job(&j);
	say_destination("else.test", DESTINATION_REACHABLE);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	hear_job(&j);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_destination_failed], 1);
	assert_int_equal(house.events[EV_destination_back], 1);
}

/* ---- who dies ---- */

static void test_sender_dies(void **state)
{
	struct job j, again;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	channel_close(&sender);
	open_sender(4);
	hear_job(&again);
	assert_memory_equal(again.transaction.bytes, j.transaction.bytes, NUMBER_BYTES);
	assert_true(again.number > j.number);
	answer(&again, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
}

/* The queue was killed and started again; the sender lives and still has a result, and a job. */
static void test_queue_dies(void **state)
{
	struct job first, second, third;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	static const struct envelope to_carl = { 7, "anna@ours.test", 0, 0, { "carl@more.test", NULL } };
	submit(&session, 1, &to_bob, BODY);
	hear_job(&first);
	submit(&session, 2, &to_carl, BODY);
	hear_job(&second);
	house_close();
	channel_close(&sender);
	house_open(NULL);
	open_sender(0);
	say_result(&first, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	char room[100];
	struct buf records = BUF_ON(room);
	MUST(msg_add_number(&records, &house.scratch, &(struct msg_number){ .number = second.targets[0] }));
	MUST(msg_send_underway(&sender, 0,
		&(struct msg_underway){ .job = second.number,
			.transaction = number_str(&second.transaction),
			.destination = S("more.test"),
			.recipients = buf_str(&records) }));
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 3 }));
	wait_for(1);
	session = house_session(&house.receiver);
	submit(&session, 3, &to_bob, BODY);
	hear_job(&third);
	assert_memory_equal(third.transaction.bytes, number_of(3).bytes, NUMBER_BYTES);
	answer(&third, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	answer(&second, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_message_relayed], 3);
}

/* What waited when the queue ended is read from the store, each once, with few in memory at a time. */
static void test_restart_with_many(void **state)
{
	enum { MANY = 400 };
	static bool seen[MANY + 1];
	struct job j;
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	for (unsigned n = 1; n <= MANY; n++) {
		char address[40];
		snprintf(address, sizeof address, "u%u@d%u.test", n, n % 7);
		const struct envelope e = { 0, "x@other.test", 0, 0, { address, NULL } };
		submit(&session, n, &e, BODY);
	}
	house_close();
	house_open(NULL);
	open_sender(10);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned n;
		hear_job(&j);
		memcpy(&n, j.transaction.bytes + 4, sizeof n);
		assert_in_range(n, 1, MANY);
		if (seen[n])
			fail_msg("message %u was sent twice", n);
		seen[n] = true;
		answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	}
	wait_for(0);
	house_close();
}

static void test_large_body(void **state)
{
	static char body[600 << 10];
	struct job j;
	(void)state;
	memset(body, 'x', sizeof body);
	memcpy(body, "Subject: x\r\n\r\n", 14);
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	static const size_t sizes[] = { 60 << 10, 200 << 10, 600 << 10 };
	for (unsigned i = 0; i < 3; i++) {
		submit(&session, i + 1, &from_nobody, str_from(body, sizes[i]));
		hear_job(&j);
		assert_true(j.size >= sizes[i]);
		answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	}
	wait_for(0);
	house_close();
	assert_int_equal(house_files(S(".body")), 0);
}

/* ---- what an administrator does ---- */

static void test_commands(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	submit(&session, 2, &from_nobody, BODY);
	assert_int_equal(command("queue hold", NULL), 0);
	assert_int_equal(command("queue hold", "sender=nobody@ours.test"), 0);
	assert_int_equal(command("queue hold", "sender=anna@ours.test"), 1);
	assert_int_equal(command("queue hold", "sender=anna@ours.test"), 0);
	open_sender(8);
	hear_job(&j);
	assert_memory_equal(j.transaction.bytes, number_of(2).bytes, NUMBER_BYTES);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	assert_true(is_noted(j.number));
	if (is_told(&sender, 300))
		fail_msg("what is held was sent");
	assert_int_equal(command("queue release", "domain=else.test"), 1);
	hear_job(&j);
	say_destination("else.test", DESTINATION_UNREACHABLE);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = j.number }));
	if (is_told(&sender, 300))
		fail_msg("a destination that cannot be reached was tried at once");
	assert_int_equal(command("queue retry", "recipient=bob@else.test"), 1);
	hear_job(&j);
	say_destination("else.test", DESTINATION_UNREACHABLE);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = j.number }));
	usleep(100000);
	assert_int_equal(command("queue flush", NULL), 1);
	hear_job(&j);
	answer(&j, OUTCOME_DEFERRED, CAUSE_busy, 451, S("4.7.1"));
	assert_int_equal(command("queue delete", "id=6e000000010000000000000000000000"), 1);
	assert_int_equal(waiting(), 0);
	house_close();
}

/* ---- notices ---- */

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
		"\r\nOriginal-Envelope-Id: QQ314\r\n", "no such mailbox", "\r\nSubject: x\r\n" };
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!has(str_of(wanted[i])))
			fail_msg("the notice has no \"%s\":\n%.*s", wanted[i], ARG(anna.body));
	if (has(S("hello")))
		fail_msg("the body was quoted although it was not asked for");
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_notice_made], 1);
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

static void short_life(struct conf *conf)
{
	soon(conf);
	conf->queue.delay_notice = 1;
	conf->queue.expire = 3;
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
	house_open(short_life);
	open_sender(4);
	hear_job(&j);
	say_destination("else.test", DESTINATION_UNREACHABLE);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = j.number }));
	end = clock_ms() + PATIENCE_MS;
	while (house.events[EV_message_failed] == 0 && clock_ms() < end)
		usleep(20000);
	assert_int_equal(house.events[EV_message_failed], 1);
	mailbox_open(&anna, 7);
	while (anna.got < 2)
		mailbox_fetch_all(&anna, true, NULL);
	assert_true(has(S("Action: failed\r\nStatus: 4.4.1")));
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delivered, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_grouped, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_deferred_comes_again, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_destination_backs_off, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_sender_dies, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_queue_dies, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_restart_with_many, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_large_body, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_commands, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_notice, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_who_gets_a_notice, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_expires, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
