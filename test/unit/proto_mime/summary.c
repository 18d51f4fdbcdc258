/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "proto/mime/summary.h"

static void test_summary(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	struct mime_summary s;
	str header =
		S("Message-ID: <a@b>\r\nIn-Reply-To: Joe's of today <c@d> (x)\r\nReferences: <e@f>\r\n <g@h><i@j>\r\n"
		  "Subject: Re: =?utf-8?Q?J=C3=B6?=\r\nDate: 1 Jan 1970 00:00:01 +0000\r\nFrom: Joe <joe@x>\r\n"
		  "To: g: ann@y;, bob@z\r\n\r\n");
	check_err("summary", mime_summarise(a, header, &s), ERR_NONE);
	check_str("id", s.message_id, S("a@b"));
	check_str("in reply to", s.in_reply_to, S("c@d"));
	assert_int_equal(s.references_count, 3);
	check_str("first reference", s.references[0], S("e@f"));
	check_str("last reference", s.references[2], S("i@j"));
	check_str("subject", s.subject, S("Re: J\xc3\xb6"));
	check_str("base subject", s.base_subject, S("J\xc3\xb6"));
	assert_true(s.is_reply);
	assert_true(s.has_date);
	assert_int_equal(s.date.seconds, 1);
	check_str("from", s.from, S("joe"));
	check_str("to", s.to, S("ann"));
	assert_null(s.cc.p);
	check_err("nothing", mime_summarise(a, S(""), &s), ERR_NONE);
	assert_null(s.message_id.p);
	assert_null(s.subject.p);
	assert_false(s.has_date);
	check_err("no brackets", mime_summarise(a, S("Message-ID: abc\r\nReferences: < > <>\r\n"), &s), ERR_NONE);
	check_str("no brackets", s.message_id, S("abc"));
	assert_int_equal(s.references_count, 0);
	arena_free(&a);
}

/* RFC 5256 2.1 */
static const struct {
	const char *subject, *base;
	bool is_reply;
} subjects[] = {
	{ "Hello", "HELLO", false },
	{ "Re: Hello", "HELLO", true },
	{ "re : FW: Fwd[x]: Hello (fwd)  ", "HELLO", true },
	{ "[list] Re: [list] Hello", "HELLO", true },
	{ "[list] Hello", "HELLO", false },
	{ "[list]", "[LIST]", false },
	{ "[a] [b]", "[B]", false },
	{ "[Fwd: Re: Hello]", "HELLO", true },
	{ "[fwd: hello] you", "YOU", false },
	{ "Re:", "", true },
	{ "Re", "RE", false },
	{ "a\t  b", "A B", false },
	{ "Regards: x", "REGARDS: X", false },
};

static void test_base_subject(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t i = 0; i < COUNT(subjects); i++) {
		char room[200];
		struct buf b = BUF_ON(room);
		struct mime_summary s;
		buf_add(&b, S("Subject: "));
		buf_add(&b, str_of(subjects[i].subject));
		check_err("summary", mime_summarise(a, buf_str(&b), &s), ERR_NONE);
		check_str(subjects[i].subject, s.base_subject, str_of(subjects[i].base));
		if (s.is_reply != subjects[i].is_reply)
			fail_msg("%s: got %d", subjects[i].subject, s.is_reply);
	}
	arena_free(&a);
}

static void test_references(void **state)
{
	(void)state;
	static char room[30000];
	struct arena *a = arena_new("test", 1 << 20);
	struct buf b = BUF_ON(room);
	struct mime_summary s;
	buf_add(&b, S("References:"));
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, " <%d@x>", i);
	check_err("summary", mime_summarise(a, buf_str(&b), &s), ERR_NONE);
	assert_int_equal(s.references_count, MIME_REFERENCES_MAX);
	check_str("first", s.references[0], S("0@x"));
	check_str("second", s.references[1], S("901@x"));
	check_str("last", s.references[MIME_REFERENCES_MAX - 1], S("999@x"));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_base_subject),
		cmocka_unit_test(test_references),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
