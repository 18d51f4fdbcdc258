/* SPDX-License-Identifier: Apache-2.0 */
/* A section that was asked for can be asked for again by the name under which it is answered. */
#include "fuzz.h"

#include <stdlib.h>

#include "proto/imap/fetch.h"
#include "proto/imap/frame.h"

static void check_section(const struct imap_section *section, struct arena *a)
{
	struct buf once = buf_in(a, 40 << 10), request = buf_in(a, 40 << 10), again = buf_in(a, 40 << 10);
	struct imap_section plain = *section;
	struct imap_fetch fetch;
	plain.is_partial = false;
	imap_write_section(&once, &plain);
	buf_add(&request, S("1 "));
	buf_add(&request, buf_str(&once));
	if (request.lost)
		return;
	struct cur c = cur_of(buf_str(&request));
	if (failed(imap_fetch_parse(&c, a, &fetch)) || fetch.section_count != 1)
		abort();
	imap_write_section(&again, &fetch.sections[0]);
	if (!str_eq(buf_str(&once), buf_str(&again)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", IMAP_ARENA_MAX), *again = arena_new("fuzz", 1 << 20);
	struct imap_fetch fetch;
	struct cur c = cur_of((str){ (const char *)p, n });
	if (n <= 4096 && !failed(imap_fetch_parse(&c, a, &fetch))) {
		if (fetch.items == 0 && fetch.section_count == 0)
			abort();
		for (size_t i = 0; i < fetch.section_count; i++) {
			check_section(&fetch.sections[i], again);
			arena_reset(again);
		}
	}
	arena_free(&a);
	arena_free(&again);
	return 0;
}
