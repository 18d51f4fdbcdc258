/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, strictly as RFC 3629 4 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once
#include "base/buf.h"
#include "base/str.h"

/* Takes the first character off *rest. False when nothing is left, or when what stands there is not UTF-8; then *rest
 * is as it was. */
bool utf8_take(str *rest, uint32_t *out);

bool str_is_utf8(str s);

/* The beginning of s of at most so many bytes that does not end inside a character; where s is not UTF-8, just so many. */
str str_begin_utf8(str s, size_t most);

/* Writes one character; a surrogate or a number above U+10FFFF loses the buffer. */
void buf_utf8(struct buf *b, uint32_t character);
