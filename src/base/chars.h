/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes, one table for all of them; the classes stand in chars.def. */
#pragma once
#include "base/str.h"

enum char_class_bit {
#define CHARS(name, source, bytes) CH_BIT_##name,
#include "base/chars.def"
#undef CHARS
	CH_BITS
};

enum char_class {
#define CHARS(name, source, bytes) CH_##name = 1 << CH_BIT_##name,
#include "base/chars.def"
#undef CHARS
};

extern const uint32_t char_classes[256];

static inline bool is_char(enum char_class class, char c)
{
	const uint32_t bit = class;
	return (char_classes[(unsigned char)c] & bit) != 0;
}

/* How many bytes at the start of s are of the class. */
static inline size_t char_run(enum char_class class, str s)
{
	size_t n = 0;
	while (n < s.n && is_char(class, s.p[n]))
		n++;
	return n;
}

static inline bool str_is(enum char_class class, str s) { return char_run(class, s) == s.n; }
