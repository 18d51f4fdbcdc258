/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields (RFC 5322 2.2), read in place. Nothing here fails: mail exists that follows no rule, and each byte of
 * it belongs either to the header or to the body. All functions take time linear in what they are given. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* Fields of one header that functions of this folder look at when they search or summarise; the rest stays mail that
 * can be fetched, but nothing is derived from it. */
enum { MIME_FIELDS_MAX = 10000 };
/* Bytes of one field's value that are unfolded or parsed; what follows is cut off. */
enum { MIME_VALUE_MAX = 256 << 10 };

/* One field with its folded lines. All strings are views of the block. */
struct mime_field {
	str name;          /* without blanks before the colon; empty for a line that has no colon */
	str value;         /* behind the colon, with folding, without the last line end */
	str raw;           /* the whole field with its line end */
	size_t start, end; /* where raw stands in the block */
};

/* The size of the empty line that begins at that position (below text.n): 1 or 2; 0 when there is none. */
size_t mime_empty_line(str text, size_t at);

/* The size of the header at the start of text, with the empty line that ends it; all of text when there is none. */
size_t mime_header_size(str text);

/* The field at *at, which is then moved behind it. False at the empty line that ends the header, and at the end of
 * block. Begin with *at = 0. */
bool mime_field_next(str block, size_t *at, struct mime_field *out);

/* The first (last) field of that name among the first MIME_FIELDS_MAX. ERR_ABSENT: there is none. */
err mime_field_find(str block, str name, struct mime_field *out);
err mime_field_find_last(str block, str name, struct mime_field *out);

/* The value on one line: line ends are removed, the blanks that follow them stay (RFC 5322 2.2.3), blanks in front are
 * removed, a CR on its own becomes a blank. A view of value when nothing changes behind its start, otherwise a copy in
 * the arena; NO_STR when that is spent. Longer values are cut at MIME_VALUE_MAX. */
str mime_unfold(struct arena *a, str value);
