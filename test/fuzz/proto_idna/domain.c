/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out is ASCII, and remains as it is when it goes in again. */
#include "fuzz.h"
#include "proto/idna/domain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char first_room[IDNA_DOMAIN_MAX], second_room[IDNA_DOMAIN_MAX];
	struct buf first = BUF_ON(first_room), second = BUF_ON(second_room);
	str text = { (const char *)p, n };
	if (failed(idna_domain(text, &first))) {
		if (first.n > 0)
			abort();
		return 0;
	}
	if (idna_needed(buf_str(&first)) || failed(idna_domain(buf_str(&first), &second)) ||
		!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	return 0;
}
