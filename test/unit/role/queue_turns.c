/* SPDX-License-Identifier: Apache-2.0 */
/* Which mailboxes are given mail at once, and which stand in line. The test's queue knows of no processors, and
 * counts on two. */
#include "queue_talk.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "check.h"
#include "os/clock.h"

#define BODY S("Subject: x\r\n\r\nhello\r\n")

enum {
	BOXES = 6,
	BUSY = 1,      /* at once, while a message is on its way in */
	QUIET = 4,     /* otherwise */
	TURN_MS = 100, /* after which nobody is waited for: what was seen later says nothing */
	HELD_MS = 200, /* after which nobody is held up for those who wait for an answer */
	TRIES = 500,
	HOUSES = 100, /* as many tries, each in an empty one */
	MANY = 10,    /* messages that take an eighth of the memory for what is stored */
};

static struct channel boxes[BOXES];
static struct channel session;
static const uint32_t to_all[BOXES] = { 11, 12, 13, 14, 15, 16 };
static unsigned messages;

static void ask(struct channel *box) { MUST(msg_send_fetch(box, 0, &(struct msg_fetch){ .most = 1, .waits = true })); }

/* A disk that has not written for as long as the test wants. It stands in for the C library's own, in SQLite as well. */
static _Atomic bool is_stuck, is_waited_for;

int fdatasync(int fd)
{
	while (is_stuck) {
		is_waited_for = true;
		usleep(100);
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void begin_with(void (*settle)(struct conf *))
{
	is_stuck = false;
	messages = 0;
	house_open(settle);
	session = house_session(&house.receiver);
	for (unsigned i = 0; i < BOXES; i++)
		boxes[i] = house_channel("mailbox", to_all[i]);
}

static void begin(void) { begin_with(NULL); }

static void end(void)
{
	for (unsigned i = 0; i < BOXES; i++)
		channel_close(&boxes[i]);
	channel_close(&session);
	house_close();
}

static void let_the_loop_come_round(void)
{
	struct channel stranger = house_channel("nobody", 0);
	channel_close(&stranger);
}

static unsigned count_given(void)
{
	struct pollfd polls[BOXES];
	unsigned n = 0;
	for (unsigned i = 0; i < BOXES; i++)
		polls[i] = (struct pollfd){ .fd = boxes[i].fd, .events = POLLIN };
	MUST(poll(polls, BOXES, 0) >= 0 ? OK : FAIL(SYSTEM));
	for (unsigned i = 0; i < BOXES; i++)
		n += (polls[i].revents & POLLIN) != 0;
	return n;
}

/* How many have mail, once `least` have, and the loop has come round again. */
static unsigned given(unsigned least)
{
	const int64_t until = clock_ms() + PATIENCE_MS;
	while (count_given() < least) {
		if (clock_ms() > until)
			fail_msg("%u of %u were given mail", count_given(), least);
		usleep(100);
	}
	let_the_loop_come_round();
	return count_given();
}

static void take(struct channel *box)
{
	struct msg_deliver d;
	MUST(msg_expect_deliver(box, &d));
	fd_close(&d.file);
}

static struct channel *one_that_was_given(void)
{
	for (unsigned i = 0; i < BOXES; i++) {
		struct pollfd p = { .fd = boxes[i].fd, .events = POLLIN };
		if (poll(&p, 1, 0) > 0)
			return &boxes[i];
	}
	fail();
	return NULL;
}

static int64_t send_to_all(void)
{
	for (unsigned i = 0; i < BOXES; i++)
		ask(&boxes[i]);
	let_the_loop_come_round();
	tell_envelope(++messages, 0, UINT32_MAX, to_all, BOXES);
	const int64_t now = clock_ms();
	assert_int_equal(send_body(&session, messages, BODY), 250);
	return now;
}

/* Nobody says that it has stored anything: for a while the others wait, and then they do not. */
static bool sees_so_many(unsigned most)
{
	const int64_t began = send_to_all();
	const unsigned seen = given(most);
	const bool is_in_time = clock_ms() < began + TURN_MS;
	if (is_in_time)
		assert_int_equal(seen, most);
	for (unsigned i = 0; i < BOXES; i++)
		take(&boxes[i]);
	return is_in_time;
}

static void test_so_many_at_once(void **state)
{
	bool seen = false;
	(void)state;
	begin();
	for (unsigned i = 0; i < TRIES && !seen; i++)
		seen = sees_so_many(QUIET);
	assert_true(seen);
	end();
}

static void test_fewer_while_mail_comes(void **state)
{
	bool seen = false;
	(void)state;
	begin();
	struct channel other = house_session(&house.receiver);
	tell_envelope(1000, 0, UINT32_MAX, to_all, 1);
	send_begin(&other, 1000);
	for (unsigned i = 0; i < TRIES && !seen; i++)
		seen = sees_so_many(BUSY);
	assert_true(seen);
	channel_close(&other);
	end();
}

/* Mail that is safe, of a sender that has its answer, and behind it a message whose sender has none yet. */
static void store_one_and_send_another(str first)
{
	tell_envelope(++messages, 0, UINT32_MAX, to_all, BOXES);
	assert_int_equal(send_body(&session, messages, first), 250);
	for (unsigned i = 0; i < BOXES; i++)
		MUST(msg_expect_mail_waiting(&boxes[i], &(struct msg_mail_waiting){ 0 }));
	is_waited_for = false;
	is_stuck = true;
	tell_envelope(++messages, 0, UINT32_MAX, to_all, 1);
	send_begin(&session, messages);
	send_bytes(&session, BODY);
	send_end(&session, BODY.n);
	while (!is_waited_for)
		usleep(100);
}

static bool sees_none(int64_t began)
{
	for (unsigned i = 1; i < BOXES; i++)
		ask(&boxes[i]);
	let_the_loop_come_round();
	const unsigned n = count_given();
	const bool is_in_time = clock_ms() < began + HELD_MS;
	if (is_in_time)
		assert_int_equal(n, 0);
	return is_in_time;
}

static int64_t hold_the_first(void)
{
	begin();
	store_one_and_send_another(BODY);
	const int64_t began = clock_ms();
	ask(&boxes[0]);
	let_the_loop_come_round();
	return began;
}

static void hear_the_other(void)
{
	is_stuck = false;
	assert_int_equal(hear_queued(&session), 250);
}

static bool sees_them_go_on(void)
{
	const int64_t began = hold_the_first();
	bool seen = sees_none(began);
	hear_the_other();
	given(QUIET);
	seen &= clock_ms() < began + HELD_MS;
	end();
	return seen;
}

/* Those behind it are held still when the first has waited long enough. */
static bool sees_one_go_on(void)
{
	const int64_t began = hold_the_first();
	usleep(HELD_MS / 2 * 1000);
	bool seen = sees_none(began);
	given(BUSY);
	const int64_t held = clock_ms() - began;
	assert_true(held >= HELD_MS);
	seen &= held < 2 * HELD_MS;
	assert_ptr_equal(one_that_was_given(), &boxes[0]);
	hear_the_other();
	end();
	return seen;
}

static void see(bool (*sees)(void))
{
	bool seen = sees();
	for (unsigned i = 1; i < HOUSES && !seen; i++) {
		assert_int_equal(house_leave(NULL), 0);
		assert_int_equal(house_enter(NULL), 0);
		seen = sees();
	}
	assert_true(seen);
}

static void test_held_until_all_are_answered(void **state)
{
	(void)state;
	see(sees_them_go_on);
}

static void test_held_for_so_long(void **state)
{
	(void)state;
	see(sees_one_go_on);
}

static void settle_little_memory(struct conf *c) { c->queue.memory_max = 16 << 20; }

/* Much mail in little memory is held for nobody. */
static bool sees_much_go_on(void)
{
	static char room[60 << 10];
	str much = { room, sizeof room };
	begin_with(settle_little_memory);
	memset(room, '\n', sizeof room);
	for (unsigned i = 0; i < MANY; i++) {
		tell_envelope(++messages, 0, UINT32_MAX, to_all, 1);
		assert_int_equal(send_body(&session, messages, much), 250);
	}
	store_one_and_send_another(much);
	const int64_t began = clock_ms();
	ask(&boxes[0]);
	given(BUSY);
	const bool seen = clock_ms() < began + HELD_MS;
	hear_the_other();
	end();
	return seen;
}

static void test_much_is_not_held(void **state)
{
	(void)state;
	see(sees_much_go_on);
}

/* What makes room for the next, beside time. */
static void ask_again(struct channel *box)
{
	take(box);
	ask(box);
}

static void hang_up(struct channel *box) { shutdown(box->fd, SHUT_WR); }

static bool sees_the_next(void (*end_turn)(struct channel *box))
{
	const int64_t began = send_to_all();
	const unsigned before = given(QUIET);
	struct channel *box = one_that_was_given();
	end_turn(box);
	const unsigned rest = end_turn == ask_again ? QUIET : QUIET + 1;
	given(rest);
	const bool is_in_time = clock_ms() < began + TURN_MS;
	if (is_in_time)
		assert_int_equal(before, QUIET);
	return is_in_time;
}

static void see_the_next(void (*end_turn)(struct channel *box))
{
	bool seen = false;
	for (unsigned i = 0; i < TRIES && !seen; i++) {
		begin();
		seen = sees_the_next(end_turn);
		end();
	}
	assert_true(seen);
}

static void test_next_when_stored(void **state)
{
	(void)state;
	see_the_next(ask_again);
}

static void test_next_when_gone(void **state)
{
	(void)state;
	see_the_next(hang_up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_so_many_at_once, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_fewer_while_mail_comes, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_held_until_all_are_answered, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_held_for_so_long, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_much_is_not_held, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_next_when_stored, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_next_when_gone, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
