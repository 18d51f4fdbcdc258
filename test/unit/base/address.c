/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/address.h"
#include "base/buf.h"

static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* want NULL: refused */
		bool v4;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "0.0.0.0", "0.0.0.0", true },
		{ "2001:DB8::1", "2001:db8::1", false },
		{ "::", "::", false },
		{ "::ffff:192.0.2.1", "192.0.2.1", true },
		{ "", NULL, false },
		{ "192.0.2", NULL, false },
		{ "192.0.2.256", NULL, false },
		{ "192.0.2.01", NULL, false },
		{ " 192.0.2.1", NULL, false },
		{ "fe80::1%lo", NULL, false },
		{ "1:2:3:4:5:6:7:8:9", NULL, false },
		{ "0000:0000:0000:0000:0000:ffff:255.255.255.2551234567890", NULL, false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address a;
		char room[64];
		struct buf b = BUF_ON(room);
		check_err(
			cases[i].text, address_parse(str_of(cases[i].text), &a), cases[i].want ? ERR_NONE : ERR_SYNTAX);
		if (cases[i].want == NULL)
			continue;
		address_write(&b, &a);
		check_str(cases[i].text, buf_str(&b), str_of(cases[i].want));
		assert_int_equal(address_is_v4(&a), cases[i].v4);
	}
}

static void networks(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want, *in, *out;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
		{ "192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6" },
		{ "192.0.2.7/32", "192.0.2.7", "192.0.2.7", "::1" },
		{ "10.0.0.0/9", "10.0.0.0/9", "10.127.255.255", "10.128.0.0" },
		{ "0.0.0.0/0", "0.0.0.0/0", "203.0.113.9", "2001:db8::1" },
		{ "::/0", "::/0", "2001:db8::1", NULL },
		{ "2001:db8::/33", "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
		{ "::1", "::1", "::1", "::2" },
		{ "192.0.2.1/24", NULL, NULL, NULL },
		{ "192.0.2.0/33", NULL, NULL, NULL },
		{ "2001:db8::/129", NULL, NULL, NULL },
		{ "192.0.2.0/", NULL, NULL, NULL },
		{ "192.0.2.0/+8", NULL, NULL, NULL },
		{ "/8", NULL, NULL, NULL },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct network n;
		struct address a;
		char room[64];
		struct buf b = BUF_ON(room);
		check_err(
			cases[i].text, network_parse(str_of(cases[i].text), &n), cases[i].want ? ERR_NONE : ERR_SYNTAX);
		if (cases[i].want == NULL)
			continue;
		network_write(&b, &n);
		check_str(cases[i].text, buf_str(&b), str_of(cases[i].want));
		check_err(cases[i].in, address_parse(str_of(cases[i].in), &a), ERR_NONE);
		assert_true(network_has(&n, &a));
		if (cases[i].out == NULL)
			continue;
		check_err(cases[i].out, address_parse(str_of(cases[i].out), &a), ERR_NONE);
		assert_false(network_has(&n, &a));
	}
}

static void network_of_limits(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "192.0.2.77", "192.0.2.0/24" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address a;
		char room[64];
		struct buf b = BUF_ON(room);
		check_err(cases[i][0], address_parse(str_of(cases[i][0]), &a), ERR_NONE);
		struct network n = network_around(&a);
		network_write(&b, &n);
		check_str(cases[i][0], buf_str(&b), str_of(cases[i][1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(addresses), cmocka_unit_test(networks),
		cmocka_unit_test(network_of_limits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
