/* SPDX-License-Identifier: Apache-2.0 */
/* The command by which local programs send mail. It is also called sendmail, mailq and newaliases. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* Whether the program was called by one of these names. */
bool sendmail_is_meant(const char *program);
/* Gives an exit status of sysexits(3). argv[0] is the name; conf: the configuration to read the socket's place from, NULL:
 * where it usually is. */
int sendmail_run(int argc, char **argv, const char *conf);
