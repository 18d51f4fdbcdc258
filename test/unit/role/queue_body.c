/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a message while it comes in: what the pool counts of it, and that it is in one piece at the end. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "role/queue/body.h"

enum { FRAME = 57344, REST = 9000, SIZE = FRAME + REST, POOL = 1 << 20 };

static const uint8_t number[SPOOL_NUMBER] = { 1 };
static char sent[SIZE];

static void come(struct body *b, struct body_pool *pool)
{
	check_err("trace", body_add(b, pool, number, str_from(sent, 100)), ERR_NONE);
	check_err("frame", body_add(b, pool, number, str_from(sent + 100, FRAME - 100)), ERR_NONE);
	check_err("rest", body_add(b, pool, number, str_from(sent + FRAME, REST)), ERR_NONE);
}

/* The pieces that it came in are not held beside the whole. */
static void test_held_once(void **state)
{
	struct body_pool pool = { .coming_max = POOL, .kept_max = SIZE };
	struct body b = BODY_EMPTY;
	(void)state;
	come(&b, &pool);
	assert_in_range(pool.coming, SIZE, 2 * SIZE);
	check_err("end", body_end(&b, &pool), ERR_NONE);
	assert_int_equal(b.held, SIZE);
	assert_int_equal(pool.coming, SIZE);
	check_str("whole", b.whole, str_from(sent, SIZE));
	assert_true(body_keep(&b, &pool));
	assert_int_equal(pool.coming, 0);
	assert_int_equal(pool.kept, SIZE);
	body_drop(&b, &pool);
	assert_int_equal(pool.kept, 0);
	assert_null(b.arena);
}

/* Without room for the whole the message is refused, and nothing of it stays counted. */
static void test_no_room_for_the_whole(void **state)
{
	struct body_pool pool = { .coming_max = SIZE + SIZE / 2 };
	struct body b = BODY_EMPTY;
	(void)state;
	come(&b, &pool);
	check_err("end", body_end(&b, &pool), ERR_MEMORY);
	body_drop(&b, &pool);
	assert_int_equal(pool.coming, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_once),
		cmocka_unit_test(test_no_room_for_the_whole),
	};
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)('a' + i % 23);
	return cmocka_run_group_tests_name("role/queue_body", tests, NULL, NULL);
}
