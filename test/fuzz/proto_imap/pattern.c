/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher against the plainest one that there is: a table of every part of the pattern by every part of the name. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/buf.h"
#include "proto/imap/mailbox.h"
#include "proto/imap/pattern.h"

enum { MOST = 64 };

static bool plainly(str pattern, str name)
{
	bool table[MOST + 1][MOST + 1] = { { false } };
	bool is_inbox = str_starts(name, S("INBOX")) && (name.n == 5 || name.p[5] == '/');
	for (size_t i = 0; i <= pattern.n; i++)
		for (size_t k = 0; k <= name.n; k++) {
			if (i == 0) {
				table[i][k] = k == 0;
				continue;
			}
			char want = pattern.p[i - 1];
			if (want == '*' || want == '%')
				table[i][k] = table[i - 1][k] ||
					      (k > 0 && table[i][k - 1] && (want == '*' || name.p[k - 1] != '/'));
			else if (k > 0)
				table[i][k] = table[i - 1][k - 1] &&
					      (want == name.p[k - 1] ||
						      (is_inbox && k <= 5 &&
							      ascii_lower(want) == ascii_lower(name.p[k - 1])));
		}
	return table[pattern.n][name.n];
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	str name = { (const char *)p, n }, pattern;
	if (!str_cut(&name, '\n', &pattern))
		return 0;
	bool got = imap_pattern_matches(pattern, name, '/');
	if (pattern.n <= MOST && name.n <= MOST && got != plainly(pattern, name))
		abort();
	if (pattern.n > IMAP_MAILBOX_MAX && got)
		abort();
	return 0;
}
