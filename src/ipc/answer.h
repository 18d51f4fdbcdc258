/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an answer that wait for their reader: first in, first out, held in chunks that go as they are read. */
#pragma once
#include "base/str.h"

enum { ANSWER_LINE_MAX = 32768 };

struct answer_chunk;

/* All zero when empty. */
struct answer {
	struct answer_chunk *first, *last;
	size_t held; /* bytes of memory */
};

/* Copies the line, of at most ANSWER_LINE_MAX bytes. ERR_LIMIT: longer. */
err answer_add(struct answer *a, str line);
/* The oldest line, a view until it is dropped; false: nothing waits. */
bool answer_first(const struct answer *a, str *line);
void answer_drop_first(struct answer *a);
void answer_free(struct answer *a);
