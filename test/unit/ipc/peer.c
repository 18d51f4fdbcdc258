/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that speaks, that says what it must not, that ends; and one that came before its role had begun. */
#include "ipc/peer.h"

#include "check.h"
#include "ipc/held.h"
#include "ipc/open_fds.h"
#include "role/fake_service.h"

#define CONVERSATION "ipc/sample.def"
#include "ipc/conversation.h"

enum { TURN = 5 };

/* The role, and what happened to it. */
static struct house {
	struct fake_service fake;
	struct peer peer;
	struct channel far;
	struct frame in, out;
	unsigned heard, ended, events, rooms;
	struct held held;
	int fds; /* open before */
	err answer;
} house;

static err on_all(struct house *h, const struct msg_all *m, uint32_t tag)
{
	(void)h;
	(void)tag;
	close(m->needed);
	return OK;
}

static err on_twice(struct house *h, const struct msg_twice *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	h->heard++;
	return h->answer;
}

static err on_long_one(struct house *h, const struct msg_long_one *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	h->heard++;
	return OK;
}

static err on_many_fds(struct house *h, const struct msg_many_fds *m, uint32_t tag)
{
	(void)h;
	(void)m;
	(void)tag;
	return FAIL(STATE);
}

#define CONVERSATION "ipc/sample.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void gone(void *to)
{
	struct house *h = to;
	assert_false(peer_is_open(&h->peer));
	h->ended++;
}

static void on_event(void *to, uint32_t events)
{
	struct house *h = to;
	(void)events;
	h->events++;
	IGNORE(peer_read(&h->peer, 1));
}

static void room(void *to)
{
	struct house *h = to;
	h->rooms++;
	check_err("held", held_send(&h->held, &h->peer.channel), ERR_NONE);
}

static const struct peer_kind asker = { .name = "asker", .hear = hear, .gone = gone, .room = room };
static const struct peer_kind speaker = { .name = "speaker", .hear = hear, .gone = gone };
static const struct peer_kind confidant = { .name = "confidant", .hear = hear, .gone = gone, .secret = true };
static const struct peer_kind listener = { .name = "listener", .gone = gone };
static const struct peer_kind one_by_one = { .name = "one by one", .hear = hear, .on_event = on_event };

static void begin(const struct peer_kind *kind)
{
	house = (struct house){ .far.fd = -1 };
	peer_init(&house.peer, fake_service_start(&house.fake), kind, &house);
	assert_false(peer_is_open(&house.peer));
	house.fds = (int)open_fds();
}

static void open_peer(void)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	channel_close(&house.far);
	house.far = channel_of(ends[1], &house.in, &house.out);
	check_err("open", peer_open(&house.peer, ends[0]), ERR_NONE);
}

static void end(void)
{
	channel_close(&house.far);
	peer_close(&house.peer);
	assert_int_equal(open_fds(), house.fds);
	fake_service_end(&house.fake);
}

static void say_twice(void) { check_err("say", msg_send_twice(&house.far, 0, &(struct msg_twice){ 0 }), ERR_NONE); }

static void say_long_one(void)
{
	struct msg_long_one m = { .bytes = S("secret") };
	check_err("say", msg_send_long_one(&house.far, 0, &m), ERR_NONE);
}

static void turn(void) { fake_service_turn(&house.fake, TURN); }

static void expect(const char *what, unsigned heard, unsigned ended, unsigned logged)
{
	if (house.heard != heard || house.ended != ended || house.fake.events[EV_channel_broken] != logged)
		fail_msg("%s: got heard %u, ended %u, logged %u; want %u, %u, %u", what, house.heard, house.ended,
			house.fake.events[EV_channel_broken], heard, ended, logged);
}

static void heard_test(void **state)
{
	(void)state;
	begin(&speaker);
	check_err(
		"not there", msg_send_answer(&house.peer.channel, 0, &(struct msg_answer){ .number = 1 }), ERR_CLOSED);
	open_peer();
	for (unsigned i = 0; i < PEER_FRAMES + 10; i++)
		say_long_one();
	turn();
	expect("more than one turn's", PEER_FRAMES + 10, 0, 0);
	check_err("answer", msg_send_answer(&house.peer.channel, 0, &(struct msg_answer){ .number = 1 }), ERR_NONE);
	channel_close(&house.far);
	turn();
	expect("its end", PEER_FRAMES + 10, 1, 0);
	assert_false(peer_is_open(&house.peer));
	open_peer();
	say_twice();
	say_twice();
	turn();
	open_peer();
	say_twice();
	turn();
	expect("counted anew for each channel", PEER_FRAMES + 13, 1, 0);
	end();
}

static void broken_test(void **state)
{
	(void)state;
	begin(&speaker);
	open_peer();
	check_err("say", msg_send_answer(&house.far, 0, &(struct msg_answer){ .number = 1 }), ERR_NONE);
	say_twice();
	turn();
	expect("our own word", 0, 1, 1);
	open_peer();
	for (int i = 0; i < 3; i++)
		say_twice();
	turn();
	expect("too often", 2, 2, 2);
	house.answer = FAIL(AGAIN);
	open_peer();
	say_twice();
	turn();
	expect("a hearer's AGAIN is a failure, too", 3, 3, 3);
	end();
	begin(&listener);
	open_peer();
	struct msg_all all = { .needed = some_fd(), .offered = -1 };
	check_err("say", msg_send_all(&house.far, 0, &all), ERR_NONE);
	close(all.needed);
	turn();
	expect("who has nothing to say", 0, 1, 1);
	end();
}

static void secret_test(void **state)
{
	(void)state;
	begin(&confidant);
	open_peer();
	say_long_one();
	turn();
	expect("a secret", 1, 0, 0);
	const struct frame *in = house.peer.channel.in;
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(in->bytes[i], 0);
	end();
}

static void read_test(void **state)
{
	(void)state;
	begin(&one_by_one);
	check_err("not there", peer_read(&house.peer, 1), ERR_AGAIN);
	open_peer();
	check_err("nothing", peer_read(&house.peer, 1), ERR_AGAIN);
	say_twice();
	say_long_one();
	check_err("one", peer_read(&house.peer, 1), ERR_NONE);
	expect("one", 1, 0, 0);
	check_err("all", peer_read(&house.peer, 5), ERR_AGAIN);
	expect("all", 2, 0, 0);
	say_long_one();
	say_long_one();
	turn();
	expect("from the loop", 4, 0, 0);
	assert_int_equal(house.events, 2);
	channel_close(&house.far);
	check_err("gone", peer_read(&house.peer, 1), ERR_CLOSED);
	end();
}

/* What comes before the role has begun waits for it; a channel that was replaced or closed meanwhile is not waited for. */
static void start_test(void **state)
{
	static struct peer other;
	int ends[2];
	(void)state;
	begin(&speaker);
	house.fake.service.starting = true;
	peer_init(&other, &house.fake.service, &listener, &house);
	check_err("pair", channel_pair(ends), ERR_NONE);
	check_err("other", peer_open(&other, ends[0]), ERR_NONE);
	open_peer();
	say_long_one();
	open_peer();
	say_long_one();
	turn();
	expect("nobody listens yet", 0, 0, 0);
	peer_close(&other);
	close(ends[1]);
	peers_start(&house.fake.service);
	assert_null(house.fake.service.waiting);
	turn();
	expect("the newest is heard", 1, 0, 0);
	struct peer never = { .to = NULL };
	peer_close(&never);
	assert_false(peer_is_open(&never));
	end();
}

static uint64_t answer_number(void)
{
	struct msg_answer m = { .number = 0 };
	check_err("answer", msg_get_answer(&house.in, &m), ERR_NONE);
	assert_int_equal(house.in.tag, m.number);
	return m.number;
}

/* An answer that found no room is sent when there is some, and the role is told so once. */
static void room_test(void **state)
{
	uint32_t sent = 0;
	(void)state;
	begin(&asker);
	peer_await_room(&house.peer); /* nobody is there */
	open_peer();
	err e = OK;
	while (!failed(e)) {
		sent++;
		e = msg_send_answer(&house.peer.channel, sent, &(struct msg_answer){ .number = sent });
	}
	check_err("full", e, ERR_BUSY);
	assert_false(held_is(&house.held));
	held_keep(&house.held, house.peer.channel.out);
	frame_begin(house.peer.channel.out, 0, 0); /* it stands on its own */
	check_err("still full", held_send(&house.held, &house.peer.channel), ERR_BUSY);
	assert_true(held_is(&house.held));
	peer_await_room(&house.peer);
	peer_await_room(&house.peer);
	say_long_one();
	turn();
	assert_int_equal(house.rooms, 0);
	expect("heard meanwhile", 1, 0, 0);
	for (uint32_t got = 1; got <= sent; got++) {
		if (channel_receive(&house.far).code == ERR_AGAIN) {
			turn();
			check_err("answer", channel_receive(&house.far), ERR_NONE);
		}
		assert_int_equal(answer_number(), got);
	}
	turn();
	assert_int_equal(house.rooms, 1);
	assert_false(held_is(&house.held));
	held_forget(&house.held);
	end();
}

static void held_for_nobody_test(void **state)
{
	(void)state;
	begin(&asker);
	open_peer();
	check_err("put", msg_put_answer(house.peer.channel.out, 1, &(struct msg_answer){ .number = 1 }), ERR_NONE);
	held_keep(&house.held, house.peer.channel.out);
	channel_close(&house.far);
	check_err("gone", held_send(&house.held, &house.peer.channel), ERR_CLOSED);
	assert_false(held_is(&house.held));
	end();
}

/* Who is held off is heard later, and is found to have gone all the same. */
static void hold_off_test(void **state)
{
	(void)state;
	begin(&speaker);
	peer_hold_off(&house.peer, true); /* nobody is there */
	open_peer();
	peer_hold_off(&house.peer, true);
	say_long_one();
	say_long_one();
	turn();
	expect("held off", 0, 0, 0);
	check_err("asked for", peer_read(&house.peer, 5), ERR_NONE);
	expect("one at a time", 1, 0, 0);
	peer_hold_off(&house.peer, false);
	turn();
	expect("heard again", 2, 0, 0);
	peer_hold_off(&house.peer, true);
	open_peer();
	say_long_one();
	turn();
	expect("a new one is heard", 3, 0, 0);
	peer_hold_off(&house.peer, true);
	say_long_one();
	channel_close(&house.far);
	turn();
	expect("its last words and its end", 4, 1, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heard_test),
		cmocka_unit_test(broken_test),
		cmocka_unit_test(secret_test),
		cmocka_unit_test(read_test),
		cmocka_unit_test(start_test),
		cmocka_unit_test(room_test),
		cmocka_unit_test(held_for_nobody_test),
		cmocka_unit_test(hold_off_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
