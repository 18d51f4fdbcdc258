/* SPDX-License-Identifier: Apache-2.0 */
/* Text being written into a room of fixed size. The first piece that does not fit makes the buffer "lost"; later ones
 * do nothing, and buf_done() tells at the end. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct buf {
	char *p;
	size_t n, room;
	bool lost;
};

#define BUF_ON(array) ((struct buf){ .p = (array), .room = sizeof(array) })
/* A room of that many bytes from an arena; a spent arena gives a buffer that is lost from the start. */
struct buf buf_in(struct arena *a, size_t room);

void buf_add(struct buf *b, str s);
void buf_byte(struct buf *b, char c);
void buf_number(struct buf *b, uint64_t number);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lower-case hexadecimal digits of the bytes. */
void buf_hex(struct buf *b, const void *bytes, size_t n);

static inline str buf_str(const struct buf *b) { return (str){ b->p, b->n }; }
/* ERR_LIMIT when anything was lost. The result lives as long as the room. */
err buf_done(const struct buf *b, str *out);
