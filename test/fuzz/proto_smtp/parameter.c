/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded values hold no control characters, and encoding them again gives the value or a longer spelling of it. */
#include "fuzz.h"
#include "proto/smtp/parameter.h"

#include <stdlib.h>

enum { BUDGET = 1 << 16 };

static void check_clean(struct arena *a, str decoded)
{
	char room[4 * SMTP_ORCPT_MAX];
	struct buf b = BUF_ON(room);
	str back;
	for (size_t i = 0; i < decoded.n; i++)
		if ((unsigned char)decoded.p[i] < ' ' || decoded.p[i] == 0x7f)
			abort();
	smtp_xtext_encode(&b, decoded);
	if (b.lost)
		abort();
	if (failed(smtp_xtext_decode(a, buf_str(&b), &back)) || !str_eq(back, decoded))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0 || n > BUDGET / 16)
		return 0;
	struct arena *a = arena_new("fuzz", BUDGET);
	enum smtp_command_kind kind = (p[0] & 1) != 0 ? SMTP_FOR_RCPT : SMTP_FOR_MAIL;
	struct smtp_parameters out;
	str culprit = NO_STR, text = { (const char *)p + 1, n - 1 };
	err e = smtp_parameters_parse(text, kind, a, &out, &culprit);
	if (failed(e) && culprit.n > 0 && str_find_str(text, culprit) == STR_NONE)
		abort();
	if (!failed(e)) {
		check_clean(a, out.envid);
		check_clean(a, out.orcpt);
		check_clean(a, out.auth);
	}
	arena_free(&a);
	return 0;
}
