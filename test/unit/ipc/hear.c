/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "ipc/open_fds.h"

#define CONVERSATION "ipc/sample.def"
#include "ipc/conversation.h"

struct listener {
	unsigned all, twice, long_one, many_fds;
	uint32_t tag;
	enum err_code answer;
};

static err on_all(struct listener *l, const struct msg_all *m, uint32_t tag)
{
	l->all++;
	l->tag = tag;
	close(m->needed);
	return (err){ l->answer };
}

static err on_twice(struct listener *l, const struct msg_twice *m, uint32_t tag)
{
	(void)m;
	l->tag = tag;
	l->twice++;
	return OK;
}

static err on_long_one(struct listener *l, const struct msg_long_one *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	l->long_one++;
	return OK;
}

static err on_many_fds(struct listener *l, const struct msg_many_fds *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	l->many_fds++;
	return OK;
}

#define CONVERSATION "ipc/sample.def"
#define HEAR listener_hear
#define HEAR_PEER struct listener
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static struct frame f;

/* A frame that was just received, with one descriptor. */
static struct frame *arrived(uint16_t number)
{
	f.number = number;
	f.tag = 5;
	f.at = FRAME_HEADER;
	f.bad = false;
	f.fds[0] = some_fd();
	f.fds_count = 1;
	f.fds_at = 0;
	return &f;
}

static struct frame *arrived_all(void)
{
	struct msg_all m = { .needed = 100, .offered = -1 };
	check_err("write", msg_put_all(&f, 0, &m), ERR_NONE);
	return arrived(MSG_all);
}

static struct frame *arrived_twice(void)
{
	struct msg_twice m = { 0 };
	check_err("write", msg_put_twice(&f, 0, &m), ERR_NONE);
	arrived(MSG_twice);
	frame_drop(&f);
	return &f;
}

static void heard_test(void **state)
{
	struct listener l = { 0 };
	struct hear_counts counts = { { 0 } };
	(void)state;
	unsigned before = open_fds();
	check_err("one", listener_hear(&l, &counts, arrived_all()), ERR_NONE);
	l.answer = ERR_DENIED;
	check_err("its answer", listener_hear(&l, &counts, arrived_all()), ERR_DENIED);
	assert_int_equal(l.all, 2);
	assert_int_equal(l.tag, 5);
	assert_int_equal(open_fds(), before);
}

static void not_for_us_test(void **state)
{
	static const struct {
		const char *name;
		uint16_t number;
	} cases[] = { { "number 0", 0 }, { "only inside records", MSG_row }, { "our own word", MSG_answer },
		{ "undeclared", 7 }, { "the first above all", IPC_NUMBERS }, { "the last number", UINT16_MAX } };
	struct listener l = { 0 };
	struct hear_counts counts = { { 0 } };
	(void)state;
	unsigned before = open_fds();
	for (size_t i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, listener_hear(&l, &counts, arrived(cases[i].number)), ERR_SYNTAX);
		assert_int_equal(open_fds(), before);
	}
	assert_int_equal(l.all + l.twice + l.long_one + l.many_fds, 0);
}

static void not_as_declared_test(void **state)
{
	struct listener l = { 0 };
	struct hear_counts counts = { { 0 } };
	(void)state;
	unsigned before = open_fds();
	struct frame *short_one = arrived_all();
	short_one->n--;
	check_err("cut off", listener_hear(&l, &counts, short_one), ERR_SYNTAX);
	arrived_twice();
	check_err("a descriptor too many", listener_hear(&l, &counts, arrived(MSG_twice)), ERR_SYNTAX);
	assert_int_equal(l.all + l.twice, 0);
	assert_int_equal(open_fds(), before);
}

static void too_often_test(void **state)
{
	struct listener l = { 0 };
	struct hear_counts counts = { { 0 } }, other = { { 0 } };
	(void)state;
	unsigned before = open_fds();
	check_err("first", listener_hear(&l, &counts, arrived_twice()), ERR_NONE);
	check_err("second", listener_hear(&l, &counts, arrived_twice()), ERR_NONE);
	check_err("third", listener_hear(&l, &counts, arrived_twice()), ERR_LIMIT);
	check_err("third with a descriptor", listener_hear(&l, &counts, arrived(MSG_twice)), ERR_LIMIT);
	assert_int_equal(open_fds(), before);
	assert_int_equal(l.twice, 2);
	check_err("on another channel", listener_hear(&l, &other, arrived_twice()), ERR_NONE);
	check_err("what has no limit", listener_hear(&l, &counts, arrived_all()), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heard_test),
		cmocka_unit_test(not_for_us_test),
		cmocka_unit_test(not_as_declared_test),
		cmocka_unit_test(too_often_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
