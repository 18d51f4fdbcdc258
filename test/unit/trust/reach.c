/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "trust/reach.h"

/* clang-format off */
static const struct { const char *address, *want; } cases[] = {
	{ "8.8.8.8", NULL }, { "1.1.1.1", NULL }, { "172.15.255.255", NULL }, { "172.32.0.0", NULL }, { "192.0.1.1", NULL },
	{ "100.63.255.255", NULL }, { "100.128.0.0", NULL }, { "223.255.255.255", NULL }, { "198.20.0.0", NULL },
	{ "2a00:1450::1", NULL }, { "2001:4860:4860::8888", NULL }, { "2600::", NULL }, { "64:ff9b::8.8.8.8", NULL }, { "2002:808:808::1", NULL },
	{ "0.0.0.0", "this network" }, { "10.255.0.1", "private" }, { "100.64.0.1", "shared" }, { "127.0.0.1", "loopback" }, { "127.9.9.9", "loopback" },
	{ "169.254.169.254", "link-local" }, { "172.16.0.1", "private" }, { "172.31.255.255", "private" }, { "192.168.1.1", "private" },
	{ "192.0.2.1", "documentation" }, { "224.0.0.1", "multicast" }, { "255.255.255.255", "reserved" },
	{ "::", "unspecified" }, { "::1", "loopback" }, { "fe80::1", "link-local" }, { "fc00::1", "private" }, { "fd12:3456::1", "private" },
	{ "ff02::1", "multicast" }, { "2001:db8::1", "documentation" },
	{ "::ffff:127.0.0.1", "loopback" }, { "::ffff:10.0.0.1", "private" },
	{ "64:ff9b::127.0.0.1", "loopback" }, { "64:ff9b::a00:1", "private" }, { "2002:7f00:1::1", "loopback" }, { "2002:a9fe:a9fe::", "link-local" },
	{ "::127.0.0.1", "loopback" }, { "::10.0.0.1", "private" },
};
/* clang-format on */

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address a;
		check_err(cases[i].address, address_parse(str_of(cases[i].address), &a), ERR_NONE);
		check_str(cases[i].address, str_of(address_unreachable(&a)), str_of(cases[i].want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
