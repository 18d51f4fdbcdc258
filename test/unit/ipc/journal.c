/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/journal.h"

#include "check.h"
#include "ipc/channel.h"
#include "ipc/open_fds.h"

#define CONVERSATION "ipc/role_logger.def"
#include "ipc/conversation.h"

static struct frame in, out, scratch;

/* A journal lives as long as its process; these are remembered, so that none counts as lost. */
static struct journal *new_journal(void)
{
	static struct journal *all[8];
	static size_t count;
	assert_true(count < COUNT(all));
	all[count] = journal_new();
	return all[count++];
}

static struct channel connect_logger(struct journal *j)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	journal_connect(j, ends[0]);
	return channel_of(ends[1], &in, &out);
}

static void say(const struct log *log)
{
	LOG(log, started, F_NUMBER("landlock", 7), F_TEXT("reason", S("two\nlines")));
}

static void entry_test(void **state)
{
	(void)state;
	unsigned before = open_fds();
	struct journal *j = new_journal();
	struct channel logger = connect_logger(j);
	struct log log = journal_log(j);
	struct msg_log_entry entry = { 0 };
	struct msg_log_field field = { 0 };
	err e = OK;
	say(&log);
	check_err("entry", msg_expect_log_entry(&logger, &entry), ERR_NONE);
	assert_int_equal(entry.event, EV_started);
	assert_int_equal(entry.lost, 0);
	assert_true(msg_next_log_field(&entry.fields, &scratch, &field, &e));
	check_str("name", field.name, S("landlock"));
	assert_int_equal(field.number, 7);
	assert_true(msg_next_log_field(&entry.fields, &scratch, &field, &e));
	check_str("value", field.text, S("two\nlines"));
	assert_false(msg_next_log_field(&entry.fields, &scratch, &field, &e));
	check_err("fields", e, ERR_NONE);
	channel_close(&logger);
	journal_connect(j, -1);
	assert_int_equal(open_fds(), before);
}

/* Entries without a logger wait for the next one, as many as there is room for. */
static void kept_test(void **state)
{
	(void)state;
	struct journal *j = new_journal();
	struct log log = journal_log(j);
	struct msg_log_entry entry = { 0 };
	for (int i = 0; i < 3; i++)
		say(&log);
	struct channel logger = connect_logger(j);
	for (int i = 0; i < 3; i++) {
		check_err("kept before the first", msg_expect_log_entry(&logger, &entry), ERR_NONE);
		assert_int_equal(entry.event, EV_started);
		assert_int_equal(entry.lost, 0);
	}
	channel_close(&logger);
	enum { MANY = 5000 };
	for (int i = 0; i < MANY; i++)
		say(&log);
	logger = connect_logger(j);
	unsigned arrived = 0;
	while (!failed(msg_expect_log_entry(&logger, &entry)))
		arrived++;
	assert_true(arrived > 100 && arrived < MANY);
	say(&log);
	check_err("one more", msg_expect_log_entry(&logger, &entry), ERR_NONE);
	channel_close(&logger);
	journal_connect(j, -1);
}

/* Entries that do not fit are counted, and the next one that arrives tells how many. */
static void lost_test(void **state)
{
	(void)state;
	struct journal *j = new_journal();
	struct log log = journal_log(j);
	struct msg_log_entry entry = { 0 };
	struct channel logger = connect_logger(j);
	enum { MANY = 5000 };
	for (int i = 0; i < MANY; i++)
		say(&log);
	unsigned arrived = 0;
	while (!failed(msg_expect_log_entry(&logger, &entry))) {
		assert_int_equal(entry.lost, 0);
		arrived++;
	}
	assert_true(arrived > 0 && arrived < MANY);
	say(&log);
	check_err("after the flood", msg_expect_log_entry(&logger, &entry), ERR_NONE);
	assert_int_equal(entry.lost, MANY - arrived);
	say(&log);
	check_err("counted once", msg_expect_log_entry(&logger, &entry), ERR_NONE);
	assert_int_equal(entry.lost, 0);
	channel_close(&logger);
	journal_connect(j, -1);
}

/* Long texts are cut, and when the fields together do not fit, the entry comes without the last ones. */
static void long_test(void **state)
{
	static char text[5000];
	(void)state;
	memset(text, 'x', sizeof text);
	struct journal *j = new_journal();
	struct channel logger = connect_logger(j);
	struct log log = journal_log(j);
	struct log_field fields[LOG_FIELDS_MAX + 1];
	struct msg_log_entry entry = { 0 };
	struct msg_log_field field = { 0 };
	err e = OK;
	unsigned count = 0;
	for (size_t i = 0; i < LOG_FIELDS_MAX; i++)
		fields[i] = (struct log_field){ "reason", LOG_TEXT, { text, sizeof text }, 0 };
	fields[LOG_FIELDS_MAX] = (struct log_field){ NULL, LOG_END, NO_STR, 0 };
	log_write(&log, EV_started, fields);
	check_err("entry", msg_expect_log_entry(&logger, &entry), ERR_NONE);
	while (msg_next_log_field(&entry.fields, &scratch, &field, &e)) {
		assert_int_equal(field.text.n, 2048);
		count++;
	}
	check_err("fields", e, ERR_NONE);
	assert_int_equal(count, 7);
	channel_close(&logger);
	journal_connect(j, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_test),
		cmocka_unit_test(kept_test),
		cmocka_unit_test(lost_test),
		cmocka_unit_test(long_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
