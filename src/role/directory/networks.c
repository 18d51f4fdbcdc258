/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/networks.h"

#include "base/arena.h"
#include "os/clock.h"

enum { GATHERED_MAX = 32, FLUSH_MS = 2000, NETWORK_NAME_MAX = 64, TEXT_MAX = 320, SEEN = 4096 };

#define DAY_MS INT64_C(86400000)

struct gathered {
	char name[NETWORK_NAME_MAX], client[NETWORK_NAME_MAX], sender[TEXT_MAX], recipient[TEXT_MAX];
	size_t name_n, client_n, sender_n, recipient_n;
	uint64_t count;
	int64_t first, last, logged_in; /* UTC ms */
};

struct networks {
	struct loop *loop;
	struct log log;
	struct directory *store;
	struct loop_timer timer;
	struct gathered gathered[GATHERED_MAX];
	size_t count;
	struct {
		struct network network;
		int64_t day;
	} seen[SEEN]; /* logins of today: one write a day and network */
};

struct networks *networks_new(struct arena *a, struct loop *loop, const struct log *log, struct directory *store)
{
	struct networks *n = NEW(a, struct networks, 1);
	if (n != NULL)
		*n = (struct networks){ .loop = loop, .log = *log, .store = store };
	return n;
}

static size_t keep(char *room, size_t size, str s)
{
	size_t n = s.n < size ? s.n : size;
	if (n > 0)
		memcpy(room, s.p, n);
	return n;
}

static str write_network(const struct address *client, struct buf *b)
{
	const struct network around = network_around(client);
	network_write(b, &around);
	return buf_str(b);
}

/* At most one alarm a day and network, with the line that would end the refusals. */
static void raise_alarm(struct networks *n, struct directory_network *row)
{
	char line[NETWORK_NAME_MAX + 40];
	struct buf b = BUF_ON(line);
	if (row->alarmed != 0 && row->last_refused - row->alarmed < DAY_MS)
		return;
	row->alarmed = row->last_refused;
	buf_addf(&b, "relay: {relay_networks: [%.*s]}", ARG(row->name));
	LOG(&n->log, relay_network, F_TEXT("network", row->name), F_NUMBER("refused", row->refused),
		F_ADDRESS("client", row->client), F_ADDRESS("sender", row->sender),
		F_ADDRESS("recipient", row->recipient), F_TEXT("to_allow_it_add", buf_str(&b)));
}

/* What was known, and what came to it. */
static err add_up(struct networks *n, const struct gathered *g, struct directory_network *row)
{
	str name = str_from(g->name, g->name_n);
	*row = (struct directory_network){ .refused = 0 };
	err e = g->count > 0 ? directory_network_find(n->store, name, row) : OK;
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	row->name = name;
	row->logged_in = g->logged_in;
	if (g->count == 0)
		return OK;
	row->refused += g->count;
	row->first_refused = row->first_refused != 0 ? row->first_refused : g->first;
	row->last_refused = g->last;
	row->client = str_from(g->client, g->client_n);
	row->sender = str_from(g->sender, g->sender_n);
	row->recipient = str_from(g->recipient, g->recipient_n);
	raise_alarm(n, row);
	return OK;
}

void networks_flush(struct networks *n)
{
	struct directory_network rows[GATHERED_MAX];
	err e = OK;
	loop_timer_stop(n->loop, &n->timer);
	for (size_t i = 0; !failed(e) && i < n->count; i++)
		e = add_up(n, &n->gathered[i], &rows[i]);
	if (!failed(e) && n->count > 0)
		e = directory_networks_save(n->store, rows, n->count);
	if (failed(e))
		LOG(&n->log, store_failed, F_ERR(e), F_TEXT("reason", str_of(directory_message(n->store))));
	n->count = 0;
}

static void on_timer(void *to) { networks_flush(to); }

static struct gathered *gather(struct networks *n, str name)
{
	for (size_t i = 0; i < n->count; i++)
		if (str_eq(str_from(n->gathered[i].name, n->gathered[i].name_n), name))
			return &n->gathered[i];
	if (n->count == GATHERED_MAX)
		networks_flush(n);
	if (n->count == 0)
		loop_timer_start(n->loop, &n->timer, FLUSH_MS, on_timer, n);
	struct gathered *g = &n->gathered[n->count++];
	*g = (struct gathered){ .first = clock_utc_ms() };
	g->name_n = keep(g->name, sizeof g->name, name);
	return g;
}

static bool has_logged_in(struct networks *n, str name)
{
	struct directory_network row;
	for (size_t i = 0; i < n->count; i++)
		if (n->gathered[i].logged_in != 0 && str_eq(str_from(n->gathered[i].name, n->gathered[i].name_n), name))
			return true;
	return !failed(directory_network_find(n->store, name, &row)) && row.logged_in != 0;
}

void networks_refused(struct networks *n, const struct address *client, bool is_internal, str sender, str recipient)
{
	char room[NETWORK_NAME_MAX], text[NETWORK_NAME_MAX];
	struct buf b = BUF_ON(room), t = BUF_ON(text);
	str name = write_network(client, &b);
	if (!is_internal && !has_logged_in(n, name))
		return;
	struct gathered *g = gather(n, name);
	address_write(&t, client);
	g->client_n = keep(g->client, sizeof g->client, buf_str(&t));
	g->sender_n = keep(g->sender, sizeof g->sender, sender);
	g->recipient_n = keep(g->recipient, sizeof g->recipient, recipient);
	g->count++;
	g->last = clock_utc_ms();
}

void networks_logged_in(struct networks *n, const struct address *client)
{
	const struct network around = network_around(client);
	size_t at = 0;
	int64_t now = clock_utc_ms();
	for (size_t i = 0; i < sizeof around.address.bytes; i++)
		at = at * 31 + around.address.bytes[i];
	at %= SEEN;
	if (n->seen[at].day == now / DAY_MS && address_eq(&n->seen[at].network.address, &around.address))
		return;
	char room[NETWORK_NAME_MAX];
	struct buf b = BUF_ON(room);
	gather(n, write_network(client, &b))->logged_in = now;
	n->seen[at].network = around;
	n->seen[at].day = now / DAY_MS;
}
