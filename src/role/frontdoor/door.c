/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting: who may come in, and where to. */
#include "os/fd.h"
#include "os/peer.h"
#include "os/random.h"
#include "role/frontdoor/frontdoor.h"

static const struct service_kind kinds[] = {
	{ .name = "imap", .internal_only = true },
	{ .name = "imaps", .with_tls = true },
};

const struct service_kind *door_kind(str service)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(service, str_of(kinds[i].name)))
			return &kinds[i];
	return NULL;
}

void session_name(char room[33])
{
	uint64_t name = random_number();
	struct buf text = { .p = room, .room = 32 };
	buf_hex(&text, &name, sizeof name);
	room[text.n] = '\0';
}

static void refuse(const struct frontdoor *door, const struct guest *g, int fd, const char *reason)
{
	char room[64];
	struct buf client = BUF_ON(room);
	address_write(&client, &g->address);
	LOG(&door->service->log, connection_refused, F_ADDRESS("client", buf_str(&client)),
		F_TEXT("service", str_of(g->service)), F_TEXT("reason", str_of(reason)));
	fd_close(&fd);
}

/* Without TLS there is nothing to do here: `greeter` gets the connection as it is. */
static void hand_on(struct frontdoor *door, struct guest *g, int fd)
{
	struct msg_visitor visitor = {
		.service = str_of(g->service), .session = str_of(g->session), .stream = fd, .socket = -1
	};
	struct log log = door->service->log;
	char room[64];
	struct buf client = BUF_ON(room);
	address_write(&client, &g->address);
	log.session = str_of(g->session);
	if (door->greeter.fd < 0 || failed(msg_send_visitor(&door->greeter, 0, &visitor))) {
		refuse(door, g, fd, "greeter cannot take it");
		return;
	}
	LOG(&log, connection_opened, F_ADDRESS("client", buf_str(&client)), F_TEXT("service", str_of(g->service)));
	fd_close(&fd);
}

void door_admit(void *to, const void *kind, int fd, const struct sockaddr_storage *from)
{
	struct frontdoor *door = to;
	const struct service_kind *k = kind;
	const struct conf_imap *conf = &door->service->conf->imap;
	const struct conf_networks *internal_networks = &door->service->conf->server.internal_networks;
	struct guest g = { .door = door };
	memcpy(g.service, k->name, strlen(k->name));
	IGNORE(peer_of(from, &g.address, &g.port)); /* listeners are IP sockets */
	bool internal = networks_have(internal_networks->items, internal_networks->count, &g.address);
	if (k->internal_only && !internal) {
		refuse(door, &g, fd, "this service is for internal_networks only");
		return;
	}
	const struct tally_limits limits = { .all = conf->sessions_max,
		.address = internal ? 0 : conf->sessions_per_address };
	g.limited = !internal;
	session_name(g.session);
	if (!k->with_tls) {
		hand_on(door, &g, fd);
		return;
	}
	enum tally_answer answer = tally_enter(door->tally, &g.address, &limits);
	g.counted = answer == TALLY_WELCOME;
	if (g.counted)
		guest_begin(door, fd, &g);
	else
		refuse(door, &g, fd, tally_text(answer));
}
