/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/idna/domain.h"

static const struct {
	str text, want;
	enum err_code e;
} cases[] = {
	{ S("Example.ORG"), S("Example.ORG"), ERR_NONE },
	{ S("[192.0.2.1]"), S("[192.0.2.1]"), ERR_NONE },
	{ S(""), S(""), ERR_NONE },
	{ S("b\303\274cher.example"), S("xn--bcher-kva.example"), ERR_NONE },
	{ S("B\303\234CHER.Example"), S("xn--bcher-kva.example"), ERR_NONE },
	{ S("o\314\210bst.example"), S("xn--bst-rna.example"), ERR_NONE }, /* the dots stand apart */
	{ S("stra\303\237e.example"), S("xn--strae-oqa.example"), ERR_NONE },
	{ S("a\357\274\216b.example"), S("a.b.example"), ERR_NONE }, /* a wide dot */
	{ S("a\357\274\240b.example"), NO_STR, ERR_SYNTAX },         /* a wide "@" */
	{ S("a\357\274\274b.example"), NO_STR, ERR_SYNTAX },         /* a wide backslash */
	{ S("\302\255.example"), NO_STR, ERR_SYNTAX },               /* a soft hyphen becomes nothing */
	{ S("b\303\274cher..example"), NO_STR, ERR_SYNTAX },
	{ S("b\303\274cher.example."), NO_STR, ERR_SYNTAX },
	{ S("b\303\274cher\0.example"), NO_STR, ERR_SYNTAX },
	{ S("\342\230\272.example"), NO_STR, ERR_SYNTAX }, /* a face */
	{ S("\303(.example"), NO_STR, ERR_SYNTAX },        /* no UTF-8 */
	{ S("\303\274aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"), NO_STR, ERR_SYNTAX },
};

static void test_domain(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[IDNA_DOMAIN_MAX];
		struct buf b = BUF_ON(room);
		check_err(cases[i].text.p, idna_domain(cases[i].text, &b), cases[i].e);
		check_str(cases[i].text.p, buf_str(&b), cases[i].e == ERR_NONE ? cases[i].want : S(""));
	}
}

static void test_address(void **state)
{
	char room[40], small[19];
	struct buf b = BUF_ON(room), s = BUF_ON(small);
	(void)state;
	check_err("address", idna_address(S("M\303\274@x@b\303\274cher.test"), &b), ERR_NONE);
	check_str("address", buf_str(&b), S("M\303\274@x@xn--bcher-kva.test"));
	check_err("no room", idna_address(S("m@b\303\274cher.test"), &s), ERR_LIMIT);
	check_str("no room", buf_str(&s), S(""));
	check_err("no domain", idna_address(S("m@\342\230\272"), &s), ERR_SYNTAX);
	check_str("no domain", buf_str(&s), S(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_domain), cmocka_unit_test(test_address) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
