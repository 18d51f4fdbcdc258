/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an answer as a person reads them: a table, bare values, or names and values. What a stranger may have chosen
 * cannot reach the terminal as a control sequence. */
#pragma once
#include "tool/command.h"

struct show;

struct show *show_begin(const struct call *call);
void show_line(struct show *s, str json);
/* Prints what was held back for the widths of its columns. */
void show_end(struct show *s);
