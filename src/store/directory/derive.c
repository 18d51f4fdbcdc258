/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/derive.h"

#include "base/chars.h"

/* With more parts than this, and no more than this in sane addresses, any login of the same letters counts. */
enum { PARTS_MAX = 10, LOGIN_MAX = 254 };

/* Letters and digits in lower case; a byte of a letter outside ASCII stays as it is. */
static void reduce(struct buf *to, str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_char(CH_ALNUM, s.p[i]) || (unsigned char)s.p[i] >= 0x80)
			buf_byte(to, ascii_lower(s.p[i]));
}

static bool is_reduced(str reduced_login, str first, str second)
{
	char room[LOGIN_MAX + MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	reduce(&b, first);
	reduce(&b, second);
	return str_eq(buf_str(&b), reduced_login);
}

struct parts {
	str of[PARTS_MAX];
	size_t count; /* PARTS_MAX + 1: too many */
};

static struct parts split(str local)
{
	struct parts parts = { .count = 0 };
	for (size_t from = 0, at = 0; at <= local.n; at++) {
		bool is_end = at == local.n || memchr(".-_+", local.p[at], 4) != NULL;
		if (!is_end)
			continue;
		if (at > from && parts.count < PARTS_MAX)
			parts.of[parts.count++] = str_slice(local, from, at);
		else if (at > from)
			parts.count = PARTS_MAX + 1;
		if (parts.count > PARTS_MAX)
			break;
		from = at + 1;
	}
	return parts;
}

static bool same_letters(str a, str b)
{
	int count[256] = { 0 };
	for (size_t i = 0; i < a.n; i++)
		count[(unsigned char)a.p[i]]++;
	for (size_t i = 0; i < b.n; i++)
		count[(unsigned char)b.p[i]]--;
	for (int i = 0; i < 256; i++)
		if (count[i] != 0)
			return false;
	return true;
}

/* Whether the login is all parts one after the other, in any order. A set of parts, one bit each, is reachable when they
 * make the beginning of the login in some order; so each set is looked at once, not each order. */
static bool is_arrangement(str login, const struct parts *parts)
{
	bool reachable[1 << PARTS_MAX] = { true };
	unsigned all = (1u << parts->count) - 1;
	for (unsigned set = 0; set < all; set++) {
		size_t length = 0;
		if (!reachable[set])
			continue;
		for (size_t i = 0; i < parts->count; i++)
			length += (set >> i & 1) != 0 ? parts->of[i].n : 0;
		for (size_t i = 0; i < parts->count; i++)
			if ((set >> i & 1) == 0 && str_starts(str_after(login, length), parts->of[i]))
				reachable[set | 1u << i] = true;
	}
	return reachable[all];
}

static bool is_rearranged(str reduced_login, str local)
{
	char room[MAILNAME_LOCAL_MAX], part_rooms[PARTS_MAX][MAILNAME_LOCAL_MAX];
	struct buf whole = BUF_ON(room);
	reduce(&whole, local);
	if (whole.lost || whole.n != reduced_login.n)
		return false;
	struct parts parts = split(local);
	if (parts.count > PARTS_MAX)
		return same_letters(buf_str(&whole), reduced_login);
	for (size_t i = 0; i < parts.count; i++) {
		struct buf b = BUF_ON(part_rooms[i]);
		reduce(&b, parts.of[i]);
		parts.of[i] = buf_str(&b);
	}
	return is_arrangement(reduced_login, &parts);
}

const char *login_derivable(str login, const struct mailname *address)
{
	char room[LOGIN_MAX];
	struct buf b = BUF_ON(room);
	str rest = address->domain, label = address->domain;
	reduce(&b, login);
	str reduced = buf_str(&b);
	if (reduced.n == 0)
		return "the login has no letters or digits";
	if (is_reduced(reduced, address->local, NO_STR))
		return "the login is the local part of the address";
	if (is_reduced(reduced, address->local, address->domain))
		return "the login is the address";
	(void)str_cut(&rest, '.', &label);
	if (is_reduced(reduced, address->local, label))
		return "the login is the local part of the address and the name of the domain";
	if (is_rearranged(reduced, address->local))
		return "the login is the local part of the address rearranged";
	return NULL;
}
