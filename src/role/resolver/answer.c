/* SPDX-License-Identifier: Apache-2.0 */
/* What libunbound says of a name, turned into checked data: nothing of what a server sent goes further than here. */
#include "proto/dns/name.h"
#include "proto/dns/rdata.h"
#include "role/resolver/resolver.h"

enum { REASON_ROOM = 200, RCODE_OK = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

static char records_room[DNS_ANSWER_MAX], canonical_room[DNS_NAME_MAX + 1], reason_room[REASON_ROOM];

static str reason_of(const char *text)
{
	struct buf b = BUF_ON(reason_room);
	for (; text != NULL && *text != '\0' && b.n < REASON_ROOM; text++)
		buf_byte(&b, *text >= ' ' && *text <= '~' ? *text : '?');
	return buf_str(&b);
}

void answer_failed(str question, bool validating, const char *reason, struct msg_lookup_done *out)
{
	*out = (struct msg_lookup_done){ .outcome = DNS_FAILED,
		.validating = validating,
		.canonical = question,
		.reason = reason_of(reason),
		.records = S("") };
}

/* ---- records ---- */

static err put_record(struct frame *f, enum dns_type type, const struct dns_record *r)
{
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return msg_put_address(f, 0,
			&(const struct msg_address){
				.bytes = str_from((const char *)r->address.bytes, sizeof r->address.bytes) });
	case DNS_MX:
		return msg_put_mx(f, 0, &(const struct msg_mx){ .preference = r->preference, .host = r->name });
	case DNS_TLSA:
		return msg_put_tlsa(f, 0,
			&(const struct msg_tlsa){ r->tlsa.usage, r->tlsa.selector, r->tlsa.matching, r->tlsa.data, 0 });
	case DNS_TXT:
		return msg_put_string(f, 0, &(const struct msg_string){ .bytes = r->text });
	case DNS_CNAME:
	case DNS_PTR:
		break;
	}
	return msg_put_host(f, 0, &(const struct msg_host){ .name = r->name });
}

/* How many records fit, from the first on. */
static size_t write_records(
	struct buf *to, struct frame *f, enum dns_type type, const struct dns_record *all, size_t count)
{
	size_t n = 0;
	while (n < count && n < DNS_RECORDS_MAX && !failed(put_record(f, type, &all[n])) && f->n <= to->room - to->n) {
		IGNORE(records_add(to, f)); /* it fits: a record has a shorter head than a frame */
		n++;
	}
	return n;
}

/* Reads what can be read. *left_out: some could not. */
static size_t read_records(const struct ub_result *result, enum dns_type type, struct arena *scratch,
	struct dns_record **out, bool *left_out)
{
	size_t count = 0, n = 0;
	while (result->data[count] != NULL)
		count++;
	struct dns_record *all = NEW(scratch, struct dns_record, count);
	for (size_t i = 0; i < count && all != NULL; i++) {
		str rdata = { result->data[i], result->len[i] > 0 ? (size_t)result->len[i] : 0 };
		if (!failed(dns_rdata_parse(type, rdata, scratch, &all[n])))
			n++;
	}
	*left_out = n < count;
	*out = all;
	return n;
}

static void add_records(const struct ub_result *result, const struct answer_parts *parts, struct arena *scratch,
	struct frame *frame, struct msg_lookup_done *m)
{
	struct buf to = BUF_ON(records_room);
	struct dns_record *all;
	bool left_out;
	size_t count = read_records(result, parts->type, scratch, &all, &left_out);
	count = dns_records_sort(all, count);
	size_t written = write_records(&to, frame, parts->type, all, count);
	m->records = buf_str(&to);
	m->partial = left_out || written < count;
	m->outcome = DNS_FOUND;
	if (written == 0)
		answer_failed(parts->question, m->validating, "there are records, but none that can be used", m);
}

/* ---- the rest ---- */

static bool canonical_of(const struct ub_result *result, str question, str *out)
{
	struct buf b = BUF_ON(canonical_room);
	if (result->canonname == NULL) {
		*out = question;
		return true;
	}
	bool good = !failed(dns_name_parse(str_of(result->canonname), &b));
	*out = buf_str(&b);
	return good;
}

static const char *failure_of(const struct ub_result *result)
{
	switch (result->rcode) {
	case RCODE_SERVFAIL:
		return "no server gave an answer that can be used";
	case RCODE_REFUSED:
		return "the servers refuse to answer";
	default:
		return "the servers answered with an error";
	}
}

void answer_make(const struct ub_result *result, const struct answer_parts *parts, struct arena *scratch,
	struct frame *frame, struct msg_lookup_done *out)
{
	bool validating = parts->state == DNS_VALIDATES;
	struct msg_lookup_done m = { .validating = validating,
		.secure = validating && result->secure != 0 && result->bogus == 0,
		.alias_secure = parts->alias_secure,
		.ttl = result->ttl > 0 ? (uint64_t)result->ttl : 0,
		.reason = S(""),
		.records = S("") };
	if (m.ttl > DNS_TTL_MAX)
		m.ttl = DNS_TTL_MAX;
	arena_reset(scratch);
	if (!canonical_of(result, parts->question, &m.canonical)) {
		answer_failed(parts->question, validating, "the name is an alias of one with unusual characters", out);
		return;
	}
	if (result->bogus != 0) {
		m.outcome = DNS_BOGUS;
		m.reason = reason_of(result->why_bogus);
	} else if (result->havedata != 0)
		add_records(result, parts, scratch, frame, &m);
	else if (result->nxdomain != 0 || result->rcode == RCODE_NXDOMAIN)
		m.outcome = DNS_NO_NAME;
	else if (result->rcode == RCODE_OK)
		m.outcome = DNS_NO_DATA;
	else
		answer_failed(parts->question, validating, failure_of(result), &m);
	*out = m;
}
