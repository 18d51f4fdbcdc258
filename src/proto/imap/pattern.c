/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher keeps the set of all places in the pattern that may have been reached, and moves the whole set on by one
 * byte of the name at a time. So it never goes back, however many wildcards there are. */
#include "proto/imap/pattern.h"

#include "proto/imap/astring.h"
#include "proto/imap/mailbox.h"

str imap_pattern(struct cur *c, struct arena *a)
{
	str pattern = NO_STR;
	int byte = cur_peek(c);
	str wire = byte == '"' || byte == '{' ? imap_string(c, a) : cur_run(c, CH_LIST_CHAR, "a mailbox pattern");
	if (!cur_ok(c))
		return NO_STR;
	err e = imap_mailbox_decode(wire, a, &pattern);
	if (failed(e))
		cur_fail_with(c, e, "a mailbox pattern in modified UTF-7");
	return pattern;
}

str imap_pattern_join(str reference, str pattern, struct arena *a)
{
	if (pattern.n > 0 && pattern.p[0] == IMAP_SEPARATOR)
		return str_after(pattern, 1);
	if (reference.n == 0)
		return pattern;
	struct buf b = buf_in(a, reference.n + pattern.n);
	buf_add(&b, reference);
	buf_add(&b, pattern);
	return b.lost ? NO_STR : buf_str(&b);
}

static bool is_wildcard(char byte) { return byte == '*' || byte == '%'; }

/* The places that have been reached; place i: the first i bytes of the pattern are done with. */
struct places {
	bool reached[IMAP_MAILBOX_MAX + 2];
	size_t low, high; /* none below, none above */
};

/* A wildcard may stand for nothing. */
static void pass_wildcards(str pattern, struct places *at)
{
	for (size_t i = at->low; i < pattern.n && i <= at->high; i++)
		if (at->reached[i] && is_wildcard(pattern.p[i])) {
			at->reached[i + 1] = true;
			if (i + 1 > at->high)
				at->high = i + 1;
		}
}

/* False when no place is left. */
static bool move(str pattern, struct places *at, char byte, bool any_case, char separator)
{
	size_t low = SIZE_MAX, high = 0;
	/* From the end, so that no place is moved twice. */
	for (size_t i = at->high + 1; i-- > at->low;) {
		bool was = at->reached[i];
		at->reached[i] = false;
		if (!was || i >= pattern.n)
			continue;
		char want = pattern.p[i];
		size_t to;
		if (want == '*' || (want == '%' && byte != separator))
			to = i;
		else if (!is_wildcard(want) && (byte == want || (any_case && ascii_lower(byte) == ascii_lower(want))))
			to = i + 1;
		else
			continue;
		at->reached[to] = true;
		low = to < low ? to : low;
		high = to > high ? to : high;
	}
	at->low = low;
	at->high = high;
	return low != SIZE_MAX;
}

bool imap_pattern_matches(str pattern, str name, char separator)
{
	if (pattern.n > IMAP_MAILBOX_MAX)
		return false;
	/* RFC 3501 6.3.8: INBOX is found by its name in any case. */
	bool is_inbox = str_starts(name, S("INBOX")) && (name.n == 5 || name.p[5] == separator);
	struct places at = { .reached = { true } };
	pass_wildcards(pattern, &at);
	for (size_t i = 0; i < name.n; i++) {
		if (!move(pattern, &at, name.p[i], is_inbox && i < 5, separator))
			return false;
		pass_wildcards(pattern, &at);
	}
	return at.reached[pattern.n];
}
