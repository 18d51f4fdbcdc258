/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a command. It is understood, or refused with a reason for the client, within the memory allowed. */
#include "fuzz.h"

#include <stdlib.h>

#include "../../imap_any.h"
#include "proto/imap/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct imap_command command;
	if (n > IMAP_COMMAND_MAX || failed(imap_command_parse((str){ (const char *)p, n }, &command)))
		return 0;
	if (command.tag.n == 0 || command.tag.n > IMAP_TAG_MAX || command.id >= IMAP_COMMANDS)
		abort();
	if (command.id == IMAP_UNKNOWN)
		return 0;
	union imap_any any;
	struct arena *a = arena_new("fuzz", IMAP_ARENA_MAX);
	struct cur c = cur_of(command.args);
	err e = imap_any_parse(&command, &c, a, &any);
	if (failed(e) != !cur_ok(&c))
		abort();
	/* The reason goes into a line of an answer. */
	if (failed(e) && (c.expected == NULL || !str_is(CH_PRINT, str_of(c.expected))))
		abort();
	if (!failed(e) && (!cur_at_end(&c) || arena_spent(a)))
		abort();
	arena_free(&a);
	return 0;
}
