/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "proto/mime/address.h"
#include "proto/mime/header.h"

/* name|route|local|domain, "-" for what is absent; "{name" begins a group, "}" ends it. */
static const struct {
	const char *text, *want;
} lenient[] = {
	{ "a@b", "-|-|a|b" },
	{ "Joe <a@b>, c@d", "Joe|-|a|b -|-|c|d" },
	{ "\"J \\\"x\\\" D\" <a@b>", "J \"x\" D|-|a|b" },
	{ "a@b (Joe D)", "Joe D|-|a|b" },
	{ "Joe (x) D <a@b> (y)", "Joe D|-|a|b" },
	{ "J. R. D <a@b>", "J. R. D|-|a|b" },
	{ "=?utf-8?Q?J=C3=B6?= <a@b>", "=?utf-8?Q?J=C3=B6?=|-|a|b" },
	{ "<@r1,@r2:a@b>", "-|@r1,@r2|a|b" },
	{ "<@r1 a@b>", "-|INVALID_ROUTE|a|b" },
	{ "g: a@b, c@d;, e@f", "{g -|-|a|b -|-|c|d } -|-|e|f" },
	{ "undisclosed-recipients:;", "{undisclosed-recipients }" },
	{ "g: a@b", "{g -|-|a|b }" },
	/* RFC 5322 A.6.1 */
	{ "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
		"Mary Smith|@node.test|mary|example.net -|-|jdoe|test.example" },
	/* RFC 5322 A.5 */
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|-|pete|silly.test" },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "{Hidden recipients }" },
	{ "\"a b\".c @ d . e", "-|-|a b.c|d.e" },
	{ "a@[1.2.3.4]", "-|-|a|[1.2.3.4]" },
	{ ".a..b.@c", "-|-|.a..b.|c" },
	{ "", "" },
	{ "(x)", "" },
	{ "a", "-|-|a|-" },
	{ "a b c", "a b c|-|-|-" },
	{ "\"Joe\"", "Joe|-|-|-" },
	{ "Joe D, a@b", "Joe D|-|-|- -|-|a|b" },
	{ "<>", "-|-|-|-" },
	{ "Joe <a@b", "Joe|-|a|SYNTAX_ERROR" },
	{ "Joe <a b@c>, d@e", "Joe|-|a|SYNTAX_ERROR" },
	{ "a@b@c", "-|-|a|b" },
	{ "@b", "-|-|-|b" },
	{ "a@", "-|-|a|-" },
	{ "\"Joe <a@b>", "-|-|-|-" },
	{ "a@b (c", "-|-|a|-" },
	{ ";", "-|-|-|-" },
	{ ",,,", "" },
};

static void put(struct buf *b, str s) { buf_add(b, s.p != NULL ? s : S("-")); }

static str listed(struct buf *b, const struct mime_address *list)
{
	for (; list != NULL; list = list->next) {
		if (b->n > 0)
			buf_byte(b, ' ');
		if (list->kind == MIME_GROUP_START) {
			buf_byte(b, '{');
			buf_add(b, list->name);
		} else if (list->kind == MIME_GROUP_END) {
			buf_byte(b, '}');
		} else {
			put(b, list->name);
			buf_byte(b, '|');
			put(b, list->route);
			buf_byte(b, '|');
			put(b, list->local);
			buf_byte(b, '|');
			put(b, list->domain);
		}
	}
	return buf_str(b);
}

static void test_lenient(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t i = 0; i < COUNT(lenient); i++) {
		char room[1000];
		struct buf b = BUF_ON(room);
		check_str(lenient[i].text, listed(&b, mime_address_list(a, str_of(lenient[i].text))),
			str_of(lenient[i].want));
	}
	arena_free(&a);
}

/* What a hostile list costs, counted in memory: addresses are limited in number, and no text is kept twice. */
static void test_lenient_limits(void **state)
{
	(void)state;
	static char text[MIME_VALUE_MAX];
	static const char *const patterns[] = { "a,", "(", ")", "\"", "<", "@", "a@b,", ":", ";", "a:;,", "()", "\\",
		".", "<@", "a <", "\"\"", "[" };
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct arena *a = arena_new("test", 4 << 20);
		size_t size = strlen(patterns[i]), count = 0;
		for (size_t k = 0; k < sizeof text; k++)
			text[k] = patterns[i][k % size];
		struct mime_address *list = mime_address_list(a, str_from(text, sizeof text));
		for (; list != NULL; list = list->next)
			count++;
		if (count > MIME_ADDRESSES_MAX + 2 || arena_spent(a))
			fail_msg("%s: %zu addresses, %zu bytes", patterns[i], count, arena_peak(a));
		arena_free(&a);
	}
}

static const struct {
	const char *name;
	str text;
	enum err_code want;
	const char *list; /* local@domain, joined by blanks */
} strict[] = {
	{ "bare", S("a@b.example"), ERR_NONE, "a@b.example" },
	{ "name", S(" Joe D. <a@b>"), ERR_NONE, "a@b" },
	{ "two", S("a@b, \"x, y\" <c@d>"), ERR_NONE, "a@b c@d" },
	{ "folded", S("Joe\r\n <a@b>"), ERR_NONE, "a@b" },
	{ "comments", S("(x) Joe (y(z)) <(q)a@b(r)> (s)"), ERR_NONE, "a@b" },
	{ "quoted local part", S("\"a b\"@c"), ERR_NONE, "a b@c" },
	{ "quoted at sign", S("\"x@y\"@c"), ERR_NONE, "x@y@c" },
	{ "address as name", S("\"x@y\" <c@d>"), ERR_NONE, "c@d" },
	{ "UTF-8", S("J\xc3\xb6 <\xc3\xb6@\xc3\xbc.de>"), ERR_NONE, "\xc3\xb6@\xc3\xbc.de" },
	{ "literal", S("a@[192.0.2.1]"), ERR_NONE, "a@[192.0.2.1]" },
	{ "nothing", S(""), ERR_SYNTAX, NULL },
	{ "no domain", S("a"), ERR_SYNTAX, NULL },
	{ "no address", S("Joe <>"), ERR_SYNTAX, NULL },
	{ "two addresses", S("x@y <c@d>"), ERR_SYNTAX, NULL },
	{ "two angles", S("Joe <a@b> <c@d>"), ERR_SYNTAX, NULL },
	{ "text behind", S("<a@b> Joe"), ERR_SYNTAX, NULL },
	{ "route", S("<@x:a@b>"), ERR_SYNTAX, NULL },
	{ "group", S("g: a@b;"), ERR_SYNTAX, NULL },
	{ "semicolon", S("a@b; c@d"), ERR_SYNTAX, NULL },
	{ "empty element", S("a@b,,c@d"), ERR_SYNTAX, NULL },
	{ "comma behind", S("a@b,"), ERR_SYNTAX, NULL },
	{ "open comment", S("a@b (x"), ERR_SYNTAX, NULL },
	{ "open quote", S("\"a <c@d>"), ERR_SYNTAX, NULL },
	{ "quote in a name", S("a\"b <c@d>"), ERR_SYNTAX, NULL },
	{ "dot first", S(".a@b"), ERR_SYNTAX, NULL },
	{ "dot before the name", S(" .J. <a@b>"), ERR_SYNTAX, NULL },
	{ "two dots", S("a..b@c"), ERR_SYNTAX, NULL },
	{ "dot last in the domain", S("a@b."), ERR_SYNTAX, NULL },
	{ "blanks in the address", S("a @ b"), ERR_SYNTAX, NULL },
	{ "NUL", S("a@b\0"), ERR_SYNTAX, NULL },
	{ "bare CR", S("a@b\r <c@d>"), ERR_SYNTAX, NULL },
	{ "not UTF-8", S("J\xf6 <a@b>"), ERR_SYNTAX, NULL },
	{ "too many", S("a@b,c@d,e@f,g@h"), ERR_LIMIT, NULL },
};

static void test_strict(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t i = 0; i < COUNT(strict); i++) {
		struct mime_mailbox *list = NULL;
		size_t count = 0;
		char room[500];
		struct buf b = BUF_ON(room);
		check_err(strict[i].name, mime_mailbox_list(a, strict[i].text, 3, &list, &count), strict[i].want);
		for (size_t k = 0; k < count; k++) {
			buf_add(&b, k > 0 ? S(" ") : S(""));
			buf_add(&b, list[k].local);
			buf_byte(&b, '@');
			buf_add(&b, list[k].domain);
		}
		check_str(strict[i].name, buf_str(&b), strict[i].list != NULL ? str_of(strict[i].list) : S(""));
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_lenient_limits),
		cmocka_unit_test(test_strict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
