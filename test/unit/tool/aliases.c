/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "tool/aliases.h"

static const char file[] = "# comment\n"
			   "\n"
			   "root: anna\n"
			   "  # indented\n"
			   "info:anna,\n"
			   "\tberta, \"carl x\"@example.org,\n"
			   "# between\n"
			   "  dora\n"
			   "pipe: \"|/bin/prog -x, y\", anna\n"
			   "file: /var/mail/file\n"
			   "list: :include:/etc/list\n"
			   "\"quoted name\": anna\n"
			   "back: \\anna\n"
			   "none:\n"
			   "no colon\n"
			   "error: :fail: gone\n"
			   "last: anna";

/* line name>target, or !why's first word */
static const char want[] =
	"3 root>anna;5 info>anna;5 info>berta;5 info!an;5 info>dora;9 pipe!a;9 pipe>anna;10 file!a;11 list!a;"
	"12 quoted name>anna;13 back>anna;14 none!a;15 no colon!a;16 error!what;17 last>anna;";

static void test_file(void **state)
{
	(void)state;
	char room[2000];
	struct buf b = BUF_ON(room);
	struct alias_reader r = alias_reader(str_of(file), arena_new("test", 1 << 20));
	struct alias_line line;
	while (alias_next(&r, &line)) {
		str why = str_of(line.wrong), word = NO_STR;
		buf_addf(&b, "%u %.*s", line.number, ARG(line.name));
		if (line.wrong != NULL && str_word(&why, ' ', &word))
			buf_addf(&b, "!%.*s;", ARG(word));
		else
			buf_addf(&b, ">%.*s;", ARG(line.target));
	}
	check_str("entries", buf_str(&b), str_of(want));
	arena_free(&r.arena);
}

static void test_empty(void **state)
{
	(void)state;
	static const char *const files[] = { "", "\n\n", "# only\n", "   \n#", " \t" };
	for (size_t i = 0; i < COUNT(files); i++) {
		struct alias_reader r = alias_reader(str_of(files[i]), arena_new("test", 1 << 20));
		struct alias_line line;
		assert_false(alias_next(&r, &line));
		arena_free(&r.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_file), cmocka_unit_test(test_empty) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
