/* SPDX-License-Identifier: Apache-2.0 */
/* `siegel route test`: what the sender would do with mail for a domain, found out by the same lookups and decided by the same
 * function; with --connect also by a connection that brings no mail. */
#include "ipc/admin.h"
#include "proto/smtp/path.h"
#include "role/sender/sender.h"

enum { LINE_ROOM = 16384, WORD_ROOM = 512, PATTERNS_SHOWN = 50 };

struct probe {
	struct probe *next;
	struct admin *a;
	struct destination *d;
	bool connects, shown;
	struct connection *c;
};

static void forget(struct sender *s, struct probe *p)
{
	struct probe **at = &s->probes;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->d->watchers--;
	if (p->c != NULL)
		p->c->probe = NULL;
	destination_rest(p->d);
}

static void end(struct sender *s, struct probe *p)
{
	struct admin *a = p->a;
	forget(s, p);
	admin_done(a);
}

static void say(struct probe *p, struct buf *line)
{
	if (!line->lost)
		IGNORE(admin_line(p->a, buf_str(line))); /* the caller has gone, or has too much: the end says so */
}

/* name: of the subject where the failure names no host */
static void say_failure(struct probe *p, const char *subject, str name, const struct failure *f)
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	struct json j = json_begin(&line);
	json_text(&j, subject, f->host[0] != '\0' ? str_of(f->host) : name);
	json_text(&j, "state", f->final ? S("refused for good") : S("not now"));
	json_text(&j, "cause", cause_word(f->cause));
	json_text(&j, "status", str_of(f->status));
	json_text(&j, "reason", str_of(f->text));
	json_end(&j);
	say(p, &line);
}

/* ---- hosts ---- */

static str evidence_word(enum evidence e)
{
	static const char *const words[] = { "insecure", "secure", "bogus", "failed" };
	return str_of(words[e]);
}

static str dane_word(enum dane_demand d)
{
	static const char *const words[] = { "none", "unusable", "usable", "uncertain" };
	return str_of(words[d]);
}

static void add_lists(struct json *j, const struct host *h)
{
	char room[WORD_ROOM];
	json_list_begin(j, "addresses");
	for (size_t i = 0; i < h->count; i++) {
		struct buf text = BUF_ON(room);
		address_write(&text, &h->addresses[i]);
		json_list_item(j, buf_str(&text));
	}
	json_list_end(j);
	json_list_begin(j, "tlsa");
	for (size_t i = 0; i < h->records_count; i++) {
		const struct tlsa_record *r = &h->records[i];
		struct buf text = BUF_ON(room);
		buf_addf(&text, "%u %u %u ", r->usage, r->selector, r->matching);
		buf_hex(&text, r->data.p, r->data.n < 100 ? r->data.n : 100);
		json_list_item(j, buf_str(&text));
	}
	json_list_end(j);
}

/* What MTA-STS says of the host. */
static str policy_word(const struct destination *d, const struct host *h)
{
	if (policy_mode(d) == STS_NONE)
		return S("none");
	return policy_names(d, h) ? S("named") : S("not named");
}

/* What the configuration says of the domain. */
static void say_route(struct probe *p)
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	const struct route *r = p->d->route;
	if (r == NULL)
		return;
	struct json j = json_begin(&line);
	json_text(&j, "route", r->name);
	json_text(&j, "to", r->host.n > 0 ? r->host : S("the hosts that the DNS names"));
	json_text(&j, "protocol", r->lmtp ? S("lmtp") : S("smtp"));
	json_text(&j, "tls", r->tls != SECURITY_UNSAID ? str_of(route_tls_word(r)) : S("as the domain's policies say"));
	json_flag(&j, "at_least", r->is_floor);
	json_text(&j, "auth", r->auth);
	json_end(&j);
	say(p, &line);
}

static void say_policy(struct probe *p)
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	const struct policy *policy = &p->d->policy;
	struct json j = json_begin(&line);
	json_text(&j, "mta_sts", p->d->name);
	json_text(&j, "mode", str_of(mta_sts_mode_name(policy->sts.mode)));
	json_text(&j, "id", policy->id);
	json_flag(&j, "kept", policy->kept && policy->sts.mode != MTA_STS_NONE);
	json_text(&j, "reason", policy->reason);
	json_list_begin(&j, "mx");
	for (size_t i = 0; i < policy->sts.patterns_count && i < PATTERNS_SHOWN; i++)
		json_list_item(&j, policy->sts.patterns[i]);
	json_list_end(&j);
	json_end(&j);
	say(p, &line);
}

static void say_host(struct probe *p, const struct host *h)
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	struct json j = json_begin(&line);
	struct security s = destination_security(p->d, h);
	json_text(&j, "host", h->name);
	json_number(&j, "port", h->port);
	if (h->has_preference)
		json_number(&j, "preference", h->preference);
	json_text(&j, "mx",
		p->d->route != NULL && p->d->route->host.n > 0 ? S("route")
		: h->mx_secure                                 ? S("secure")
							       : S("insecure"));
	json_text(&j, "address", evidence_word(h->evidence));
	json_text(&j, "dane", dane_word(h->dane));
	json_text(&j, "sts", policy_word(p->d, h));
	json_text(&j, "action", str_of(security_action_name(s.action)));
	json_text(&j, "policy", str_of(security_source_name(s.source)));
	json_flag(&j, "raised", s.is_raised);
	json_text(&j, "reason", str_of(s.reason));
	add_lists(&j, h);
	json_end(&j);
	say(p, &line);
}

static bool ask_hosts(struct destination *d)
{
	bool open = false;
	for (size_t i = 0; i < d->hosts_count; i++)
		if (d->hosts[i].state == HOST_UNKNOWN)
			lookup_host_quietly(d, &d->hosts[i]);
	for (size_t i = 0; i < d->hosts_count; i++)
		open = open || d->hosts[i].state == HOST_ASKED;
	return !open;
}

static void show(struct sender *s, struct probe *p)
{
	struct destination *d = p->d;
	p->shown = true;
	say_route(p);
	say_policy(p);
	for (size_t i = 0; i < d->hosts_count; i++)
		if (d->hosts[i].state == HOST_USABLE)
			say_host(p, &d->hosts[i]);
		else
			say_failure(p, "host", d->hosts[i].name, &d->hosts[i].failure);
	if (!p->connects) {
		end(s, p);
		return;
	}
	p->c = dial_probe(d, p);
	if (p->c == NULL) {
		say_failure(p, "connection", d->name, &d->failure);
		end(s, p);
	}
}

static void go_on(struct sender *s, struct probe *p)
{
	struct destination *d = p->d;
	if (p->shown)
		return;
	if (d->progress == DESTINATION_LOST) {
		say_route(p);
		say_failure(p, "domain", d->name, &d->failure);
		end(s, p);
	} else if (d->progress == DESTINATION_KNOWN && ask_hosts(d)) {
		show(s, p);
	}
}

void probes_go_on(struct destination *d)
{
	for (struct probe *p = d->sender->probes, *next; p != NULL; p = next) {
		next = p->next;
		if (p->d == d)
			go_on(d->sender, p);
	}
}

void probe_connection_ended(struct connection *c)
{
	struct probe *p = c->probe;
	char room[LINE_ROOM], word[WORD_ROOM];
	struct buf line = BUF_ON(room), address = BUF_ON(word);
	c->probe = NULL;
	p->c = NULL;
	if (!c->worked) {
		say_failure(p, "connection", c->destination->name, &c->failure);
		end(c->sender, p);
		return;
	}
	struct json j = json_begin(&line);
	address_write(&address, &c->used);
	json_text(&j, "connection", c->destination->hosts[c->host_used].name);
	json_text(&j, "state", S("ready for mail"));
	json_text(&j, "address", buf_str(&address));
	json_text(&j, "tls", str_of(c->tls_version != NULL ? c->tls_version : "none"));
	json_flag(&j, "verified", c->proved);
	json_end(&j);
	say(p, &line);
	end(c->sender, p);
}

/* ---- the command ---- */

static void gone(struct admin *a)
{
	struct probe *p = a->state;
	end(a->role, p);
}

static void route_test(struct admin *a)
{
	static const char *const known[] = { "domain", "connect", "inner", NULL };
	struct sender *s = a->role;
	str domain = admin_word(a, S("domain"));
	if (admin_refused_words(a, known))
		return;
	if (domain.n == 0 || failed(smtp_domain_parse(domain))) {
		admin_refuse(a, "\"%.*s\" is not a domain", ARG(domain));
		return;
	}
	struct probe *p = NEW(a->arena, struct probe, 1);
	char *lower = NEW(a->arena, char, domain.n);
	for (size_t i = 0; lower != NULL && i < domain.n; i++)
		lower[i] = ascii_lower(domain.p[i]);
	if (p == NULL || lower == NULL) {
		admin_refuse(a, "no memory");
		return;
	}
	*p = (struct probe){ .a = a, .connects = admin_word(a, S("connect")).p != NULL };
	const str name = str_from(lower, domain.n);
	/* As on_job() decides it: where the domain is ours nothing but its own route leads there. */
	if (admin_word(a, S("inner")).p != NULL && !route_is_own(route_find(s, name), name)) {
		struct failure f;
		job_no_way(&f);
		say_failure(p, "domain", name, &f);
		admin_done(a);
		return;
	}
	p->next = s->probes;
	p->d = destination_find(s, name, WISH_NOTHING, false);
	p->d->watchers++;
	s->probes = p;
	a->state = p;
	a->gone = gone;
	if (p->d->known_since == 0)
		destination_begin(p->d);
	else
		go_on(s, p);
}

static const struct admin_verb verbs[] = {
	{ "route test", route_test },
	{ NULL, NULL },
};

void probes_init(struct sender *s) { s->door = admin_door_new(s->service, verbs, s); }
void probes_attach(struct sender *s, int fd) { admin_door_connect(s->door, fd); }
