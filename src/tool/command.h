/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `siegel` as data: words, operands, options, help. The parser, --help, the manual pages and the completion
 * of the shell come from the same rows (commands.def). */
#pragma once
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"

enum parameter_kind { PARAMETER_OPERAND, PARAMETER_OPTION, PARAMETER_FLAG };
enum need { OPTIONAL, NEEDED };

struct parameter {
	const char *name; /* of the word that is sent, and of the option: --name; NULL ends the list */
	enum parameter_kind kind;
	enum need need;
	const char *label; /* of the value in help: "LOGIN" */
	const char *help;
};

struct call;

struct command {
	const char *words; /* "account add" */
	int (*run)(const struct call *call);
	/* How lines are shown: "" not at all; "list a b c": a table of these members; "value a": the bare value; "fields": each
	 * member on a line; "lines": as they come. With --json always as they come.
	 * "raw": what stands behind the words of the command is not looked at here. */
	const char *shows;
	const char *help;
	const struct parameter *parameters;
};

extern const struct command commands[];
extern const size_t commands_count;

struct example {
	const char *command, *line, *help;
};
extern const struct example examples[];
extern const size_t examples_count;

enum { WORDS_MAX = 32, OVERRIDES_MAX = 64 };
enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

/* One command line, taken apart. Strings are those of argv. */
struct call {
	const struct command *command;
	const char *conf_path; /* -c, or where it is looked for */
	bool conf_is_given;    /* by -c */
	str overrides[OVERRIDES_MAX];
	size_t overrides_count;
	bool json;
	struct {
		const struct parameter *parameter;
		str value;
	} words[WORDS_MAX];
	size_t words_count;
	char **raw;          /* of a command that shows "raw": its words and what stands behind, ended by NULL */
	struct arena *arena; /* lives as long as the program */
};

/* A mistake goes to stderr, with a hint, and *status is EXIT_USAGE; --help and --version go to stdout, and it is EXIT_DONE:
 * false in both cases. */
bool command_parse(int argc, char **argv, struct call *out, int *status);
/* Domains beyond ASCII get their A-labels, the only form that the roles know. What has none is for them to refuse. */
void command_use_a_labels(struct call *call);
/* The value given, or absent. A flag that was given has the value "yes". */
str command_value(const struct call *call, const char *name);

/* "siegel: <sentence>" to stderr; gives EXIT_REFUSED. */
int refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

void help_all(FILE *to);
void help_group(FILE *to, str group);
void help_command(const struct command *c);
