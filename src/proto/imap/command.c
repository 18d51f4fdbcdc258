/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

enum { FRESH = IMAP_FRESH, AUTH = IMAP_AUTH, SELECTED = IMAP_SELECTED, ANY = IMAP_ANY };

const struct imap_command_row imap_commands[IMAP_COMMANDS] = {
#define IMAP_COMMAND(name, args, states, uid, source) \
	[IMAP_##name] = { S(#name), IMAP_ARGS_##args, (states), uid, source },
#include "proto/imap/command.def"
#undef IMAP_COMMAND
};

static enum imap_command_id find(str name, bool uid)
{
	for (enum imap_command_id id = IMAP_UNKNOWN + 1; id < IMAP_COMMANDS; id++)
		if (str_eq_nocase(name, imap_commands[id].name))
			return uid && !imap_commands[id].has_uid ? IMAP_UNKNOWN : id;
	return IMAP_UNKNOWN;
}

/* command = tag SP (command-any / …) CRLF, RFC 3501 9; uid = "UID" SP (copy / fetch / search / store) */
err imap_command_parse(str text, struct imap_command *out)
{
	struct imap_command command = { 0 };
	struct cur c = cur_of(text);
	command.tag = cur_run(&c, CH_TAG, "a tag");
	cur_need(&c, ' ');
	command.uid = cur_take_str(&c, S("UID "));
	command.name = cur_run(&c, CH_ATOM, "a command");
	TRY(c.e);
	if (command.tag.n > IMAP_TAG_MAX)
		return FAIL(LIMIT);
	if (cur_take(&c, ' '))
		command.args = cur_rest(&c);
	else if (!cur_at_end(&c))
		return FAIL(SYNTAX);
	command.id = find(command.name, command.uid);
	*out = command;
	return OK;
}
