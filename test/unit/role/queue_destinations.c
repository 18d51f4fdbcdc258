/* SPDX-License-Identifier: Apache-2.0 */
/* What `siegel queue destinations` says: of mail that waits, of servers that are left alone, page after page. */

#include "queue_sender.h"

#define LIST "queue destinations"
enum { COUNTED = 5000 }; /* of one destination */

/* Whether the answer has this text, once it does: the queue stores why a destination fails at its leisure. */
static void shows(const char *word, unsigned lines, const char *text)
{
	int64_t end = clock_ms() + PATIENCE_MS;
	do {
		assert_int_equal(command(LIST, word), lines);
		if (str_find_str(buf_str(&shown), str_of(text)) != STR_NONE)
			return;
		usleep(20000);
	} while (clock_ms() < end);
	fail_msg("not shown: %s\n%.*s", text, ARG(buf_str(&shown)));
}

static void test_fields(void **state)
{
	static const struct envelope two = { 7, "anna@ours.test", 0, 0,
		{ "bob@else.test", "eva@ELSE.test", "x@other.test" } };
	struct job j;
	(void)state;
	house_open(NULL);
	assert_int_equal(command(LIST, NULL), 0);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &two, BODY);
	submit(&session, 2, &to_bob, BODY);
	shows(NULL, 2,
		"{\"destination\":\"else.test\",\"messages\":2,\"recipients\":3,\"more\":false,\"standing\":\"fresh\","
		"\"jobs\":0,\"jobs_at_once\":1,\"distance\":0,\"distance_of_route\":0,\"busy\":0,\"failures\":0}"
		"{\"destination\":\"other.test\",\"messages\":1,\"recipients\":1,\"more\":false,");
	assert_int_equal(command(LIST, "limit=1"), 1);
	assert_true(str_starts(buf_str(&shown), S("{\"destination\":\"else.test\"")));
	assert_int_equal(command(LIST, "domain=Other.Test"), 1);
	assert_true(str_starts(buf_str(&shown), S("{\"destination\":\"other.test\"")));
	assert_int_equal(command(LIST, "domain=third.test"), 0);
	assert_int_equal(command(LIST, "limit=0"), 0);
	assert_int_equal(command(LIST, "limit=x"), 0);
	assert_int_equal(command(LIST, "sender=anna@ours.test"), 0); /* refused */
	open_sender(1);
	hear_job(&j);
	shows(NULL, 2, ",\"jobs\":1,");
	while (strcmp(j.destination, "else.test") != 0) {
		answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
		hear_job(&j);
	}
	say_unreachable(&j);
	shows("domain=else.test", 1, "\"standing\":\"slow\"");
	shows("domain=else.test", 1, ",\"failures\":1,\"next\":\"2");
	shows("domain=else.test", 1, "\",\"cause\":\"unreachable\"");
	house_close();
}

/* What the store knows suffices: of a destination that memory does not know, or that has no mail any more. */
static void test_after_a_restart(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	say_unreachable(&j);
	shows(NULL, 1, ",\"failures\":1,\"next\":\"2");
	shows(NULL, 1, "\"cause\":\"unreachable\"");
	assert_int_equal(command("queue delete", "domain=else.test"), 1);
	shows(NULL, 1, "{\"destination\":\"else.test\",\"messages\":0,\"recipients\":0,\"more\":false,");
	house_close();
	house_open(NULL);
	shows(NULL, 1,
		"{\"destination\":\"else.test\",\"messages\":0,\"recipients\":0,\"more\":false,\"failures\":1,\"next\":"
		"\"2");
	session = house_session(&house.receiver);
	submit(&session, 2, &to_bob, BODY);
	shows(NULL, 1, "{\"destination\":\"else.test\",\"messages\":1,\"recipients\":1,\"more\":false,");
	shows(NULL, 1, ",\"failures\":1,\"next\":\"2");
	house_close();
}

/* One recipient is deferred: what was said of it stands where nothing is said of the destination. */
static void test_one_deferred(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	say_destination("else.test", DESTINATION_REACHABLE);
	answer(&j, OUTCOME_DEFERRED, CAUSE_busy, 451, S("4.7.1"));
	shows(NULL, 1, "\"cause\":\"busy\",\"code\":451,\"host\":\"mx.else.test\",\"reason\":\"words of theirs\"}");
	shows(NULL, 1, ",\"failures\":0,\"next\":\"2");
	house_close();
}

/* More than a page: each once, in the order of their names. */
static void test_pages(void **state)
{
	enum { MESSAGES = 12, EACH = 25 };
	static char names[EACH][40];
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	for (unsigned n = 0; n < MESSAGES; n++) {
		struct envelope e = { .account = 7, .sender = "anna@ours.test" };
		for (unsigned i = 0; i < EACH; i++) {
			snprintf(names[i], sizeof names[i], "bob@d%03u.test", (n * EACH + i) * 7 % (MESSAGES * EACH));
			e.addresses[i] = names[i];
		}
		submit(&session, n + 1, &e, BODY);
	}
	assert_int_equal(command(LIST, NULL), MESSAGES * EACH);
	assert_true(str_starts(buf_str(&shown), S("{\"destination\":\"d000.test\"")));
	assert_int_equal(command(LIST, "limit=150"), 150);
	assert_int_equal(command(LIST, "limit=100"), 100);
	assert_int_equal(command(LIST, "domain=d299.test"), 1);
	assert_true(str_starts(buf_str(&shown), S("{\"destination\":\"d299.test\",\"messages\":1,")));
	house_close();
}

/* What is counted ends somewhere, and the next destination begins another page. */
static void test_more_than_is_counted(void **state)
{
	enum { EACH = 25, MESSAGES = COUNTED / EACH + 1 };
	static char names[EACH][40];
	struct envelope e = { .account = 7, .sender = "anna@ours.test" };
	char want[200];
	(void)state;
	house_open(NULL);
	struct channel session = house_session(&house.receiver);
	for (unsigned i = 0; i < EACH; i++) {
		snprintf(names[i], sizeof names[i], "bob%u@else.test", i);
		e.addresses[i] = names[i];
	}
	for (unsigned n = 1; n <= MESSAGES; n++)
		submit(&session, n, &e, BODY);
	submit(&session, MESSAGES + 1, &(struct envelope){ 7, "anna@ours.test", 0, 0, { "x@other.test" } }, BODY);
	snprintf(want, sizeof want, "{\"destination\":\"else.test\",\"messages\":%u,\"recipients\":%u,\"more\":true,",
		COUNTED / EACH, COUNTED);
	shows(NULL, 2, want);
	shows(NULL, 2, "{\"destination\":\"other.test\",\"messages\":1,\"recipients\":1,\"more\":false,");
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fields, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_after_a_restart, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_one_deferred, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_pages, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_more_than_is_counted, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
