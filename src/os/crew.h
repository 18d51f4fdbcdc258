/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that serve one session after the other: to make one costs more than a login does. A thread whose work is done
 * waits a while for more, then it ends, so a process that is left alone has none. All that a session has belongs to its
 * function and ends with it; the thread keeps nothing but its stack. */
#pragma once
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct crew;

/* Never NULL; lives as long as the process. patience: milliseconds for which a thread waits for more work. */
struct crew *crew_new(size_t stack_bytes, unsigned patience);
/* Runs work(to) in a thread, at once. Any thread. ERR_SYSTEM: no thread can be had; nothing runs. */
err crew_run(struct crew *c, void (*work)(void *to), void *to);
