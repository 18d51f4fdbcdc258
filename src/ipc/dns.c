/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/dns.h"

enum { GRACE_MS = 500, DEADLINE_MAX = 60000, TRIES = 2 };

const char *dns_outcome_name(enum dns_outcome outcome)
{
	static const char *const names[] = { "found", "no_name", "no_data", "bogus", "failed" };
	return names[outcome];
}

/* ---- reading ---- */

static err read_address(str *records, struct frame *scratch, struct dns_record *r)
{
	struct msg_address m;
	err e = OK;
	if (!msg_next_address(records, scratch, &m, &e))
		return e;
	if (m.bytes.n != sizeof r->address.bytes)
		return FAIL(SYNTAX);
	memcpy(r->address.bytes, m.bytes.p, sizeof r->address.bytes);
	return OK;
}

static err read_mx(str *records, struct frame *scratch, struct dns_record *r)
{
	struct msg_mx m;
	err e = OK;
	if (!msg_next_mx(records, scratch, &m, &e))
		return e;
	r->preference = (uint16_t)m.preference;
	r->name = m.host;
	return OK;
}

static err read_tlsa(str *records, struct frame *scratch, struct dns_record *r)
{
	struct msg_tlsa m;
	err e = OK;
	if (!msg_next_tlsa(records, scratch, &m, &e))
		return e;
	r->tlsa = (struct dns_tlsa){ (uint8_t)m.usage, (uint8_t)m.selector, (uint8_t)m.matching, m.data };
	return OK;
}

static err read_text(str *records, struct frame *scratch, struct dns_record *r)
{
	struct msg_string m;
	err e = OK;
	if (msg_next_string(records, scratch, &m, &e))
		r->text = m.bytes;
	return e;
}

static err read_host(str *records, struct frame *scratch, struct dns_record *r)
{
	struct msg_host m;
	err e = OK;
	if (msg_next_host(records, scratch, &m, &e))
		r->name = m.name;
	return e;
}

static err read_record(enum dns_type type, str *records, struct frame *scratch, struct dns_record *r)
{
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return read_address(records, scratch, r);
	case DNS_MX:
		return read_mx(records, scratch, r);
	case DNS_TLSA:
		return read_tlsa(records, scratch, r);
	case DNS_TXT:
		return read_text(records, scratch, r);
	case DNS_CNAME:
	case DNS_PTR:
		break;
	}
	return read_host(records, scratch, r);
}

/* Strings of a record are views of scratch until they are copied here. */
static void keep(struct dns_record *r, struct arena *a)
{
	r->name = arena_copy(a, r->name);
	r->text = arena_copy(a, r->text);
	r->tlsa.data = arena_copy(a, r->tlsa.data);
}

static size_t count_records(str records, struct frame *scratch)
{
	size_t n = 0;
	while (records_next(&records, scratch))
		n++;
	return n;
}

static err read_records(str records, enum dns_type type, struct frame *scratch, struct arena *a, struct dns_answer *to)
{
	size_t count = count_records(records, scratch);
	if (count > DNS_RECORDS_MAX)
		return FAIL(SYNTAX);
	struct dns_record *all = NEW(a, struct dns_record, count);
	for (size_t i = 0; i < count; i++) {
		struct dns_record r = { .name = S(""), .text = S(""), .tlsa.data = S("") };
		TRY(read_record(type, &records, scratch, &r));
		keep(&r, a);
		if (arena_spent(a))
			return FAIL(MEMORY);
		all[i] = r;
	}
	to->records = all;
	to->count = count;
	return OK;
}

err dns_answer_read(const struct msg_lookup_done *m, const struct dns_question *q, struct frame *scratch,
	struct arena *a, struct dns_answer *out)
{
	struct dns_answer answer = {
		.outcome = (enum dns_outcome)m->outcome,
		.validating = m->validating,
		.secure = m->secure,
		.is_alias = !str_eq_nocase(m->canonical, q->name),
		.alias_secure = m->alias_secure,
		.partial = m->partial,
		.ttl = (uint32_t)m->ttl,
	};
	/* Only who validates can say that something is secure. */
	if (m->secure && (!m->validating || m->outcome >= DNS_BOGUS))
		return FAIL(SYNTAX);
	answer.canonical = arena_copy(a, m->canonical);
	answer.reason = arena_copy(a, m->reason);
	TRY(read_records(m->records, q->type, scratch, a, &answer));
	if (arena_spent(a))
		return FAIL(MEMORY);
	if ((answer.outcome == DNS_FOUND) != (answer.count > 0))
		return FAIL(SYNTAX);
	*out = answer;
	return OK;
}

/* ---- asking ---- */

struct dns_client dns_client_of(struct session_opener *opener, struct desk *desk)
{
	return (struct dns_client){ .opener = opener, .desk = desk, .channel.fd = -1 };
}

void dns_client_close(struct dns_client *c) { channel_close(&c->channel); }

/* What one call of dns_ask() is about. */
struct asking {
	struct dns_client *client;
	const struct dns_question *questions;
	size_t count, open;
	unsigned deadline;
	struct arena *arena;
	struct dns_answer *answers;
	bool answered[DNS_QUESTIONS_MAX];
};

static err send_open(struct asking *k)
{
	struct dns_client *c = k->client;
	if (c->channel.fd < 0)
		TRY(session_open(c->opener, k->deadline + GRACE_MS, c->desk, &c->channel));
	else
		c->channel = channel_waiting(c->channel.fd, k->deadline + GRACE_MS, &c->desk->in, &c->desk->out);
	for (size_t i = 0; i < k->count; i++) {
		struct msg_lookup m = { k->questions[i].name, k->questions[i].type, k->deadline, 0 };
		if (!k->answered[i])
			TRY(msg_send_lookup(&c->channel, c->last_tag + (uint32_t)i, &m));
	}
	return OK;
}

static err receive_one(struct asking *k)
{
	struct dns_client *c = k->client;
	struct msg_lookup_done m;
	TRY(msg_expect_lookup_done(&c->channel, &m));
	size_t i = c->channel.in->tag - c->last_tag;
	if (i >= k->count || k->answered[i])
		return FAIL(SYNTAX);
	TRY(dns_answer_read(&m, &k->questions[i], c->channel.out, k->arena, &k->answers[i]));
	k->answered[i] = true;
	k->open--;
	return OK;
}

/* Until all questions are answered. After a failure the channel is closed, as a late answer on it would be one too many. */
static err attempt(struct asking *k)
{
	err e = send_open(k);
	while (!failed(e) && k->open > 0)
		e = receive_one(k);
	if (failed(e))
		dns_client_close(k->client);
	return e;
}

err dns_ask(struct dns_client *c, const struct dns_question *questions, size_t count, unsigned deadline,
	struct arena *a, struct dns_answer *out)
{
	struct asking k = { .client = c,
		.questions = questions,
		.count = count,
		.open = count,
		.deadline = deadline < DEADLINE_MAX ? deadline : DEADLINE_MAX,
		.arena = a,
		.answers = out };
	if (count > DNS_QUESTIONS_MAX)
		return FAIL(LIMIT);
	for (size_t i = 0; i < count; i++)
		if (questions[i].name.n > DNS_NAME_MAX)
			return FAIL(LIMIT);
	err e = OK;
	/* A channel that was good for the last question may have died with resolver since: one more try finds the new one. */
	for (int i = 0; i < TRIES && k.open > 0 && (i == 0 || e.code == ERR_CLOSED); i++)
		e = attempt(&k);
	c->last_tag += (uint32_t)count;
	if (e.code == ERR_MEMORY)
		return e;
	for (size_t i = 0; i < count; i++)
		if (!k.answered[i])
			out[i] = (struct dns_answer){
				.outcome = DNS_FAILED, .canonical = questions[i].name, .reason = str_of(err_text(e))
			};
	return OK;
}
