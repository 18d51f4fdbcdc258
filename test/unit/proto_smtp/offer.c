/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/smtp/offer.h"

#define HAS(name) (1u << SMTP_EXTENSION_##name)

/* clang-format off */
static const struct { const char *name; str text; struct smtp_offer want; } cases[] = {
	{ "greeting only",      S("mx.example.org at your service"),         { 0 } },
	{ "greeting is no keyword", S("PIPELINING"),                         { 0 } },
	{ "the usual",          S("mx\nPIPELINING\nSIZE 10240000\n8BITMIME\nSTARTTLS\nDSN\nSMTPUTF8\nCHUNKING\nENHANCEDSTATUSCODES"),
	  { .has = HAS(PIPELINING) | HAS(SIZE) | HAS(EIGHT_BIT_MIME) | HAS(STARTTLS) | HAS(DSN) | HAS(SMTPUTF8) | HAS(CHUNKING) |
	  HAS(ENHANCED_CODES), .size_max = 10240000 } },
	{ "case",               S("mx\nStartTLS\nrequiretls"),               { .has = HAS(STARTTLS) | HAS(REQUIRETLS) } },
	{ "size without number", S("mx\nSIZE"),                              { .has = HAS(SIZE) } },
	{ "size zero",          S("mx\nSIZE 0"),                             { .has = HAS(SIZE) } },
	{ "size nonsense",      S("mx\nSIZE lots"),                          { .has = HAS(SIZE) } },
	{ "size too large",     S("mx\nSIZE 99999999999999999999999"),       { .has = HAS(SIZE) } },
	{ "mechanisms",         S("mx\nAUTH CRAM-MD5 login PLAIN"),
	  { .has = HAS(AUTH), .mechanisms = SMTP_MECHANISM_PLAIN | SMTP_MECHANISM_LOGIN } },
	{ "not the old form",   S("mx\nAUTH=PLAIN"),                         { 0 } },
	{ "limits",             S("mx\nLIMITS RCPTMAX=20 MAILMAX=5 X=1"),
	  { .has = HAS(LIMITS), .messages_max = 5, .recipients_max = 20 } },
	{ "longer words",       S("mx\nSTARTTLSX\nXSTARTTLS\nPIPELINING-2"), { 0 } },
	{ "other separators",   S("mx\nSTARTTLS\t\nDSN\r"),                  { 0 } },
	{ "empty lines",        S("mx\n\n\nDSN"),                            { .has = HAS(DSN) } },
	{ "unknown",            S("mx\nX-FOO\nVRFY\n*"),                     { 0 } },
};
/* clang-format on */

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct smtp_offer o;
		const struct smtp_offer *want = &cases[i].want;
		smtp_offer_read(cases[i].text, &o);
		if (o.has != want->has || o.size_max != want->size_max || o.mechanisms != want->mechanisms ||
			o.messages_max != want->messages_max || o.recipients_max != want->recipients_max)
			fail_msg("%s: got %x size %llu mechanisms %x", cases[i].name, o.has,
				(unsigned long long)o.size_max, o.mechanisms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_read) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
