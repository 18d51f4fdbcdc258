/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdlib.h>

#include "base/buf.h"
#include "proto/mime/imap_text.h"
#include "proto/mime/part.h"

#define ROOT "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
#define INNER "Content-Type: multipart/mixed; boundary=ab\r\n\r\n"

/* Each part as flags in letters, its body in brackets, its children in parentheses. */
static const struct {
	const char *name;
	str text;
	const char *want;
} cases[] = {
	{ "empty", S(""), "T[]" },
	{ "text", S("Subject: x\r\n\r\nbody"), "T[body]" },
	{ "never ending header", S("Subject: x\r\nTo: y"), "T[]" },
	{ "no header", S("\r\nbody"), "T[body]" },
	{ "two parts", S(ROOT "pre\r\n--a\r\n\r\none\r\n--a\r\n\r\ntwo\r\n--a--\r\npost"), "P(T[one] T[two])" },
	{ "bare LF", S("Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\n\ntwo\n--a--\n"),
		"P(T[one] T[two])" },
	{ "no end", S(ROOT "--a\r\n\r\none\r\n"), "P(T[one\r\n])" },
	{ "no beginning", S(ROOT "text"), "P()" },
	{ "only an end", S(ROOT "--a--\r\n"), "P()" },
	{ "parts after the end", S(ROOT "--a\r\n\r\n1\r\n--a--\r\n--a\r\n\r\n2\r\n"), "P(T[1])" },
	{ "empty part", S(ROOT "--a\r\n--a\r\n\r\n--a--"), "P(T[] T[])" },
	{ "header ends at the delimiter", S(ROOT "--a\r\nX: y\r\n--a--\r\n"), "P(T[])" },
	{ "no boundary", S("Content-Type: multipart/mixed\r\n\r\n--a\r\n"), "P()" },
	{ "boundary needs a new line", S(ROOT "x--a\r\n --a\r\n--a\r\n\r\ny --a\r\n"), "P(T[y --a\r\n])" },
	{ "blanks behind the boundary", S(ROOT "--a  \r\n\r\nx\r\n--a-- \r\n"), "P(T[x])" },
	{ "prefix of another, inner longer", S(ROOT "--a\r\n" INNER "--ab\r\n\r\n1\r\n--ab--\r\n--a\r\n\r\n2\r\n--a--"),
		"P(P(T[1]) T[2])" },
	{ "the same boundary inside", S(ROOT "--a\r\n" ROOT "--a\r\n\r\n1\r\n--a--\r\n--a\r\n\r\n2\r\n--a--"),
		"P(P(T[1]) T[2])" },
	{ "inner end missing", S(ROOT "--a\r\n" INNER "--ab\r\n\r\n1\r\n--a\r\n\r\n2\r\n--a--"), "P(P(T[1]) T[2])" },
	{ "message", S("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nbody"), "M(T[body])" },
	{ "message without anything", S(ROOT "--a\r\nContent-Type: message/rfc822\r\n--a--"), "P(M(T[]))" },
	{ "digest", S("Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nA: b\r\n\r\nx\r\n--a--"),
		"P(M(T[x]))" },
	{ "multipart in a message", S("Content-Type: message/rfc822\r\n\r\n" ROOT "--a\r\n\r\n1\r\n--a--"),
		"M(P(T[1]))" },
	{ "type is broken", S("Content-Type: multipart; boundary=a\r\n\r\n--a\r\n\r\n1\r\n--a--"),
		"T[--a\r\n\r\n1\r\n--a--]" },
	{ "first type counts", S("Content-Type: image/png\r\nContent-Type: text/plain\r\n\r\nx"), "-[x]" },
	{ "empty boundary", S("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n"), "P(T[x\r\n])" },
	{ "NULs", S("A\0: b\r\n\r\n\0\0"), "T[\\0\\0]" },
};

static void describe(struct buf *b, str message, struct mime_parts parts, uint32_t i)
{
	const struct mime_part *part = parts.p + i;
	bool nested = (part->flags & (MIME_MULTIPART | MIME_MESSAGE)) != 0;
	buf_byte(b, (part->flags & MIME_MULTIPART) != 0 ? 'P'
		    : (part->flags & MIME_MESSAGE) != 0 ? 'M'
		    : (part->flags & MIME_TEXT) != 0    ? 'T'
							: '-');
	buf_byte(b, nested ? '(' : '[');
	str body = mime_part_body(message, part);
	for (size_t k = 0; k < body.n && !nested; k++)
		buf_add(b, body.p[k] != '\0' ? str_slice(body, k, k + 1) : S("\\0"));
	for (uint32_t child = i + 1; child < part->end; child = parts.p[child].end) {
		assert_int_equal(parts.p[child].parent, i);
		if (child > i + 1)
			buf_byte(b, ' ');
		describe(b, message, parts, child);
	}
	buf_byte(b, nested ? ')' : ']');
}

static void repacked(str message, struct mime_parts parts)
{
	struct arena *a = arena_new("packed", 4 << 20);
	struct mime_parts again;
	str packed;
	check_err("pack", mime_parts_pack(a, parts, &packed), ERR_NONE);
	check_err("unpack", mime_parts_unpack(a, packed, message.n, &again), ERR_NONE);
	assert_int_equal(again.n, parts.n);
	assert_memory_equal(again.p, parts.p, parts.n * sizeof *parts.p);
	check_err("another size", mime_parts_unpack(a, packed, message.n + 1, &again), ERR_DAMAGED);
	char *copy = malloc(packed.n);
	assert_non_null(copy);
	memcpy(copy, packed.p, packed.n);
	for (size_t n = 0; n < packed.n && n < 200; n++) {
		arena_reset(a);
		check_err("cut", mime_parts_unpack(a, str_from(copy, n), message.n, &again), ERR_DAMAGED);
	}
	free(copy);
	arena_free(&a);
}

static void test_tree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", 1 << 20);
		struct mime_parts parts;
		char room[1000];
		struct buf b = BUF_ON(room);
		check_err(cases[i].name, mime_parts_parse(a, cases[i].text, &parts), ERR_NONE);
		describe(&b, cases[i].text, parts, 0);
		check_str(cases[i].name, buf_str(&b), str_of(cases[i].want));
		repacked(cases[i].text, parts);
		arena_free(&a);
	}
}

static void test_numbers(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	struct mime_parts parts;
	str m = S(ROOT "--a\r\nX: y\r\nContent-Transfer-Encoding: base64\r\n\r\none\r\ntwo\r\n--a--\r\n");
	check_err("parse", mime_parts_parse(a, m, &parts), ERR_NONE);
	assert_int_equal(parts.n, 2);
	assert_int_equal(parts.p[0].header_lines, 2);
	assert_int_equal(parts.p[0].body_lines, 7);
	assert_int_equal(parts.p[1].header_lines, 3);
	assert_int_equal(parts.p[1].body_lines, 1);
	assert_int_equal(parts.p[1].body_size, 8);
	assert_int_equal(parts.p[1].encoding, MIME_ENCODING_BASE64);
	check_str("header", mime_part_header(m, parts.p + 1), S("X: y\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
	arena_free(&a);
}

static char big[8 << 20];

static struct buf big_buf(void) { return BUF_ON(big); }

/* Whatever it is, it is parsed, described, packed, within the memory set aside for one message. */
static struct mime_parts survive(struct arena *a, const char *name, str message)
{
	struct mime_parts parts;
	str text;
	check_err(name, mime_parts_parse(a, message, &parts), ERR_NONE);
	check_err(name, mime_envelope(a, mime_part_header(message, parts.p), &text), ERR_NONE);
	check_err(name, mime_bodystructure(a, message, parts, &text), ERR_NONE);
	assert_true(text.p[0] == '(' && text.p[text.n - 1] == ')');
	check_err(name, mime_body(a, message, parts, &text), ERR_NONE);
	repacked(message, parts);
	if (arena_spent(a))
		fail_msg("%s: %zu bytes", name, arena_peak(a));
	return parts;
}

static void test_deep(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", MIME_ARENA);
	struct buf b = big_buf();
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%04d\r\n\r\n--b%04d\r\n", i, i);
	struct mime_parts parts = survive(a, "multiparts", buf_str(&b));
	assert_int_equal(parts.n, MIME_DEPTH_MAX);
	arena_reset(a);
	b = big_buf();
	for (int i = 0; i < 100000; i++)
		buf_add(&b, S("Content-Type: message/rfc822\r\n\r\n"));
	parts = survive(a, "messages", buf_str(&b));
	assert_int_equal(parts.n, MIME_DEPTH_MAX);
	arena_free(&a);
}

static void test_many(void **state)
{
	(void)state;
	static const char *const pieces[] = { "--a\r\n", "--a\r\n\r\n", "--a\r\nContent-Type: message/rfc822\r\n\r\n",
		"--a\r\nContent-Type: message/rfc822\r\n\r\nFrom: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n\r\n",
		"--a\r\nContent-Type: text/x; a=b; c=d; e=f; g=h; i=j\r\n\r\n",
		"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a--\r\n" };
	for (size_t i = 0; i < COUNT(pieces); i++) {
		struct arena *a = arena_new("test", MIME_ARENA);
		struct buf b = big_buf();
		buf_add(&b, S(ROOT));
		while (b.room - b.n > 200)
			buf_add(&b, str_of(pieces[i]));
		assert_true(survive(a, pieces[i], buf_str(&b)).n <= MIME_PARTS_MAX);
		arena_free(&a);
	}
}

static void test_floods(void **state)
{
	(void)state;
	static const struct {
		const char *head, *again;
	} floods[] = { { "", "\n" }, { "", "A" }, { "", "A: b\r\n" }, { "", ":\r\n" }, { "", "\r\n " },
		{ "A: b", "\r\n c" }, { ROOT, "--" }, { ROOT, "--b\r\n" }, { ROOT, "\r\n" }, { "To: ", "a," },
		{ "", "To: a\r\n" }, { "", "From: a,b,c,d,e,f\r\n" }, { "Content-Type: text/plain", ";a=b" },
		{ "Content-Type: text/plain", ";" }, { "", "Content-Type: text/plain; a=b\r\n" },
		{ "Subject: ", "\xff" }, { "Subject: ", "\0" }, { "Content-Language: ", "a," }, { "From: ", "(" },
		{ "", "Subject: \"\\\"\r\n" } };
	for (size_t i = 0; i < COUNT(floods); i++) {
		struct arena *a = arena_new("test", MIME_ARENA);
		struct buf b = big_buf();
		str again = floods[i].again[0] != '\0' ? str_of(floods[i].again) : S("\0");
		buf_add(&b, str_of(floods[i].head));
		while (b.room - b.n > again.n)
			buf_add(&b, again);
		survive(a, floods[i].again, buf_str(&b));
		arena_free(&a);
	}
}

static void test_limits(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 100);
	struct mime_parts parts;
	check_err("too large", mime_parts_parse(a, str_from(big, UINT32_MAX), &parts), ERR_LIMIT);
	check_err("no memory", mime_parts_parse(a, S(ROOT), &parts), ERR_MEMORY);
	arena_free(&a);
}

/* Single numbers of a packed array turned over: it is refused, or what comes back can be used with the message. */
static void test_damage(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20), *b = arena_new("again", 1 << 20);
	str m = S(ROOT "--a\r\n" INNER
		       "--ab\r\n\r\n1\r\n--ab--\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n--a--");
	struct mime_parts parts, again;
	str packed;
	check_err("parse", mime_parts_parse(a, m, &parts), ERR_NONE);
	check_err("pack", mime_parts_pack(a, parts, &packed), ERR_NONE);
	char *bytes = arena_get(a, 1, packed.n);
	size_t refused = 0;
	for (size_t i = 0; i < packed.n * 8; i++) {
		memcpy(bytes, packed.p, packed.n);
		bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
		arena_reset(b);
		if (failed(mime_parts_unpack(b, str_from(bytes, packed.n), m.n, &again))) {
			refused++;
			continue;
		}
		for (uint32_t k = 0; k < again.n; k++)
			assert_true((size_t)again.p[k].body_at + again.p[k].body_size <= m.n);
	}
	assert_true(refused > packed.n * 4);
	arena_free(&a);
	arena_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
