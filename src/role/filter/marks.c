/* SPDX-License-Identifier: Apache-2.0 */
#include "role/filter/marks.h"

#include "proto/mime/header.h"

enum { WORDS_MAX = 10000 }; /* of one header that are compared */

static bool has_word(str words, str word)
{
	str one;
	while (str_word(&words, ' ', &one))
		if (one.n > 0 && str_eq_nocase(one, word))
			return true;
	return false;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The next word of a folded value; false: there is none. */
static bool next_word(str *value, str *word)
{
	size_t n = 0;
	*value = str_trim(*value);
	while (n < value->n && !is_blank(value->p[n]))
		n++;
	*word = str_slice(*value, 0, n);
	*value = str_after(*value, n);
	return n > 0;
}

static void find_in(str value, str marks, size_t *left, struct buf *found)
{
	str word;
	for (; *left > 0 && next_word(&value, &word); --*left) {
		size_t before = found->n;
		if (!has_word(marks, word) || has_word(buf_str(found), word))
			continue;
		buf_addf(found, "%s%.*s", before > 0 ? " " : "", ARG(word));
	}
}

void marks_find(str header, str marks, struct buf *found)
{
	struct mime_field field;
	bool is_first = true;
	size_t left = WORDS_MAX;
	if (marks.n == 0)
		return;
	header = str_slice(header, 0, mime_header_size(header));
	for (size_t at = 0; mime_field_next(header, &at, &field);) {
		if (!str_eq_nocase(str_trim(field.name), S("Siegel-Forward")))
			continue;
		if (!is_first)
			find_in(field.value, marks, &left, found);
		is_first = false;
	}
}
