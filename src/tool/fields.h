/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one line of an answer: a JSON object (RFC 8259) of texts, numbers, flags and lists of texts, as base/json.h writes
 * it. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

enum { FIELDS_MAX = 64 };

struct field {
	str name, value; /* a list's items are joined with ", "; null is absent */
};
struct fields {
	struct field all[FIELDS_MAX];
	size_t count;
};

/* Strings live in the arena. ERR_SYNTAX: not such an object; ERR_LIMIT: too many members; ERR_MEMORY. */
err fields_parse(str line, struct arena *a, struct fields *out);
/* The value of a member, or absent. */
str fields_get(const struct fields *f, str name);
