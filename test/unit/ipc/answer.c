/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of any length to callers who read at once, late, or never. */
#include "ipc/admin.h"

#include "role/fake_service.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"

enum { MANY = 10000, TOO_MANY = 2000000 };

static struct {
	struct fake_service fake;
	struct admin_door *door;
	unsigned given, ended_early;
} house;

static err give(struct admin *a, unsigned number)
{
	char room[200];
	struct buf b = BUF_ON(room);
	struct json j = json_begin(&b);
	json_number(&j, "number", number);
	json_text(&j, "text", S("as long as what is said of an account, a message or an alarm might well be"));
	json_end(&j);
	err e = admin_line(a, buf_str(&b));
	house.given += !failed(e);
	return e;
}

static void run_many(struct admin *a)
{
	for (unsigned i = 0; i < MANY; i++)
		IGNORE(give(a, i)); /* the end tells */
	admin_done(a);
}

static void run_too_many(struct admin *a)
{
	unsigned i = 0;
	while (i < TOO_MANY && !failed(give(a, i)))
		i++;
	admin_done(a);
}

static void more(struct admin *a)
{
	unsigned *next = a->state;
	for (unsigned i = 0; i < 100; i++)
		IGNORE(give(a, (*next)++)); /* as above */
	if (*next >= 10 * MANY)
		admin_done(a);
}

static void end_early(struct admin *a)
{
	house.ended_early++;
	admin_done(a);
}

static void run_piecewise(struct admin *a)
{
	a->state = NEW(a->arena, unsigned, 1);
	a->gone = end_early;
	admin_go_on(a, more);
}

static void run_waiting(struct admin *a) { a->gone = end_early; }

static const struct admin_verb verbs[] = {
	{ "many", run_many },
	{ "too many", run_too_many },
	{ "piecewise", run_piecewise },
	{ "waiting", run_waiting },
	{ NULL, NULL },
};

static int set_up(void **state)
{
	(void)state;
	house.given = house.ended_early = 0;
	house.door = admin_door_new(fake_service_start(&house.fake), verbs, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_service_end(&house.fake);
	return 0;
}

static struct channel ask(const char *verb)
{
	static struct frame in, out;
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	admin_door_open(house.door, ends[0]);
	struct channel c = channel_of(ends[1], &in, &out);
	const struct msg_command m = { .verb = str_of(verb), .caller = S("root"), .secret = S("") };
	check_err("command", msg_send_command(&c, 0, &m), ERR_NONE);
	fake_service_turn(&house.fake, 1);
	return c;
}

/* Reads until the end; gives how many lines there were, which must be in order. */
static unsigned read_all(struct channel *c, bool *done)
{
	unsigned lines = 0;
	for (int idle = 0; idle < 2000;) {
		err e = channel_receive(c);
		if (e.code == ERR_AGAIN) {
			idle++;
			fake_service_turn(&house.fake, 1);
			continue;
		}
		check_err("answer", e, ERR_NONE);
		idle = 0;
		if (c->in->number == MSG_end) {
			struct msg_end end = { .done = false };
			check_err("end", msg_get_end(c->in, &end), ERR_NONE);
			*done = end.done;
			return lines;
		}
		struct msg_line line = { .json = NO_STR };
		char room[40];
		struct buf b = BUF_ON(room);
		check_err("line", msg_get_line(c->in, &line), ERR_NONE);
		buf_addf(&b, "{\"number\":%u,", lines++);
		if (!str_starts(line.json, buf_str(&b)))
			fail_msg("got \"%.*s\", want \"%s...\"", ARG(line.json), room);
	}
	fail_msg("no end came");
	return 0;
}

static void test_a_long_answer_waits_for_its_reader(void **state)
{
	(void)state;
	bool done = false;
	int64_t before = clock_ms();
	struct channel c = ask("many");
	assert_int_equal(house.given, MANY);
	assert_true(clock_ms() - before < 1000); /* nobody was waited for */
	assert_int_equal(read_all(&c, &done), MANY);
	assert_true(done);
	channel_close(&c);
}

static void test_what_is_kept_has_a_limit(void **state)
{
	(void)state;
	bool done = true;
	struct channel c = ask("too many");
	assert_true(house.given > 100000 && house.given < TOO_MANY);
	assert_int_equal(read_all(&c, &done), house.given);
	assert_false(done);
	channel_close(&c);
}

static void test_an_answer_is_made_as_it_is_read(void **state)
{
	(void)state;
	bool done = false;
	struct channel c = ask("piecewise");
	fake_service_turn(&house.fake, 20);
	assert_true(house.given < MANY);
	assert_int_equal(read_all(&c, &done), 10 * MANY);
	assert_true(done);
	assert_int_equal(house.ended_early, 0);
	channel_close(&c);
}

static void test_a_caller_who_goes_is_noticed(void **state)
{
	static const char *const long_ones[] = { "piecewise", "waiting" };
	(void)state;
	for (unsigned i = 0; i < COUNT(long_ones); i++) {
		struct channel c = ask(long_ones[i]);
		channel_close(&c);
		fake_service_turn(&house.fake, 5);
		if (house.ended_early != i + 1)
			fail_msg("%s: its end was told %u times, want %u", long_ones[i], house.ended_early, i + 1);
	}
	for (unsigned i = 0; i < 2 * ADMIN_SESSIONS_MAX; i++) { /* sessions are given back */
		struct channel c = ask("many");
		channel_close(&c);
		fake_service_turn(&house.fake, 2);
	}
	bool done = false;
	struct channel c = ask("many");
	assert_int_equal(read_all(&c, &done), MANY);
	channel_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_long_answer_waits_for_its_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_kept_has_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_answer_is_made_as_it_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_caller_who_goes_is_noticed, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
