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
