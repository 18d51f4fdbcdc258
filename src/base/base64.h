/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 as RFC 4648 4 has it, strictly: the alphabet and the padding, no line ends, no blanks, and the bits that fall
 * off the end are zero, so that one text has one encoding. */
#pragma once
#include "base/buf.h"

/* How long the encoding of n bytes is, and the most that n characters can decode to. */
static inline size_t base64_length(size_t n) { return (n + 2) / 3 * 4; }
static inline size_t base64_decoded_max(size_t n) { return n / 4 * 3; }

void base64_encode(struct buf *b, str bytes);
/* Adds the bytes to the buffer. ERR_SYNTAX: not base 64; ERR_LIMIT: the buffer is too small (and lost now). */
err base64_decode(struct buf *b, str text);
