/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/check.h"

#include "base/buf.h"
#include "base/chars.h"
#include "conf/nearest.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_MAX = 400, LABEL_MAX = 63, UID_LEAST = 1000 };

const struct conf_service conf_services[CONF_SERVICES] = {
	{ "smtp", 25 },
	{ "submission", 587 },
	{ "submissions", 465 },
	{ "lmtp", 24 },
	{ "imap", 143 },
	{ "imaps", 993 },
};

const struct conf_service *conf_service_find(str name)
{
	for (size_t i = 0; i < CONF_SERVICES; i++)
		if (str_eq(name, str_of(conf_services[i].name)))
			return &conf_services[i];
	return NULL;
}

struct check {
	const struct conf *conf;
	conf_complain *complain;
	void *to;
	size_t count;
};

static void __attribute__((format(printf, 4, 5)))
complain(struct check *c, const char *section, const char *name, const char *format, ...)
{
	char room[TEXT_MAX];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	size_t length = n < 0 ? 0 : (size_t)n < sizeof room ? (size_t)n : sizeof room - 1;
	c->count++;
	c->complain(c->to, conf_find(str_of(section), str_of(name)), str_from(room, length));
}

/* Domain = sub-domain *("." sub-domain)                                                      RFC 5321 4.1.2 */
static bool is_domain(str text)
{
	str label;
	if (text.n == 0 || str_ends(text, S(".")))
		return false;
	while (str_word(&text, '.', &label))
		if (label.n == 0 || label.n > LABEL_MAX || !str_is(CH_LDH, label) || label.p[0] == '-' ||
			label.p[label.n - 1] == '-')
			return false;
	return true;
}

/* Enough to find a mistake of the pen; `directory` knows the grammar. */
static bool is_mail_address(str text)
{
	size_t at = str_find_last(text, '@');
	return at != STR_NONE && at > 0 && str_find(text, ' ') == STR_NONE && is_domain(str_after(text, at + 1));
}

static bool is_repeated(const struct conf_list *list, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(list->items[i], list->items[at]))
			return true;
	return false;
}

static void check_services(struct check *c, const struct conf_list *services)
{
	for (size_t i = 0; i < services->count; i++) {
		str name = services->items[i];
		struct nearest near = nearest_to(name);
		for (size_t k = 0; k < CONF_SERVICES; k++)
			nearest_try(&near, str_of(conf_services[k].name));
		if (is_repeated(services, i))
			complain(c, "server", "services", "\"%.*s\" stands there twice", ARG(name));
		else if (conf_service_find(name) == NULL && near.found.n > 0)
			complain(c, "server", "services", "there is no service \"%.*s\"; did you mean \"%.*s\"?",
				ARG(name), ARG(near.found));
		else if (conf_service_find(name) == NULL)
			complain(c, "server", "services", "there is no service \"%.*s\"", ARG(name));
	}
}

static void check_listen(struct check *c, const struct conf_list *listen)
{
	for (size_t i = 0; i < listen->count; i++) {
		struct address a;
		if (failed(address_parse(listen->items[i], &a)))
			complain(c, "server", "listen", "\"%.*s\" is not an IP address", ARG(listen->items[i]));
		else if (is_repeated(listen, i))
			complain(c, "server", "listen", "%.*s stands there twice", ARG(listen->items[i]));
	}
}

static void check_server(struct check *c)
{
	const struct conf_server *s = &c->conf->server;
	if (s->hostname.n > 0 && !is_domain(s->hostname))
		complain(c, "server", "hostname", "\"%.*s\" is not a host name", ARG(s->hostname));
	if (s->administrator.n > 0 && !is_mail_address(s->administrator))
		complain(c, "server", "administrator", "\"%.*s\" is not a mail address", ARG(s->administrator));
	if (s->deputy.n > 0 && !is_mail_address(s->deputy))
		complain(c, "server", "deputy", "\"%.*s\" is not a mail address", ARG(s->deputy));
	if (s->deputy.n > 0 && str_eq_nocase(s->deputy, s->administrator))
		complain(c, "server", "deputy", "is the administrator; a deputy is somebody else");
	check_services(c, &s->services);
	check_listen(c, &s->listen);
}

err conf_uids(str text, uint32_t *first, uint32_t *last)
{
	uint64_t from, to;
	str head;
	if (!str_cut(&text, '-', &head) || failed(str_number(head, UINT32_MAX - 1, &from)) ||
		failed(str_number(text, UINT32_MAX - 1, &to)) || from < UID_LEAST || from > to)
		return FAIL(SYNTAX);
	*first = (uint32_t)from;
	*last = (uint32_t)to;
	return OK;
}

static void check_accounts(struct check *c)
{
	const struct conf_accounts *a = &c->conf->accounts;
	uint32_t first, last;
	if (failed(conf_uids(a->uids, &first, &last)))
		complain(c, "accounts", "uids", "\"%.*s\" is not a range of user numbers from %d on, as 200000-299999",
			ARG(a->uids), UID_LEAST);
	if (a->subaddress_separator.n > 0 && str_find(S("+-=_#"), a->subaddress_separator.p[0]) == STR_NONE)
		complain(c, "accounts", "subaddress_separator", "\"%.*s\" cannot separate; it may be + - = _ or #",
			ARG(a->subaddress_separator));
}

err conf_endpoint(str text, uint16_t port, struct address *address, uint16_t *out_port)
{
	struct address a;
	uint64_t number = port;
	size_t at = str_find_last(text, '@');
	if (at != STR_NONE)
		TRY(str_number(str_after(text, at + 1), UINT16_MAX, &number));
	TRY(address_parse(str_slice(text, 0, at), &a));
	if (number == 0)
		return FAIL(SYNTAX);
	*address = a;
	*out_port = (uint16_t)number;
	return OK;
}

static void check_endpoint(struct check *c, const char *name, str text)
{
	struct address address;
	uint16_t port;
	if (failed(conf_endpoint(text, 1, &address, &port)))
		complain(c, "resolver", name, "\"%.*s\" is not an IP address, or one with a port as 127.0.0.1@5300",
			ARG(text));
}

static void check_resolver(struct check *c)
{
	const struct conf_resolver *r = &c->conf->resolver;
	for (size_t i = 0; i < r->forward.count; i++)
		check_endpoint(c, "forward", r->forward.items[i]);
	for (size_t i = 0; i < r->stub.count; i++) {
		str rest = r->stub.items[i].value, server;
		if (r->stub.items[i].key.n > 0)
			complain(c, "resolver", "stub", "%.*s: a zone has a list of servers and nothing else",
				ARG(r->stub.items[i].name));
		while (str_word(&rest, ',', &server))
			check_endpoint(c, "stub", server);
	}
}

/* Whoever names half of the world here has made a relay for all of it (R1 of the requirements), or lets everybody say who
 * he is. The least are the private networks 10.0.0.0/8 and fc00::/7. */
static void check_networks(
	struct check *c, const char *section, const char *name, const struct conf_networks *n, const char *why)
{
	enum { LEAST_V4 = 96 + 8, LEAST_V6 = 7 };
	for (size_t i = 0; i < n->count; i++) {
		char room[64];
		struct buf text = BUF_ON(room);
		const struct network *one = &n->items[i];
		network_write(&text, one);
		if (one->bits < (address_is_v4(&one->address) ? LEAST_V4 : LEAST_V6))
			complain(c, section, name, "%.*s is so large that %s", ARG(buf_str(&text)), why);
	}
}

static void check_relay(struct check *c)
{
	check_networks(c, "relay", "relay_networks", &c->conf->relay.relay_networks,
		"the server would be an open relay; name the devices that need it");
	check_networks(
		c, "smtp", "proxy_from", &c->conf->smtp.proxy_from, "anybody could say who he is; name the proxies");
}

static bool is_one_of(str word, const char *words)
{
	str rest = str_of(words), one;
	while (str_word(&rest, ' ', &one))
		if (str_eq(word, one))
			return true;
	return false;
}

static bool is_host(str text)
{
	struct address address;
	return is_domain(text) || !failed(address_parse(text, &address));
}

/* NULL: it may stand there. */
static const char *route_objection(const struct conf_entry *e)
{
	struct address address;
	uint64_t port, rate;
	if (str_eq(e->key, S("host")))
		return is_host(e->value) ? NULL : "host is a name or an IP address";
	if (str_eq(e->key, S("port")))
		return failed(str_number(e->value, UINT16_MAX, &port)) || port == 0 ? "port is a number up to 65535"
										    : NULL;
	if (str_eq(e->key, S("protocol")))
		return is_one_of(e->value, "smtp lmtp") ? NULL : "protocol is smtp or lmtp";
	if (str_eq(e->key, S("tls")))
		return is_one_of(e->value, "none may encrypt verify dane")
			       ? NULL
			       : "tls is none, may, encrypt, verify or dane";
	if (str_eq(e->key, S("bind")))
		return failed(address_parse(e->value, &address)) ? "bind is an IP address" : NULL;
	if (str_eq(e->key, S("helo")))
		return is_domain(e->value) ? NULL : "helo is a name";
	if (str_eq(e->key, S("rate")))
		return failed(str_number(e->value, CONF_RATE_MAX, &rate)) || rate == 0
			       ? "rate is a number from 1 to 60000"
			       : NULL;
	if (str_eq(e->key, S("auth")))
		return NULL;
	return "a route has host, port, protocol, tls, auth, helo, bind and rate";
}

/* What goes by the DNS goes to its port and by SMTP, and to servers that anybody may run. NULL: it may stand there. */
static const char *route_contradiction(const struct conf_map *table, const struct conf_entry *e)
{
	const bool lmtp = str_eq(e->key, S("protocol")) && str_eq(e->value, S("lmtp"));
	const str *port = conf_map_find(table, e->name, S("port"));
	if (lmtp && port != NULL && str_eq(*port, S("25")))
		return "LMTP is not spoken at port 25 (RFC 2033 5)";
	if (conf_map_find(table, e->name, S("host")) != NULL)
		return NULL;
	if (lmtp)
		return "LMTP needs a host";
	if (str_eq(e->key, S("auth")))
		return "auth needs a host, or whoever the DNS names would get the password";
	return str_eq(e->key, S("port")) ? "port needs a host" : NULL;
}

static void check_routes(struct check *c)
{
	const struct conf_map *table = &c->conf->routes.table;
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_entry *e = &table->items[i];
		const char *why = route_objection(e);
		if (!is_domain(e->name) && !str_eq(e->name, S("*")))
			why = "a route is for a domain, or for * (all others)";
		else if (why == NULL)
			why = route_contradiction(table, e);
		if (why != NULL)
			complain(c, "routes", "table", "%.*s: %s", ARG(e->name), why);
	}
}

static void check_sender(struct check *c)
{
	const struct conf_sender *s = &c->conf->sender;
	struct address address;
	for (size_t i = 0; i < s->bind.count; i++)
		if (failed(address_parse(s->bind.items[i], &address)))
			complain(c, "sender", "bind", "\"%.*s\" is not an IP address", ARG(s->bind.items[i]));
	if (s->helo.n > 0 && !is_domain(s->helo))
		complain(c, "sender", "helo", "\"%.*s\" is not a name", ARG(s->helo));
	if (s->sessions_max > s->connections)
		complain(c, "sender", "sessions_max", "is larger than sender.connections");
}

/* "shop@example.org", or "@example.org" for all of a domain. */
static bool is_sender(str text)
{
	return is_mail_address(text) || (str_starts(text, S("@")) && is_domain(str_after(text, 1)));
}

static void check_local(struct check *c)
{
	const struct conf_local *l = &c->conf->local;
	if (l->domain.n > 0 && !is_domain(l->domain))
		complain(c, "local", "domain", "\"%.*s\" is not a domain", ARG(l->domain));
	for (size_t i = 0; i < l->senders.count; i++) {
		str rest = l->senders.items[i].value, address;
		if (l->senders.items[i].key.n > 0)
			complain(c, "local", "senders", "%.*s: a user has a list of addresses and nothing else",
				ARG(l->senders.items[i].name));
		while (str_word(&rest, ',', &address))
			if (!is_sender(address))
				complain(c, "local", "senders", "\"%.*s\" is neither an address nor @ and a domain",
					ARG(address));
	}
}

static void check_limits(struct check *c)
{
	const struct conf *f = c->conf;
	if (f->queue.retry_first > f->queue.retry_max)
		complain(c, "queue", "retry_first", "is longer than queue.retry_max");
	if (f->queue.retry_max > f->queue.expire)
		complain(c, "queue", "retry_max", "is longer than queue.expire: there would be one attempt only");
	if (f->imap.greeting_max > f->imap.sessions_max)
		complain(c, "imap", "greeting_max", "is larger than imap.sessions_max");
	if (f->smtp.sessions_per_address > f->smtp.sessions_per_network)
		complain(c, "smtp", "sessions_per_address", "is larger than smtp.sessions_per_network");
}

size_t conf_check(const struct conf *conf, conf_complain *fn, void *to)
{
	struct check c = { conf, fn, to, 0 };
	check_server(&c);
	check_accounts(&c);
	check_limits(&c);
	check_relay(&c);
	check_local(&c);
	check_resolver(&c);
	check_sender(&c);
	check_routes(&c);
	return c.count;
}
