/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/desk.h"

#include "check.h"
#include "ipc/open_fds.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/sample.def"
#include "ipc/conversation.h"

enum { PATIENCE = 50 };

/* An opener lives as long as its process; these are remembered, so that none counts as lost. */
static struct session_opener *new_opener(void)
{
	static struct session_opener *all[8];
	static size_t count;
	assert_true(count < COUNT(all));
	all[count] = session_opener_new();
	return all[count++];
}

static void wiped_test(void **state)
{
	struct msg_answer m = { .number = UINT64_MAX };
	(void)state;
	struct desk *one = desk_take(), *other = desk_take(), *same = one;
	assert_ptr_not_equal(one, other);
	check_err("write", msg_put_answer(&one->out, 0, &m), ERR_NONE);
	memset(one->in.bytes, 'x', 100);
	one->in.n = 100;
	desk_give(&one);
	assert_null(one);
	desk_give(&one);
	one = desk_take();
	assert_ptr_equal(one, same);
	for (size_t i = 0; i < 100; i++)
		assert_true(one->in.bytes[i] == 0 && one->out.bytes[i] == 0);
	desk_give(&one);
	desk_give(&other);
}

static void open_test(void **state)
{
	int ends[2];
	struct msg_session_open open = { .end = -1 };
	struct msg_answer answer = { .number = 5 };
	struct channel session = { .fd = -1 };
	(void)state;
	unsigned before = open_fds();
	struct session_opener *o = new_opener();
	struct desk *desk = desk_take(), *peer = desk_take();
	check_err("nobody there", session_open(o, PATIENCE, desk, &session), ERR_CLOSED);
	check_err("pair", channel_pair(ends), ERR_NONE);
	session_opener_connect(o, ends[0]);
	struct channel server = channel_of(ends[1], &peer->in, &peer->out);
	check_err("open", session_open(o, PATIENCE, desk, &session), ERR_NONE);
	check_err("told", msg_expect_session_open(&server, &open), ERR_NONE);
	struct channel far = channel_of(open.end, &peer->in, &peer->out);
	check_err("no answer", channel_receive(&session), ERR_TIMEOUT);
	check_err("answer", msg_send_answer(&far, 0, &answer), ERR_NONE);
	check_err("heard", msg_expect_answer(&session, &answer), ERR_NONE);
	channel_close(&far);
	check_err("ended", channel_receive(&session), ERR_CLOSED);
	channel_close(&session);
	channel_close(&server);
	check_err("server gone", session_open(o, PATIENCE, desk, &session), ERR_CLOSED);
	session_opener_connect(o, -1);
	assert_int_equal(open_fds(), before);
	desk_give(&desk);
	desk_give(&peer);
}

/* A server that takes no sessions any more costs an asker no time and no descriptors. */
static void busy_test(void **state)
{
	int ends[2];
	struct channel session = { .fd = -1 };
	unsigned opened = 0;
	err e;
	(void)state;
	struct session_opener *o = new_opener();
	struct desk *desk = desk_take();
	check_err("pair", channel_pair(ends), ERR_NONE);
	session_opener_connect(o, ends[0]);
	while (!failed(e = session_open(o, PATIENCE, desk, &session))) {
		channel_close(&session);
		assert_true(++opened < 100000);
	}
	check_err("full", e, ERR_BUSY);
	unsigned before = open_fds();
	check_err("still", session_open(o, PATIENCE, desk, &session), ERR_BUSY);
	assert_int_equal(open_fds(), before);
	session_opener_connect(o, -1);
	close(ends[1]);
	desk_give(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wiped_test),
		cmocka_unit_test(open_test),
		cmocka_unit_test(busy_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
