/* SPDX-License-Identifier: Apache-2.0 */
/* A header that is taken begins as one must, is as long as it says, and no shorter start of it is one. */
#include "fuzz.h"
#include "proto/proxy/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct proxy_header h;
	str header = { (const char *)p, n };
	size_t rest;
	if (failed(proxy_header_parse(header, &h)))
		return 0;
	if (!proxy_header_begins(header) || failed(proxy_header_rest(str_slice(header, 0, PROXY_START), &rest)) ||
		n != PROXY_START + rest || n > PROXY_START + PROXY_REST_MAX)
		abort();
	if (!h.is_local && n < PROXY_START + 12)
		abort();
	for (size_t shorter = 0; shorter < n; shorter++)
		if (!failed(proxy_header_parse(str_slice(header, 0, shorter), &h)))
			abort();
	return 0;
}
