/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "check.h"

static void pieces_add_up(void **state)
{
	(void)state;
	char room[64];
	struct buf b = BUF_ON(room);
	str text = NO_STR;
	buf_add(&b, S("a\0b"));
	buf_add(&b, NO_STR);
	buf_byte(&b, ' ');
	buf_number(&b, 0);
	buf_byte(&b, ' ');
	buf_number(&b, UINT64_MAX);
	buf_addf(&b, " %s-%d", "x", -7);
	buf_byte(&b, ' ');
	buf_hex(&b, "\x00\x7f\xff", 3);
	check_err("done", buf_done(&b, &text), ERR_NONE);
	check_str("text", text, S("a\0b 0 18446744073709551615 x--7 007fff"));
	check_str("the same as a view", buf_str(&b), text);
}

static void exact_fit(void **state)
{
	(void)state;
	char room[4];
	struct buf b = BUF_ON(room);
	str text = NO_STR;
	buf_add(&b, S("abc"));
	buf_byte(&b, 'd');
	check_err("full to the last byte", buf_done(&b, &text), ERR_NONE);
	check_str("text", text, S("abcd"));
	buf_add(&b, S(""));
	check_err("nothing more still fits", buf_done(&b, &text), ERR_NONE);
	buf_byte(&b, 'e');
	check_err("one more does not", buf_done(&b, &text), ERR_LIMIT);
}

static void a_loss_sticks(void **state)
{
	(void)state;
	char room[8] = "........";
	struct buf b = { .p = room, .room = 5 };
	str text = S("untouched");
	buf_add(&b, S("abc"));
	buf_add(&b, S("defgh"));
	buf_add(&b, S("i")); /* would fit, but a text with a hole is no text */
	buf_addf(&b, "%d", 1);
	buf_number(&b, 2);
	check_err("lost", buf_done(&b, &text), ERR_LIMIT);
	check_str("the result is untouched", text, S("untouched"));
	check_str("what fitted stands", buf_str(&b), S("abc"));
	assert_memory_equal(room + 5, "...", 3);
}

static void formats_need_a_byte_more(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text;
		enum err_code want;
	} cases[] = {
		{ "fits with its NUL", "abc", ERR_NONE },
		{ "fills the room", "abcd", ERR_LIMIT },
		{ "too long", "abcdefgh", ERR_LIMIT },
		{ "nothing", "", ERR_NONE },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[4];
		struct buf b = BUF_ON(room);
		str text = NO_STR;
		buf_addf(&b, "%s", cases[i].text);
		check_err(cases[i].name, buf_done(&b, &text), cases[i].want);
		if (cases[i].want == ERR_NONE)
			check_str(cases[i].name, text, str_of(cases[i].text));
	}
}

static void a_room_from_an_arena(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 100);
	struct buf b = buf_in(a, 10);
	str text = NO_STR;
	buf_add(&b, S("0123456789"));
	check_err("its room", buf_done(&b, &text), ERR_NONE);
	struct buf none = buf_in(a, 1000);
	buf_add(&none, S("x"));
	buf_addf(&none, "x");
	check_err("a spent arena", buf_done(&none, &text), ERR_LIMIT);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_add_up),
		cmocka_unit_test(exact_fit),
		cmocka_unit_test(a_loss_sticks),
		cmocka_unit_test(formats_need_a_byte_more),
		cmocka_unit_test(a_room_from_an_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
