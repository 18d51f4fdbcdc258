/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "proto/smtp/parameter.h"

#define TEN "1234567890"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define MAIL SMTP_FOR_MAIL
#define RCPT SMTP_FOR_RCPT

/* clang-format off */
static const struct { const char *name; enum smtp_command_kind kind; str text; enum err_code want; const char *culprit; } cases[] = {
	{ "nothing",             MAIL, S(""),                            ERR_NONE,        NULL },
	{ "blanks",              MAIL, S("   "),                         ERR_NONE,        NULL },
	{ "all of MAIL",         MAIL, S(" SIZE=1 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a AUTH=<> REQUIRETLS"), ERR_NONE, NULL },
	{ "all of RCPT",         RCPT, S(" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b"), ERR_NONE, NULL },
	{ "any case",            MAIL, S(" size=1 body=7bit Ret=full"),  ERR_NONE,        NULL },
	{ "no blank before",     MAIL, S("SIZE=1"),                      ERR_SYNTAX,      "SIZE=1" },
	{ "unknown",             MAIL, S(" SIZE=1 FOO=bar"),             ERR_UNSUPPORTED, "FOO" },
	{ "unknown, no value",   MAIL, S(" FOO"),                        ERR_UNSUPPORTED, "FOO" },
	{ "MAIL's at RCPT",      RCPT, S(" SIZE=1"),                     ERR_UNSUPPORTED, "SIZE" },
	{ "RCPT's at MAIL",      MAIL, S(" NOTIFY=NEVER"),               ERR_UNSUPPORTED, "NOTIFY" },
	{ "twice",               MAIL, S(" SIZE=1 size=2"),              ERR_EXISTS,      "size" },
	{ "no keyword",          MAIL, S(" =1"),                         ERR_SYNTAX,      "" },
	{ "keyword with hyphen first", MAIL, S(" -A=1"),                 ERR_SYNTAX,      "-A" },
	{ "two equal signs",     MAIL, S(" ENVID=a=b"),                  ERR_SYNTAX,      "ENVID" },
	{ "no value",            MAIL, S(" SIZE"),                       ERR_SYNTAX,      "SIZE" },
	{ "empty value",         MAIL, S(" SIZE="),                      ERR_SYNTAX,      "SIZE" },
	{ "size negative",       MAIL, S(" SIZE=-1"),                    ERR_SYNTAX,      "SIZE" },
	{ "size too large",      MAIL, S(" SIZE=18446744073709551616"),  ERR_LIMIT,       "SIZE" },
	{ "body unknown",        MAIL, S(" BODY=9BIT"),                  ERR_SYNTAX,      "BODY" },
	{ "utf8 with value",     MAIL, S(" SMTPUTF8=1"),                 ERR_SYNTAX,      "SMTPUTF8" },
	{ "requiretls with value", MAIL, S(" REQUIRETLS=1"),             ERR_SYNTAX,      "REQUIRETLS" },
	{ "requiretls at RCPT",  RCPT, S(" REQUIRETLS"),                 ERR_UNSUPPORTED, "REQUIRETLS" },
	{ "ret unknown",         MAIL, S(" RET=SOME"),                   ERR_SYNTAX,      "RET" },
	{ "envid of 100",        MAIL, S(" ENVID=" HUNDRED),             ERR_NONE,        NULL },
	{ "envid of 101",        MAIL, S(" ENVID=" HUNDRED "1"),         ERR_LIMIT,       "ENVID" },
	{ "envid hides CR",      MAIL, S(" ENVID=a+0Db"),                ERR_SYNTAX,      "ENVID" },
	{ "xtext lower case",    MAIL, S(" ENVID=a+2bb"),                ERR_SYNTAX,      "ENVID" },
	{ "xtext cut",           MAIL, S(" ENVID=a+2"),                  ERR_SYNTAX,      "ENVID" },
	{ "auth an address",     MAIL, S(" AUTH=e+3Dmc2@example.com"),   ERR_NONE,        NULL },
	{ "auth no address",     MAIL, S(" AUTH=me"),                    ERR_SYNTAX,      "AUTH" },
	{ "notify nothing",      RCPT, S(" NOTIFY="),                    ERR_SYNTAX,      "NOTIFY" },
	{ "notify never and",    RCPT, S(" NOTIFY=NEVER,DELAY"),         ERR_SYNTAX,      "NOTIFY" },
	{ "notify twice",        RCPT, S(" NOTIFY=DELAY,DELAY"),         ERR_SYNTAX,      "NOTIFY" },
	{ "notify comma last",   RCPT, S(" NOTIFY=DELAY,"),              ERR_SYNTAX,      "NOTIFY" },
	{ "notify comma first",  RCPT, S(" NOTIFY=,DELAY"),              ERR_SYNTAX,      "NOTIFY" },
	{ "orcpt no type",       RCPT, S(" ORCPT=a@b"),                  ERR_SYNTAX,      "ORCPT" },
	{ "orcpt empty type",    RCPT, S(" ORCPT=;a@b"),                 ERR_SYNTAX,      "ORCPT" },
	{ "orcpt empty",         RCPT, S(" ORCPT=rfc822;"),              ERR_SYNTAX,      "ORCPT" },
	{ "orcpt hides LF",      RCPT, S(" ORCPT=rfc822;a+0Ab"),         ERR_SYNTAX,      "ORCPT" },
	{ "orcpt hides NUL",     RCPT, S(" ORCPT=rfc822;a+00b"),         ERR_SYNTAX,      "ORCPT" },
	{ "orcpt UTF-8",         RCPT, S(" ORCPT=utf-8;j\xc3\xb6@x"),    ERR_NONE,        NULL },
	{ "orcpt UTF-8, wrong type", RCPT, S(" ORCPT=rfc822;j\xc3\xb6@x"), ERR_SYNTAX,    "ORCPT" },
	{ "orcpt of 500",        RCPT, S(" ORCPT=rfc822;abc" HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN), ERR_NONE, NULL },
	{ "orcpt of 501",        RCPT, S(" ORCPT=rfc822;abcd" HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN), ERR_LIMIT, "ORCPT" },
};
/* clang-format on */

static void parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", 4096);
		struct smtp_parameters p = { .size = 42 };
		str culprit = NO_STR;
		check_err(cases[i].name, smtp_parameters_parse(cases[i].text, cases[i].kind, a, &p, &culprit),
			cases[i].want);
		if (cases[i].culprit != NULL) {
			check_str(cases[i].name, culprit, str_of(cases[i].culprit));
			assert_int_equal(p.size, 42);
		}
		arena_free(&a);
	}
}

static void values(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 4096);
	struct smtp_parameters p;
	str culprit;
	check_err("mail",
		smtp_parameters_parse(
			S(" SIZE=500000 BODY=BINARYMIME SMTPUTF8 RET=FULL ENVID=QQ+2B1+20x AUTH=e+2Bm@x.org"),
			SMTP_FOR_MAIL, a, &p, &culprit),
		ERR_NONE);
	assert_int_equal(p.size, 500000);
	assert_int_equal(p.body, SMTP_BODY_BINARYMIME);
	assert_int_equal(p.ret, SMTP_RETURN_FULL);
	assert_true(smtp_has(&p, SMTP_PARAMETER_SMTPUTF8));
	assert_false(smtp_has(&p, SMTP_PARAMETER_NOTIFY));
	check_str("envid", p.envid, S("QQ+1 x"));
	check_str("auth", p.auth, S("e+m@x.org"));
	check_err("rcpt",
		smtp_parameters_parse(
			S(" NOTIFY=success,FAILURE ORCPT=rfc822;a+2Bb@x.org"), SMTP_FOR_RCPT, a, &p, &culprit),
		ERR_NONE);
	assert_int_equal(p.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE);
	check_str("type", p.orcpt_type, S("rfc822"));
	check_str("orcpt", p.orcpt, S("a+b@x.org"));
	arena_free(&a);
	a = arena_new("small", 8);
	check_err("no memory", smtp_parameters_parse(S(" ENVID=" HUNDRED), SMTP_FOR_MAIL, a, &p, &culprit), ERR_MEMORY);
	arena_free(&a);
}

static void xtext(void **state)
{
	(void)state;
	char every[256], room[768];
	struct arena *a = arena_new("test", 4096);
	struct buf b = BUF_ON(room);
	str back;
	for (size_t i = 0; i < sizeof every; i++)
		every[i] = (char)(unsigned char)i;
	smtp_xtext_encode(&b, (str){ every, sizeof every });
	assert_false(b.lost);
	check_err("back", smtp_xtext_decode(a, buf_str(&b), &back), ERR_NONE);
	check_str("back", back, (str){ every, sizeof every });
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters),
		cmocka_unit_test(values),
		cmocka_unit_test(xtext),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
