/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/rows.h"

const struct row rows[ROWS] = {
#define PROCESS(role, instance, home, sections, listeners, phase, flags) \
	{ #role, (instance), (home), (sections), (listeners), (phase), (flags) },
#include "role/supervisor/processes.def"
#undef PROCESS
};

static const struct {
	const char *one, *other;
} pairs[] = {
#define PAIR(one, other) { #one, #other },
#include "role/supervisor/pairs.def"
#undef PAIR
};

const struct row *row_of(str role)
{
	for (size_t i = 0; i < ROWS; i++)
		if (str_eq(role, str_of(rows[i].role)))
			return &rows[i];
	return NULL;
}

bool row_pair(str one, str other)
{
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		str a = str_of(pairs[i].one), b = str_of(pairs[i].other);
		if ((str_eq(one, a) && str_eq(other, b)) || (str_eq(one, b) && str_eq(other, a)))
			return true;
	}
	return false;
}

bool row_has(const char *words, str word)
{
	str rest = str_of(words), item;
	while (str_word(&rest, ' ', &item))
		if (str_eq(item, word))
			return true;
	return false;
}

bool row_is_shared(const struct row *r) { return (r->flags & (RELOADED | PER_CORE)) != 0; }
