/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/mailbox.h"
#include "proto/imap/pattern.h"

/* clang-format off */
static const struct { const char *pattern, *name; bool want; } cases[] = {
	{ "",          "",            true  },
	{ "",          "a",           false },
	{ "a",         "",            false },
	{ "a",         "a",           true  },
	{ "a",         "A",           false },
	{ "*",         "",            true  },
	{ "*",         "a/b/c",       true  },
	{ "%",         "",            true  },
	{ "%",         "a",           true  },
	{ "%",         "a/b",         false },
	{ "%",         "/",           false },
	{ "%/%",       "a/b",         true  },
	{ "%/%",       "a/b/c",       false },
	{ "a/%",       "a/b",         true  },
	{ "a/%",       "a",           false },
	{ "a/*",       "a/b/c",       true  },
	{ "a*",        "a/b/c",       true  },
	{ "*c",        "a/b/c",       true  },
	{ "%c",        "a/b/c",       false },
	{ "*%",        "a/b/c",       true  },
	{ "%*",        "a/b/c",       true  },
	{ "%%%",       "abc",         true  },
	{ "a%c%e",     "abcde",       true  },
	{ "a%c%e",     "ab/cde",      false },
	{ "a*c%e",     "ab/cde",      true  },
	{ "a%b*c",     "axb/bxc",     true  },
	{ "*b%",       "b/b",         true  },
	{ "*/x%y",     "a/xb/xay",    true  },
	{ "*/x%y",     "a/xb/ay",     false },
	{ "%b%/c",     "abbb/c",      true  },
	{ "*ab",       "axb",         false },
	{ "*ab%",      "aab/axb",     false },
	{ "inbox",     "INBOX",       true  },
	{ "iNb%",      "INBOX",       true  },
	{ "inbox/x",   "INBOX/x",     true  },
	{ "inbox/X",   "INBOX/x",     false },
	{ "inboxes",   "INBOXes",     false },
	{ "*inbox",    "INBOX",       true  },
	{ "inbox",     "a/INBOX",     false },
	{ "%box/%",    "INBOX/a",     true  },
};

static const struct { const char *text; enum err_code want; const char *pattern; size_t left; } read[] = {
	{ "*",           ERR_NONE,   "*",              0 },
	{ "%",           ERR_NONE,   "%",              0 },
	{ "a/%]x y",     ERR_NONE,   "a/%]x",          2 },
	{ "\"\"",        ERR_NONE,   "",               0 },
	{ "\"a *\"",     ERR_NONE,   "a *",            0 },
	{ "&Jjo-*",      ERR_NONE,   "\xe2\x98\xba*",  0 },
	{ "{2}\r\na%",   ERR_NONE,   "a%",             0 },
	{ "&Jjo*",       ERR_SYNTAX, NULL,             0 },
	{ "(a)",         ERR_SYNTAX, NULL,             0 },
	{ "",            ERR_SYNTAX, NULL,             0 },
};

static const struct { const char *reference, *pattern, *want; } joined[] = {
	{ "",        "*",       "*" },
	{ "a/",      "%",       "a/%" },
	{ "a",       "%",       "a%" },
	{ "a/",      "/b/*",    "b/*" },
	{ "a/",      "",        "a/" },
};
/* clang-format on */

static void matching(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (imap_pattern_matches(str_of(cases[i].pattern), str_of(cases[i].name), '/') != cases[i].want)
			fail_msg("%s on %s: want %d", cases[i].pattern, cases[i].name, cases[i].want);
}

/* What drives a matcher that goes back into exponential time. */
static void hostile_patterns(void **state)
{
	(void)state;
	static char pattern[IMAP_MAILBOX_MAX], name[IMAP_MAILBOX_MAX];
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = i % 2 == 0 ? '*' : i % 4 == 1 ? 'a' : '%';
	memset(name, 'a', sizeof name);
	pattern[sizeof pattern - 1] = 'b';
	for (size_t i = 0; i < 100; i++)
		assert_false(imap_pattern_matches(str_from(pattern, sizeof pattern), str_from(name, sizeof name), '/'));
	static const char longer[IMAP_MAILBOX_MAX + 1] = { '*' };
	assert_false(imap_pattern_matches(str_from(longer, sizeof longer), S("a"), '/'));
}

static void reading(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(read); i++) {
		struct cur c = cur_of(str_of(read[i].text));
		str got = imap_pattern(&c, a);
		check_err(read[i].text, c.e, read[i].want);
		check_str(read[i].text, got, str_of(read[i].pattern));
		if (read[i].want == ERR_NONE)
			assert_int_equal(cur_rest(&c).n, read[i].left);
	}
	for (size_t i = 0; i < COUNT(joined); i++)
		check_str(joined[i].want, imap_pattern_join(str_of(joined[i].reference), str_of(joined[i].pattern), a),
			str_of(joined[i].want));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matching),
		cmocka_unit_test(hostile_patterns),
		cmocka_unit_test(reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
