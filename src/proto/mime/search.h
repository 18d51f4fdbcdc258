/* SPDX-License-Identifier: Apache-2.0 */
/* Does a message contain a text (IMAP SEARCH: RFC 3501 6.4.4)? Both are decoded, brought to UTF-8, and compared
 * without case. Bodies are read in pieces: memory does not grow with them, and time is linear in them and does not depend on the
 * text that is searched for. */
#pragma once
#include "base/arena.h"
#include "base/str.h"
#include "proto/mime/part.h"

/* Bytes of a text that can be searched for. */
enum { MIME_NEEDLE_MAX = 4096 };

struct mime_needle;
/* ERR_LIMIT: longer than MIME_NEEDLE_MAX. ERR_MEMORY: the arena is spent. text is UTF-8; an empty one is found
 * everywhere. The result lives as long as the arena. */
err mime_needle_make(struct arena *a, str text, const struct mime_needle **out);

/* In the value of a header field; scratch is used and not given back. */
bool mime_search_value(struct arena *scratch, const struct mime_needle *needle, str value);
/* In any field of that name (HEADER, SUBJECT, FROM, ...); an empty needle asks whether there is one. With an absent
 * name: in any field, its name included. */
bool mime_search_field(const struct mime_needle *needle, str header, str name);
/* In the bodies of all text parts and the headers of all parts but the message itself (BODY); in these and in the
 * header of the message (TEXT). */
bool mime_search_body(const struct mime_needle *needle, str message, struct mime_parts parts);
bool mime_search_text(const struct mime_needle *needle, str message, struct mime_parts parts);

/* The simple case folding of Unicode for Latin, Greek and Cyrillic (generated); other characters stay. */
uint32_t mime_fold(uint32_t character);
