/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes survive encoding and decoding; any text that decodes is the one encoding of what it says. */
#include "fuzz.h"
#include "base/base64.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char there[8192], back[8192];
	str in = { (const char *)p, n };
	struct buf a = BUF_ON(there), b = BUF_ON(back);
	if (n > sizeof there / 2)
		return 0;
	base64_encode(&a, in);
	if (failed(base64_decode(&b, buf_str(&a))) || !str_eq(buf_str(&b), in))
		abort();
	a = BUF_ON(there);
	b = BUF_ON(back);
	if (failed(base64_decode(&a, in)))
		return 0;
	base64_encode(&b, buf_str(&a));
	if (!str_eq(buf_str(&b), in))
		abort();
	return 0;
}
