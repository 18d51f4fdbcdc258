/* SPDX-License-Identifier: Apache-2.0 */
/* ENVELOPE, BODYSTRUCTURE and BODY of other people's test messages against what Dovecot says of them
 * (tools/dovecot_answers.py). Where we differ the reason stands here, and a difference that vanishes is a failure too. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cur.h"
#include "proto/mime/imap_text.h"

static const struct {
	const char *name, *reason;
} different[] = {
	{ "msg_14.txt",
		"RFC 2045 5.2: a Content-Type that cannot be read is as text/plain; Dovecot has empty strings" },
	{ "msg_32.txt", "RFC 2231 4: charset* is a charset; Dovecot adds a second one" },
	{ "msg_33.txt", "RFC 2231 4: boundary* is a boundary; Dovecot finds no parts" },
	{ "standard-008.eml",
		"RFC 2046 5.1.1: the line end before a boundary is the boundary's; Dovecot counts it twice" },
};

static str file_read(const char *folder, str name)
{
	char path[512];
	snprintf(path, sizeof path, "%s%s/%.*s", TEST_DATA, folder, ARG(name));
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s cannot be read", path);
	char *p = malloc(1 << 20);
	assert_non_null(p);
	size_t n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return str_from(p, n);
}

/* With CRLF for every line end, as it would arrive. */
static str message_read(const char *folder, str name)
{
	str raw = file_read(folder, name);
	char *p = malloc(2 * raw.n + 1);
	size_t n = 0;
	assert_non_null(p);
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\n' && (n == 0 || p[n - 1] != '\r'))
			p[n++] = '\r';
		p[n++] = raw.p[i];
	}
	free((void *)(uintptr_t)raw.p);
	return str_from(p, n);
}

static str describe(struct arena *a, str message)
{
	struct mime_parts parts;
	str envelope, structure, body;
	check_err("parts", mime_parts_parse(a, message, &parts), ERR_NONE);
	check_err("ENVELOPE", mime_envelope(a, mime_part_header(message, parts.p), &envelope), ERR_NONE);
	check_err("BODYSTRUCTURE", mime_bodystructure(a, message, parts, &structure), ERR_NONE);
	check_err("BODY", mime_body(a, message, parts, &body), ERR_NONE);
	struct buf b = buf_in(a, envelope.n + structure.n + body.n + 40);
	buf_add(&b, S("(ENVELOPE "));
	buf_add(&b, envelope);
	buf_add(&b, S(" BODYSTRUCTURE "));
	buf_add(&b, structure);
	buf_add(&b, S(" BODY "));
	buf_add(&b, body);
	buf_byte(&b, ')');
	return buf_str(&b);
}

static const char *reason_of(str name)
{
	for (size_t i = 0; i < COUNT(different); i++)
		if (str_eq(name, str_of(different[i].name)))
			return different[i].reason;
	return NULL;
}

static size_t folder_check(const char *folder)
{
	str all = file_read(folder, S("answers"));
	struct cur c = cur_of(all);
	size_t count = 0;
	for (; !cur_at_end(&c); count++) {
		str name = cur_until(&c, ' ');
		cur_need(&c, ' ');
		size_t size = cur_number(&c, 1 << 20);
		cur_need(&c, '\n');
		str want = cur_bytes(&c, size);
		cur_need(&c, '\n');
		assert_true(cur_ok(&c));
		struct arena *a = arena_new("test", MIME_ARENA);
		str message = message_read(folder, name), got = describe(a, message);
		if (reason_of(name) == NULL && !str_eq(got, want))
			fail_msg("%s/%.*s:\ngot  %.*s\nwant %.*s", folder, ARG(name), ARG(got), ARG(want));
		if (reason_of(name) != NULL && str_eq(got, want))
			fail_msg("%s/%.*s no longer differs", folder, ARG(name));
		arena_free(&a);
		free((void *)(uintptr_t)message.p);
	}
	free((void *)(uintptr_t)all.p);
	return count;
}

static void test_answers(void **state)
{
	(void)state;
	assert_int_equal(folder_check("mime-mime4j"), 32);
	assert_int_equal(folder_check("mime-python"), 48);
	assert_int_equal(folder_check("mime-mailparser"), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
