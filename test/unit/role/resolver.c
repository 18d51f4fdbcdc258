/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a resolver that are not read at once. The names are of a zone that libunbound answers itself (RFC 6761 6.4), or
 * are none, so nobody is asked. */
#include "role/resolver/resolver.h"

#include <stdio.h>

#include "fake_service.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum { MANY = 1500, PIECE = 50, WAIT_MS = 60000, QUESTION_MS = 60000 };

static struct house {
	struct fake_service fake;
	struct channel asker;
	struct frame in, out;
	bool answered[MANY + 1]; /* by tags */
	unsigned answers;
} house;

static struct resolver *resolver(void) { return house.fake.service.state; }

static void turn(void) { fake_service_turn(&house.fake, 1); }

static struct channel connect_asker(void)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	resolver_channel(&house.fake.service, S("sender"), 0, 0, ends[1]);
	return channel_of(ends[0], &house.in, &house.out);
}

static void begin(void)
{
	memset(&house, 0, sizeof house);
	struct service *s = fake_service_start(&house.fake);
	resolver_prepare(s);
	house.asker = connect_asker();
	check_err("start", resolver_start(s), ERR_NONE);
}

static void end(void)
{
	channel_close(&house.asker);
	turn();
	assert_int_equal(resolver()->open, 0);
	resolver_stop(&house.fake.service);
	fake_service_end(&house.fake);
}

/* Each third name is none, and is answered at once. */
static void ask(uint32_t tag)
{
	char name[40];
	snprintf(name, sizeof name, "%s%u.invalid", tag % 3 == 0 ? "no name " : "n", (unsigned)tag);
	const struct msg_lookup m = { .name = str_of(name), .type = DNS_A, .deadline = QUESTION_MS };
	check_err("ask", msg_send_lookup(&house.asker, tag, &m), ERR_NONE);
}

static void read_answer(void)
{
	struct msg_lookup_done m;
	const uint32_t tag = house.in.tag;
	if (house.in.number == MSG_validation) {
		frame_drop(&house.in);
		return;
	}
	check_err("answer", msg_get_lookup_done(&house.in, &m), ERR_NONE);
	assert_true(tag > 0 && tag <= MANY && !house.answered[tag]);
	assert_int_equal(m.outcome, tag % 3 == 0 ? DNS_FAILED : DNS_NO_NAME);
	house.answered[tag] = true;
	house.answers++;
}

static void read_all(unsigned wanted)
{
	const int64_t until = clock_ms() + WAIT_MS;
	while (house.answers < wanted && clock_ms() < until) {
		while (!failed(channel_receive(&house.asker)))
			read_answer();
		turn();
	}
	assert_int_equal(house.answers, wanted);
}

static void ask_without_reading(void)
{
	const int64_t until = clock_ms() + WAIT_MS;
	for (uint32_t tag = 1; tag <= MANY; tag++) {
		ask(tag);
		if (tag % PIECE == 0)
			turn();
	}
	/* What is not in the channel is held: nobody works on anything. */
	bool working = true;
	while (working && clock_ms() < until) {
		turn();
		working = resolver()->asked < MANY;
		for (size_t i = 0; i < QUESTIONS_MAX; i++)
			working = working || resolver()->questions[i].context != NULL;
	}
	assert_false(working);
}

/* Each comes, once, however many there are. */
static void test_held(void **state)
{
	(void)state;
	begin();
	ask_without_reading();
	assert_true(resolver()->open > 0 && resolver()->open < MANY);
	read_all(MANY);
	turn();
	assert_int_equal(resolver()->open, 0);
	end();
}

/* With who asked they go, and another one is served. */
static void test_asker_gone(void **state)
{
	(void)state;
	begin();
	ask_without_reading();
	assert_true(resolver()->open > 0);
	channel_close(&house.asker);
	turn();
	assert_int_equal(resolver()->open, 0);
	house.asker = connect_asker();
	ask(1);
	read_all(1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_asker_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
