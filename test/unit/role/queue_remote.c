/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for other servers: what the queue promises to the sender, which this test plays, and to the sender of a message. */
#include "queue_files.h"
#include "queue_sender.h"
#include "queue_spoil.h"

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
	say_unreachable(&j);
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

/* Where others wait, one that was given a job and whose server says nothing is asked to give it back, though nothing else
 * happens that would make the queue look. */
static void test_silent_is_asked_back(void **state)
{
	static const struct envelope other = { 7, "anna@ours.test", 0, 0, { "b@other.test", NULL } };
	struct job silent, j;
	struct msg_recall recall;
	(void)state;
	house_open(NULL);
	open_sender(2); /* of which one may go to those that nobody has heard of */
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&silent);
	submit(&session, 2, &other, BODY);
	MUST(msg_expect_recall(&sender, &recall));
	assert_int_equal(recall.job, silent.number);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = silent.number }));
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 1 }));
	hear_job(&j);
	check_str("destination", str_of(j.destination), S("other.test"));
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(1);
	house_close();
}

/* Results of jobs that were never given, or of another message's, change nothing and are told. */
static void test_forged_results(void **state)
{
	struct job j, lie;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	lie = j;
	lie.number = j.number + 1;
	say_result(&lie, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	lie.number = UINT64_MAX;
	say_result(&lie, OUTCOME_FAILED, CAUSE_none, 550, S("5.1.1"));
	lie = j;
	lie.transaction = number_of(2);
	say_result(&lie, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	assert_true(is_noted(j.number));
	wait_for(0);
	house_close();
	assert_int_equal(house.events[EV_result_forged], 3);
	assert_int_equal(house.events[EV_message_relayed], 1);
	assert_int_equal(house.events[EV_notice_made], 0);
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

/* Whoever sent it: RFC 8689 4.1. What demands TLS in the envelope is not asked in the header. */
static void test_tls_optional(void **state)
{
	static const struct {
		const char *name;
		uint32_t account;
		bool requires_tls, tls_optional, want;
	} cases[] = {
		{ "submitted", 7, false, true, true },
		{ "relayed", 0, false, true, true },
		{ "relayed, no such field", 0, false, false, false },
		{ "relayed, TLS demanded", 0, true, true, false },
	};
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		const struct envelope e = { .account = cases[i].account,
			.sender = "anna@ours.test",
			.addresses = { "bob@else.test" },
			.requires_tls = cases[i].requires_tls,
			.tls_optional = cases[i].tls_optional };
		submit(&session, i + 1, &e, BODY);
		hear_job(&j);
		if (j.tls_optional != cases[i].want || j.requires_tls != cases[i].requires_tls)
			fail_msg("%s: got %d, %d", cases[i].name, j.tls_optional, j.requires_tls);
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

/* It is held and kept: it must not arrive as something else, nor come back. */
static void test_body_that_changed(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, S("Subject: a\r\n\r\nfirst mark\r\n"));
	submit(&session, 2, &to_bob, S("Subject: b\r\n\r\nsecond mark\r\n"));
	house_close();
	spoil(S("first mark"));
	house_open(NULL);
	open_sender(10);
	hear_job(&j);
	assert_memory_equal(j.transaction.bytes, number_of(2).bytes, NUMBER_BYTES);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	session = house_session(&house.receiver);
	submit(&session, 3, &to_bob, BODY);
	hear_job(&j); /* and not the first */
	assert_memory_equal(j.transaction.bytes, number_of(3).bytes, NUMBER_BYTES);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(1);
	assert_int_equal(house.events[EV_store_failed], 1);
	assert_int_equal(house.events[EV_alarm], 1);
	assert_int_equal(house.events[EV_notice_made] + house.events[EV_message_failed], 0);
	house_close();
}

/* What is said of the message, its recipient and its destination, once it is: the queue stores why a destination fails at its leisure. */
static void shows(unsigned n, const char *text)
{
	char id[40];
	snprintf(id, sizeof id, "id=6e000000%02x%022x", n, 0);
	int64_t end = clock_ms() + PATIENCE_MS;
	do {
		assert_int_equal(command("queue show", id), 3);
		if (str_find_str(buf_str(&shown), str_of(text)) != STR_NONE)
			return;
		usleep(20000);
	} while (clock_ms() < end);
	fail_msg("not shown: %s\n%.*s", text, ARG(buf_str(&shown)));
}

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
	say_unreachable(&j);
	if (is_told(&sender, 300))
		fail_msg("a destination that cannot be reached was tried at once");
	shows(1, "\"destination_failures\":1,\"due\":\"2");
	shows(1, "\"cause\":\"unreachable\"");
	shows(1, "\"destination\":\"else.test\",\"standing\":\"slow\",\"jobs\":0,");
	shows(1, ",\"busy\":0,\"failures\":1,\"next\":\"2");
	assert_int_equal(command("queue retry", "recipient=bob@else.test"), 1);
	hear_job(&j);
	say_unreachable(&j);
	usleep(100000);
	assert_int_equal(command("queue flush", "sender=nobody@ours.test"), 0);
	assert_int_equal(command("queue flush", "sender=anna@ours.test"), 1);
	hear_job(&j);
	say_destination("else.test", DESTINATION_REACHABLE);
	answer(&j, OUTCOME_DEFERRED, CAUSE_busy, 451, S("4.7.1"));
	assert_true(is_noted(j.number));
	shows(1, "\"attempts\":1,\"destination_failures\":0,\"due\":\"2");
	shows(1, "\"standing\":\"proven\",\"jobs\":0,");
	shows(1, ",\"distance\":0,\"distance_of_route\":0,\"busy\":0,\"failures\":0}");
	say_destination("else.test", DESTINATION_BUSY);
	shows(1, ",\"distance\":22,\"distance_of_route\":0,\"busy\":1,\"failures\":0,\"next\":\"2");
	shows(1, "\"cause\":\"busy\",\"code\":451,\"host\":\"mx.else.test\",\"reason\":\"words of theirs\"");
	assert_int_equal(command("queue delete", "id=6e000000010000000000000000000000"), 1);
	assert_int_equal(waiting(), 0);
	house_close();
}

static void rated(struct conf *conf)
{
	static struct conf_entry routes[3];
	routes[0] = (struct conf_entry){ S("fast.test"), S("rate"), S("600") };
	routes[1] = (struct conf_entry){ S("own.test"), S("tls"), S("may") };
	routes[2] = (struct conf_entry){ S("*"), S("rate"), S("1") };
	conf->routes.table = (struct conf_map){ routes, sizeof routes / sizeof *routes };
}

/* A route's rate holds for its own domain, and that of all others for each that has no route. */
static void test_rates_of_routes(void **state)
{
	static const struct envelope to[] = {
		{ 7, "anna@ours.test", 0, 0, { "bob@fast.test" } },
		{ 7, "anna@ours.test", 0, 0, { "bob@own.test" } },
		{ 7, "anna@ours.test", 0, 0, { "bob@else.test" } },
	};
	struct job j;
	unsigned n = 0;
	(void)state;
	house_open(rated);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	for (size_t i = 0; i < 3; i++)
		for (int second = 0; second < 2; second++) {
			submit(&session, ++n, &to[i], BODY);
			if (i == 2 && second)
				continue;
			hear_job(&j);
			answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
			assert_true(is_noted(j.number));
		}
	if (is_told(&sender, 300))
		fail_msg("two in a minute were sent where one may be");
	shows(6, "\"destination\":\"else.test\",\"standing\":\"proven\"");
	shows(6, "\"distance\":0,\"distance_of_route\":60000,\"busy\":0,\"failures\":0,\"next\":\"2");
	assert_int_equal(waiting(), 1);
	house_close();
}

/* An account that sends too much: its mail is taken, and waits. */
static void test_held(void **state)
{
	static const struct envelope too_much = { 7, "anna@ours.test", 0, 0, { "bob@else.test" }, false, true };
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &too_much, BODY);
	if (is_told(&sender, 300))
		fail_msg("what is held was sent");
	MUST(msg_send_released(&house.directory, 0, &(struct msg_released){ .account = 8 }));
	if (is_told(&sender, 300))
		fail_msg("it was released with somebody else's");
	MUST(msg_send_released(&house.directory, 0, &(struct msg_released){ .account = 7 }));
	hear_job(&j);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delivered, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_grouped, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_deferred_comes_again, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_destination_backs_off, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_silent_is_asked_back, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_forged_results, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_sender_dies, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_queue_dies, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_restart_with_many, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_tls_optional, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_large_body, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_commands, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_body_that_changed, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_held, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_rates_of_routes, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
