/* SPDX-License-Identifier: Apache-2.0 */
/* A file of aliases as Sendmail and Postfix read it (aliases(5)): names, a colon, and where mail for them goes. */
#pragma once
#include "base/buf.h"

enum { ALIASES_FILE_MAX = 16 << 20 };

/* One target of one name. */
struct alias_line {
	unsigned number;   /* of the line where the name stands */
	str name, target;  /* without quotes; absent where wrong is not NULL and the line has none */
	const char *wrong; /* NULL: it can be taken over; otherwise why not */
};

/* Reads the file one target after the other. */
struct alias_reader {
	struct arena *arena; /* belongs to the reader: strings live until the next name */
	str rest;            /* of the file */
	str targets;         /* of the entry that is being read */
	struct buf strings;
	struct alias_line now;
	unsigned number; /* of the line that rest begins with */
	bool in_entry;
};
/* arena: for this alone, twice as large as the text. */
static inline struct alias_reader alias_reader(str text, struct arena *arena)
{
	return (struct alias_reader){ .arena = arena, .rest = text, .number = 1 };
}
/* False: the end. */
bool alias_next(struct alias_reader *r, struct alias_line *out);
