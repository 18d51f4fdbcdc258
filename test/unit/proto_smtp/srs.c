/* SPDX-License-Identifier: Apache-2.0 */
/* What was written is read, in whatever case it comes back; everything else is somebody's name. */
#include "check.h"
#include "proto/smtp/srs.h"

static const uint8_t signature[SRS_SIGNATURE_BYTES] = { 0x00, 0x44, 0x32, 0x14, 0xc7 }; /* A B C D E F G H */

#define ATOM_40 "abcdefghijklmnopqrstuvwxyz0123456789abcd"

static const struct {
	const char *name, *address, *want;
	uint32_t forward;
	unsigned day;
} written[] = {
	{ "plain", "anna@example.org", "SRS0=ABCDEFGHB=AA=example.org=anna", 1, 0 },
	{ "a day", "anna@example.org", "SRS0=ABCDEFGHB=77=example.org=anna", 1, 1023 },
	{ "numbers", "a@b.test", "SRS0=ABCDEFGHBA=BA=b.test=a", 32, 32 },
	{ "the highest", "a@b.test", "SRS0=ABCDEFGHD777777=AB=b.test=a", UINT32_MAX, 1 },
	{ "case stays", "Anna.Smith@Example.ORG", "SRS0=ABCDEFGHB=AA=Example.ORG=Anna.Smith", 1, 0 },
	{ "equals signs", "a=b@c.test", "SRS0=ABCDEFGHB=AA=c.test=a=b", 1, 0 },
	{ "rewritten before", "SRS0=HHHH=TT=b.test=a@c.test", "SRS0=ABCDEFGHB=AA=c.test=SRS0=HHHH=TT=b.test=a", 1, 0 },
	{ "as long as may be", ATOM_40 "@ab", "SRS0=ABCDEFGHB=AA=ab=" ATOM_40, 1, 0 },
	{ "too long", ATOM_40 "@example.org", "SRS0=ABCDEFGHB=AA=other=sender", 1, 0 },
	{ "quoted", "\"a b\"@example.org", "SRS0=ABCDEFGHB=AA=other=sender", 1, 0 },
	{ "a literal", "a@[192.0.2.1]", "SRS0=ABCDEFGHB=AA=other=sender", 1, 0 },
	{ "not ASCII", "\xc3\xa4@example.org", "SRS0=ABCDEFGHB=AA=other=sender", 1, 0 },
	{ "no address", "anna", "SRS0=ABCDEFGHB=AA=other=sender", 1, 0 },
	{ "a dot at the end", "a.@example.org", "SRS0=ABCDEFGHB=AA=other=sender", 1, 0 },
};

static str flip(str s, char *room)
{
	for (size_t i = 0; i < s.n; i++)
		room[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? ascii_upper(s.p[i]) : ascii_lower(s.p[i]);
	return str_from(room, s.n);
}

static void test_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(written); i++) {
		char a[100], b[100], c[SRS_SIGNED_MAX], d[SRS_SIGNED_MAX], flipped[100], letters[SRS_SIGNATURE];
		struct buf sender = BUF_ON(a), text = BUF_ON(b), one = BUF_ON(c), two = BUF_ON(d);
		struct srs s = { .kind = SRS_RETURN, .forward = written[i].forward, .day = written[i].day }, back;
		srs_sender(str_of(written[i].address), s.forward, &sender);
		s.sender = buf_str(&sender);
		srs_write(&s, signature, &text);
		check_str(written[i].name, buf_str(&text), str_of(written[i].want));
		assert_true(text.n <= 64);
		check_err(written[i].name, srs_parse(flip(buf_str(&text), flipped), &back), ERR_NONE);
		assert_int_equal(back.forward, s.forward);
		assert_int_equal(back.day, s.day);
		srs_signed(&s, S("x@y"), &one);
		srs_signed(&back, S("x@y"), &two);
		check_str(written[i].name, buf_str(&two), buf_str(&one));
		srs_signature(signature, letters);
		assert_true(str_eq_nocase(back.signature, str_from(letters, sizeof letters)));
	}
}

static void test_consent(void **state)
{
	char room[100];
	struct buf b = BUF_ON(room);
	const struct srs s = { .kind = SRS_CONSENT, .forward = 7, .day = 5 };
	struct srs back;
	(void)state;
	srs_write(&s, signature, &b);
	check_str("consent", buf_str(&b), S("FWD0=ABCDEFGHH=AF"));
	check_err("consent", srs_parse(S("fwd0=abcdefghh=af"), &back), ERR_NONE);
	assert_int_equal(back.kind, SRS_CONSENT);
	assert_int_equal(back.forward, 7);
	assert_int_equal(back.day, 5);
}

static const char *const names[] = { "", "anna", "srs0", "SRS0=", "SRS0=ABCDEFGHB", "SRS0=ABCDEFGHB=AA",
	"SRS0=ABCDEFGHB=AA=", "SRS0=ABCDEFGHB=AA=b.test", "SRS0=ABCDEFGHB=AA==a", "SRS0=ABCDEFGH=AA=b.test=a",
	"SRS0=ABCDEFG1B=AA=b.test=a", "SRS0=ABCDEFGHB=A=b.test=a", "SRS0=ABCDEFGHB=AAA=b.test=a",
	"SRS0=ABCDEFGHB=A1=b.test=a", "SRS0=ABCDEFGHA=AA=b.test=a", "SRS0=ABCDEFGHAB=AA=b.test=a",
	"SRS0=ABCDEFGHE777777=AA=b.test=a", "SRS0=ABCDEFGHBAAAAAAA=AA=b.test=a", "SRS1=ABCDEFGHB=AA=b.test=a",
	"SRS0+ABCDEFGHB=AA=b.test=a", ("SRS0=ABCDEFGHB=AA=b.test=" ATOM_40), "FWD0=ABCDEFGHB=AA=b.test=a",
	"FWD0=ABCDEFGHB", "FWD0=" };

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct srs s = { .forward = 99 };
		check_err(names[i], srs_parse(str_of(names[i]), &s), ERR_SYNTAX);
		assert_int_equal(s.forward, 99);
	}
}

/* What an address says is signed, all of it, and what it belongs to. */
static void test_signed(void **state)
{
	static const char *const others[] = { "SRS0=ABCDEFGHC=AF=b.test=a", "SRS0=ABCDEFGHB=AG=b.test=a",
		"SRS0=ABCDEFGHB=AF=c.test=a", "SRS0=ABCDEFGHB=AF=b.test=b", "FWD0=ABCDEFGHB=AF" };
	char a[SRS_SIGNED_MAX], b[SRS_SIGNED_MAX], c[SRS_SIGNED_MAX];
	struct buf one = BUF_ON(a), elsewhere = BUF_ON(c);
	struct srs s;
	(void)state;
	check_err("one", srs_parse(S("SRS0=ABCDEFGHB=AF=b.test=a"), &s), ERR_NONE);
	srs_signed(&s, S("x@y"), &one);
	srs_signed(&s, S("x@z"), &elsewhere);
	assert_false(str_eq(buf_str(&one), buf_str(&elsewhere)));
	for (size_t i = 0; i < COUNT(others); i++) {
		struct buf other = BUF_ON(b);
		check_err(others[i], srs_parse(str_of(others[i]), &s), ERR_NONE);
		srs_signed(&s, S("x@y"), &other);
		if (str_eq(buf_str(&one), buf_str(&other)))
			fail_msg("%s: the same is signed", others[i]);
	}
}

static void test_days(void **state)
{
	const int64_t day = 86400000;
	static const struct {
		unsigned then;
		int64_t now;
		bool want;
	} cases[] = {
		{ 100, 100, true },
		{ 100, 121, true },
		{ 100, 122, false },
		{ 100, 99, true },
		{ 100, 98, false },
		{ 1020, 1024 + 10, true },
		{ 1020, 1024 + 18, false },
		{ 0, 1023, true },
		{ 5, 5 + 1024, true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (srs_is_current(cases[i].then, cases[i].now * day + 1234, 21) != cases[i].want)
			fail_msg("%u on day %lld", cases[i].then, (long long)cases[i].now);
	assert_int_equal(srs_day(1025 * day), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_consent),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
