/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of inner servers and their recipients, and for how long. */
#include <stdio.h>

#include "check.h"
#include "role/directory/inner.h"

enum { TAKEN_MS = 60000, UNKNOWN_MS = 300000, ALARM_MS = 600000, START = 1000000 };

static struct inner inner;
static const struct inner_times times = { TAKEN_MS, UNKNOWN_MS, ALARM_MS };

static int start(void **state)
{
	(void)state;
	inner_begin(&inner);
	inner_set_times(&inner, &times, START);
	return 0;
}

static struct callout_question question(str recipient, uint64_t size)
{
	return (struct callout_question){ .domain = str_after(recipient, str_find(recipient, '@') + 1),
		.sender = S("you@far.test"),
		.recipient = recipient,
		.size = size };
}

static struct inner_verdict heard; /* by the latest */

static enum inner_change learn_of(
	str recipient, uint64_t size, enum callout_answer answer, unsigned code, const char *status, int64_t now)
{
	const struct callout_question q = question(recipient, size);
	const struct callout_result r = { .answer = answer,
		.code = code,
		.status = str_of(status),
		.text = S("its words"),
		.host = S("mx"),
		.size_max = 1000 };
	return inner_learn(&inner, &q, &r, now, &heard);
}

static enum inner_change learn(str recipient, enum callout_answer answer, int64_t now)
{
	return learn_of(recipient, 100, answer, 0, "", now);
}

/* The code, or 0: it must be asked. */
static unsigned recall_of(str recipient, uint64_t size, int64_t now)
{
	const struct callout_question q = question(recipient, size);
	struct inner_verdict v = { .code = 0 };
	return inner_recall(&inner, &q, now, &v) ? v.code : 0;
}

static unsigned recall(str recipient, int64_t now) { return recall_of(recipient, 100, now); }

static void test_times(void **state)
{
	(void)state;
	const str anna = S("anna@a.test"), nobody = S("nobody@a.test");
	assert_int_equal(recall(anna, START), 0);
	learn(anna, CALLOUT_TAKEN, START);
	learn(nobody, CALLOUT_UNKNOWN, START);
	assert_int_equal(recall(anna, START + INNER_ALIVE_MS - 1), 250);
	assert_int_equal(recall(S("Anna@a.test"), START + 1), 0); /* its local parts are its own affair */
	/* Nobody has heard of the server for a while: it is asked whether it is there. */
	assert_int_equal(recall(anna, START + INNER_ALIVE_MS), 0);
	learn(S("berta@a.test"), CALLOUT_TAKEN, START + TAKEN_MS - 1);
	assert_int_equal(recall(anna, START + TAKEN_MS - 1), 250);
	assert_int_equal(recall(anna, START + TAKEN_MS), 0);
	assert_int_equal(recall(nobody, START + UNKNOWN_MS - 1), 550);
	assert_int_equal(recall(nobody, START + UNKNOWN_MS), 0);
}

/* What was remembered before the times became others ends by then. */
static void test_other_times(void **state)
{
	(void)state;
	const str anna = S("anna@a.test"), nobody = S("nobody@a.test");
	learn(nobody, CALLOUT_UNKNOWN, START);
	learn(anna, CALLOUT_TAKEN, START);
	inner_set_times(&inner, &(const struct inner_times){ 500, 700, ALARM_MS }, START + 100);
	assert_int_equal(recall(anna, START + 599), 250);
	assert_int_equal(recall(anna, START + 600), 0);
	assert_int_equal(recall(nobody, START + 799), 550);
	assert_int_equal(recall(nobody, START + 800), 0);
	learn(anna, CALLOUT_TAKEN, START);
	inner_set_times(&inner, &times, START + 1); /* longer ones are for what comes now */
	assert_int_equal(recall(anna, START + 499), 250);
	assert_int_equal(recall(anna, START + 500), 0);
	inner_set_times(&inner, &(const struct inner_times){ 0, 0, 1 }, START);
	assert_int_equal(recall(nobody, START), 0);
	assert_int_equal(learn(anna, CALLOUT_AWAY, START), INNER_FAILED);
	assert_int_equal(learn(anna, CALLOUT_AWAY, START + 1), INNER_LASTS);
}

static void test_sizes(void **state)
{
	(void)state;
	const str anna = S("anna@a.test");
	struct inner_verdict v;
	learn_of(anna, 500, CALLOUT_TAKEN, 250, "2.1.5", START);
	assert_int_equal(heard.code, 250);
	assert_int_equal(heard.size_max, 1000);
	assert_int_equal(recall_of(anna, 0, START), 250);
	assert_int_equal(recall_of(anna, 500, START), 250);
	assert_int_equal(recall_of(anna, 501, START), 0);
	struct callout_question q = question(anna, 500);
	q.utf8 = true;
	assert_false(inner_recall(&inner, &q, START, &v));
}

static void test_away(void **state)
{
	(void)state;
	const str anna = S("anna@a.test"), nobody = S("nobody@a.test"), other = S("anna@b.test");
	learn(anna, CALLOUT_TAKEN, START);
	learn(nobody, CALLOUT_UNKNOWN, START);
	learn(other, CALLOUT_TAKEN, START);
	assert_int_equal(learn(S("carl@a.test"), CALLOUT_AWAY, START + 10), INNER_FAILED);
	/* At once for all its recipients, though it had taken them; then it is asked again. */
	assert_int_equal(recall(anna, START + 11), 451);
	assert_int_equal(recall(nobody, START + 11), 550);
	assert_int_equal(recall(other, START + 11), 250);
	assert_int_equal(recall(anna, START + 10 + INNER_AWAY_MS), 0);
	assert_int_equal(learn(anna, CALLOUT_AWAY, START + ALARM_MS), INNER_UNCHANGED);
	assert_int_equal(learn(anna, CALLOUT_AWAY, START + 10 + ALARM_MS), INNER_LASTS);
	assert_int_equal(learn(anna, CALLOUT_AWAY, START + 20 + ALARM_MS), INNER_UNCHANGED);
	assert_int_equal(learn(anna, CALLOUT_TAKEN, START + 30 + ALARM_MS), INNER_BACK);
	assert_int_equal(recall(anna, START + 30 + ALARM_MS), 250);
	assert_int_equal(learn(anna, CALLOUT_TAKEN, START + 40 + ALARM_MS), INNER_UNCHANGED);
}

/* clang-format off */
static const struct {
	enum callout_answer answer; unsigned code; const char *status;
	unsigned want; const char *want_status, *want_reason; bool kept;
} answers[] = {
	{ CALLOUT_TAKEN,   250, "2.1.5", 250, "2.1.5", "", true },
	{ CALLOUT_UNKNOWN, 553, "5.1.3", 550, "5.1.1", "There is no such mailbox", true },
	{ CALLOUT_FULL,    552, "5.2.2", 552, "5.2.2", "The mailbox is full", false },
	{ CALLOUT_FULL,    450, "4.2.2", 452, "4.2.2", "The mailbox is full", false },
	{ CALLOUT_SIZE,    500, "",      552, "5.3.4", "The message is larger than the mail server of this domain takes", false },
	{ CALLOUT_REFUSED, 554, "5.7.1", 550, "5.7.1", "The mail server of this domain says: its words", false },
	{ CALLOUT_REFUSED, 554, "4.7.1", 550, "5.0.0", "The mail server of this domain says: its words", false },
	{ CALLOUT_REFUSED, 554, "",      550, "5.0.0", "The mail server of this domain says: its words", false },
	{ CALLOUT_LATER,   450, "4.7.1", 451, "4.7.1", "The mail server of this domain says: its words", false },
	{ CALLOUT_LATER,   450, "5.7.1", 451, "4.0.0", "The mail server of this domain says: its words", false },
	{ CALLOUT_AWAY,    0,   "4.4.2", 451, "4.4.1", "The mail server of this domain cannot be asked at the moment, please try again", false },
};
/* clang-format on */

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		start(NULL);
		learn_of(S("anna@a.test"), 100, answers[i].answer, answers[i].code, answers[i].status, START);
		if (heard.code != answers[i].want || strcmp(heard.status, answers[i].want_status) != 0 ||
			strcmp(heard.reason, answers[i].want_reason) != 0)
			fail_msg("%zu: %u %s %s", i, heard.code, heard.status, heard.reason);
		const int64_t later = answers[i].answer == CALLOUT_AWAY ? START + INNER_AWAY_MS : START + 1;
		assert_int_equal(recall(S("anna@a.test"), later) != 0, answers[i].kept);
	}
}

/* What an answer says now counts, and no longer what one had said before. */
static void test_changes(void **state)
{
	(void)state;
	const str anna = S("anna@a.test");
	learn(anna, CALLOUT_TAKEN, START);
	learn(anna, CALLOUT_FULL, START);
	assert_int_equal(recall(anna, START), 0);
	learn(anna, CALLOUT_TAKEN, START);
	inner_doubt(&inner, S("anna@b.test"));
	assert_int_equal(recall(anna, START), 250);
	inner_doubt(&inner, anna);
	assert_int_equal(recall(anna, START), 0);
	learn(anna, CALLOUT_UNKNOWN, START);
	learn(S("berta@A.test"), CALLOUT_TAKEN, START);
	learn(S("anna@b.test"), CALLOUT_TAKEN, START);
	assert_int_equal(inner_forget(&inner, S("a.test"), START), 2);
	assert_int_equal(recall(anna, START), 0);
	assert_int_equal(recall(S("anna@b.test"), START), 250);
	assert_int_equal(inner_forget(&inner, NO_STR, START + TAKEN_MS), 0);
	assert_int_equal(recall(S("anna@b.test"), START), 0);
}

static void test_bounds(void **state)
{
	(void)state;
	char room[200];
	unsigned known = 0;
	for (unsigned i = 0; i < 3 * INNER_SLOTS; i++) {
		int n = snprintf(room, sizeof room, "a%u@a.test", i);
		learn(str_from(room, (size_t)n), CALLOUT_TAKEN, START);
		assert_int_equal(recall(str_from(room, (size_t)n), START), 250);
	}
	for (unsigned i = 0; i < 3 * INNER_SLOTS; i++) {
		int n = snprintf(room, sizeof room, "a%u@a.test", i);
		known += recall(str_from(room, (size_t)n), START) == 250;
	}
	assert_in_range(known, 1, INNER_SLOTS);
	/* An address that is too long is asked for every time. */
	memset(room, 'a', 150);
	memcpy(room + 150, "@a.test", 7);
	learn(str_from(room, 157), CALLOUT_TAKEN, START);
	assert_int_equal(recall(str_from(room, 157), START), 0);
	/* More servers than there is room for: the one that was heard of last is still known. */
	for (unsigned i = 0; i < 3 * INNER_SERVERS; i++) {
		int n = snprintf(room, sizeof room, "a@b%u.test", i);
		learn(str_from(room, (size_t)n), CALLOUT_AWAY, START + i);
		assert_int_equal(recall(str_from(room, (size_t)n), START + i), 451);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_times, start),
		cmocka_unit_test_setup(test_other_times, start),
		cmocka_unit_test_setup(test_sizes, start),
		cmocka_unit_test_setup(test_away, start),
		cmocka_unit_test_setup(test_words, start),
		cmocka_unit_test_setup(test_changes, start),
		cmocka_unit_test_setup(test_bounds, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
