/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/mime/seven_bit.h"

#define QP "Content-Transfer-Encoding: quoted-printable\r\n"
#define SIGNED "Content-Type: multipart/signed; boundary=s\r\n\r\n"

/* clang-format off */
static const struct { const char *name; str in, want; } cases[] = {
	{ "nothing to do",     S("A: b\r\n\r\nhello\r\n"), S("A: b\r\n\r\nhello\r\n") },
	{ "no MIME",           S("A: b\r\n\r\nh\xe4llo, this is text\r\n"),
	  S("A: b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n" QP "\r\nh=E4llo, this is text\r\n") },
	{ "labelled",          S("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain\r\n\r\nh\xe4llo there, = \r\n"),
	  S("MIME-Version: 1.0\r\n" QP "Content-Type: text/plain\r\n\r\nh=E4llo there, =3D=20\r\n") },
	{ "mostly 8-bit",      S("Content-Type: text/plain\r\n\r\n\xe4\xf6\xfc"),
	  S("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n5Pb8") },
	{ "an image",          S("Content-Type: image/x\r\n\r\naaaaaaaaa\xff"),
	  S("Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\nYWFhYWFhYWFh/w==") },
	{ "wrong label",       S("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n\xff"),
	  S("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n\xff") },
	{ "labelled without need", S("Content-Transfer-Encoding: 8bit\r\n\r\nabc"), S("Content-Transfer-Encoding: 8bit\r\n\r\nabc") },
	{ "an opaque message", S("Content-Type: message/partial\r\n\r\n\xff"), S("Content-Type: message/partial\r\n\r\n\xff") },
	{ "8-bit header",      S("Subject: \xe4\r\n\r\nabc"), S("Subject: \xe4\r\n\r\nabc") },
	{ "multipart",
	  S("Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntw\xe4, that is two\r\n--b--\r\n"),
	  S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n" QP "\r\ntw=E4, that is two\r\n--b--\r\n") },
	{ "signed part beside",
	  S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" SIGNED "--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsigned\r\n--s\r\n\r\nx\r\n--s--\r\n--b\r\n\r\nthis is tw\xe4\r\n--b--\r\n"),
	  S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" SIGNED "--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsigned\r\n--s\r\n\r\nx\r\n--s--\r\n--b\r\n" QP "\r\nthis is tw=E4\r\n--b--\r\n") },
	{ "message inside",
	  S("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nh\xe4llo there\r\n"),
	  S("Content-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n" QP "\r\nh=E4llo there\r\n") },
	{ "long line",
	  S("Content-Type: text/plain\r\n\r\n\xe4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
	  S("Content-Type: text/plain\r\n" QP "\r\n=E4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\naaaaaaaaaaaaa\r\n") },
	{ "a boundary in the middle of a line",
	  S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\xffxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx--b--\r\n--b--\r\n"),
	  S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" QP "\r\n=FFxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=\r\n=2D-b--\r\n--b--\r\n") },
	{ "bare line ends",    S("Content-Type: text/plain\r\n\r\n\xe4 is a letter\nthis\rthat \r\nx\t"),
	  S("Content-Type: text/plain\r\n" QP "\r\n=E4 is a letter=0Athis=0Dthat=20\r\nx=09") },
};
/* clang-format on */

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t room = MIME_SEVEN_BIT_ROOM; room < MIME_SEVEN_BIT_ROOM + 40; room++) {
			char all[2000], some[MIME_SEVEN_BIT_ROOM + 40];
			struct buf b = BUF_ON(all), out = { .p = some, .room = room };
			struct arena *a = arena_new("test", 1 << 20);
			struct mime_parts parts;
			struct mime_seven_bit s;
			check_err(cases[i].name, mime_parts_parse(a, cases[i].in, &parts), ERR_NONE);
			check_err(cases[i].name, mime_seven_bit_plan(a, cases[i].in, parts, &s), ERR_NONE);
			for (; mime_seven_bit_next(&s, &out); out.n = 0)
				buf_add(&b, buf_str(&out));
			check_str(cases[i].name, buf_str(&b), cases[i].want);
			arena_free(&a);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
