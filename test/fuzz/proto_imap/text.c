/* SPDX-License-Identifier: Apache-2.0 */
/* What we write as a string, an astring or a date is read again as the same. */
#include "fuzz.h"

#include <stdlib.h>

#include "proto/imap/astring.h"
#include "proto/imap/date.h"

static char room[16 << 10];

static void check_string(str text, struct arena *a)
{
	size_t nul = str_find(text, '\0');
	struct buf b = BUF_ON(room);
	imap_write_string(&b, text);
	size_t first = b.n;
	imap_write_astring(&b, text);
	if (b.lost)
		return;
	str want = nul == STR_NONE ? text : str_slice(text, 0, nul);
	struct cur string = cur_of(str_slice(buf_str(&b), 0, first)), astring = cur_of(str_after(buf_str(&b), first));
	if (!str_eq(imap_string(&string, a), want) || !cur_ok(&string) || !cur_at_end(&string))
		abort();
	if (!str_eq(imap_astring(&astring, a), want) || !cur_ok(&astring) || !cur_at_end(&astring))
		abort();
}

static void check_datetime(str text)
{
	struct buf b = BUF_ON(room);
	struct cur c = cur_of(text);
	struct imap_datetime when = imap_datetime(&c);
	if (!cur_ok(&c))
		return;
	imap_write_datetime(&b, when);
	if (b.lost)
		abort();
	struct cur again = cur_of(buf_str(&b));
	struct imap_datetime same = imap_datetime(&again);
	if (!cur_ok(&again) || same.seconds != when.seconds || same.zone_minutes != when.zone_minutes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", 64 << 10);
	str text = { (const char *)p, n };
	if (n < 4096)
		check_string(text, a);
	check_datetime(text);
	arena_free(&a);
	return 0;
}
