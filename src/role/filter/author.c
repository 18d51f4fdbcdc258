/* SPDX-License-Identifier: Apache-2.0 */
#include "role/filter/author.h"

#include "proto/idna/domain.h"

#include "base/buf.h"
#include "proto/mime/address.h"
#include "proto/mime/header.h"

enum { ADDRESS_MAX = 320 };

static const struct refusal accepted = { NULL, NULL };
static const struct refusal control = { "5.6.0", "the header holds control characters" };
static const struct refusal no_from = { "5.6.0", "the header has no From field" };
static const struct refusal two_from = { "5.6.0", "the header has more than one From field" };
static const struct refusal two_sender = { "5.6.0", "the header has more than one Sender field" };
static const struct refusal bad_from = { "5.6.0", "the From field is not a list of addresses" };
static const struct refusal bad_sender = { "5.6.0", "the Sender field is not an address" };
static const struct refusal too_many = { "5.6.0", "the From field names too many addresses" };
static const struct refusal no_memory = { "4.3.1", "the From field is too large to be read" };

/* A NUL or a CR on its own ends a line for some readers and not for others. */
static bool has_control(str header)
{
	for (size_t i = 0; i < header.n; i++)
		if (header.p[i] == '\0' || (header.p[i] == '\r' && (i + 1 == header.n || header.p[i + 1] != '\n')))
			return true;
	return false;
}

struct fields {
	struct mime_field from, sender;
	size_t from_count, sender_count;
};

/* RFC 5322 3.6: From once, Sender at most once. Names are compared without blanks around them, as lenient readers do. */
static struct fields find(str header)
{
	struct fields f = { .from_count = 0 };
	struct mime_field field;
	for (size_t at = 0; mime_field_next(header, &at, &field);) {
		str name = str_trim(field.name);
		if (str_eq_nocase(name, S("From"))) {
			f.from = field;
			f.from_count++;
		} else if (str_eq_nocase(name, S("Sender"))) {
			f.sender = field;
			f.sender_count++;
		}
	}
	return f;
}

static bool add(struct authors *to, struct arena *a, const struct mime_mailbox *m)
{
	struct buf b = buf_in(a, ADDRESS_MAX);
	str address;
	buf_add(&b, m->local);
	buf_byte(&b, '@');
	if (failed(idna_domain(m->domain, &b)) || to->count == AUTHORS_MAX || failed(buf_done(&b, &address)))
		return false;
	for (size_t i = 0; i < address.n; i++)
		if (address.p[i] == '\0' || address.p[i] == '\r' || address.p[i] == '\n')
			return false;
	to->addresses[to->count++] = address;
	return true;
}

static struct refusal read_list(str value, struct arena *a, size_t most, struct refusal bad, struct authors *out)
{
	struct mime_mailbox *list = NULL;
	size_t count = 0;
	err e = mime_mailbox_list(a, value, most, &list, &count);
	if (e.code == ERR_MEMORY)
		return no_memory;
	if (e.code == ERR_LIMIT)
		return too_many;
	if (failed(e) || count == 0)
		return bad;
	for (size_t i = 0; i < count; i++)
		if (!add(out, a, &list[i]))
			return arena_spent(a) ? no_memory : bad;
	return accepted;
}

struct refusal authors_read(str header, struct arena *a, struct authors *out)
{
	struct authors found = { .count = 0 };
	header = str_slice(header, 0, mime_header_size(header));
	struct fields f = find(header);
	if (has_control(header))
		return control;
	if (f.from_count != 1)
		return f.from_count == 0 ? no_from : two_from;
	if (f.sender_count > 1)
		return two_sender;
	struct refusal r = read_list(f.from.value, a, AUTHORS_MAX - 1, bad_from, &found);
	if (r.status == NULL && f.sender_count == 1)
		r = read_list(f.sender.value, a, 1, bad_sender, &found);
	if (r.status == NULL)
		*out = found;
	return r;
}
