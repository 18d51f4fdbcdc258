/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp programs that os/gen_seccomp.c makes at build time. */
#pragma once
#include <linux/filter.h>
#include <stddef.h>

/* Stands in a program where the process' own number belongs. No process number is as high (PID_MAX_LIMIT is 1 << 22). */
#define SECCOMP_SELF 0x5ea1501du

struct seccomp_program {
	const char *role; /* NULL ends the table */
	const struct sock_filter *code;
	size_t length;
};

extern const struct seccomp_program seccomp_programs[];
