/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "tool/command.h"

/* A command line in one text; words are separated by blanks. */
static bool parse(const char *line, struct call *out, int *status)
{
	static char room[1000];
	char *argv[40] = { NULL };
	int argc = 0;
	snprintf(room, sizeof room, "%s", line);
	for (char *at = room; *at != '\0' && argc < 39;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	*status = -1;
	return command_parse(argc, argv, out, status);
}

static void good_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line, *words, *name, *value;
	} cases[] = {
		{ "siegel status", "status", NULL, NULL },
		{ "siegel domain add example.org", "domain add", "domain", "example.org" },
		{ "siegel domain add --alias-of=a.example b.example", "domain add", "alias-of", "a.example" },
		{ "siegel domain add b.example --alias-of a.example", "domain add", "alias-of", "a.example" },
		{ "siegel account add kx77 --address anna@example.org --password-stdin", "account add",
			"password-stdin", "yes" },
		{ "siegel account add -- -kx --address", NULL, NULL, NULL },
		{ "siegel account add --address anna@example.org -- --kx", "account add", "login", "--kx" },
		{ "siegel -c /x/y --set smtp.errors_max=3 --json log tail --lines 5", "log tail", "lines", "5" },
		{ "siegel log tail -c /x/y --set=smtp.errors_max=3 --json", "log tail", NULL, NULL },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct call call;
		int status;
		bool parsed = parse(cases[i].line, &call, &status);
		if (cases[i].words == NULL) {
			assert_false(parsed);
			assert_int_equal(status, EXIT_USAGE);
			continue;
		}
		assert_true(parsed);
		check_str(cases[i].line, str_of(call.command->words), str_of(cases[i].words));
		if (cases[i].name != NULL)
			check_str(cases[i].line, command_value(&call, cases[i].name), str_of(cases[i].value));
		if (strstr(cases[i].line, "/x/y") != NULL) {
			check_str(cases[i].line, str_of(call.conf_path), S("/x/y"));
			assert_int_equal(call.overrides_count, 1);
			check_str(cases[i].line, call.overrides[0], S("smtp.errors_max=3"));
			assert_true(call.json);
		}
	}
}

/* Each command has an example, which it understands. */
static void examples_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < commands_count; i++) {
		unsigned found = 0;
		for (size_t k = 0; k < examples_count; k++)
			found += str_eq(str_of(examples[k].command), str_of(commands[i].words));
		if (found != 1)
			fail_msg("%s has %u examples, want 1", commands[i].words, found);
	}
	for (size_t i = 0; i < examples_count; i++) {
		struct call call;
		int status;
		if (!parse(examples[i].line, &call, &status))
			fail_msg("%s: not understood", examples[i].line);
		check_str(examples[i].line, str_of(call.command->words), str_of(examples[i].command));
	}
}

static void bad_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int status;
	} cases[] = {
		{ "siegel", EXIT_USAGE },
		{ "siegel --help", EXIT_DONE },
		{ "siegel --version", EXIT_DONE },
		{ "siegel account", EXIT_USAGE },
		{ "siegel account --help", EXIT_DONE },
		{ "siegel account add --help", EXIT_DONE },
		{ "siegel stats", EXIT_USAGE },
		{ "siegel account ad x", EXIT_USAGE },
		{ "siegel domain add", EXIT_USAGE },
		{ "siegel domain add a b", EXIT_USAGE },
		{ "siegel domain add a --alias-of", EXIT_USAGE },
		{ "siegel domain add a --alias-of b --alias-of c", EXIT_USAGE },
		{ "siegel domain add a --aliasof b", EXIT_USAGE },
		{ "siegel account add x", EXIT_USAGE },
		{ "siegel account add x --address y --password-stdin=z", EXIT_USAGE },
		{ "siegel status -x", EXIT_USAGE },
		{ "siegel -c", EXIT_USAGE },
		{ "siegel status --set", EXIT_USAGE },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct call call;
		int status;
		if (parse(cases[i].line, &call, &status) || status != cases[i].status)
			fail_msg("%s: got status %d, want %d", cases[i].line, status, cases[i].status);
	}
}

static void where_the_configuration_is(void **state)
{
	(void)state;
	struct call call;
	int status;
	unsetenv("SIEGEL_CONF");
	assert_true(parse("siegel status", &call, &status));
	check_str("default", str_of(call.conf_path), S("/etc/siegel/siegel.yaml"));
	setenv("SIEGEL_CONF", "/a/b.yaml", 1);
	assert_true(parse("siegel status", &call, &status));
	check_str("environment", str_of(call.conf_path), S("/a/b.yaml"));
}

/* What the parser relies on. */
static void the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < commands_count; i++) {
		const struct command *c = &commands[i];
		bool optional_seen = false;
		size_t count = 0;
		assert_true(c->run != NULL && str_ends(str_of(c->help), S(".")));
		for (const struct parameter *p = c->parameters; p->name != NULL; p++, count++) {
			if (p->kind != PARAMETER_OPERAND)
				continue;
			if (p->need == NEEDED && optional_seen)
				fail_msg("%s: %s is needed behind an optional operand", c->words, p->name);
			optional_seen |= p->need == OPTIONAL;
		}
		assert_true(count < WORDS_MAX);
		for (size_t k = 0; k < i; k++)
			if (str_eq(str_of(c->words), str_of(commands[k].words)))
				fail_msg("%s stands there twice", c->words);
	}
}

/* What lists mail and what changes it choose by the same filters. */
static void filters_of_the_queue(void **state)
{
	(void)state;
	static const char *const verbs[] = { "list", "hold", "release", "retry", "delete", "flush" };
	static const char *const filters[] = { "sender", "recipient", "domain", "age" };
	for (size_t i = 0; i < COUNT(verbs) * COUNT(filters); i++) {
		char line[100];
		struct call call;
		int status;
		const char *filter = filters[i % COUNT(filters)];
		snprintf(line, sizeof line, "siegel queue %s --%s 2h", verbs[i / COUNT(filters)], filter);
		if (!parse(line, &call, &status))
			fail_msg("refused: %s", line);
		check_str(line, command_value(&call, filter), S("2h"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good_lines), cmocka_unit_test(filters_of_the_queue),
		cmocka_unit_test(examples_are_understood), cmocka_unit_test(bad_lines),
		cmocka_unit_test(where_the_configuration_is), cmocka_unit_test(the_table) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
