/* SPDX-License-Identifier: Apache-2.0 */
/* Every class against a second definition, all 256 bytes: where the table lists what belongs to a class, this file follows
 * the words of the RFC, which mostly list what does not. A byte too many is how injection starts. */
#include "base/chars.h"
#include "check.h"

static bool one_of(int c, const char *bytes) { return c != 0 && strchr(bytes, c) != NULL; }

static bool digit(int c) { return c >= 0x30 && c <= 0x39; }
static bool alpha(int c) { return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a); }
static bool alnum(int c) { return alpha(c) || digit(c); }
static bool hex(int c) { return digit(c) || one_of(c, "ABCDEFabcdef"); }
static bool ctl(int c) { return c <= 0x1f || c == 0x7f; }
static bool vchar(int c) { return c >= 0x21 && c <= 0x7e; }
static bool beyond(int c) { return c >= 0x80; }
static bool wsp(int c) { return c == ' ' || c == '\t'; }
static bool print(int c) { return vchar(c) || c == ' '; }
static bool ldh(int c) { return alnum(c) || c == '-'; }
static bool uldh(int c) { return ldh(c) || beyond(c); }

/* atext: "Printable US-ASCII characters not including specials." RFC 5322 3.2.3 */
static bool atext(int c) { return vchar(c) && !one_of(c, "()<>[]:;@\\,.\""); }
static bool uatext(int c) { return atext(c) || beyond(c); }
/* qtextSMTP: any graphic or space but the double quote and the backslash. RFC 5321 4.1.2 */
static bool qtext(int c) { return print(c) && c != '"' && c != '\\'; }
/* ftext: printable, not the colon. RFC 5322 3.6.8 */
static bool ftext(int c) { return vchar(c) && c != ':'; }
/* token: any CHAR but SPACE, CTLs and tspecials. RFC 2045 5.1 */
static bool token(int c) { return !beyond(c) && !ctl(c) && c != ' ' && !one_of(c, "()<>@,;:\\\"/[]?="); }
/* xchar: "!" to "~", neither "+" nor "=". RFC 3461 4 */
static bool xchar(int c) { return c >= '!' && c <= '~' && c != '+' && c != '='; }
/* esmtp-value: any CHAR excluding "=", SP, and control characters. RFC 5321 4.1.2 */
static bool esmtp_value(int c) { return !beyond(c) && !ctl(c) && c != ' ' && c != '='; }

/* ATOM-CHAR: any CHAR but atom-specials, which are ( ) { SP CTL, the wildcards % and *, the quoted-specials " and \, and
 * the resp-special ]. CHAR is 0x01 to 0x7f. RFC 9051 9 */
static bool resp_special(int c) { return c == ']'; }
static bool wildcard(int c) { return c == '%' || c == '*'; }
static bool atom_special(int c) { return one_of(c, "(){ \"\\") || ctl(c) || wildcard(c) || resp_special(c); }
static bool atom(int c) { return c >= 0x01 && c <= 0x7f && !atom_special(c); }
static bool astring(int c) { return atom(c) || resp_special(c); }
static bool list_char(int c) { return atom(c) || wildcard(c) || resp_special(c); }
static bool tag(int c) { return astring(c) && c != '+'; }

/* letters, digits and hyphen; the underscore of service names, and the slash of delegated reverse zones. RFC 1035 2.3.1 */
static bool dns_name(int c) { return ldh(c) || c == '_' || c == '/'; }

static bool base64(int c) { return alnum(c) || c == '+' || c == '/'; }

static const struct {
	const char *name;
	enum char_class class;
	bool (*holds)(int c);
} classes[] = {
	{ "DIGIT", CH_DIGIT, digit },
	{ "ALPHA", CH_ALPHA, alpha },
	{ "ALNUM", CH_ALNUM, alnum },
	{ "HEX", CH_HEX, hex },
	{ "LDH", CH_LDH, ldh },
	{ "ATEXT", CH_ATEXT, atext },
	{ "UATEXT", CH_UATEXT, uatext },
	{ "ULDH", CH_ULDH, uldh },
	{ "QTEXT", CH_QTEXT, qtext },
	{ "WSP", CH_WSP, wsp },
	{ "PRINT", CH_PRINT, print },
	{ "FTEXT", CH_FTEXT, ftext },
	{ "TOKEN", CH_TOKEN, token },
	{ "XCHAR", CH_XCHAR, xchar },
	{ "ESMTP_VALUE", CH_ESMTP_VALUE, esmtp_value },
	{ "ATOM", CH_ATOM, atom },
	{ "ASTRING", CH_ASTRING, astring },
	{ "LIST_CHAR", CH_LIST_CHAR, list_char },
	{ "TAG", CH_TAG, tag },
	{ "BASE64", CH_BASE64, base64 },
	{ "DNS_NAME", CH_DNS_NAME, dns_name },
};

static void every_byte_of_every_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(classes); i++)
		for (int byte = 0; byte < 256; byte++)
			if (is_char(classes[i].class, (char)byte) != classes[i].holds(byte))
				fail_msg("%s: byte 0x%02x is %s the table", classes[i].name, byte,
					classes[i].holds(byte) ? "missing in" : "too many in");
}

static void no_class_is_left_out(void **state)
{
	(void)state;
	uint32_t seen = 0;
	for (size_t i = 0; i < COUNT(classes); i++)
		seen |= (uint32_t)classes[i].class;
	assert_int_equal(COUNT(classes), CH_BITS);
	assert_int_equal(seen, (1u << CH_BITS) - 1);
}

static void runs(void **state)
{
	(void)state;
	assert_int_equal(char_run(CH_DIGIT, S("123a4")), 3);
	assert_int_equal(char_run(CH_DIGIT, S("a")), 0);
	assert_int_equal(char_run(CH_DIGIT, NO_STR), 0);
	assert_true(str_is(CH_DIGIT, S("123")));
	assert_false(str_is(CH_DIGIT, S("12a")));
	assert_true(str_is(CH_DIGIT, S("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_every_class),
		cmocka_unit_test(no_class_is_left_out),
		cmocka_unit_test(runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
