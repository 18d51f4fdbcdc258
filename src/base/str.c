/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

str str_after(str s, size_t from)
{
	if (from > s.n)
		from = s.n;
	return (str){ s.p != NULL ? s.p + from : NULL, s.n - from };
}

str str_slice(str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return (str){ s.p != NULL ? s.p + from : NULL, to - from };
}

bool str_eq(str a, str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }

bool str_eq_nocase(str a, str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool str_eq_secret(str a, str b)
{
	unsigned difference = a.n != b.n;
	for (size_t i = 0; i < a.n && i < b.n; i++)
		difference |= (unsigned char)a.p[i] ^ (unsigned char)b.p[i];
	return difference == 0;
}

bool str_starts(str s, str prefix) { return s.n >= prefix.n && str_eq(str_slice(s, 0, prefix.n), prefix); }

bool str_starts_nocase(str s, str prefix)
{
	return s.n >= prefix.n && str_eq_nocase(str_slice(s, 0, prefix.n), prefix);
}

bool str_ends(str s, str suffix) { return s.n >= suffix.n && str_eq(str_after(s, s.n - suffix.n), suffix); }

bool str_ends_nocase(str s, str suffix)
{
	return s.n >= suffix.n && str_eq_nocase(str_after(s, s.n - suffix.n), suffix);
}

static int by_length(str a, str b) { return a.n < b.n ? -1 : a.n > b.n; }

int str_compare(str a, str b)
{
	size_t common = a.n < b.n ? a.n : b.n;
	int order = common > 0 ? memcmp(a.p, b.p, common) : 0;
	return order != 0 ? order : by_length(a, b);
}

int str_compare_nocase(str a, str b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int order = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
		if (order != 0)
			return order;
	}
	return by_length(a, b);
}

size_t str_find(str s, char byte)
{
	const char *at = s.n > 0 ? memchr(s.p, byte, s.n) : NULL;
	return at != NULL ? (size_t)(at - s.p) : STR_NONE;
}

size_t str_find_last(str s, char byte)
{
	const char *at = s.n > 0 ? memrchr(s.p, byte, s.n) : NULL;
	return at != NULL ? (size_t)(at - s.p) : STR_NONE;
}

size_t str_find_str(str s, str part)
{
	if (part.n == 0)
		return 0;
	const char *at = s.n >= part.n ? memmem(s.p, s.n, part.p, part.n) : NULL;
	return at != NULL ? (size_t)(at - s.p) : STR_NONE;
}

size_t str_find_str_nocase(str s, str part)
{
	for (size_t i = 0; i + part.n <= s.n; i++)
		if (str_eq_nocase(str_slice(s, i, i + part.n), part))
			return i;
	return STR_NONE;
}

bool str_cut(str *rest, char sep, str *head)
{
	size_t at = str_find(*rest, sep);
	if (at == STR_NONE)
		return false;
	str all = *rest;
	*head = str_slice(all, 0, at);
	*rest = str_after(all, at + 1);
	return true;
}

bool str_word(str *rest, char sep, str *word)
{
	if (rest->n == 0)
		return false;
	if (!str_cut(rest, sep, word)) {
		*word = *rest;
		*rest = str_after(*rest, rest->n);
	}
	return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

str str_trim(str s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = str_after(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

err str_number(str s, uint64_t highest, uint64_t *out)
{
	uint64_t number = 0;
	if (s.n == 0)
		return FAIL(SYNTAX);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return FAIL(SYNTAX);
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(s.p[i] - '0');
		if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, digit, &number))
			return FAIL(LIMIT);
	}
	if (number > highest)
		return FAIL(LIMIT);
	*out = number;
	return OK;
}
