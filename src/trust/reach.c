/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/reach.h"

static const struct {
	const char *network, *what;
} rows[] = {
#define UNREACHABLE(network, what) { network, what },
#include "trust/reach.def"
#undef UNREACHABLE
};

/* Where in an IPv6 address an IPv4 one stands. */
static const struct {
	const char *network;
	size_t at;
} wrappers[] = {
	{ "64:ff9b::/96", 12 }, /* RFC 6052 2.1 */
	{ "2002::/16", 2 },     /* RFC 3056 2 */
	{ "::/96", 12 },        /* RFC 4291 2.5.5.1 */
};

static bool is_in(const char *network, const struct address *a)
{
	struct network n;
	return !failed(network_parse(str_of(network), &n)) && network_has(&n, a);
}

static const char *look_up(const struct address *a)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (is_in(rows[i].network, a))
			return rows[i].what;
	return NULL;
}

const char *address_unreachable(const struct address *a)
{
	const char *what = look_up(a);
	for (size_t i = 0; what == NULL && i < sizeof wrappers / sizeof *wrappers; i++) {
		if (!is_in(wrappers[i].network, a))
			continue;
		struct address inner = { .bytes = { [10] = 0xff, [11] = 0xff } };
		memcpy(inner.bytes + 12, a->bytes + wrappers[i].at, 4);
		what = look_up(&inner);
	}
	return what;
}
