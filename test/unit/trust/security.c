/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "trust/security.h"

#define REQUIRE .wish = WISH_REQUIRE
#define DELIVER .wish = WISH_DELIVER
#define ENFORCE .sts = STS_ENFORCE, .sts_matches = true
#define OTHER_HOST .sts = STS_ENFORCE, .sts_matches = false
#define TESTING .sts = STS_TESTING, .sts_matches = true
#define LEAST(word) .is_floor = true, .setting = SECURITY_##word

/* clang-format off */
static const struct { const char *name; struct security_facts facts; enum security_action action; enum security_source source; bool watches, require, final, raised; } cases[] = {
	{ "no policy",                { 0 },                                     ACTION_MAY,     SOURCE_NONE,    0, 0, 0 },
	{ "DANE",                     { .dane = DANE_VERIFY },                   ACTION_DANE,    SOURCE_TLSA,    0, 0, 0 },
	{ "DANE, unusable",           { .dane = DANE_ENCRYPT },                  ACTION_ENCRYPT, SOURCE_TLSA,    0, 0, 0 },
	{ "DANE, bogus",              { .dane = DANE_AVOID },                    ACTION_AVOID,   SOURCE_TLSA,    0, 0, 0 },
	{ "DANE before MTA-STS",      { .dane = DANE_VERIFY, ENFORCE },          ACTION_DANE,    SOURCE_TLSA,    0, 0, 0 },
	{ "MTA-STS cannot save bogus DANE", { .dane = DANE_AVOID, ENFORCE },     ACTION_AVOID,   SOURCE_TLSA,    0, 0, 0 },
	{ "MTA-STS",                  { ENFORCE },                               ACTION_VERIFY,  SOURCE_STS,     0, 0, 0 },
	{ "MTA-STS, another host",    { OTHER_HOST },                            ACTION_AVOID,   SOURCE_STS,     0, 0, 0 },
	{ "MTA-STS, testing",         { TESTING },                               ACTION_MAY,     SOURCE_STS,     1, 0, 0 },
	{ "MTA-STS, testing, another host", { .sts = STS_TESTING },              ACTION_MAY,     SOURCE_STS,     1, 0, 0 },
	{ "none",                     { .setting = SECURITY_NONE, ENFORCE },     ACTION_PLAIN,   SOURCE_SETTING, 0, 0, 0 },
	{ "may",                      { .setting = SECURITY_MAY, .dane = DANE_VERIFY }, ACTION_MAY, SOURCE_SETTING, 0, 0, 0 },
	{ "encrypt",                  { .setting = SECURITY_ENCRYPT },           ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0 },
	{ "verify",                   { .setting = SECURITY_VERIFY },            ACTION_VERIFY,  SOURCE_SETTING, 0, 0, 0 },
	{ "dane, and it is there",    { .setting = SECURITY_DANE, .dane = DANE_VERIFY }, ACTION_DANE, SOURCE_SETTING, 0, 0, 0 },
	{ "dane, and it is not",      { .setting = SECURITY_DANE },              ACTION_AVOID,   SOURCE_SETTING, 0, 0, 0 },
	{ "dane, unusable",           { .setting = SECURITY_DANE, .dane = DANE_ENCRYPT }, ACTION_AVOID, SOURCE_SETTING, 0, 0, 0 },
	{ "REQUIRETLS, name not certain", { REQUIRE },                           ACTION_AVOID,   SOURCE_MESSAGE, 0, 0, 1 },
	{ "REQUIRETLS, secure MX",    { REQUIRE, .mx_secure = true },            ACTION_VERIFY,  SOURCE_MESSAGE, 0, 1, 0 },
	{ "REQUIRETLS, DANE",         { REQUIRE, .mx_secure = true, .dane = DANE_VERIFY }, ACTION_DANE, SOURCE_TLSA, 0, 1, 0 },
	{ "REQUIRETLS, DANE behind an insecure MX", { REQUIRE, .dane = DANE_VERIFY }, ACTION_AVOID, SOURCE_MESSAGE, 0, 0, 1 },
	{ "REQUIRETLS, unusable DANE", { REQUIRE, .mx_secure = true, .dane = DANE_ENCRYPT }, ACTION_VERIFY, SOURCE_MESSAGE, 0, 1, 0 },
	{ "REQUIRETLS, MTA-STS",      { REQUIRE, ENFORCE },                      ACTION_VERIFY,  SOURCE_STS,     0, 1, 0 },
	{ "REQUIRETLS, testing proves no name", { REQUIRE, TESTING },            ACTION_AVOID,   SOURCE_MESSAGE, 0, 0, 1 },
	{ "REQUIRETLS, route",        { REQUIRE, .routed = true, .setting = SECURITY_MAY }, ACTION_VERIFY, SOURCE_MESSAGE, 0, 1, 0 },
	{ "REQUIRETLS, none",         { REQUIRE, .routed = true, .setting = SECURITY_NONE }, ACTION_AVOID, SOURCE_MESSAGE, 0, 0, 1 },
	{ "REQUIRETLS, a notice",     { REQUIRE, .null_sender = true },          ACTION_MAY,     SOURCE_NONE,    0, 0, 0 },
	{ "TLS-Required: No",         { DELIVER },                               ACTION_MAY,     SOURCE_NONE,    0, 0, 0 },
	{ "TLS-Required: No, DANE",   { DELIVER, .dane = DANE_VERIFY },          ACTION_MAY,     SOURCE_MESSAGE, 0, 0, 0 },
	{ "TLS-Required: No, bogus DANE", { DELIVER, .dane = DANE_AVOID },       ACTION_MAY,     SOURCE_MESSAGE, 0, 0, 0 },
	{ "TLS-Required: No, MTA-STS", { DELIVER, ENFORCE },                     ACTION_MAY,     SOURCE_MESSAGE, 0, 0, 0 },
	{ "TLS-Required: No, encrypt", { DELIVER, .setting = SECURITY_ENCRYPT }, ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0 },
	{ "TLS-Required: No, verify", { DELIVER, .setting = SECURITY_VERIFY },   ACTION_VERIFY,  SOURCE_SETTING, 0, 0, 0 },
	{ "TLS-Required: No, dane",   { DELIVER, .setting = SECURITY_DANE },     ACTION_AVOID,   SOURCE_SETTING, 0, 0, 0 },
	{ "TLS-Required: No, none",   { DELIVER, .setting = SECURITY_NONE },     ACTION_PLAIN,   SOURCE_SETTING, 0, 0, 0 },
	{ "at least may",             { LEAST(MAY) },                            ACTION_MAY,     SOURCE_NONE,    0, 0, 0 },
	{ "at least may, DANE",       { LEAST(MAY), .dane = DANE_VERIFY },       ACTION_DANE,    SOURCE_TLSA,    0, 0, 0 },
	{ "at least may, MTA-STS",    { LEAST(MAY), ENFORCE },                   ACTION_VERIFY,  SOURCE_STS,     0, 0, 0 },
	{ "at least encrypt",         { LEAST(ENCRYPT) },                        ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0, 1 },
	{ "at least encrypt, DANE",   { LEAST(ENCRYPT), .dane = DANE_VERIFY },   ACTION_DANE,    SOURCE_TLSA,    0, 0, 0 },
	{ "at least encrypt, unusable DANE", { LEAST(ENCRYPT), .dane = DANE_ENCRYPT }, ACTION_ENCRYPT, SOURCE_TLSA, 0, 0, 0 },
	{ "at least encrypt, bogus DANE", { LEAST(ENCRYPT), .dane = DANE_AVOID }, ACTION_AVOID,  SOURCE_TLSA,    0, 0, 0 },
	{ "at least encrypt, MTA-STS", { LEAST(ENCRYPT), ENFORCE },              ACTION_VERIFY,  SOURCE_STS,     0, 0, 0 },
	{ "at least encrypt, MTA-STS, another host", { LEAST(ENCRYPT), OTHER_HOST }, ACTION_AVOID, SOURCE_STS,   0, 0, 0 },
	{ "at least encrypt, testing", { LEAST(ENCRYPT), TESTING },              ACTION_ENCRYPT, SOURCE_STS,     1, 0, 0, 1 },
	{ "at least verify",          { LEAST(VERIFY) },                         ACTION_VERIFY,  SOURCE_SETTING, 0, 0, 0, 1 },
	{ "at least verify, DANE",    { LEAST(VERIFY), .dane = DANE_VERIFY },    ACTION_DANE,    SOURCE_TLSA,    0, 0, 0 },
	{ "at least verify, unusable DANE", { LEAST(VERIFY), .dane = DANE_ENCRYPT }, ACTION_VERIFY, SOURCE_TLSA, 0, 0, 0, 1 },
	{ "at least verify, bogus DANE", { LEAST(VERIFY), .dane = DANE_AVOID },  ACTION_AVOID,   SOURCE_TLSA,    0, 0, 0 },
	{ "at least verify, MTA-STS", { LEAST(VERIFY), ENFORCE },                ACTION_VERIFY,  SOURCE_STS,     0, 0, 0 },
	{ "at least verify, MTA-STS, another host", { LEAST(VERIFY), OTHER_HOST }, ACTION_AVOID, SOURCE_STS,     0, 0, 0 },
	{ "at least verify, testing", { LEAST(VERIFY), TESTING },                ACTION_VERIFY,  SOURCE_STS,     1, 0, 0, 1 },
	{ "REQUIRETLS, at least encrypt", { REQUIRE, LEAST(ENCRYPT), .mx_secure = true }, ACTION_VERIFY, SOURCE_MESSAGE, 0, 1, 0 },
	{ "REQUIRETLS, at least encrypt, name not certain", { REQUIRE, LEAST(ENCRYPT) }, ACTION_AVOID, SOURCE_MESSAGE, 0, 0, 1 },
	{ "TLS-Required: No, at least may, DANE", { DELIVER, LEAST(MAY), .dane = DANE_VERIFY }, ACTION_MAY, SOURCE_MESSAGE, 0, 0, 0 },
	{ "TLS-Required: No, at least encrypt", { DELIVER, LEAST(ENCRYPT) },     ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0, 1 },
	{ "TLS-Required: No, at least encrypt, DANE", { DELIVER, LEAST(ENCRYPT), .dane = DANE_VERIFY }, ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0 },
	{ "TLS-Required: No, at least encrypt, MTA-STS, another host", { DELIVER, LEAST(ENCRYPT), OTHER_HOST }, ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0 },
	{ "TLS-Required: No, at least encrypt, testing", { DELIVER, LEAST(ENCRYPT), TESTING }, ACTION_ENCRYPT, SOURCE_SETTING, 0, 0, 0 },
	{ "TLS-Required: No, at least verify, DANE", { DELIVER, LEAST(VERIFY), .dane = DANE_VERIFY }, ACTION_DANE, SOURCE_TLSA, 0, 0, 0 },
	{ "TLS-Required: No, at least verify, bogus DANE", { DELIVER, LEAST(VERIFY), .dane = DANE_AVOID }, ACTION_VERIFY, SOURCE_SETTING, 0, 0, 0 },
};
/* clang-format on */

static void test_decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct security s = security_decide(&cases[i].facts);
		check_str(cases[i].name, str_of(security_action_name(s.action)),
			str_of(security_action_name(cases[i].action)));
		check_str(cases[i].name, str_of(security_source_name(s.source)),
			str_of(security_source_name(cases[i].source)));
		if (s.watches != cases[i].watches || s.wants_require != cases[i].require ||
			s.is_final != cases[i].final || s.is_raised != cases[i].raised || s.reason == NULL)
			fail_msg("%s: watches %d, require %d, final %d, raised %d", cases[i].name, s.watches,
				s.wants_require, s.is_final, s.is_raised);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_decisions) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
