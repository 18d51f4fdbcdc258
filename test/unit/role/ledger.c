/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers of a ledger for which there is no room at the moment: its sender does not read, or its fetcher. It has
 * no store, so nobody else knows the policies. */
#include "role/ledger/role.h"

#include <stdio.h>

#include "fake_service.h"
#include "ipc/sts.h"

#define CONVERSATION "ipc/sender_ledger.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/ledger_fetcher.def"
#include "ipc/conversation.h"

/* PLACES: as many questions may be open. */
enum { PLACES = 4096, MANY = 1500, TOO_MANY = PLACES + 500, WAIT_MS = 60000, QUESTION_MS = 60000 };

static struct house {
	struct fake_service fake;
	struct channel sender, fetcher;
	struct frame in, out;
	bool answered[TOO_MANY + 1]; /* by tags of the sender */
	unsigned answers, fetched, asked;
} house;

static struct channel connect(const char *peer)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	role_ledger.channel(&house.fake.service, str_of(peer), 0, 0, ends[1]);
	return channel_of(ends[0], &house.in, &house.out);
}

static void begin(void)
{
	memset(&house, 0, sizeof house);
	role_ledger.prepare(fake_service_start(&house.fake));
	house.sender = connect("sender");
	house.fetcher = connect("fetcher");
}

static void end(void)
{
	role_ledger.stop(&house.fake.service);
	channel_close(&house.sender);
	channel_close(&house.fetcher);
	fake_service_end(&house.fake);
}

static str write_name(char *room, size_t size, const char *start, unsigned tag, const char *end)
{
	snprintf(room, size, "%sd%u.test%s", start, tag, end);
	return str_of(room);
}

/* As many as the channel takes at the moment, up to the one of that number. */
static void ask_up_to(unsigned last)
{
	char room[40];
	while (house.asked < last) {
		const uint32_t tag = house.asked + 1;
		const struct msg_sts_ask m = { .domain = write_name(room, sizeof room, "", tag, ""),
			.deadline = QUESTION_MS };
		err e = msg_send_sts_ask(&house.sender, tag, &m);
		if (e.code == ERR_BUSY)
			return;
		check_err("ask", e, ERR_NONE);
		house.asked++;
	}
}

/* Each domain's policy names a host of that domain. */
static void fetcher_answers(void)
{
	struct msg_sts_fetch ask = { .domain = NO_STR };
	char room[40];
	while (!failed(channel_receive(&house.fetcher))) {
		const uint32_t tag = house.in.tag;
		check_err("fetch", msg_get_sts_fetch(&house.in, &ask), ERR_NONE);
		snprintf(room, sizeof room, "mx.%.*s\n", ARG(ask.domain));
		const struct msg_sts_fetched m = { .outcome = STS_FETCHED,
			.id = S("1"),
			.mode = MTA_STS_ENFORCE,
			.max_age = 86400,
			.patterns = str_of(room),
			.reason = S("") };
		check_err("fetched", msg_send_sts_fetched(&house.fetcher, tag, &m), ERR_NONE);
		house.fetched++;
		fake_service_turn(&house.fake, 0);
	}
}

static void sender_reads(void)
{
	struct msg_sts_policy m = { .found = false };
	char room[40];
	while (!failed(channel_receive(&house.sender))) {
		const uint32_t tag = house.in.tag;
		check_err("policy", msg_get_sts_policy(&house.in, &m), ERR_NONE);
		assert_true(tag > 0 && tag <= TOO_MANY && !house.answered[tag]);
		check_str("policy", m.patterns, write_name(room, sizeof room, "mx.", tag, "\n"));
		assert_true(m.found && !m.kept && m.mode == MTA_STS_ENFORCE);
		house.answered[tag] = true;
		house.answers++;
	}
}

static bool goes_on(int64_t until) { return clock_ms() < until; }

static void ask_without_reading(void)
{
	const int64_t until = clock_ms() + WAIT_MS;
	while (house.fetched < MANY && goes_on(until)) {
		ask_up_to(MANY);
		fake_service_turn(&house.fake, 1);
		fetcher_answers();
	}
	assert_int_equal(house.fetched, MANY);
}

static void read_all(unsigned wanted)
{
	const int64_t until = clock_ms() + WAIT_MS;
	while (house.answers < wanted && goes_on(until)) {
		ask_up_to(house.asked < wanted ? wanted : house.asked);
		sender_reads();
		fake_service_turn(&house.fake, 1);
		fetcher_answers();
	}
	assert_int_equal(house.answers, wanted);
}

/* Each answer comes, once, however many there are. */
static void test_held(void **state)
{
	(void)state;
	begin();
	ask_without_reading();
	read_all(MANY);
	end();
}

/* With the sender they go. The next one asks for itself. */
static void test_sender_gone(void **state)
{
	(void)state;
	begin();
	ask_without_reading();
	channel_close(&house.sender);
	fake_service_turn(&house.fake, 1);
	house.sender = connect("sender");
	fake_service_turn(&house.fake, 1);
	check_err("nothing of before", channel_receive(&house.sender), ERR_AGAIN);
	house.asked = 0;
	read_all(1);
	end();
}

/* What was answered stays so when the fetcher goes. */
static void test_fetcher_gone(void **state)
{
	(void)state;
	begin();
	ask_without_reading();
	channel_close(&house.fetcher);
	fake_service_turn(&house.fake, 1);
	house.fetcher = connect("fetcher");
	read_all(MANY);
	end();
}

/* Neither a fetcher that does not read nor more questions than may be open make one of them fail: the sender keeps what there is
 * no place for until there is one. */
static void test_more_than_places(void **state)
{
	(void)state;
	begin();
	const int64_t until = clock_ms() + WAIT_MS;
	unsigned before;
	do {
		before = house.asked;
		ask_up_to(TOO_MANY);
		for (int i = 0; i < 10; i++)
			fake_service_turn(&house.fake, 1);
	} while (house.asked > before && goes_on(until));
	assert_true(house.asked >= PLACES && house.asked < TOO_MANY);
	check_err("no answer", channel_receive(&house.sender), ERR_AGAIN);
	read_all(TOO_MANY);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_sender_gone),
		cmocka_unit_test(test_fetcher_gone),
		cmocka_unit_test(test_more_than_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
