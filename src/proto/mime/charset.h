/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that tools/gen_charsets.py makes. Private to this folder. */
#pragma once
#include "base/str.h"

/* What the bytes from 0x80 on mean; NULL: it is UTF-8. */
struct mime_charset {
	const uint16_t *upper;
};

extern const struct mime_charset charset_utf8;

struct charset_name {
	str name; /* letters and digits in lower case */
	const struct mime_charset *charset;
};
/* Sorted by str_compare(). */
extern const struct charset_name charset_names[];
extern const size_t charset_names_count;

/* Simple case folding of U+0000 to U+052F and of U+1E00 to U+1FFF. */
enum { FOLD_FIRST_END = 0x530, FOLD_SECOND = 0x1e00, FOLD_SECOND_END = 0x2000 };
extern const uint16_t fold_first[FOLD_FIRST_END];
extern const uint16_t fold_second[FOLD_SECOND_END - FOLD_SECOND];
