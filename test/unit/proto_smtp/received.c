/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "proto/smtp/received.h"

#define DATE "Mon, 23 Nov 2026 07:00:00 +0000"
enum {
	LMTP = SMTP_WITH_LMTP,
	ESMTP = SMTP_WITH_ESMTP,
	TLS = SMTP_WITH_TLS,
	AUTH = SMTP_WITH_AUTH,
	UTF8 = SMTP_WITH_UTF8
};

/* clang-format off */
static const struct { unsigned with; const char *want; } names[] = {
	{ 0,                         "SMTP" },
	{ TLS,                       "SMTP" },
	{ ESMTP,                     "ESMTP" },
	{ ESMTP | TLS,               "ESMTPS" },
	{ ESMTP | AUTH,              "ESMTPA" },
	{ ESMTP | TLS | AUTH,        "ESMTPSA" },
	{ ESMTP | UTF8,              "UTF8SMTP" },
	{ ESMTP | TLS | AUTH | UTF8, "UTF8SMTPSA" },
	{ LMTP,                      "LMTP" },
	{ LMTP | TLS | UTF8,         "UTF8LMTPS" },
};

static const struct { const char *name; struct smtp_received r; str want; } cases[] = {
	{ "all of it",
	  { S("mx.example.net"), S("192.0.2.1"), S("mail.example.net"), S("mx.example.org"), ESMTP | TLS,
	    S("TLS1.3 TLS_AES_256_GCM_SHA384"), S("0123456789abcdef"), S("\"anna\"@EXAMPLE.org"), S(DATE) },
	  S("Received: from mx.example.net (mail.example.net [192.0.2.1]) by mx.example.org\r\n"
	    "\twith ESMTPS (TLS1.3 TLS_AES_256_GCM_SHA384) id 0123456789abcdef\r\n"
	    "\tfor <anna@example.org>; " DATE "\r\n") },
	{ "the least",
	  { S("[192.0.2.1]"), S("2001:db8::1"), NO_STR, S("x"), 0, NO_STR, NO_STR, NO_STR, S(DATE) },
	  S("Received: from [192.0.2.1] ([IPv6:2001:db8::1]) by x with SMTP;\r\n\t" DATE "\r\n") },
	{ "hostile name",
	  { S("a) by bank.example (\r\nX: \\"), S("192.0.2.1"), NO_STR, S("x"), ESMTP, NO_STR, NO_STR, NO_STR, S(DATE) },
	  S("Received: from unknown (HELO a? by bank.example ???X: ? [192.0.2.1]) by x\r\n"
	    "\twith ESMTP; " DATE "\r\n") },
	{ "odd name",
	  { S("MY_PC"), S("192.0.2.1"), NO_STR, S("x"), ESMTP, NO_STR, NO_STR, NO_STR, S(DATE) },
	  S("Received: from unknown (HELO MY_PC [192.0.2.1]) by x with ESMTP;\r\n\t" DATE "\r\n") },
	{ "UTF-8, not agreed",
	  { S("b\xc3\xbc.example"), S("192.0.2.1"), NO_STR, S("x"), ESMTP, NO_STR, NO_STR, S("j\xc3\xb6@x"), S(DATE) },
	  S("Received: from unknown (HELO b??.example [192.0.2.1]) by x with ESMTP;\r\n\t" DATE "\r\n") },
	{ "UTF-8, agreed",
	  { S("b\xc3\xbc.example"), S("192.0.2.1"), NO_STR, S("x"), ESMTP | UTF8, NO_STR, NO_STR, S("j\xc3\xb6@x"), S(DATE) },
	  S("Received: from b\xc3\xbc.example ([192.0.2.1]) by x with UTF8SMTP for <j\xc3\xb6@x>;\r\n\t" DATE "\r\n") },
};
/* clang-format on */

static void with_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		check_str(names[i].want, smtp_with_name(names[i].with), str_of(names[i].want));
}

static void fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[SMTP_RECEIVED_MAX];
		struct buf b = BUF_ON(room);
		smtp_received_write(&b, &cases[i].r);
		assert_false(b.lost);
		check_str(cases[i].name, buf_str(&b), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(with_names), cmocka_unit_test(fields) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
