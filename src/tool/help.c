/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/command.h"

#include <stdio.h>

enum { COLUMN = 26 };

static void print_common(FILE *to)
{
	fputs("\nOptions of every command:\n"
	      "  -c CONF                   the configuration; otherwise $SIEGEL_CONF or /etc/siegel/siegel.yaml\n"
	      "  --set SECTION.NAME=VALUE  a setting that wins over the configuration\n"
	      "  --json                    lines as they come, one JSON object each\n"
	      "  --help                    this text\n",
		to);
}

static void print_synopsis(const struct command *c)
{
	printf("siegel %s", c->words);
	for (const struct parameter *p = c->parameters; p->name != NULL; p++) {
		const char *open = p->need == NEEDED ? "" : "[", *close = p->need == NEEDED ? "" : "]";
		if (p->kind == PARAMETER_OPERAND)
			printf(" %s%s%s", open, p->label, close);
		else
			printf(" %s--%s%s%s%s", open, p->name, *p->label != '\0' ? " " : "", p->label, close);
	}
}

static void print_parameter(const struct parameter *p)
{
	char left[80];
	if (p->kind == PARAMETER_OPERAND)
		snprintf(left, sizeof left, "%s", p->label);
	else
		snprintf(left, sizeof left, "--%s%s%s", p->name, *p->label != '\0' ? " " : "", p->label);
	printf("  %-*s%s\n", COLUMN, left, p->help);
}

static void print_example(const struct command *c)
{
	for (size_t i = 0; i < examples_count; i++)
		if (str_eq(str_of(examples[i].command), str_of(c->words)))
			printf("\nExample:\n  %s\n  %s\n", examples[i].line, examples[i].help);
}

void help_command(const struct command *c)
{
	fputs("Usage: ", stdout);
	print_synopsis(c);
	printf("\n\n%s\n", c->help);
	if (c->parameters->name != NULL)
		putchar('\n');
	for (const struct parameter *p = c->parameters; p->name != NULL; p++)
		print_parameter(p);
	print_common(stdout);
	print_example(c);
}

void help_group(FILE *to, str group)
{
	fprintf(to, "Usage: siegel %.*s COMMAND\n\n", ARG(group));
	for (size_t i = 0; i < commands_count; i++) {
		str rest = str_of(commands[i].words), head;
		if (str_cut(&rest, ' ', &head) && str_eq(head, group))
			fprintf(to, "  %-*s%s\n", COLUMN, commands[i].words, commands[i].help);
	}
	print_common(to);
}

void help_all(FILE *to)
{
	fputs("Usage: siegel COMMAND [OPTIONS]\n\nThe mail server Siegel and its administration. siegel COMMAND --help "
	      "says more.\n\n",
		to);
	for (size_t i = 0; i < commands_count; i++)
		fprintf(to, "  %-*s%s\n", COLUMN, commands[i].words, commands[i].help);
	fputs("  --version                 the version\n", to);
	print_common(to);
}
