/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

static const struct {
	const char *text;
	enum err_fault fault;
} rows[] = {
#define ERR(name, whose, words) [ERR_##name] = { words, ERR_FAULT_##whose },
#include "base/err.def"
#undef ERR
};

const char *err_text(err e) { return (unsigned)e.code < ERR_CODES ? rows[e.code].text : "an unknown failure"; }

enum err_fault err_fault(err e) { return (unsigned)e.code < ERR_CODES ? rows[e.code].fault : ERR_FAULT_US; }
