/* SPDX-License-Identifier: Apache-2.0 */
/* What processes write to their standard error before they can log, or when a library ends them. It comes by a pipe, since
 * most roles may write no file, and ours may be one; and no control character of theirs reaches a terminal. */
#pragma once
#include "base/err.h"

struct supervisor;

/* Makes the pipe and watches it. ERR_SYSTEM. */
err last_words_open(struct supervisor *s);
/* Passes on what has come. */
void last_words_read(struct supervisor *s);
void last_words_close(struct supervisor *s);
