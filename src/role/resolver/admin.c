/* SPDX-License-Identifier: Apache-2.0 */
/* siegel dns lookup, siegel dns status: what those who ask are told. */
#include "role/resolver/resolver.h"

enum { LOOKUP_MS = 20000, SHOWN_MAX = 4000, TEXT_ROOM = 2 * DNS_TLSA_MAX + 100, LINE_ROOM = 32000 };

/* One lookup for a person. */
struct request {
	struct admin *admin;
	struct asker asker;
	struct dns_question question;
};

static void write_record(struct buf *b, enum dns_type type, const struct dns_record *r)
{
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		address_write(b, &r->address);
		break;
	case DNS_MX:
		buf_addf(b, "%u %.*s.", r->preference, ARG(r->name));
		break;
	case DNS_TLSA:
		buf_addf(b, "%u %u %u ", r->tlsa.usage, r->tlsa.selector, r->tlsa.matching);
		buf_hex(b, r->tlsa.data.p, r->tlsa.data.n);
		break;
	case DNS_TXT:
		buf_add(b, str_slice(r->text, 0, SHOWN_MAX));
		break;
	case DNS_CNAME:
	case DNS_PTR:
		buf_addf(b, "%.*s.", ARG(r->name));
		break;
	}
}

static void line(struct request *q, const struct dns_answer *answer, const struct dns_record *r)
{
	static char text_room[TEXT_ROOM], room[LINE_ROOM];
	struct buf text = BUF_ON(text_room), out = BUF_ON(room);
	struct json j = json_begin(&out);
	json_text(&j, "outcome", str_of(dns_outcome_name(answer->outcome)));
	json_flag(&j, "validating", answer->validating);
	json_flag(&j, "secure", answer->secure);
	json_text(&j, "canonical", answer->canonical);
	json_flag(&j, "alias_secure", answer->alias_secure);
	json_flag(&j, "partial", answer->partial);
	json_number(&j, "ttl", answer->ttl);
	json_text(&j, "reason", answer->reason);
	if (r != NULL)
		write_record(&text, q->question.type, r);
	json_text(&j, "record", buf_str(&text));
	json_end(&j);
	IGNORE(admin_line(q->admin, buf_str(&out))); /* too much, or the caller has gone: the command's end says so */
}

/* The reader of the clients reads here too: what it refuses would be refused there. */
static err on_answer(void *to, uint32_t tag, const struct msg_lookup_done *m)
{
	struct request *q = to;
	struct admin *a = q->admin;
	struct dns_answer answer;
	(void)tag;
	struct frame *scratch = NEW(a->arena, struct frame, 1);
	if (scratch == NULL || failed(dns_answer_read(m, &q->question, scratch, a->arena, &answer))) {
		admin_refuse(a, "the answer cannot be shown");
		return OK;
	}
	for (size_t i = 0; i < answer.count; i++)
		line(q, &answer, &answer.records[i]);
	if (answer.count == 0)
		line(q, &answer, NULL);
	admin_done(a);
	return OK;
}

static void gone(struct admin *a)
{
	struct request *q = a->state;
	asker_forget(&q->asker);
	admin_refuse(a, "the caller has gone");
}

static bool find_type(str name, enum dns_type *out)
{
	static const enum dns_type types[] = {
#define DNS_TYPE(type, number) DNS_##type,
#include "proto/dns/record.def"
#undef DNS_TYPE
	};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq_nocase(name, str_of(dns_type_name(types[i])))) {
			*out = types[i];
			return true;
		}
	return false;
}

static void verb_lookup(struct admin *a)
{
	static const char *const known[] = { "name", "type", NULL };
	str type = admin_word(a, S("type"));
	if (admin_refused_words(a, known))
		return;
	struct request *q = NEW(a->arena, struct request, 1);
	q->question.name = admin_word(a, S("name"));
	if (!find_type(type.n > 0 ? type : S("A"), &q->question.type)) {
		admin_refuse(a, "the type is none of A, AAAA, CNAME, MX, PTR, TLSA, TXT");
		return;
	}
	q->admin = a;
	q->asker = (struct asker){ .fn = on_answer, .to = q };
	a->state = q;
	a->gone = gone;
	question_ask(a->role, &q->asker, 0, &q->question, LOOKUP_MS);
}

static void verb_status(struct admin *a)
{
	static const char *const states[] = { "not proved", "validates", "does not validate" };
	static const char *const known[] = { NULL };
	const struct resolver *r = a->role;
	char room[1000];
	struct buf b = BUF_ON(room);
	if (admin_refused_words(a, known))
		return;
	struct json j = json_begin(&b);
	json_text(&j, "state", r->proof.settled ? str_of(states[r->state]) : S("being tried"));
	json_text(&j, "reason", str_from(r->proof.reason, r->proof.reason_n));
	json_number(&j, "anchors", r->anchors);
	json_number(&j, "asked", r->asked);
	json_number(&j, "open", r->open);
	json_end(&j);
	IGNORE(admin_line(a, buf_str(&b)));
	admin_done(a);
}

const struct admin_verb resolver_verbs[] = {
	{ "dns lookup", verb_lookup },
	{ "dns status", verb_status },
	{ NULL, NULL },
};
