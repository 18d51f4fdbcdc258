/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proxy/header.h"

#include "base/buf.h"
#include "check.h"

#define SIGNED "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x00\x19"
#define V6                                           \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x30\x39\x00\x19"
#define BYTES(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *name;
	str header;
	enum err_code want;
	const char *source; /* NULL: local */
} cases[] = {
	{ "IPv4", BYTES(SIGNED "\x21\x11\x00\x0c" V4), ERR_NONE, "192.0.2.7" },
	{ "IPv6", BYTES(SIGNED "\x21\x21\x00\x24" V6), ERR_NONE, "2001:db8::1" },
	{ "local", BYTES(SIGNED "\x20\x00\x00\x00"), ERR_NONE, NULL },
	{ "local with addresses", BYTES(SIGNED "\x20\x11\x00\x0c" V4), ERR_NONE, NULL },
	{ "a TLV", BYTES(SIGNED "\x21\x11\x00\x11" V4 "\x01\x00\x02h2"), ERR_NONE, "192.0.2.7" },
	{ "an empty TLV", BYTES(SIGNED "\x21\x11\x00\x0f" V4 "\x04\x00\x00"), ERR_NONE, "192.0.2.7" },
	{ "a right checksum", BYTES(SIGNED "\x21\x11\x00\x13" V4 "\x03\x00\x04\xf2\xe6\xe2\x32"), ERR_NONE,
		"192.0.2.7" },
	{ "a wrong checksum", BYTES(SIGNED "\x21\x11\x00\x13" V4 "\x03\x00\x04\xf2\xe6\xe2\x33"), ERR_SYNTAX, NULL },
	{ "a short checksum", BYTES(SIGNED "\x21\x11\x00\x12" V4 "\x03\x00\x03\x73\xb0\xf4"), ERR_SYNTAX, NULL },
	{ "half a TLV", BYTES(SIGNED "\x21\x11\x00\x0e" V4 "\x01\x00"), ERR_SYNTAX, NULL },
	{ "a TLV that is too long", BYTES(SIGNED "\x21\x11\x00\x10" V4 "\x01\x00\x02h"), ERR_SYNTAX, NULL },
	{ "nothing", BYTES(""), ERR_SYNTAX, NULL },
	{ "the signature alone", BYTES(SIGNED), ERR_SYNTAX, NULL },
	{ "another signature", BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\x00\x0c" V4), ERR_SYNTAX, NULL },
	{ "version 1", BYTES("PROXY TCP4 192.0.2.7 127.0.0.1 12345 25\r\n"), ERR_SYNTAX, NULL },
	{ "version 1 in 2", BYTES(SIGNED "\x11\x11\x00\x0c" V4), ERR_SYNTAX, NULL },
	{ "version 3", BYTES(SIGNED "\x31\x11\x00\x0c" V4), ERR_SYNTAX, NULL },
	{ "another command", BYTES(SIGNED "\x22\x11\x00\x0c" V4), ERR_SYNTAX, NULL },
	{ "unknown family", BYTES(SIGNED "\x21\x00\x00\x00"), ERR_UNSUPPORTED, NULL },
	{ "UDP", BYTES(SIGNED "\x21\x12\x00\x0c" V4), ERR_UNSUPPORTED, NULL },
	{ "local socket", BYTES(SIGNED "\x21\x31\x00\x0c" V4), ERR_UNSUPPORTED, NULL },
	{ "IPv6 in too few bytes", BYTES(SIGNED "\x21\x21\x00\x0c" V4), ERR_SYNTAX, NULL },
	{ "IPv4 in too few bytes", BYTES(SIGNED "\x21\x11\x00\x0b\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x00"),
		ERR_SYNTAX, NULL },
	{ "shorter than it says", BYTES(SIGNED "\x21\x11\x00\x0d" V4), ERR_SYNTAX, NULL },
	{ "longer than it says", BYTES(SIGNED "\x21\x11\x00\x0c" V4 "x"), ERR_SYNTAX, NULL },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct proxy_header h;
		char room[64];
		struct buf b = BUF_ON(room);
		check_err(cases[i].name, proxy_header_parse(cases[i].header, &h), cases[i].want);
		if (cases[i].want != ERR_NONE)
			continue;
		assert_int_equal(h.is_local, cases[i].source == NULL);
		if (cases[i].source == NULL)
			continue;
		address_write(&b, &h.source);
		check_str(cases[i].name, buf_str(&b), str_of(cases[i].source));
		assert_int_equal(h.source_port, 12345);
		assert_int_equal(h.destination_port, 25);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	static char room[PROXY_START + PROXY_REST_MAX];
	struct buf b = BUF_ON(room);
	struct proxy_header h;
	size_t rest;
	check_err("longest", proxy_header_rest((str)BYTES(SIGNED "\x21\x11\x08\x00"), &rest), ERR_NONE);
	assert_int_equal(rest, PROXY_REST_MAX);
	check_err("too long", proxy_header_rest((str)BYTES(SIGNED "\x21\x11\x08\x01"), &rest), ERR_LIMIT);
	buf_add(&b, (str)BYTES(SIGNED "\x21\x11\x00\xcf" V4));
	for (int i = 0; i < PROXY_TLVS_MAX + 1; i++)
		buf_add(&b, (str)BYTES("\x04\x00\x00"));
	check_err("too many", proxy_header_parse(buf_str(&b), &h), ERR_LIMIT);
	room[15] = '\xcc';
	check_err("as many as may be", proxy_header_parse(str_from(room, b.n - 3), &h), ERR_NONE);
}

static void test_begins(void **state)
{
	(void)state;
	static const str signature = BYTES(SIGNED);
	for (size_t n = 1; n <= signature.n; n++)
		assert_true(proxy_header_begins(str_slice(signature, 0, n)));
	assert_false(proxy_header_begins(S("")));
	assert_false(proxy_header_begins(S("EHLO")));
	assert_false(proxy_header_begins(S("\r\nEHLO")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
