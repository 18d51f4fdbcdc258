/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is lost: the parts of a path, with the punctuation between them, are the path. Its canonical form is an
 * address equal to it, and the canonical form of that is the same again. */
#include "fuzz.h"
#include "proto/smtp/path.h"

#include <stdlib.h>

enum { CANONICAL_MAX = 2 * SMTP_PATH_MAX };

static size_t length(const struct smtp_path *p)
{
	size_t route = p->route.n > 0 ? p->route.n + 1 : 0, at = p->domain.n > 0 ? 1 : 0;
	return 1 + route + p->local.n + at + p->domain.n + 1;
}

static void check_canonical(const struct smtp_path *p)
{
	char first[CANONICAL_MAX], second[CANONICAL_MAX];
	struct buf a = BUF_ON(first), b = BUF_ON(second);
	struct smtp_path again;
	smtp_path_canonical(p, &a);
	if (a.lost)
		abort();
	err e = smtp_mailbox_parse(buf_str(&a), &again);
	if (failed(e) || !smtp_path_eq(p, &again))
		abort();
	smtp_path_canonical(&again, &b);
	if (!str_eq(buf_str(&a), buf_str(&b)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	enum smtp_path_kind kind = (p[0] & 1) != 0 ? SMTP_REVERSE_PATH : SMTP_FORWARD_PATH;
	struct smtp_path path;
	str text = { (const char *)p + 1, n - 1 };
	if (failed(smtp_path_parse(text, kind, &path)))
		return 0;
	if (length(&path) != text.n || text.n > SMTP_PATH_MAX)
		abort();
	if (path.domain.n > 0)
		check_canonical(&path);
	return 0;
}
