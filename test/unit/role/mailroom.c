/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets are good once and for a minute; rooms keep who waits in the order of arrival. */
#include "check.h"

#include "role/mailroom/rooms.h"
#include "role/mailroom/tickets.h"

static str name_of(unsigned n)
{
	static char room[TICKET_BYTES];
	memset(room, 0, sizeof room);
	memcpy(room, &n, sizeof n);
	return str_from(room, sizeof room);
}

static void good_once(void **state)
{
	static struct tickets t;
	(void)state;
	check_err("add", ticket_add(&t, name_of(7), 42, S("kx-anna"), S("abc"), 1000), ERR_NONE);
	const struct ticket *k = ticket_take(&t, name_of(7), 2000);
	assert_non_null(k);
	assert_int_equal(k->account, 42);
	check_str("login", str_from(k->login, k->login_length), S("kx-anna"));
	assert_null(ticket_take(&t, name_of(7), 2000));
}

static void not_of_others(void **state)
{
	static struct tickets t;
	(void)state;
	check_err("add", ticket_add(&t, name_of(7), 42, S("a"), S("b"), 1000), ERR_NONE);
	assert_null(ticket_take(&t, name_of(8), 1000));
	assert_null(ticket_take(&t, S("short"), 1000));
	assert_null(ticket_take(&t, S(""), 1000));
	check_err("a short one", ticket_add(&t, S("short"), 1, S("a"), S("b"), 1000), ERR_SYNTAX);
	assert_non_null(ticket_take(&t, name_of(7), 1000));
}

/* A ticket of zero bytes is what an empty place would hold. */
static void empty_places_let_nobody_in(void **state)
{
	static struct tickets t;
	(void)state;
	assert_null(ticket_take(&t, name_of(0), 1000));
	assert_null(ticket_take(&t, name_of(0), -1000));
}

static void good_for_a_minute(void **state)
{
	static struct tickets t;
	(void)state;
	check_err("add", ticket_add(&t, name_of(7), 42, S("a"), S("b"), 1000), ERR_NONE);
	assert_null(ticket_take(&t, name_of(7), 1000 + TICKET_LIFE_MS));
	check_err("add", ticket_add(&t, name_of(7), 42, S("a"), S("b"), 1000), ERR_NONE);
	assert_non_null(ticket_take(&t, name_of(7), 1000 + TICKET_LIFE_MS - 1));
}

static void dropped_with_the_account(void **state)
{
	static struct tickets t;
	(void)state;
	check_err("add", ticket_add(&t, name_of(7), 42, S("a"), S("b"), 1000), ERR_NONE);
	check_err("add", ticket_add(&t, name_of(8), 43, S("a"), S("b"), 1000), ERR_NONE);
	tickets_drop(&t, 42);
	assert_null(ticket_take(&t, name_of(7), 1000));
	assert_non_null(ticket_take(&t, name_of(8), 1000));
}

static void the_oldest_make_room(void **state)
{
	static struct tickets t;
	(void)state;
	for (unsigned n = 1; n <= TICKETS_MAX + 1; n++)
		check_err("add", ticket_add(&t, name_of(n), n, S("a"), S("b"), 1000), ERR_NONE);
	assert_null(ticket_take(&t, name_of(1), 1000));
	assert_non_null(ticket_take(&t, name_of(2), 1000));
	assert_non_null(ticket_take(&t, name_of(TICKETS_MAX + 1), 1000));
}

static void rooms_are_found_and_dropped(void **state)
{
	static struct rooms r;
	(void)state;
	rooms_init(&r);
	assert_null(room_find(&r, 1));
	/* Numbers that meet in one bucket. */
	struct room *one = room_get(&r, 1), *same = room_get(&r, 1 + ROOM_BUCKETS);
	assert_non_null(one);
	assert_ptr_not_equal(one, same);
	assert_ptr_equal(room_get(&r, 1), one);
	assert_int_equal(r.count, 2);
	room_drop(&r, one);
	assert_null(room_find(&r, 1));
	assert_ptr_equal(room_find(&r, 1 + ROOM_BUCKETS), same);
	assert_ptr_equal(room_get(&r, 5), one); /* its place is used again */
	arena_free(&r.arena);
}

static void they_wait_in_order_and_not_too_many(void **state)
{
	static struct rooms r;
	char tag[8] = "a0";
	(void)state;
	rooms_init(&r);
	struct room *room = room_get(&r, 1);
	for (int i = 0; i < WAITING_MAX; i++) {
		tag[1] = (char)('0' + i % 10);
		const struct msg_admit admit = { .protocol = S("imap"), .tag = str_from(tag, 2), .stream = i };
		check_err("wait", room_wait(room, NULL, &admit), ERR_NONE);
	}
	const struct msg_admit more = { .protocol = S("imap"), .stream = 99 };
	check_err("one too many", room_wait(room, NULL, &more), ERR_LIMIT);
	for (int i = 0; i < WAITING_MAX; i++) {
		struct waiting *w = room_next_waiting(room);
		assert_non_null(w);
		assert_int_equal(w->admit.stream, i);
		assert_int_equal(w->admit.tag.p[1], '0' + i % 10); /* a copy: ours has changed since */
		arena_free(&w->arena);
	}
	assert_null(room_next_waiting(room));
	check_err("after all have gone", room_wait(room, NULL, &more), ERR_NONE);
	struct waiting *w = room_next_waiting(room);
	assert_int_equal(w->admit.stream, 99);
	arena_free(&w->arena);
	arena_free(&r.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_once),
		cmocka_unit_test(not_of_others),
		cmocka_unit_test(empty_places_let_nobody_in),
		cmocka_unit_test(good_for_a_minute),
		cmocka_unit_test(dropped_with_the_account),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(rooms_are_found_and_dropped),
		cmocka_unit_test(they_wait_in_order_and_not_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
