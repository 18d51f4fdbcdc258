/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "store/directory/mailname.h"

static const struct {
	str text, local, domain, written;
	enum err_code e;
} cases[] = {
	{ S("anna@example.org"), S("anna"), S("example.org"), S("anna@example.org"), ERR_NONE },
	{ S("Anna@EXAMPLE.Org"), S("anna"), S("example.org"), S("anna@example.org"), ERR_NONE },
	{ S("\"anna\"@example.org"), S("anna"), S("example.org"), S("anna@example.org"), ERR_NONE },
	{ S("\"a\\\"b c\"@example.org"), S("a\"b c"), S("example.org"), S("\"a\\\"b c\"@example.org"), ERR_NONE },
	{ S("\"user@elsewhere.net\"@example.org"), S("user@elsewhere.net"), S("example.org"),
		S("\"user@elsewhere.net\"@example.org"), ERR_NONE },
	{ S("user%elsewhere.net@example.org"), S("user%elsewhere.net"), S("example.org"),
		S("user%elsewhere.net@example.org"), ERR_NONE },
	{ S("@example.org:user@elsewhere.net"), S("user"), S("elsewhere.net"), S("user@elsewhere.net"), ERR_NONE },
	{ S("@a,@b:user@elsewhere.net"), S("user"), S("elsewhere.net"), S("user@elsewhere.net"), ERR_NONE },
	{ S("user@elsewhere.net@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("postmaster"), S("postmaster"), S("home.example"), S("postmaster@home.example"), ERR_NONE },
	{ S("PostMaster"), S("postmaster"), S("home.example"), S("postmaster@home.example"), ERR_NONE },
	{ S("anna"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S(""), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("anna@"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("\"\"@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("\"anna@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("\"an\\"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("\"a\0b\"@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("an na@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("anna@example..org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("anna@-example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("anna@[192.0.2.1]"), S("anna"), S("[192.0.2.1]"), S("anna@[192.0.2.1]"), ERR_NONE },
	{ S("anna@[192.0.2.1"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("m\xc3\xbcller@XN--B-xga.example"), S("m\xc3\xbcller"), S("xn--b-xga.example"),
		S("m\xc3\xbcller@xn--b-xga.example"), ERR_NONE },
	{ S("m\xc3\xbcller@b\xc3\xbc.example"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
	{ S("aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaab@example.org"), NO_STR, NO_STR, NO_STR,
		ERR_LIMIT },
	{ S("\"a..b\"@example.org"), S("a..b"), S("example.org"), S("\"a..b\"@example.org"), ERR_NONE },
	{ S("a..b@example.org"), NO_STR, NO_STR, NO_STR, ERR_SYNTAX },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[MAILNAME_MAX], text[2 * MAILNAME_MAX];
		struct buf b = BUF_ON(room), written = BUF_ON(text);
		struct mailname name = { NO_STR, NO_STR };
		check_err(cases[i].text.p, mailname_parse(cases[i].text, S("home.example"), &b, &name), cases[i].e);
		check_str(cases[i].text.p, name.local, cases[i].local);
		check_str(cases[i].text.p, name.domain, cases[i].domain);
		if (cases[i].e != ERR_NONE)
			continue;
		mailname_write(&written, &name);
		check_str(cases[i].text.p, buf_str(&written), cases[i].written);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
