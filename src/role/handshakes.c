/* SPDX-License-Identifier: Apache-2.0 */
/* What `keyring` tells, and what is made of it. */
#include <poll.h>
#include <stdlib.h>

#include "os/clock.h"
#include "role/handshakes_inside.h"

#define CONVERSATION "ipc/asker_keyring.def"
#include "ipc/conversation.h"

err handshakes_ask(struct channel *c, uint32_t tag, uint32_t key, const struct tls_signed *what)
{
	if (what->kind == TLS_CERTIFICATE_VERIFY) {
		const struct msg_sign_verify m = { key, what->scheme, what->by_client, what->transcript };
		return msg_send_sign_verify(c, tag, &m);
	}
	const struct msg_sign_exchange m = { key, what->scheme, what->client_random, what->server_random, what->curve,
		what->point };
	return msg_send_sign_exchange(c, tag, &m);
}

static err on_signature(struct handshakes *h, const struct msg_signature *m, uint32_t tag)
{
	handshakes_answer(h, tag, OK, m->signature);
	return OK;
}

static err on_refusal(struct handshakes *h, const struct msg_refusal *m, uint32_t tag)
{
	(void)m;
	handshakes_answer(h, tag, FAIL(DENIED), NO_STR);
	return OK;
}

/* ---- certificates ---- */

static void forget_told(struct handshakes *h)
{
	arena_reset(h->told_arena);
	h->told_count = 0;
}

static err on_identity(struct handshakes *h, const struct msg_identity *m, uint32_t tag)
{
	(void)tag;
	if (m->first)
		forget_told(h);
	if (h->told_count == TLS_IDENTITIES_MAX)
		return FAIL(LIMIT);
	str copy = arena_copy(h->told_arena, m->certificates);
	if (copy.p == NULL)
		return FAIL(LIMIT);
	h->told[h->told_count++] = (struct tls_identity){ copy, (uint32_t)m->key };
	return OK;
}

static void set_server(struct handshakes *h, struct tls_server *server)
{
	pthread_mutex_lock(&h->lock);
	struct tls_server *old = h->server;
	h->server = server;
	pthread_mutex_unlock(&h->lock);
	tls_server_free(&old); /* connections that use it go on */
}

/* Without any certificate there is no TLS; with one that we cannot use, what was there before stays. */
static err on_identities_end(struct handshakes *h, const struct msg_identities_end *m, uint32_t tag)
{
	const struct tls_server_setup setup = { h->told, h->told_count, (enum tls_version)h->service->conf->tls.minimum,
		&h->signer, h->tickets, h->pauses };
	struct tls_server *server = NULL;
	const char *reason = NULL;
	(void)m;
	(void)tag;
	err e = h->told_count > 0 ? tls_server_new(&setup, &server, &reason) : OK;
	if (failed(e))
		LOG(&h->service->log, alarm, F_TEXT("kind", S("certificate")), F_TEXT("reason", str_of(reason)));
	else
		set_server(h, server);
	forget_told(h);
	h->told_all = true;
	return OK;
}

/* ---- tickets ---- */

static bool take_key(struct tls_ticket_key *key, str name, str cipher, str mac)
{
	if (name.n != sizeof key->name || cipher.n != sizeof key->cipher || mac.n != sizeof key->mac)
		return false;
	memcpy(key->name, name.p, name.n);
	memcpy(key->cipher, cipher.p, cipher.n);
	memcpy(key->mac, mac.p, mac.n);
	return true;
}

static err on_tickets(struct handshakes *h, const struct msg_tickets *m, uint32_t tag)
{
	struct tls_ticket_key current, earlier;
	bool both = m->earlier_name.n > 0;
	(void)tag;
	if (!take_key(&current, m->name, m->cipher, m->mac) ||
		(both && !take_key(&earlier, m->earlier_name, m->earlier_cipher, m->earlier_mac)))
		return FAIL(SYNTAX);
	tls_tickets_set(h->tickets, &current, both ? &earlier : NULL);
	wipe(&current, sizeof current);
	wipe(&earlier, sizeof earlier);
	return OK;
}

#define CONVERSATION "ipc/asker_keyring.def"
#define HEAR keyring_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

/* What the threads have open was opened over the earlier channel. */
static void new_generation(struct handshakes *h)
{
	pthread_mutex_lock(&h->lock);
	h->generation++;
	pthread_mutex_unlock(&h->lock);
}

static void keyring_gone(void *to)
{
	struct handshakes *h = to;
	forget_told(h);
	new_generation(h);
	handshakes_fail_asked(h);
	handshakes_let_in(h); /* to fail as well */
}

static const struct peer_kind keyring_kind = {
	.name = "keyring", .hear = keyring_hear, .gone = keyring_gone, .secret = true
};

/* ---- for the role ---- */

struct handshakes *handshakes_new(struct service *s, bool pauses)
{
	struct handshakes *h = NEW(s->arena, struct handshakes, 1);
	if (h == NULL)
		abort();
	tls_prepare();
	h->service = s;
	h->pauses = pauses;
	h->signer = (struct tls_signer){ pauses ? handshakes_sign_pausing : handshakes_sign_waiting, h };
	h->told_arena = arena_new("certificates", CERTIFICATES_BUDGET);
	h->tickets = tls_tickets_new();
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->line_free, NULL);
	for (size_t i = 0; i < LINES; i++)
		h->lines[i].channel.fd = -1;
	peer_init(&h->keyring, s, &keyring_kind, h);
	h->keyring.lock = &h->lock;
	return h;
}

void handshakes_connect(struct handshakes *h, int fd)
{
	forget_told(h);
	new_generation(h);
	handshakes_fail_asked(h);
	IGNORE(peer_open(&h->keyring, fd)); /* then it is not there, and handshakes fail */
	handshakes_let_in(h);
}

void handshakes_await(struct handshakes *h)
{
	const int64_t until = clock_ms() + START_MS;
	while (!h->told_all && peer_is_open(&h->keyring) && clock_ms() < until) {
		struct pollfd p = { .fd = h->keyring.channel.fd, .events = POLLIN };
		(void)poll(&p, 1, (int)(until - clock_ms()));
		IGNORE(peer_read(&h->keyring, PEER_FRAMES)); /* if it has gone there is nothing to wait for */
	}
}

bool handshakes_are_possible(struct handshakes *h)
{
	pthread_mutex_lock(&h->lock);
	bool possible = h->server != NULL;
	pthread_mutex_unlock(&h->lock);
	return possible;
}

struct tls *handshakes_accept(struct handshakes *h, int fd)
{
	pthread_mutex_lock(&h->lock);
	struct tls *tls = h->server != NULL ? tls_accept(h->server, fd) : NULL;
	pthread_mutex_unlock(&h->lock);
	return tls;
}
