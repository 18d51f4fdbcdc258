/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/bdat.h"

err smtp_bdat_next(struct smtp_bdat *b, str argument)
{
	uint64_t size, total;
	str rest = argument, number = argument;
	bool last = str_cut(&rest, ' ', &number);
	if (last && !str_eq_nocase(rest, S("LAST")))
		return FAIL(SYNTAX);
	TRY(str_number(number, INT64_MAX, &size));
	if (b->last || b->left > 0)
		return FAIL(STATE);
	if (__builtin_add_overflow(b->size, size, &total) || total > INT64_MAX)
		return FAIL(LIMIT);
	*b = (struct smtp_bdat){ .left = size, .size = total, .last = last };
	return OK;
}

str smtp_bdat_take(struct smtp_bdat *b, str *input)
{
	str mine = str_slice(*input, 0, b->left < input->n ? (size_t)b->left : input->n);
	*input = str_after(*input, mine.n);
	b->left -= mine.n;
	return mine;
}
