/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "proto/mime/content.h"
#include "proto/mime/header.h"

static const struct {
	const char *text;
	const char *want; /* type/subtype;name=value;..., NULL: refused */
} cases[] = {
	{ " text/plain", "text/plain" },
	{ "Text / HTML (x); Charset = utf-8 (y)", "Text/HTML;Charset=utf-8" },
	{ "multipart/mixed; boundary=\"a b\\\"c\"; x=y", "multipart/mixed;boundary=a b\"c;x=y" },
	{ "a/b; c=\"d\r\n e\"", "a/b;c=d e" },
	{ "a/b; c; d=e;; f=g", "a/b;d=e;f=g" },
	{ "a/b; c=d e; f=g", "a/b;c=d;f=g" },
	{ "a/b; c=\"d", "a/b" },
	{ "a/b; name==?utf-8?q?x?=", "a/b;name==?utf-8?q?x?=" },
	{ "a/b;", "a/b" },
	/* RFC 2231 3, 4, 4.1 */
	{ "a/b; url*0=\"ftp://\"; url*1=\"cs.utk.edu/x\"", "a/b;url=ftp://cs.utk.edu/x" },
	{ "a/b; t*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "a/b;t[us-ascii]=This is ***fun***" },
	{ "a/b; t*0*=us-ascii'en'This%20is; t*1*=%20fun; t*2=\" %it's\"", "a/b;t[us-ascii]=This is fun %it's" },
	{ "a/b; t*2=c; t*0=a; t*1=b", "a/b;t=abc" },
	{ "a/b; t*10=k; t*9=j; t*8=i; t*7=h; t*6=g; t*5=f; t*4=e; t*3=d; t*2=c; t*1=b; t*0=a", "a/b;t=abcdefghijk" },
	{ "a/b; t*0=a; t*2=c", "a/b;t*0=a;t*2=c" },
	{ "a/b; t*x=a; t**=b; t*99999999999=c", "a/b;t*x=a;t**=b;t*99999999999=c" },
	{ "a/b; t*=%4", "a/b;t=%4" },
	{ "", NULL },
	{ "text", NULL },
	{ "/plain", NULL },
	{ "text/", NULL },
	{ "text/plain x; a=b", NULL },
	{ "text/plain (x", NULL },
};

static void describe(struct buf *b, const struct mime_content *content)
{
	buf_add(b, content->type);
	buf_byte(b, '/');
	buf_add(b, content->subtype);
	for (const struct mime_parameter *p = content->parameters; p != NULL; p = p->next) {
		buf_byte(b, ';');
		buf_add(b, p->name);
		if (p->charset.p != NULL)
			buf_addf(b, "[%.*s]", ARG(p->charset));
		buf_byte(b, '=');
		buf_add(b, p->value);
	}
}

static void test_type(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mime_content content;
		char room[500];
		struct buf b = BUF_ON(room);
		err e = mime_content_type(a, str_of(cases[i].text), &content);
		check_err(cases[i].text, e, cases[i].want != NULL ? ERR_NONE : ERR_SYNTAX);
		if (!failed(e))
			describe(&b, &content);
		check_str(cases[i].text, buf_str(&b), str_of(cases[i].want != NULL ? cases[i].want : ""));
	}
	arena_free(&a);
}

static void test_disposition(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	struct mime_content content;
	check_err("plain", mime_content_disposition(a, S("attachment; filename=x"), &content), ERR_NONE);
	check_str("type", content.type, S("attachment"));
	check_str("file name", mime_parameter(&content, S("FileName")), S("x"));
	assert_null(mime_parameter(&content, S("size")).p);
	check_err("nothing", mime_content_disposition(a, S("; filename=x"), &content), ERR_SYNTAX);
	arena_free(&a);
}

/* CVE-2026-27859 was a parser whose time grew with the square of such pieces. The memory of one field is the measure
 * of what was looked at: pieces and parameters have limits. */
static void test_flood(void **state)
{
	(void)state;
	static char text[MIME_VALUE_MAX];
	struct arena *a = arena_new("test", 4 << 20);
	struct buf b = BUF_ON(text);
	struct mime_content content;
	size_t count = 0;
	buf_add(&b, S("a/b"));
	for (int i = 20000; b.room - b.n > 40; i--)
		buf_addf(&b, ";n%d*%d=x", i % 7, i);
	check_err("flood", mime_content_type(a, buf_str(&b), &content), ERR_NONE);
	for (const struct mime_parameter *p = content.parameters; p != NULL; p = p->next)
		count++;
	assert_true(count <= MIME_PARAMETERS_MAX);
	assert_false(arena_spent(a));
	arena_free(&a);
}

static void test_encoding(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	assert_int_equal(mime_encoding(mime_encoding_name(a, S(" Base64 (x)"))), MIME_ENCODING_BASE64);
	assert_int_equal(mime_encoding(mime_encoding_name(a, S("quoted-PRINTABLE"))), MIME_ENCODING_QUOTED_PRINTABLE);
	assert_int_equal(mime_encoding(mime_encoding_name(a, S("x-uuencode"))), MIME_ENCODING_UNKNOWN);
	assert_int_equal(mime_encoding(mime_encoding_name(a, S("base64; x"))), MIME_ENCODING_7BIT);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_disposition),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
