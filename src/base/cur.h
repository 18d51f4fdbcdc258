/* SPDX-License-Identifier: Apache-2.0 */
/* A position in a text that is being parsed. The first failure sticks: after it every call does nothing and returns
 * nothing, so a rule of eight tokens reads as eight lines and its error is looked at once. Results are views of the
 * text. */
#pragma once
#include "base/chars.h"
#include "base/str.h"

struct cur {
	str in;
	size_t at;
	err e;
	const char *expected; /* what was missing, for an answer to a person; NULL if nothing was said */
};

static inline struct cur cur_of(str text) { return (struct cur){ .in = text }; }
static inline bool cur_ok(const struct cur *c) { return !failed(c->e); }
static inline bool cur_at_end(const struct cur *c) { return c->at >= c->in.n; }
/* The next byte as 0..255, or -1 at the end or after a failure. */
static inline int cur_peek(const struct cur *c)
{
	return cur_ok(c) && c->at < c->in.n ? (unsigned char)c->in.p[c->at] : -1;
}

/* Fails with ERR_SYNTAX unless it failed before. expected is a literal: "a domain". */
void cur_fail(struct cur *c, const char *expected);
void cur_fail_with(struct cur *c, err e, const char *expected);

/* Takes the byte, or the text in any case, if it stands here. */
bool cur_take(struct cur *c, char byte);
bool cur_take_str(struct cur *c, str text);
/* The same, and fails if it does not. */
void cur_need(struct cur *c, char byte);
void cur_need_str(struct cur *c, str text);

/* All bytes of the class from here on: at least one, or any number. */
str cur_run(struct cur *c, enum char_class class, const char *expected);
str cur_any(struct cur *c, enum char_class class);
/* Exactly n bytes of any kind; all bytes up to (not with) the next such byte or the end. */
str cur_bytes(struct cur *c, size_t n);
str cur_until(struct cur *c, char byte);
/* What is left, without taking it; what was taken since a position noted from c->at. */
str cur_rest(const struct cur *c);
str cur_since(const struct cur *c, size_t from);

/* Decimal digits. ERR_SYNTAX: none here; ERR_LIMIT: above highest. 0 after a failure. */
uint64_t cur_number(struct cur *c, uint64_t highest);

/* Fails unless everything has been read. */
void cur_end(struct cur *c);
