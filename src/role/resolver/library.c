/* SPDX-License-Identifier: Apache-2.0 */
#include "role/resolver/library.h"

#include "base/buf.h"
#include "base/cur.h"
#include "conf/check.h"

enum { DNS_PORT = 53, LINE_MAX_BYTES = 4096, NUMBER_MAX = 24 };

/* What is the same in every installation. Answers that fail are soon asked for again, since mail waits for them; a server
 * that did not answer is tried now and then all the same. */
static const struct {
	const char *option, *value;
} options[] = {
	{ "outgoing-range:", "1024" },
	{ "num-queries-per-thread:", "4096" },
	{ "outgoing-num-tcp:", "64" },
	{ "edns-buffer-size:", "1232" },
	{ "cache-max-ttl:", "86400" },
	{ "cache-max-negative-ttl:", "900" },
	{ "val-bogus-ttl:", "5" },
	{ "infra-keep-probing:", "yes" },
	{ "use-syslog:", "no" },
};

/* Zones that libunbound answers itself, so that nobody asks the world for them (RFC 6303 3, RFC 6761 6). */
static const char *const local_zones[] = {
#define LOCAL_ZONE(name) name,
#include "role/resolver/local_zones.def"
#undef LOCAL_ZONE
};

struct opening {
	const struct library_setup *setup;
	struct arena *arena;
	struct ub_ctx *context;
	size_t anchors;
	str reason;
};

static err refuse(struct opening *o, const char *what, str which, int error)
{
	struct buf b = buf_in(o->arena, LINE_MAX_BYTES);
	buf_addf(&b, "%s \"%.*s\": %s", what, ARG(str_slice(which, 0, 200)), ub_strerror(error));
	buf_byte(&b, '\0');
	o->reason = str_of(b.p != NULL && !b.lost ? b.p : "no memory");
	return error == UB_NOMEM ? FAIL(MEMORY) : FAIL(SYNTAX);
}

static err set(struct opening *o, const char *option, const char *value)
{
	int error = ub_ctx_set_option(o->context, option, value);
	return error == 0 ? OK : refuse(o, "option", str_of(option), error);
}

static err set_number(struct opening *o, const char *option, uint64_t value)
{
	char room[NUMBER_MAX];
	struct buf b = BUF_ON(room);
	buf_number(&b, value);
	buf_byte(&b, '\0');
	return set(o, option, room);
}

/* Messages, the records they refer to, keys, and proofs of what does not exist. */
static err set_cache(struct opening *o)
{
	uint64_t size = o->setup->conf->cache_max;
	TRY(set_number(o, "msg-cache-size:", size / 4));
	TRY(set_number(o, "rrset-cache-size:", size / 2));
	TRY(set_number(o, "key-cache-size:", size / 8));
	return set_number(o, "neg-cache-size:", size / 8);
}

/* ---- trust anchors ---- */

/* The next line of a master file (RFC 1035 5.1) that says something, without its comment; each record stands on one line. */
static bool next_record(str *text, str *line)
{
	while (str_word(text, '\n', line)) {
		size_t comment = str_find(*line, ';');
		*line = str_trim(str_slice(*line, 0, comment));
		if (line->n > 0)
			return true;
	}
	return false;
}

static err add_anchors(struct opening *o)
{
	str text = o->setup->trust_anchor, line;
	while (next_record(&text, &line)) {
		str copy = arena_copy(o->arena, line);
		if (copy.p == NULL)
			return FAIL(MEMORY);
		int error = ub_ctx_add_ta(o->context, copy.p);
		if (error != 0)
			return refuse(o, "trust anchor", line, error);
		o->anchors++;
	}
	return OK;
}

/* Settings are read when the first thing is asked of a context; a lone anchor shows whether it is the one to blame. */
static bool can_be_read(const char *anchor)
{
	struct ub_ctx *context = ub_ctx_create();
	bool good = context != NULL && ub_ctx_add_ta(context, anchor) == 0 &&
		    ub_ctx_zone_remove(context, "localhost.") == 0;
	ub_ctx_delete(context);
	return good;
}

/* The library says only that something is wrong with its settings. */
static void blame_anchor(struct opening *o)
{
	str text = o->setup->trust_anchor, line;
	while (next_record(&text, &line)) {
		str copy = arena_copy(o->arena, line);
		if (copy.p != NULL && !can_be_read(copy.p)) {
			(void)refuse(o, "the record", line, UB_SYNTAX).code;
			return;
		}
	}
}

/* ---- servers ---- */

static bool is_server(str text)
{
	struct address a;
	uint16_t port;
	return !failed(conf_endpoint(text, DNS_PORT, &a, &port));
}

static bool is_loopback(str server)
{
	struct address a;
	uint16_t port;
	static const struct network loopback[] = { { { { [10] = 0xff, [11] = 0xff, [12] = 127 } }, 96 + 8 },
		{ { { [15] = 1 } }, 128 } };
	return !failed(conf_endpoint(server, DNS_PORT, &a, &port)) && networks_have(loopback, 2, &a);
}

/* zone NULL: the server that all questions are forwarded to. */
static err add_server(struct opening *o, const char *zone, str server, bool hints)
{
	str copy = arena_copy(o->arena, server);
	if (copy.p == NULL)
		return FAIL(MEMORY);
	if (is_loopback(server))
		TRY(set(o, "do-not-query-localhost:", "no"));
	int error =
		zone == NULL ? ub_ctx_set_fwd(o->context, copy.p) : ub_ctx_set_stub(o->context, zone, copy.p, hints);
	return error == 0 ? OK : refuse(o, "server", server, error);
}

static err add_stubs(struct opening *o)
{
	const struct conf_map *stub = &o->setup->conf->stub;
	for (size_t i = 0; i < stub->count; i++) {
		str servers = stub->items[i].value, server, zone = arena_copy(o->arena, stub->items[i].name);
		if (zone.p == NULL)
			return FAIL(MEMORY);
		while (str_word(&servers, ',', &server))
			TRY(add_server(o, zone.p, server, false));
	}
	return OK;
}

static bool next_word(str *line, str *word)
{
	*line = str_trim(*line);
	size_t n = 0;
	while (n < line->n && !is_char(CH_WSP, line->p[n]))
		n++;
	*word = str_slice(*line, 0, n);
	*line = str_after(*line, n);
	return n > 0;
}

/* "a.root-servers.net. 3600000 IN A 198.41.0.4": the addresses are what matters. */
static err add_hints(struct opening *o)
{
	str text = o->setup->root_hints, line, word, server;
	while (next_record(&text, &line))
		while (next_word(&line, &word))
			if ((str_eq_nocase(word, S("A")) || str_eq_nocase(word, S("AAAA"))) &&
				next_word(&line, &server) && is_server(server))
				TRY(add_server(o, ".", server, true));
	return OK;
}

static err add_nameservers(struct opening *o)
{
	str text = o->setup->resolv_conf, line, word, server;
	while (str_word(&text, '\n', &line))
		if (next_word(&line, &word) && str_eq(word, S("nameserver")) && next_word(&line, &server) &&
			is_server(server)) /* one with a zone, as fe80::1%eth0, is left out */
			TRY(add_server(o, NULL, server, false));
	return OK;
}

static err add_servers(struct opening *o)
{
	const struct conf_resolver *conf = o->setup->conf;
	TRY(add_stubs(o));
	if (conf->mode == 0) /* recursive */
		return conf_map_find(&conf->stub, S("."), S("")) == NULL ? add_hints(o) : OK;
	for (size_t i = 0; i < conf->forward.count; i++)
		TRY(add_server(o, NULL, conf->forward.items[i], false));
	return conf->forward.count > 0 ? OK : add_nameservers(o);
}

/* ---- local zones ---- */

/* One is the other, or below it; with or without dots at the end. */
static bool is_within(str name, str zone)
{
	if (str_ends(name, S(".")))
		name.n--;
	if (str_ends(zone, S(".")))
		zone.n--;
	return zone.n == 0 || (str_ends_nocase(name, zone) && (name.n == zone.n || name.p[name.n - zone.n - 1] == '.'));
}

/* The zones between a local one and the configuration's own: for the root's key there is always one. */
static bool is_served(const struct opening *o, str local)
{
	const struct conf_map *stub = &o->setup->conf->stub;
	str anchors = o->setup->trust_anchor, line, owner;
	for (size_t i = 0; i < stub->count; i++)
		if (is_within(stub->items[i].name, local) || is_within(local, stub->items[i].name))
			return true;
	while (next_record(&anchors, &line))
		if (next_word(&line, &owner) && !str_eq(owner, S(".")) &&
			(is_within(owner, local) || is_within(local, owner)))
			return true;
	return o->setup->conf->mode != 0; /* who is asked instead of the world may know them */
}

static err lift_local_zones(struct opening *o)
{
	for (size_t i = 0; i < sizeof local_zones / sizeof *local_zones; i++) {
		int error = is_served(o, str_of(local_zones[i])) ? ub_ctx_zone_remove(o->context, local_zones[i]) : 0;
		if (error != 0)
			return refuse(o, "local zone", str_of(local_zones[i]), error);
	}
	return OK;
}

static err set_all(struct opening *o)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		TRY(set(o, options[i].option, options[i].value));
	TRY(set_cache(o));
	TRY(set(o, "module-config:", o->setup->validates ? "validator iterator" : "iterator"));
	if (o->setup->validates)
		TRY(add_anchors(o));
	TRY(add_servers(o));
	int error = ub_ctx_async(o->context, 1); /* threads: a process of ours may not fork */
	if (error != 0)
		return refuse(o, "threads", NO_STR, error);
	return lift_local_zones(o); /* the settings are final from here on */
}

err library_open(const struct library_setup *setup, struct arena *a, struct ub_ctx **out, size_t *anchors, str *reason)
{
	struct opening o = { .setup = setup, .arena = a, .context = ub_ctx_create() };
	if (o.context == NULL)
		return FAIL(SYSTEM);
	err e = set_all(&o);
	if (failed(e)) {
		if (setup->validates)
			blame_anchor(&o);
		*reason = o.reason;
		ub_ctx_delete(o.context);
		return e;
	}
	*out = o.context;
	*anchors = o.anchors;
	return OK;
}
