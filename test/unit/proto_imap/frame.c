/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/append.h"
#include "proto/imap/frame.h"

enum { COMMAND_MAX = 50, UNASKED_MAX = 10 };

/* Each dialogue: what the client sends, and what happens, one letter for each step with what it carries behind it:
 * C command, A append, L literal, S skip, R refused, + where the client waits for "+ ", each ended by a bar. */
/* clang-format off */
static const struct { const char *name, *sent, *steps; } cases[] = {
	{ "one line",            "a NOOP\n",                               "Ca NOOP|" },
	{ "two commands",        "a NOOP\nb NOOP\n",                       "Ca NOOP|Cb NOOP|" },
	{ "a literal",           "a LOGIN {4}\nanna x\n",                  "+L4|Ca LOGIN {4}\r\nanna x|" },
	{ "unasked",             "a LOGIN {4+}\nanna {2+}\nxy\n",          "L4|L2|Ca LOGIN {4+}\r\nanna {2+}\r\nxy|" },
	{ "an empty literal",    "a X {0}\n\n",                            "+L0|Ca X {0}\r\n|" },
	{ "CRLF in a literal",   "a X {2+}\n\r\n y\nb NOOP\n",             "L2|Ca X {2+}\r\n\r\n y|Cb NOOP|" },
	{ "refused, waits",      "a X {99}\nb NOOP\n",                     "Ra X {99}|Cb NOOP|" },
	{ "refused, unasked",    "a X {11+}\n12345678901 y\nb NOOP\n",     "S11|Ra X {11+}|Cb NOOP|" },
	{ "refused, then more",  "a X {11+}\n12345678901 {2+}\nzz\nb NOOP\n", "S11|S2|Ra X {11+}|Cb NOOP|" },
	{ "refused, then waits", "a X {11+}\n12345678901 {2}\nb NOOP\n",   "S11|Ra X {11+}|Cb NOOP|" },
	{ "refused late",        "a X {2+}\nzz {11+}\n12345678901\nb NOOP\n", "L2|S11|Ra X {2+}\r\nzz|Cb NOOP|" },
	{ "in all too long",     "a X {10+}\n1234567890 {10+}\n1234567890 {10+}\n1234567890 z\nb NOOP\n",
	                         "L10|L10|S10|Ra X {10+}\r\n1234567890 {10+}\r\n1234567890|Cb NOOP|" },
	{ "an append",           "a APPEND INBOX {999}\n",                 "+Aa APPEND INBOX {999}|" },
	{ "an append, unasked",  "a APPEND INBOX {999+}\n",                "Aa APPEND INBOX {999+}|" },
	{ "its name a literal",  "a APPEND {5+}\nINBOX {999+}\n",          "L5|Aa APPEND {5+}\r\nINBOX {999+}|" },
	{ "a bad append",        "a APPEND & {999+}\n",                    "Aa APPEND & {999+}|" },
	{ "its name too long",   "a APPEND {99}\nb NOOP\n",                "Ra APPEND {99}|Cb NOOP|" },
};
/* clang-format on */

static const char kinds[] = {
	[IMAP_FRAME_COMMAND] = 'C',
	[IMAP_FRAME_LITERAL] = 'L',
	[IMAP_FRAME_APPEND] = 'A',
	[IMAP_FRAME_SKIP] = 'S',
	[IMAP_FRAME_REFUSED] = 'R',
};

static void write_step(struct buf *b, const struct imap_frame_step *step)
{
	bool has_text = step->kind == IMAP_FRAME_COMMAND || step->kind == IMAP_FRAME_REFUSED;
	if (!has_text && step->literal.is_waiting)
		buf_byte(b, '+');
	buf_byte(b, kinds[step->kind]);
	if (has_text || step->kind == IMAP_FRAME_APPEND)
		buf_add(b, step->text);
	else
		buf_number(b, step->literal.size);
	buf_byte(b, '|');
}

/* A session in small: feeds the frame until everything sent is used up. */
static void play(struct imap_frame *f, str sent, struct buf *b)
{
	struct imap_frame_step step;
	str line;
	while (str_word(&sent, '\n', &line)) {
		assert_false(failed(imap_frame_line(f, line, &step)));
		write_step(b, &step);
		if (step.kind != IMAP_FRAME_LITERAL && step.kind != IMAP_FRAME_SKIP)
			continue;
		assert_true(step.literal.size <= sent.n);
		if (step.kind == IMAP_FRAME_LITERAL)
			memcpy(step.into, sent.p, (size_t)step.literal.size);
		sent = str_after(sent, (size_t)step.literal.size);
	}
}

static struct imap_frame small_frame(struct arena *a)
{
	return (struct imap_frame){
		.arena = a, .command_max = COMMAND_MAX, .unasked_max = UNASKED_MAX, .is_streamed = imap_append_is_ready
	};
}

static void dialogues(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct arena *a = arena_new("test", ARENA_MAX);
		struct imap_frame f = small_frame(a);
		play(&f, str_of(cases[i].sent), &b);
		check_written(cases[i].name, &b, cases[i].steps);
		arena_free(&a);
	}
}

static void a_refused_append(void **state)
{
	(void)state;
	char room[TEXT_MAX];
	struct buf b = BUF_ON(room);
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_frame f = small_frame(a);
	play(&f, S("a APPEND INBOX {999+}\n"), &b);
	imap_frame_refuse(&f);
	play(&f, S(" (\\Seen) {3+}\nabc\nb NOOP\n"), &b);
	check_written("refused", &b, "Aa APPEND INBOX {999+}|S3|R|Cb NOOP|");
	arena_free(&a);
}

/* Before the login nothing is streamed. */
static void append_before_login(void **state)
{
	(void)state;
	char room[TEXT_MAX];
	struct buf b = BUF_ON(room);
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_frame f = small_frame(a);
	f.is_streamed = NULL;
	play(&f, S("a APPEND INBOX {999}\nb NOOP\n"), &b);
	check_written("fresh", &b, "Ra APPEND INBOX {999}|Cb NOOP|");
	arena_free(&a);
}

static void hopeless(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX), *little = arena_new("test", 10);
	struct imap_frame f = small_frame(a), poor = small_frame(little);
	struct imap_frame_step step;
	check_err("size", imap_frame_line(&f, S("a X {99999999999999999999+}"), &step), ERR_LIMIT);
	check_err("memory", imap_frame_line(&poor, S("a X {1}"), &step), ERR_MEMORY);
	arena_free(&a);
	arena_free(&little);
}

/* A line that is too long by itself, and one that fits to the byte. */
static void the_longest_line(void **state)
{
	(void)state;
	char line[COMMAND_MAX + 1] = "a NOOP";
	memset(line + 6, 'x', sizeof line - 6);
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_frame f = small_frame(a);
	struct imap_frame_step step;
	assert_false(failed(imap_frame_line(&f, str_from(line, COMMAND_MAX), &step)));
	assert_int_equal(step.kind, IMAP_FRAME_COMMAND);
	assert_false(failed(imap_frame_line(&f, str_from(line, COMMAND_MAX + 1), &step)));
	assert_int_equal(step.kind, IMAP_FRAME_REFUSED);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(a_refused_append),
		cmocka_unit_test(append_before_login),
		cmocka_unit_test(hopeless),
		cmocka_unit_test(the_longest_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
