/* SPDX-License-Identifier: Apache-2.0 */
#include "role/sender/sender.h"

static const str *setting(const struct sender *s, str name, const char *key)
{
	return conf_map_find(&s->conf->routes.table, name, str_of(key));
}

static str text_of(const struct sender *s, str name, const char *key)
{
	const str *value = setting(s, name, key);
	return value != NULL ? *value : S("");
}

static const char *const tls_words[] = { "", "none", "may", "encrypt", "verify", "dane" };

static enum security_setting tls_of(str word)
{
	for (unsigned i = 0; i < sizeof tls_words / sizeof *tls_words; i++)
		if (str_eq(word, str_of(tls_words[i])))
			return (enum security_setting)i;
	return SECURITY_UNSAID;
}

const char *route_tls_word(const struct route *r) { return tls_words[r->tls]; }

/* A host's TLS is the administrator's to know, and so is that of a domain that he names. Of the domains that he does not even name
 * he knows nothing that theirs do not: then he can only ask for more, or forbid it. */
static bool is_floor(const struct route *r)
{
	return str_eq(r->name, S("*")) && r->host.n == 0 && r->tls >= SECURITY_MAY && r->tls <= SECURITY_VERIFY;
}

bool route_decides_tls(const struct route *r)
{
	return r != NULL && (r->host.n > 0 || (r->tls != SECURITY_UNSAID && !r->is_floor));
}

static bool is_known(const struct sender *s, str name)
{
	for (size_t i = 0; i < s->routes_count; i++)
		if (str_eq_nocase(s->routes[i].name, name))
			return true;
	return false;
}

void routes_init(struct sender *s)
{
	const struct conf_map *table = &s->conf->routes.table;
	s->routes = NEW(s->service->arena, struct route, table->count + 1);
	for (size_t i = 0; s->routes != NULL && i < table->count; i++) {
		str name = table->items[i].name;
		uint64_t port = 0;
		if (is_known(s, name))
			continue;
		struct route *r = &s->routes[s->routes_count++];
		*r = (struct route){ .name = name,
			.host = text_of(s, name, "host"),
			.lmtp = str_eq(text_of(s, name, "protocol"), S("lmtp")),
			.tls = tls_of(text_of(s, name, "tls")),
			.auth = text_of(s, name, "auth"),
			.helo = text_of(s, name, "helo") };
		IGNORE(str_number(text_of(s, name, "port"), UINT16_MAX, &port)); /* conf_check() has looked */
		r->port = (uint16_t)port;
		r->is_floor = is_floor(r);
		r->has_bind = !failed(address_parse(text_of(s, name, "bind"), &r->bind));
	}
}

const struct route *route_find(const struct sender *s, str domain)
{
	const struct route *any = NULL;
	for (size_t i = 0; i < s->routes_count; i++) {
		if (str_eq_nocase(s->routes[i].name, domain))
			return &s->routes[i];
		if (str_eq(s->routes[i].name, S("*")))
			any = &s->routes[i];
	}
	return any;
}

bool route_is_own(const struct route *r, str domain)
{
	return r != NULL && str_eq_nocase(r->name, domain) && r->host.n > 0;
}

static void give_login(struct sender *s, str name, str login, str password)
{
	for (size_t i = 0; i < s->routes_count; i++)
		if (str_eq(s->routes[i].auth, name)) {
			s->routes[i].login = arena_copy(s->service->arena, login);
			s->routes[i].password = arena_copy(s->service->arena, password);
		}
}

void routes_logins(struct sender *s, str text)
{
	str line, name, login;
	while (str_word(&text, '\n', &line)) {
		line = str_trim(line);
		if (line.n > 0 && line.p[0] != '#' && str_cut(&line, ' ', &name) && str_cut(&line, ' ', &login))
			give_login(s, name, login, line);
	}
}

void routes_check_logins(const struct sender *s)
{
	for (size_t i = 0; i < s->routes_count; i++)
		if (s->routes[i].auth.n > 0 && s->routes[i].login.n == 0)
			LOG(&s->service->log, alarm, F_TEXT("route", s->routes[i].name),
				F_TEXT("auth", s->routes[i].auth),
				F_TEXT("reason",
					S("the route names a login that route-logins does not have: its mail waits")),
				F_TEXT("advice",
					S("write the line NAME LOGIN PASSWORD into the file route-logins beside "
					  "siegel.yaml, mode 600, and start the server anew")));
}
