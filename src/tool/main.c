/* SPDX-License-Identifier: Apache-2.0 */
/* siegel: the administrator's command. It opens no store; what concerns one is done by the role that holds it. */
#include "tool/command.h"
#include "tool/sendmail.h"

#include <sys/stat.h>

enum { CALL_BUDGET = 64 << 20, OTHERS_NOTHING = 077 };

int main(int argc, char **argv)
{
	static struct call call;
	int status = EXIT_USAGE;
	umask(OTHERS_NOTHING);
	if (argc > 0 && sendmail_is_meant(argv[0]))
		return sendmail_run(argc, argv, NULL);
	if (!command_parse(argc, argv, &call, &status))
		return status;
	call.arena = arena_new("command line", CALL_BUDGET);
	command_use_a_labels(&call);
	return call.command->run(&call);
}
