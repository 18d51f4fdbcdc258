/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the resolver, answered in the main loop: the hosts of a domain (RFC 5321 5.1), their addresses, and with
 * secure addresses their TLSA records (RFC 7672 2.2). An answer that is bogus or fails is never taken for "there is none". */
#include <stdio.h>

#include "os/clock.h"
#include "os/random.h"
#include "proto/smtp/path.h"
#include "role/sender/sender.h"
#include "trust/reach.h"

enum {
	ANSWER_MS = 20000, /* the resolver answers by then */
	GRACE_MS = 2000,   /* and is not waited for much longer */
	BUSY_MS = 20,
	ANSWER_BUDGET = 1 << 20,
	NAME_ROOM = 300,
	LOOKUP_BUDGET = 4096,
	LMTP_PORT = 24,
};

/* A question that is open; h is NULL for that of the hosts. */
struct lookup {
	struct lookup *next;
	struct arena *arena;
	uint32_t tag;
	struct destination *destination;
	struct host *host;
	enum dns_type type;
	struct loop_timer timer;
	int64_t end; /* clock_ms(): then it has failed */
	char name[NAME_ROOM];
};

static void answered(struct lookup *l, const struct dns_answer *a);

static void forget(struct sender *s, struct lookup *l)
{
	struct lookup **at = &s->lookups;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	loop_timer_stop(s->service->loop, &l->timer);
}

static void answer_failed(struct lookup *l, const char *reason)
{
	const struct dns_answer none = { .outcome = DNS_FAILED, .reason = str_of(reason) };
	answered(l, &none);
}

static void on_unasked(void *to) { answer_failed(to, "the resolver cannot be asked at the moment"); }

static void on_end(void *to) { answer_failed(to, "the resolver has not answered in time"); }

static void wait_for(struct lookup *l, int64_t milliseconds, loop_timer_fn *fn)
{
	loop_timer_start(l->destination->sender->service->loop, &l->timer, milliseconds, fn, l);
}

/* Where the channel is full it is asked a little later. */
static void put_question(void *to)
{
	struct lookup *l = to;
	struct sender *s = l->destination->sender;
	const int64_t left = l->end - clock_ms();
	const struct msg_lookup m = { .name = str_of(l->name), .type = l->type, .deadline = ANSWER_MS };
	err e = peer_is_open(&s->resolver) ? msg_send_lookup(&s->resolver.channel, l->tag, &m) : FAIL(CLOSED);
	if (e.code == ERR_BUSY && left > BUSY_MS) {
		wait_for(l, BUSY_MS, put_question);
	} else if (failed(e)) {
		wait_for(l, 0, on_unasked);
	} else {
		wait_for(l, left, on_end);
	}
}

/* It is never answered at once. */
static void ask(struct destination *d, struct host *h, str name, enum dns_type type)
{
	struct sender *s = d->sender;
	struct arena *a = arena_new("lookup", LOOKUP_BUDGET);
	struct lookup *l = NEW(a, struct lookup, 1);
	*l = (struct lookup){ .arena = a,
		.next = s->lookups,
		.tag = ++s->last_tag,
		.destination = d,
		.host = h,
		.type = type,
		.end = clock_ms() + ANSWER_MS + GRACE_MS };
	snprintf(l->name, sizeof l->name, "%.*s", ARG(name));
	s->lookups = l;
	if (name.n > DNS_NAME_MAX)
		wait_for(l, 0, on_unasked);
	else
		put_question(l);
}

/* ---- hosts ---- */

static void lost(struct destination *d, enum cause cause, bool final, const char *status, str reason)
{
	d->progress = DESTINATION_LOST;
	failure_set(&d->failure, cause, final, status, "%.*s", ARG(reason));
}

static void known(struct destination *d)
{
	d->hosts_known = true;
	destination_hosts_and_policy(d);
}

static void one_host(struct destination *d, str name, uint16_t port, bool secure)
{
	d->hosts = NEW(d->arena, struct host, 1);
	if (d->hosts == NULL) {
		lost(d, CAUSE_local, false, "4.3.0", S("no memory for this destination"));
		return;
	}
	d->hosts_count = 1;
	*d->hosts = (struct host){ .name = arena_copy(d->arena, name), .port = port, .mx_secure = secure };
	known(d);
}

static void take_order(struct destination *d, const struct dns_answer *a)
{
	struct mx_host hosts[DNS_RECORDS_MAX];
	size_t count = a->count < DNS_RECORDS_MAX ? a->count : DNS_RECORDS_MAX;
	const str own[] = { d->sender->conf->server.hostname, d->sender->helo };
	for (size_t i = 0; i < count; i++)
		hosts[i] = (struct mx_host){ a->records[i].preference, a->records[i].name };
	switch (mx_order(hosts, &count, own, 2, random_below)) {
	case MX_NULL:
		lost(d, CAUSE_null_mx, true, "5.1.10", S("the domain says that it takes no mail"));
		return;
	case MX_LOOP:
		lost(d, CAUSE_loop, true, "5.4.6", S("this server itself is the domain's best mail server"));
		return;
	case MX_NONE:
		lost(d, CAUSE_domain, true, "5.4.4",
			S("none of the domain's mail servers has a name that could be one"));
		return;
	case MX_USABLE:
	default:
		break;
	}
	d->hosts = NEW(d->arena, struct host, count);
	for (size_t i = 0; d->hosts != NULL && i < count; i++)
		d->hosts[i] = (struct host){ .name = arena_copy(d->arena, hosts[i].host),
			.port = (uint16_t)d->sender->conf->sender.smtp_port,
			.mx_secure = a->secure,
			.has_preference = true,
			.preference = hosts[i].preference };
	d->hosts_count = d->hosts != NULL ? count : 0;
	known(d);
}

static bool is_own_name(const struct sender *s, str name)
{
	if (str_ends(name, S(".")))
		name.n--;
	return str_eq_nocase(name, s->conf->server.hostname) || str_eq_nocase(name, s->helo);
}

static void take_hosts(struct destination *d, const struct dns_answer *a)
{
	switch (a->outcome) {
	case DNS_FOUND:
		take_order(d, a);
		break;
	case DNS_NO_DATA: /* RFC 5321 5.1: the domain is its own mail server */
		if (is_own_name(d->sender, a->canonical))
			lost(d, CAUSE_loop, true, "5.4.6", S("the domain's mail server is this server itself"));
		else
			one_host(d, a->canonical, (uint16_t)d->sender->conf->sender.smtp_port, a->secure);
		break;
	case DNS_NO_NAME:
		lost(d, CAUSE_domain, true, "5.1.2", S("there is no such domain"));
		break;
	case DNS_BOGUS:
		results_note_bogus(d, NULL);
		lost(d, CAUSE_dns, false, "4.7.5", S("the domain's DNS answers are not signed as they should be"));
		break;
	case DNS_FAILED:
	default:
		lost(d, CAUSE_dns, false, "4.4.3", a->reason.n > 0 ? a->reason : S("the DNS gave no answer"));
	}
	destination_go_on(d);
}

void lookup_hosts(struct destination *d)
{
	const struct route *r = d->route;
	const uint16_t port = (uint16_t)d->sender->conf->sender.smtp_port;
	if (r != NULL && r->host.n > 0) {
		one_host(d, r->host, r->port != 0 ? r->port : r->lmtp ? LMTP_PORT : port, true);
		destination_go_on(d);
	} else if (str_starts(d->name, S("["))) {
		one_host(d, d->name, port, false);
		destination_go_on(d);
	} else {
		ask(d, NULL, d->name, DNS_MX);
	}
}

/* ---- addresses ---- */

static void unusable(struct host *h, enum cause cause, bool final, const char *status, str reason)
{
	h->state = HOST_UNUSABLE;
	failure_set(&h->failure, cause, final, status, "%.*s", ARG(reason));
	snprintf(h->failure.host, sizeof h->failure.host, "%.*s", ARG(h->name));
}

static void usable(struct host *h) { h->state = HOST_USABLE; }

/* RFC 8305 4: the families take turns, IPv6 first. */
static void order_addresses(struct host *h)
{
	for (size_t i = 0; i < HOST_ADDRESSES_MAX && h->count < HOST_ADDRESSES_MAX; i++) {
		if (i < h->v6_count)
			h->addresses[h->count++] = h->v6[i];
		if (i < h->v4_count && h->count < HOST_ADDRESSES_MAX)
			h->addresses[h->count++] = h->v4[i];
	}
}

static void keep_records(
	struct destination *d, struct host *h, const struct tlsa_record *all, size_t count, size_t good)
{
	h->records_count = good < HOST_RECORDS_MAX ? good : HOST_RECORDS_MAX;
	h->records_seen = count < HOST_RECORDS_MAX ? count : HOST_RECORDS_MAX;
	for (size_t i = 0; i < h->records_seen; i++) {
		const size_t most = i < good ? all[i].data.n : RECORD_SHOWN_MAX;
		h->records[i] = all[i];
		h->records[i].data = arena_copy(d->arena, str_slice(all[i].data, 0, most));
	}
}

static void take_records(struct destination *d, struct host *h, const struct dns_answer *a)
{
	struct tlsa_record all[DNS_RECORDS_MAX];
	size_t count = a->count < DNS_RECORDS_MAX ? a->count : DNS_RECORDS_MAX;
	enum evidence e = a->outcome == DNS_BOGUS    ? EVIDENCE_BOGUS
			  : a->outcome == DNS_FAILED ? EVIDENCE_FAILED
			  : a->secure                ? EVIDENCE_SECURE
						     : EVIDENCE_INSECURE;
	for (size_t i = 0; i < count; i++) {
		const struct dns_tlsa *t = &a->records[i].tlsa;
		all[i] = (struct tlsa_record){ t->usage, t->selector, t->matching, t->data };
	}
	size_t good = tlsa_select(all, count);
	h->dane = dane_demand(h->evidence, e, count, good);
	keep_records(d, h, all, count, good);
	/* RFC 7672 2.2.3: first under the name that aliases lead to, then under the first one. */
	if (h->dane == DANE_SILENT && h->tlsa_second.n > 0) {
		char name[NAME_ROOM];
		h->tlsa_base = h->tlsa_second;
		h->tlsa_second = NO_STR;
		h->open++;
		snprintf(name, sizeof name, "_%u._tcp.%.*s", (unsigned)h->port, ARG(h->tlsa_base));
		ask(d, h, str_of(name), DNS_TLSA);
	} else if (arena_spent(d->arena)) {
		unusable(h, CAUSE_local, false, "4.3.0", S("no memory for this destination"));
	} else {
		usable(h);
	}
}

static void ask_records(struct destination *d, struct host *h)
{
	char name[NAME_ROOM];
	h->open++;
	snprintf(name, sizeof name, "_%u._tcp.%.*s", (unsigned)h->port, ARG(h->tlsa_base));
	ask(d, h, str_of(name), DNS_TLSA);
}

/* Both families have been asked for. */
static void have_addresses(struct destination *d, struct host *h)
{
	order_addresses(h);
	if (h->count == 0 && h->broken)
		unusable(h, CAUSE_dns, false, h->evidence == EVIDENCE_BOGUS ? "4.7.5" : "4.4.3",
			h->reason[0] != '\0' ? str_of(h->reason) : S("the DNS does not tell its address"));
	else if (h->count == 0 && h->unreachable)
		unusable(h, CAUSE_unreachable, true, "5.4.4", str_of(h->reason));
	else if (h->count == 0)
		unusable(h, CAUSE_unreachable, true, "5.4.4", S("it has no address"));
	else if (h->evidence == EVIDENCE_SECURE || h->tlsa_second.n > 0)
		ask_records(d, h);
	else
		usable(h);
}

/* Only what another domain says is held to the public Internet; a route is the administrator's word. */
static void add_address(struct destination *d, struct host *h, const struct address *a)
{
	const bool free =
		d->sender->conf->sender.allow_private_destinations || (d->route != NULL && d->route->host.n > 0);
	const char *what = free ? NULL : address_unreachable(a);
	if (what != NULL) {
		h->unreachable = true;
		snprintf(h->reason, sizeof h->reason, "its address is no public one (%s)", what);
	} else if (address_is_v4(a) && h->v4_count < HOST_ADDRESSES_MAX) {
		h->v4[h->v4_count++] = *a;
	} else if (!address_is_v4(a) && h->v6_count < HOST_ADDRESSES_MAX) {
		h->v6[h->v6_count++] = *a;
	}
}

static void take_evidence(struct destination *d, struct host *h, const struct dns_answer *a)
{
	/* A name without addresses of one kind does not weaken those of the other. */
	if (a->outcome == DNS_BOGUS || a->outcome == DNS_FAILED) {
		h->broken = true;
		snprintf(h->reason, sizeof h->reason, "%.*s", ARG(a->reason));
		if (h->v4_count + h->v6_count == 0)
			h->evidence = a->outcome == DNS_BOGUS ? EVIDENCE_BOGUS : EVIDENCE_FAILED;
		return;
	}
	if (a->outcome != DNS_FOUND)
		return;
	const bool first = h->tlsa_base.n == 0;
	const bool secure = a->secure && a->validating;
	if (first) {
		h->evidence = secure ? EVIDENCE_SECURE : EVIDENCE_INSECURE;
		h->tlsa_base = arena_copy(d->arena, a->is_alias && secure ? a->canonical : h->name);
		if (a->is_alias && secure)
			h->tlsa_second = h->name;
		/* RFC 7672 2.2.2: an alias that is signed can have records, wherever it leads. */
		if (a->is_alias && !secure && a->alias_secure && a->validating)
			h->evidence = EVIDENCE_SECURE;
	} else if (!secure && !(a->alias_secure && a->validating)) {
		h->evidence = EVIDENCE_INSECURE;
	}
}

static void take_addresses(struct destination *d, struct host *h, const struct dns_answer *a)
{
	take_evidence(d, h, a);
	for (size_t i = 0; a->outcome == DNS_FOUND && i < a->count; i++)
		add_address(d, h, &a->records[i].address);
	if (h->open == 0)
		have_addresses(d, h);
}

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]", or an address that a route names. */
static bool literal(str name, struct address *out)
{
	if (str_starts(name, S("[")) && str_ends(name, S("]")))
		name = str_slice(name, 1, name.n - 1);
	if (str_starts_nocase(name, S("IPv6:")))
		name = str_after(name, 5);
	return !failed(address_parse(name, out));
}

void lookup_host_quietly(struct destination *d, struct host *h)
{
	struct address a;
	h->state = HOST_ASKED;
	if (literal(h->name, &a)) {
		add_address(d, h, &a);
		have_addresses(d, h);
		return;
	}
	h->open = 2;
	ask(d, h, h->name, DNS_AAAA);
	ask(d, h, h->name, DNS_A);
}

void lookup_host(struct destination *d, struct host *h)
{
	struct address a;
	const bool at_once = literal(h->name, &a);
	lookup_host_quietly(d, h);
	if (at_once && h->state != HOST_ASKED)
		destination_go_on(d);
}

/* ---- answers ---- */

static void answered(struct lookup *l, const struct dns_answer *a)
{
	struct destination *d = l->destination;
	struct host *h = l->host;
	const enum dns_type type = l->type;
	forget(d->sender, l);
	struct arena *own = l->arena;
	arena_free(&own);
	if (h == NULL) {
		take_hosts(d, a);
		return;
	}
	h->open--;
	if (type == DNS_TLSA)
		take_records(d, h, a);
	else
		take_addresses(d, h, a);
	if (h->state != HOST_ASKED)
		destination_go_on(d);
}

static err on_lookup_done(struct sender *s, const struct msg_lookup_done *m, uint32_t tag)
{
	struct lookup *l = s->lookups;
	while (l != NULL && l->tag != tag)
		l = l->next;
	if (l == NULL) /* it came too late, or twice; or nobody has ever asked for it */
		return tag > 0 && tag <= s->last_tag ? OK : FAIL(STATE);
	struct arena *a = arena_new("answer", ANSWER_BUDGET);
	const struct dns_question q = { str_of(l->name), l->type };
	struct dns_answer answer;
	err e = dns_answer_read(m, &q, s->scratch, a, &answer);
	if (!failed(e))
		answered(l, &answer);
	arena_free(&a);
	return e;
}

static err on_validation(struct sender *s, const struct msg_validation *m, uint32_t tag)
{
	(void)s;
	(void)m;
	(void)tag; /* each answer says it again; the resolver logs it */
	return OK;
}

static void gone(void *to)
{
	struct sender *s = to;
	while (s->lookups != NULL)
		answer_failed(s->lookups, "the resolver has gone");
}

#define CONVERSATION "ipc/sender_resolver.def"
#define HEAR resolver_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static const struct peer_kind resolver_kind = { .name = "resolver", .hear = resolver_hear, .gone = gone };

void lookups_attach(struct sender *s, int fd)
{
	gone(s);
	IGNORE(peer_open(&s->resolver, fd)); /* where it fails the supervisor brings another */
}

void lookups_init(struct sender *s) { peer_init(&s->resolver, s->service, &resolver_kind, s); }
