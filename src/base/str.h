/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes have a length. A str is a read-only view of bytes that somebody else owns; it may hold NULs. p == NULL means
 * absent, n == 0 empty. All comparisons that ignore case do so for ASCII only. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

typedef struct str {
	const char *p;
	size_t n;
} str;

#define S(literal) ((str){ "" literal, sizeof(literal) - 1 })
/* For "%.*s". */
#define ARG(s) (int)((s).n > INT_MAX ? INT_MAX : (s).n), ((s).p != NULL ? (s).p : "")
#define NO_STR ((str){ NULL, 0 })

static inline str str_of(const char *text) { return (str){ text, text != NULL ? strlen(text) : 0 }; }
static inline str str_from(const char *p, size_t n) { return (str){ p, n }; }

/* The part from a position on, or between two; positions past the end give the end. */
str str_after(str s, size_t from);
str str_slice(str s, size_t from, size_t to);

bool str_eq(str a, str b);
bool str_eq_nocase(str a, str b);
/* Takes as long for any two strings of the same length: for secrets. */
bool str_eq_secret(str a, str b);
bool str_starts(str s, str prefix);
bool str_starts_nocase(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_ends_nocase(str s, str suffix);
/* <0, 0, >0 as memcmp, the shorter first; the second one for ASCII without case. */
int str_compare(str a, str b);
int str_compare_nocase(str a, str b);

#define STR_NONE SIZE_MAX
/* The position of the first (last) such byte or text, or STR_NONE. */
size_t str_find(str s, char byte);
size_t str_find_last(str s, char byte);
size_t str_find_str(str s, str part);
size_t str_find_str_nocase(str s, str part);

/* Cuts s at the first sep: head gets what stands before it, rest what follows. False when sep is missing; then
 * nothing is touched. */
bool str_cut(str *rest, char sep, str *head);
/* The next word: like str_cut, but the last one counts too. False when nothing is left. */
bool str_word(str *rest, char sep, str *word);

/* Without the spaces, tabs, CRs and LFs at both ends. */
str str_trim(str s);

/* Decimal digits only, no sign, no blanks. ERR_SYNTAX: not a number; ERR_LIMIT: above highest. */
err str_number(str s, uint64_t highest, uint64_t *out);

static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }
static inline char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c; }
