/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/live.h"

#include <stdio.h>

#include "conf/check.h"
#include "os/clock.h"

void live_say(struct live *l, const struct live_step *step, bool good, const char *why)
{
	int64_t milliseconds = clock_ms() - step->since;
	if (good)
		finding_timed(l->found, milliseconds, "ok", step->subject, "%s (%lld ms)", step->good,
			(long long)milliseconds);
	else
		finding_timed(l->found, milliseconds, "error", step->subject, "%s; %s", why, step->advice);
}

uint16_t live_port(const struct live *l, const char *service)
{
	const struct conf_server *server = &l->conf->server;
	for (size_t i = 0; i < server->services.count; i++) {
		const struct conf_service *s = conf_service_find(server->services.items[i]);
		if (s != NULL && str_eq(str_of(s->name), str_of(service)))
			return (uint16_t)(s->port + server->port_offset);
	}
	return 0;
}

/* The first address that it listens on; where that is any, this machine's own. */
static void find_address(struct live *l)
{
	static const struct address any_v4 = { { [10] = 0xff, [11] = 0xff } }, any_v6 = { { 0 } };
	const struct conf_list *listen = &l->conf->server.listen;
	struct address a = any_v4;
	for (size_t i = 0; i < listen->count; i++)
		if (!failed(address_parse(listen->items[i], &a)))
			break;
	if (address_eq(&a, &any_v6))
		a.bytes[15] = 1;
	if (address_eq(&a, &any_v4))
		a = (struct address){ { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
	l->to.address = a;
}

void live_check(const struct folders *folders, const struct conf *conf, str trusted, struct findings *found)
{
	static struct live live;
	struct live *l = &live;
	*l = (struct live){ .folders = folders, .conf = conf, .found = found };
	tls_prepare();
	find_address(l);
	snprintf(l->hostname, sizeof l->hostname, "%.*s", ARG(conf->server.hostname));
	l->to.hostname = l->hostname;
	if (failed(tls_client_new(trusted, TLS_1_2, &l->to.trust))) {
		finding(found, "error", "live", "keys/tls.crt cannot be read as certificates");
		return;
	}
	if (live_account_open(l)) {
		live_deliver(l);
		live_submit(l);
		live_tricks(l);
		live_account_close(l);
	}
	tls_client_free(&l->to.trust);
}
