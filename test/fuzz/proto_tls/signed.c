/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken apart goes together again to the same bytes: nothing can be signed that is not one of the two things. The
 * first two bytes are the scheme, the third the kind of key. */
#include "fuzz.h"
#include "proto/tls/signed.h"

#include <stdlib.h>

enum { HEAD = 3, KEYS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char room[TLS_SIGNED_MAX];
	struct buf again = BUF_ON(room);
	struct tls_signed parts;
	if (n < HEAD)
		return 0;
	const uint16_t scheme = (uint16_t)(p[0] << 8 | p[1]);
	const enum tls_key key = (enum tls_key)(p[2] % KEYS);
	const str bytes = { (const char *)p + HEAD, n - HEAD };
	if (failed(tls_signed_parse(bytes, scheme, key, &parts)))
		return 0;
	if (failed(tls_signed_check(&parts, key)) || failed(tls_signed_write(&parts, key, &again)) ||
		!str_eq(buf_str(&again), bytes))
		abort();
	return 0;
}
