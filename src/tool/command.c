/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/command.h"

#include "conf/nearest.h"
#include "proto/idna/domain.h"
#include "tool/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PACKAGED_CONF "/etc/siegel/siegel.yaml"

const struct command commands[] = {
#define COMMAND(words, run, shows, help)                            \
	{                                                           \
		words, run, shows, help, (const struct parameter[]) \
		{
#define OPERAND(name, need, label, help) { name, PARAMETER_OPERAND, need, label, help },
#define OPTION(name, need, label, help) { name, PARAMETER_OPTION, need, label, help },
#define FLAG(name, help) { name, PARAMETER_FLAG, OPTIONAL, "", help },
#define END                                                \
	{                                                  \
		NULL, PARAMETER_FLAG, OPTIONAL, NULL, NULL \
	}                                                  \
	}                                                  \
	}                                                  \
	,
#include "tool/commands.def"
#undef COMMAND
#undef OPERAND
#undef OPTION
#undef FLAG
#undef END
};
const size_t commands_count = sizeof commands / sizeof *commands;

const struct example examples[] = {
#define EXAMPLE(command, line, help) { command, line, help },
#include "tool/examples.def"
#undef EXAMPLE
};
const size_t examples_count = sizeof examples / sizeof *examples;

int refuse(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fputs("siegel: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	return EXIT_REFUSED;
}

static bool __attribute__((format(printf, 2, 3))) usage(int *status, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fputs("siegel: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	*status = EXIT_USAGE;
	return false;
}

str command_value(const struct call *call, const char *name)
{
	for (size_t i = 0; i < call->words_count; i++)
		if (str_eq(str_of(call->words[i].parameter->name), str_of(name)))
			return call->words[i].value;
	return NO_STR;
}

static bool is_address(const struct parameter *p)
{
	str label = str_of(p->label);
	return str_eq(label, S("ADDRESS")) || str_eq(label, S("DOMAIN")) || str_eq(label, S("TARGET"));
}

void command_use_a_labels(struct call *call)
{
	for (size_t i = 0; i < call->words_count; i++) {
		str *value = &call->words[i].value;
		struct buf b = buf_in(call->arena, value->n + IDNA_DOMAIN_MAX);
		if (is_address(call->words[i].parameter) && idna_needed(*value) && !failed(idna_address(*value, &b)))
			*value = buf_str(&b);
	}
}

/* ---- which command ---- */

static const struct command *find(str words)
{
	for (size_t i = 0; i < commands_count; i++)
		if (str_eq(words, str_of(commands[i].words)))
			return &commands[i];
	return NULL;
}

static bool is_group(str word)
{
	for (size_t i = 0; i < commands_count; i++) {
		str rest = str_of(commands[i].words), head;
		if (str_cut(&rest, ' ', &head) && str_eq(head, word))
			return true;
	}
	return false;
}

static bool unknown_command(str words, int *status)
{
	struct nearest near = nearest_to(words);
	for (size_t i = 0; i < commands_count; i++)
		nearest_try(&near, str_of(commands[i].words));
	if (near.found.n > 0)
		return usage(
			status, "there is no command \"%.*s\"; did you mean \"%.*s\"?", ARG(words), ARG(near.found));
	return usage(status, "there is no command \"%.*s\"; see siegel --help", ARG(words));
}

/* ---- its parameters ---- */

struct parsing {
	struct call *call;
	char **argument;
	int *status;
	bool helped, operands_only;
};

static const struct parameter *option_of(const struct command *c, str name)
{
	for (const struct parameter *p = c->parameters; p->name != NULL; p++)
		if (p->kind != PARAMETER_OPERAND && str_eq(name, str_of(p->name)))
			return p;
	return NULL;
}

static bool add_word(struct parsing *x, const struct parameter *p, str value)
{
	struct call *call = x->call;
	if (command_value(call, p->name).p != NULL)
		return usage(x->status, "--%s is given twice", p->name);
	call->words[call->words_count].parameter = p;
	call->words[call->words_count++].value = value;
	return true;
}

static bool add_operand(struct parsing *x, str value)
{
	for (const struct parameter *p = x->call->command->parameters; p->name != NULL; p++)
		if (p->kind == PARAMETER_OPERAND && command_value(x->call, p->name).p == NULL)
			return add_word(x, p, value);
	return usage(x->status, "\"%.*s\" is one operand too many; see siegel %s --help", ARG(value),
		x->call->command->words);
}

/* The value of an option, behind its = or as the next argument. */
static bool value_of(struct parsing *x, str name, str behind, str *out)
{
	if (behind.p != NULL) {
		*out = behind;
		return true;
	}
	if (*x->argument == NULL)
		return usage(x->status, "--%.*s needs a value", ARG(name));
	*out = str_of(*x->argument++);
	return true;
}

static bool add_override(struct parsing *x, str value)
{
	if (x->call->overrides_count == OVERRIDES_MAX)
		return usage(x->status, "--set is given more than %d times", OVERRIDES_MAX);
	x->call->overrides[x->call->overrides_count++] = value;
	return true;
}

static bool unknown_option(struct parsing *x, str name)
{
	struct nearest near = nearest_to(name);
	for (const struct parameter *p = x->call->command->parameters; p->name != NULL; p++)
		if (p->kind != PARAMETER_OPERAND)
			nearest_try(&near, str_of(p->name));
	if (near.found.n > 0)
		return usage(x->status, "siegel %s has no option --%.*s; did you mean --%.*s?", x->call->command->words,
			ARG(name), ARG(near.found));
	return usage(x->status, "siegel %s has no option --%.*s; see its --help", x->call->command->words, ARG(name));
}

static bool add_option(struct parsing *x, str text)
{
	str value = text, name = text, behind = NO_STR;
	if (str_cut(&value, '=', &name))
		behind = value;
	const struct parameter *p = option_of(x->call->command, name);
	if (str_eq(name, S("help"))) {
		x->helped = true;
		return true;
	}
	if (str_eq(name, S("json"))) {
		x->call->json = true;
		return true;
	}
	if (str_eq(name, S("set")))
		return value_of(x, name, behind, &value) && add_override(x, value);
	if (p == NULL)
		return unknown_option(x, name);
	if (p->kind == PARAMETER_FLAG)
		return behind.p == NULL ? add_word(x, p, S("yes")) : usage(x->status, "--%s takes no value", p->name);
	return value_of(x, name, behind, &value) && add_word(x, p, value);
}

static bool add_argument(struct parsing *x)
{
	str text = str_of(*x->argument++), value = NO_STR;
	if (x->operands_only)
		return add_operand(x, text);
	if (str_eq(text, S("--"))) {
		x->operands_only = true;
		return true;
	}
	if (str_eq(text, S("-h")))
		text = S("--help");
	if (str_eq(text, S("-c"))) {
		if (!value_of(x, S("c"), NO_STR, &value))
			return false;
		x->call->conf_path = value.p;
		x->call->conf_is_given = true;
		return true;
	}
	if (str_starts(text, S("--")))
		return add_option(x, str_after(text, 2));
	if (str_starts(text, S("-")) && text.n > 1)
		return usage(x->status, "there is no option %.*s; see siegel --help", ARG(text));
	return add_operand(x, text);
}

static bool is_complete(struct parsing *x)
{
	for (const struct parameter *p = x->call->command->parameters; p->name != NULL; p++)
		if (p->need == NEEDED && command_value(x->call, p->name).p == NULL)
			return usage(x->status, "siegel %s needs %s%s; see its --help", x->call->command->words,
				p->kind == PARAMETER_OPERAND ? "" : "--",
				p->kind == PARAMETER_OPERAND ? p->label : p->name);
	return true;
}

/* ---- the command line ---- */

static const char *default_conf(void)
{
	const char *path = getenv("SIEGEL_CONF");
	return path != NULL && *path != '\0' ? path : PACKAGED_CONF;
}

/* -c, --set and --json may stand in front of the command too. */
static bool skip_front(struct parsing *x)
{
	while (*x->argument != NULL) {
		str text = str_of(*x->argument), value = text, name;
		bool has_value = str_cut(&value, '=', &name);
		if (str_eq(text, S("--json"))) {
			x->argument++;
			x->call->json = true;
		} else if (str_eq(text, S("-c")) || str_eq(text, S("--set"))) {
			x->argument++;
			if (!value_of(x, str_after(text, 1), NO_STR, &value))
				return false;
			if (text.n == 2) {
				x->call->conf_path = value.p;
				x->call->conf_is_given = true;
			} else if (!add_override(x, value))
				return false;
		} else if (has_value && str_eq(name, S("--set"))) {
			x->argument++;
			if (!add_override(x, value))
				return false;
		} else {
			return true;
		}
	}
	return true;
}

static bool choose(struct parsing *x)
{
	char room[200];
	str first = str_of(*x->argument);
	if (first.p == NULL || str_eq(first, S("--help")) || str_eq(first, S("-h")) || str_eq(first, S("help"))) {
		*x->status = first.p == NULL ? EXIT_USAGE : EXIT_DONE;
		help_all(first.p == NULL ? stderr : stdout);
		return false;
	}
	if (str_eq(first, S("--version"))) {
		puts("siegel " SIEGEL_VERSION);
		*x->status = EXIT_DONE;
		return false;
	}
	x->argument++;
	x->call->command = find(first);
	if (x->call->command != NULL)
		return true;
	if (!is_group(first))
		return unknown_command(first, x->status);
	str second = str_of(*x->argument);
	if (second.p == NULL || str_starts(second, S("-"))) {
		*x->status = second.p != NULL && (str_eq(second, S("--help")) || str_eq(second, S("-h"))) ? EXIT_DONE
													  : EXIT_USAGE;
		help_group(*x->status == EXIT_DONE ? stdout : stderr, first);
		return false;
	}
	x->argument++;
	snprintf(room, sizeof room, "%s %s", first.p, second.p);
	x->call->command = find(str_of(room));
	return x->call->command != NULL ? true : unknown_command(str_of(room), x->status);
}

bool command_parse(int argc, char **argv, struct call *out, int *status)
{
	struct parsing x = { .call = out, .argument = argv + (argc > 0), .status = status };
	*out = (struct call){ .conf_path = default_conf() };
	if (!skip_front(&x) || !choose(&x))
		return false;
	if (str_eq(str_of(out->command->shows), S("raw")) && !str_eq(str_of(*x.argument), S("--help"))) {
		out->raw = x.argument - 1;
		return true;
	}
	while (*x.argument != NULL && !x.helped)
		if (!add_argument(&x))
			return false;
	if (x.helped) {
		help_command(out->command);
		*status = EXIT_DONE;
		return false;
	}
	return is_complete(&x);
}
