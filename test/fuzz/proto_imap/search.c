/* SPDX-License-Identifier: Apache-2.0 */
/* A search program leads only forward, and NOT (x), OR (x) (x) and ((x)) mean what they should, whatever x is and
 * whichever of its tests hold. */
#include "fuzz.h"

#include <stdlib.h>

#include "proto/imap/frame.h"
#include "proto/imap/search.h"

static void check_targets(const struct imap_search *search)
{
	if (search->count == 0 || search->start != 0)
		abort();
	for (uint16_t i = 0; i < search->count; i++) {
		uint16_t yes = search->tests[i].yes, no = search->tests[i].no;
		if (yes <= i || no <= i || yes == no || (yes >= search->count && yes < IMAP_SEARCH_NO_MATCH) ||
			(no >= search->count && no < IMAP_SEARCH_NO_MATCH))
			abort();
	}
}

/* A test holds or not by chance, but the same one always alike. every: how many tests x has. */
static bool matches(const struct imap_search *search, uint16_t every, uint32_t seed)
{
	uint16_t at = search->start;
	while (at < IMAP_SEARCH_NO_MATCH) {
		uint32_t mixed = (seed + at % every) * 2654435761U;
		at = (mixed & 1U << 30) != 0 ? search->tests[at].yes : search->tests[at].no;
	}
	return at == IMAP_SEARCH_MATCH;
}

static void check_form(const char *before, const char *between, const char *after, str x,
	const struct imap_search *search, bool negated)
{
	struct arena *a = arena_new("fuzz", 4 * IMAP_ARENA_MAX);
	struct buf b = buf_in(a, 2 * x.n + 100);
	buf_add(&b, str_of(before));
	buf_add(&b, x);
	if (between != NULL) {
		buf_add(&b, str_of(between));
		buf_add(&b, x);
	}
	buf_add(&b, str_of(after));
	struct imap_search form;
	struct cur c = cur_of(buf_str(&b));
	err e = imap_search_parse(&c, a, &form);
	if (failed(e) && e.code != ERR_LIMIT && e.code != ERR_MEMORY)
		abort();
	for (uint32_t seed = 0; !failed(e) && seed < 50; seed++)
		if (matches(&form, search->count, seed) != (matches(search, search->count, seed) != negated))
			abort();
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	str x = { (const char *)p, n };
	struct arena *a = arena_new("fuzz", IMAP_ARENA_MAX);
	struct imap_search search;
	struct cur c = cur_of(x);
	err e = n > IMAP_COMMAND_MAX ? FAIL(LIMIT) : imap_search_parse(&c, a, &search);
	if (!failed(e)) {
		check_targets(&search);
		if (!str_starts_nocase(x, S("CHARSET"))) {
			check_form("NOT (", NULL, ")", x, &search, true);
			check_form("((", NULL, "))", x, &search, false);
			check_form("OR (", ") (", ")", x, &search, false);
			check_form("(", ") (", ")", x, &search, false);
		}
	}
	arena_free(&a);
	return 0;
}
