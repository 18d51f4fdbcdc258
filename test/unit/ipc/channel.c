/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/channel.h"

#include <sys/socket.h>

#include <stdio.h>

#include "check.h"
#include "ipc/open_fds.h"
#include "ipc_version.h"
#include "os/clock.h"

#define CONVERSATION "ipc/sample.def"
#include "ipc/conversation.h"

enum { PATIENCE = 50 };

struct talk {
	int ends[2];
	struct channel loop, waiting; /* of the first end; both say the same */
	struct channel peer;          /* the second end, a loop's */
	unsigned open_before;
};

static struct frame in, out, peer_in, peer_out;

static struct talk talk_start(void)
{
	struct talk t = { .open_before = open_fds() };
	check_err("pair", channel_pair(t.ends), ERR_NONE);
	t.loop = channel_of(t.ends[0], &in, &out);
	t.waiting = channel_waiting(t.ends[0], PATIENCE, &in, &out);
	t.peer = channel_of(t.ends[1], &peer_in, &peer_out);
	return t;
}

static void talk_end(struct talk *t)
{
	channel_close(&t->loop);
	channel_close(&t->peer);
	assert_int_equal(open_fds(), t->open_before);
}

static void close_on_exec_test(void **state)
{
	(void)state;
	struct talk t = talk_start();
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(t.ends[i], F_GETFD), FD_CLOEXEC);
	talk_end(&t);
}

static void send_and_hear_test(void **state)
{
	struct msg_answer answer = { .number = UINT64_MAX }, got = { 0 };
	(void)state;
	struct talk t = talk_start();
	check_err("send", msg_send_answer(&t.peer, 77, &answer), ERR_NONE);
	check_err("hear", msg_expect_answer(&t.loop, &got), ERR_NONE);
	assert_true(got.number == UINT64_MAX);
	assert_int_equal(t.loop.in->tag, 77);
	check_err("nothing there", channel_receive(&t.loop), ERR_AGAIN);
	talk_end(&t);
}

static void descriptors_test(void **state)
{
	(void)state;
	struct talk t = talk_start();
	int fd = some_fd();
	struct msg_many_fds fds = { fd, fd, fd, fd, -1, 0 }, got = { .one = -1 };
	check_err("send", msg_send_many_fds(&t.peer, 0, &fds), ERR_NONE);
	check_err("hear", msg_expect_many_fds(&t.loop, &got), ERR_NONE);
	const int all[] = { got.one, got.two, got.three, got.four };
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(fcntl(all[i], F_GETFD), FD_CLOEXEC);
		close(all[i]);
	}
	assert_int_equal(got.five, -1);
	close(fd);
	talk_end(&t);
}

/* A message that is not the expected one takes its descriptors with it. */
static void unexpected_test(void **state)
{
	struct msg_answer got = { 0 };
	(void)state;
	struct talk t = talk_start();
	int fd = some_fd();
	struct msg_many_fds fds = { fd, fd, fd, fd, -1, 0 };
	check_err("send", msg_send_many_fds(&t.peer, 0, &fds), ERR_NONE);
	check_err("not that one", msg_expect_answer(&t.loop, &got), ERR_SYNTAX);
	close(fd);
	talk_end(&t);
}

/* ---- a peer that does not use our functions ---- */

static void send_raw(int fd, const void *bytes, size_t n, size_t fds)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * 32)];
	} control = { .head = { CMSG_LEN(sizeof(int) * fds), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec part = { (void *)(uintptr_t)bytes, n };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	int sent = some_fd();
	for (size_t i = 0; i < fds; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof sent, &sent, sizeof sent);
	if (fds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
	}
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), n);
	close(sent);
}

static size_t raw_frame(uint8_t *bytes, uint16_t version, uint16_t number)
{
	memset(bytes, 0, FRAME_HEADER);
	memcpy(bytes, &version, 2);
	memcpy(bytes + 2, &number, 2);
	return FRAME_HEADER;
}

static void raw_test(void **state)
{
	static const struct {
		const char *name;
		uint16_t version;
		size_t n, fds; /* n: bytes of the header that are sent */
		enum err_code want;
	} cases[] = {
		{ "as it should be", IPC_VERSION, FRAME_HEADER, 0, ERR_NONE },
		{ "another version", IPC_VERSION ^ 1, FRAME_HEADER, 0, ERR_UNSUPPORTED },
		{ "another version with descriptors", IPC_VERSION ^ 1, FRAME_HEADER, 4, ERR_UNSUPPORTED },
		{ "no version", 0, FRAME_HEADER, 0, ERR_UNSUPPORTED },
		{ "half a header", IPC_VERSION, FRAME_HEADER - 1, 0, ERR_SYNTAX },
		{ "one byte", IPC_VERSION, 1, 4, ERR_SYNTAX },
		{ "five descriptors", IPC_VERSION, FRAME_HEADER, 5, ERR_SYNTAX },
		{ "thirty descriptors", IPC_VERSION, FRAME_HEADER, 30, ERR_SYNTAX },
	};
	uint8_t bytes[FRAME_HEADER];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct talk t = talk_start();
		raw_frame(bytes, cases[i].version, MSG_twice);
		send_raw(t.ends[1], bytes, cases[i].n, cases[i].fds);
		check_err(cases[i].name, channel_receive(&t.loop), cases[i].want);
		talk_end(&t);
	}
}

static void too_long_test(void **state)
{
	static uint8_t bytes[FRAME_MAX + 1];
	(void)state;
	struct talk t = talk_start();
	raw_frame(bytes, IPC_VERSION, MSG_long_one);
	send_raw(t.ends[1], bytes, FRAME_MAX, 1);
	check_err("largest", channel_receive(&t.loop), ERR_NONE);
	frame_drop(t.loop.in);
	send_raw(t.ends[1], bytes, sizeof bytes, 1);
	check_err("one byte more", channel_receive(&t.loop), ERR_SYNTAX);
	talk_end(&t);
}

/* An empty datagram cannot be told from the end: it is the end. */
static void empty_test(void **state)
{
	(void)state;
	struct talk t = talk_start();
	send_raw(t.ends[1], "", 0, 0);
	check_err("empty", channel_receive(&t.loop), ERR_CLOSED);
	talk_end(&t);
}

static void empty_with_descriptor_test(void **state)
{
	(void)state;
	struct talk t = talk_start();
	send_raw(t.ends[1], "", 0, 3);
	check_err("empty", channel_receive(&t.loop), ERR_CLOSED);
	talk_end(&t);
}

/* ---- peers that go or do not read ---- */

static void closed_test(void **state)
{
	struct msg_twice m = { 0 };
	(void)state;
	struct talk t = talk_start();
	channel_close(&t.peer);
	check_err("receive", channel_receive(&t.loop), ERR_CLOSED);
	check_err("receive, waiting", channel_receive(&t.waiting), ERR_CLOSED);
	check_err("send", msg_send_twice(&t.loop, 0, &m), ERR_CLOSED);
	check_err("send, waiting", msg_send_twice(&t.waiting, 0, &m), ERR_CLOSED);
	talk_end(&t);
}

static void last_words_test(void **state)
{
	struct msg_twice m = { 0 };
	(void)state;
	struct talk t = talk_start();
	check_err("send", msg_send_twice(&t.peer, 0, &m), ERR_NONE);
	channel_close(&t.peer);
	check_err("what it said", msg_expect_twice(&t.loop, &m), ERR_NONE);
	check_err("and its end", channel_receive(&t.loop), ERR_CLOSED);
	talk_end(&t);
}

static void busy_test(void **state)
{
	static char bytes[60000];
	struct msg_long_one m = { .bytes = { bytes, sizeof bytes } };
	unsigned sent = 0;
	err e;
	(void)state;
	struct talk t = talk_start();
	while (!failed(e = msg_send_long_one(&t.loop, 0, &m)))
		assert_true(++sent < 1000);
	check_err("full", e, ERR_BUSY);
	int64_t before = clock_ms();
	check_err("full, waiting", msg_send_long_one(&t.waiting, 0, &m), ERR_BUSY);
	assert_true(clock_ms() - before >= PATIENCE - 5);
	while (!failed(channel_receive(&t.peer)))
		sent--;
	assert_int_equal(sent, 0);
	check_err("free again", msg_send_long_one(&t.loop, 0, &m), ERR_NONE);
	talk_end(&t);
}

static void timeout_test(void **state)
{
	(void)state;
	struct talk t = talk_start();
	int64_t before = clock_ms();
	check_err("nothing came", channel_receive(&t.waiting), ERR_TIMEOUT);
	assert_true(clock_ms() - before >= PATIENCE - 5);
	talk_end(&t);
}

static void unwritten_test(void **state)
{
	struct msg_all m = { .number = 1001, .needed = 0, .offered = -1 };
	(void)state;
	struct talk t = talk_start();
	check_err("does not fit", msg_send_all(&t.loop, 0, &m), ERR_LIMIT);
	check_err("so nothing was sent", channel_receive(&t.peer), ERR_AGAIN);
	talk_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_on_exec_test),
		cmocka_unit_test(send_and_hear_test),
		cmocka_unit_test(descriptors_test),
		cmocka_unit_test(unexpected_test),
		cmocka_unit_test(raw_test),
		cmocka_unit_test(too_long_test),
		cmocka_unit_test(empty_test),
		cmocka_unit_test(empty_with_descriptor_test),
		cmocka_unit_test(closed_test),
		cmocka_unit_test(last_words_test),
		cmocka_unit_test(busy_test),
		cmocka_unit_test(timeout_test),
		cmocka_unit_test(unwritten_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
