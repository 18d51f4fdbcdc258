/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/name.h"

#include "check.h"
#include "proto/dns/record.h"

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define L61 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"

static void parse_test(void **state)
{
	static const struct {
		const char *text, *want;
		enum err_code code;
	} cases[] = {
		{ "example.org", "example.org", ERR_NONE },
		{ "EXAMPLE.Org.", "example.org", ERR_NONE },
		{ "_25._tcp.mx-1.example.org", "_25._tcp.mx-1.example.org", ERR_NONE },
		{ "0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa", ERR_NONE },
		{ ".", "", ERR_NONE },
		{ "a", "a", ERR_NONE },
		{ L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61, ERR_NONE },
		{ L63 "." L63 "." L63 "." L61 "a", NULL, ERR_LIMIT },
		{ L63 "a.org", NULL, ERR_LIMIT },
		{ "", NULL, ERR_SYNTAX },
		{ "..", NULL, ERR_SYNTAX },
		{ "a..", NULL, ERR_SYNTAX },
		{ ".a", NULL, ERR_SYNTAX },
		{ "a..b", NULL, ERR_SYNTAX },
		{ "a b", NULL, ERR_SYNTAX },
		{ "a\\032b", NULL, ERR_SYNTAX },
		{ "a\tb", NULL, ERR_SYNTAX },
		{ "*.example.org", NULL, ERR_SYNTAX },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e.org",
			NULL, ERR_SYNTAX },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[300];
		struct buf b = BUF_ON(room);
		check_err(cases[i].text, dns_name_parse(str_of(cases[i].text), &b), cases[i].code);
		if (cases[i].code == ERR_NONE)
			check_str(cases[i].text, buf_str(&b), str_of(cases[i].want));
		else
			assert_int_equal(b.n, 0);
	}
}

static void take_test(void **state)
{
	static const struct {
		const char *name;
		str wire, want;
		enum err_code code;
	} cases[] = {
		{ "two labels", S("\7EXAMPLE\3org\0"), S("example.org"), ERR_NONE },
		{ "the root", S("\0"), S(""), ERR_NONE },
		{ "a pointer", S("\7example\xc0\x0c"), S(""), ERR_SYNTAX },
		{ "an unknown kind of label",
			S("\x41"
			  "a\0"),
			S(""), ERR_SYNTAX },
		{ "no end", S("\7example"), S(""), ERR_SYNTAX },
		{ "half a label", S("\7exam"), S(""), ERR_SYNTAX },
		{ "a dot in a label", S("\3a.b\0"), S(""), ERR_SYNTAX },
		{ "a NUL in a label", S("\3a\0b\0"), S(""), ERR_SYNTAX },
		{ "a line end in a label", S("\3a\r\n\0"), S(""), ERR_SYNTAX },
		{ "nothing", S(""), S(""), ERR_SYNTAX },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[300];
		struct buf b = BUF_ON(room);
		struct cur c = cur_of(cases[i].wire);
		dns_name_take(&c, &b);
		check_err(cases[i].name, c.e, cases[i].code);
		if (cases[i].code == ERR_NONE)
			check_str(cases[i].name, buf_str(&b), cases[i].want);
	}
}

/* 127 labels of one letter are 253 characters; one more is too long. */
static void longest_test(void **state)
{
	char wire[300], room[400];
	(void)state;
	for (size_t labels = 127; labels <= 128; labels++) {
		struct buf b = BUF_ON(room), w = BUF_ON(wire);
		for (size_t i = 0; i < labels; i++)
			buf_add(&w, S("\1a"));
		buf_byte(&w, '\0');
		struct cur c = cur_of(buf_str(&w));
		dns_name_take(&c, &b);
		check_err("labels", c.e, labels == 127 ? ERR_NONE : ERR_LIMIT);
		assert_true(labels > 127 || b.n == DNS_NAME_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_test),
		cmocka_unit_test(take_test),
		cmocka_unit_test(longest_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
