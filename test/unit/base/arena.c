/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>

#include "base/arena.h"
#include "check.h"

static bool is_zero(const void *p, size_t n)
{
	const unsigned char *bytes = p;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static void memory_is_zero_and_aligned(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t size = 0; size < 3000; size += 7) {
		char *p = arena_get(a, 1, size);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_true(is_zero(p, size));
		memset(p, 0xaa, size); /* the next piece must not see this */
	}
	uint64_t *numbers = NEW(a, uint64_t, 100);
	assert_true(is_zero(numbers, 100 * sizeof *numbers));
	arena_free(&a);
	assert_null(a);
	arena_free(&a); /* nothing there is fine */
}

static void what_holds_its_own_arena_goes_with_it(void **state)
{
	(void)state;
	struct owner {
		struct arena *arena;
	};
	struct arena *a = arena_new("test", 1000);
	struct owner *owner = NEW(a, struct owner, 1);
	owner->arena = a;
	arena_free(&owner->arena);
}

static void the_budget_holds(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1000);
	assert_non_null(arena_get(a, 1, 900));
	assert_false(arena_spent(a));
	assert_null(arena_get(a, 1, 200));
	assert_true(arena_spent(a));
	assert_null(arena_get(a, 1, 1)); /* it sticks, although this would fit */
	assert_null(arena_copy(a, S("x")).p);
	arena_reset(a);
	assert_false(arena_spent(a));
	assert_int_equal(arena_held(a), 0);
	assert_non_null(arena_get(a, 1, 900));
	arena_free(&a);
}

static void no_size_overflows(void **state)
{
	(void)state;
	static const struct {
		size_t size, count;
	} cases[] = { { SIZE_MAX, 1 }, { SIZE_MAX, 2 }, { SIZE_MAX / 2 + 1, 2 }, { (size_t)1 << 33, (size_t)1 << 33 },
		{ SIZE_MAX - 8, 1 } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", SIZE_MAX);
		assert_null(arena_get(a, cases[i].size, cases[i].count));
		assert_true(arena_spent(a));
		arena_free(&a);
	}
	struct arena *a = arena_new("test", 100);
	assert_null(arena_copy(a, (str){ "", SIZE_MAX }).p);
	arena_free(&a);
}

static void held_and_peak(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	arena_get(a, 1, 100000);
	size_t held = arena_held(a);
	assert_in_range(held, 100000, 100000 + alignof(max_align_t));
	arena_reset(a);
	arena_get(a, 1, 10);
	assert_in_range(arena_held(a), 10, 10 + alignof(max_align_t));
	assert_int_equal(arena_peak(a), held);
	arena_free(&a);
}

static void a_reset_wipes(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	str secret = arena_copy(a, S("correct horse battery staple"));
	arena_reset(a);
	/* The first block is kept, so its bytes may still be looked at. */
	assert_true(is_zero(secret.p, secret.n));
	assert_true(is_zero(arena_get(a, 1, secret.n), secret.n));
	arena_free(&a);
}

static void many_blocks(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 10 << 20);
	char *pieces[200];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(pieces); i++) {
			pieces[i] = arena_get(a, 1, 10000);
			assert_non_null(pieces[i]);
			assert_true(is_zero(pieces[i], 10000));
			memset(pieces[i], (int)i + 1, 10000);
		}
		for (size_t i = 0; i < COUNT(pieces); i++)
			for (size_t at = 0; at < 10000; at += 999)
				assert_int_equal((unsigned char)pieces[i][at], i + 1);
		arena_reset(a);
	}
	arena_free(&a);
}

static void copies_end_in_nul(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	str copy = arena_copy(a, S("a\0b"));
	check_str("copy", copy, S("a\0b"));
	assert_int_equal(copy.p[3], 0);
	copy = arena_copy(a, NO_STR);
	assert_non_null(copy.p);
	assert_string_equal(copy.p, "");
	arena_free(&a);
}

static size_t until_fault;
static bool fail_nth(size_t bytes)
{
	(void)bytes;
	return until_fault-- == 0;
}

/* A stand-in for code that allocates several times and looks once. */
static bool work(struct arena *a)
{
	str first = arena_copy(a, S("first"));
	char *second = arena_get(a, 1, 5000);
	str third = arena_copy(a, S("third"));
	if (arena_spent(a))
		return false;
	check_str("first", first, S("first"));
	check_str("third", third, S("third"));
	return second != NULL;
}

static void every_allocation_can_fail(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	arena_fault = fail_nth;
	size_t failures = 0;
	for (size_t n = 0;; n++) {
		until_fault = n;
		bool done = work(a);
		arena_reset(a);
		if (done)
			break;
		failures++;
	}
	arena_fault = NULL;
	assert_int_equal(failures, 3);
	arena_free(&a);
}

static void wiping_nothing(void **state)
{
	(void)state;
	char bytes[4] = "abc";
	wipe(NULL, 0);
	wipe(bytes, 2);
	assert_memory_equal(bytes, "\0\0c", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zero_and_aligned),
		cmocka_unit_test(what_holds_its_own_arena_goes_with_it),
		cmocka_unit_test(the_budget_holds),
		cmocka_unit_test(no_size_overflows),
		cmocka_unit_test(held_and_peak),
		cmocka_unit_test(a_reset_wipes),
		cmocka_unit_test(many_blocks),
		cmocka_unit_test(copies_end_in_nul),
		cmocka_unit_test(every_allocation_can_fail),
		cmocka_unit_test(wiping_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
