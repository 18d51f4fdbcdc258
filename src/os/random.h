/* SPDX-License-Identifier: Apache-2.0 */
/* Unpredictable bytes from the kernel, good for keys and names. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Never fails: a machine without random numbers cannot run a mail server, the process ends. */
void random_bytes(void *p, size_t n);
uint64_t random_number(void);
/* Evenly among 0 .. below - 1; below is at least 1. */
uint64_t random_below(uint64_t below);

/* A name that nobody else has and nobody can guess, of a message: it begins with the time in milliseconds, so that those
 * made one after the other stand side by side in an index, and has 80 bits of chance behind it. */
enum { RANDOM_NAME = 16 };
void random_name(uint8_t name[static RANDOM_NAME]);
