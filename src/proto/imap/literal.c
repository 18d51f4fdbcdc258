/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/literal.h"

#include "base/chars.h"

/* literal = "{" number64 ["+"] "}" CRLF *CHAR8, RFC 9051 9; here only up to the CRLF. */
err imap_literal_at_end(str line, struct imap_literal *out)
{
	struct imap_literal literal = { .is_waiting = true };
	if (!str_ends(line, S("}")))
		return FAIL(ABSENT);
	size_t end = line.n - 1;
	if (end > 0 && line.p[end - 1] == '+') {
		literal.is_waiting = false;
		end--;
	}
	size_t from = end;
	while (from > 0 && is_char(CH_DIGIT, line.p[from - 1]))
		from--;
	if (from == end || from == 0 || line.p[from - 1] != '{')
		return FAIL(ABSENT);
	TRY(str_number(str_slice(line, from, end), INT64_MAX, &literal.size));
	literal.at = from - 1;
	if (literal.at > 0 && line.p[literal.at - 1] == '~') {
		literal.is_binary = true;
		literal.at--;
	}
	*out = literal;
	return OK;
}
