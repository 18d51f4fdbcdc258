/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of any bytes. What is complete has a body no longer than what came, whatever more comes leaves it as it is where
 * its length is said, and nothing waits for more once it has ended. */
#include "fuzz.h"
#include "proto/http/response.h"

#include <stdlib.h>

enum { BUDGET = 1 << 20 };

static void need(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	str whole = { (const char *)p, n };
	struct http_response now, later;
	struct arena *a = arena_new("fuzz", BUDGET);
	err e = http_response_parse(whole, false, a, &now), end = http_response_parse(whole, true, a, &later);
	need(end.code != ERR_AGAIN);
	if (!failed(e)) {
		need(!failed(end) && now.status == later.status && str_eq(now.body, later.body));
		need(now.body.n <= n && now.status >= 100 && now.status <= 599);
	} else
		need(e.code == ERR_AGAIN || failed(end));
	arena_free(&a);
	return 0;
}
