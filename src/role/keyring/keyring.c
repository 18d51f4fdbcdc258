/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keyring/keyring.h"

#include <fcntl.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"

#define CONVERSATION "ipc/asker_keyring.def"
#include "ipc/conversation.h"

enum {
	GRACE_MS = 10 * 60 * 1000, /* a replaced key signs on: longer than any handshake may take */
	COMPLAINT_MS = 60 * 1000,  /* between two entries about one asker */
	RETRY_MS = 100,
	LOOK_MS = 12 * 60 * 60 * 1000, /* between two looks at what expires */
	DAYS_OF_WARNING = 14,
};

/* ---- news ---- */

static err tell_identity(struct asker *a, const struct identity *id, bool first)
{
	const struct msg_identity m = { id->number, first, identity_certificates(id) };
	return msg_send_identity(&a->peer.channel, 0, &m);
}

/* The server's own first. */
static err tell_identities(struct asker *a)
{
	const struct identities *ids = &a->keyring->identities;
	const struct msg_identities_end end = { .no_more = 0 };
	struct identity *own = identities_named(ids, S("tls"));
	bool first = true;
	if (own != NULL && purpose_serves(own->purpose, str_of(a->role))) {
		TRY(tell_identity(a, own, first));
		first = false;
	}
	for (size_t i = 0; i < IDENTITIES_MAX; i++) {
		const struct identity *id = &ids->all[i];
		if (id == own || id->number == 0 || id->replaced != 0 || !purpose_serves(id->purpose, str_of(a->role)))
			continue;
		TRY(tell_identity(a, id, first));
		first = false;
	}
	return msg_send_identities_end(&a->peer.channel, 0, &end);
}

static str bytes(const uint8_t *p, size_t n) { return str_from((const char *)p, n); }

static err tell_tickets(struct asker *a)
{
	struct ticket_key now, before = { { 0 } };
	const struct tickets *t = &a->keyring->tickets;
	TRY(tickets_derive(t, str_of(a->family), &now, &before));
	size_t name = t->has_earlier ? TICKET_NAME : 0, secret = t->has_earlier ? TICKET_SECRET : 0;
	const struct msg_tickets m = { bytes(now.name, TICKET_NAME), bytes(now.cipher, TICKET_SECRET),
		bytes(now.mac, TICKET_SECRET), bytes(before.name, name), bytes(before.cipher, secret),
		bytes(before.mac, secret) };
	err e = msg_send_tickets(&a->peer.channel, 0, &m);
	wipe(a->peer.channel.out->bytes, a->peer.channel.out->n);
	wipe(&now, sizeof now);
	wipe(&before, sizeof before);
	return e;
}

static void on_retry(void *to);

static void tell(struct asker *a)
{
	struct keyring *k = a->keyring;
	if (!k->serves || a->is_line || !peer_is_open(&a->peer))
		return;
	err e = tell_tickets(a);
	if (!failed(e))
		e = tell_identities(a);
	a->untold = e.code == ERR_BUSY;
	if (a->untold)
		loop_timer_start(k->service->loop, &k->retry, RETRY_MS, on_retry, k);
}

static void on_retry(void *to)
{
	struct keyring *k = to;
	for (struct asker *a = k->askers; a != NULL; a = a->next)
		if (a->untold)
			tell(a);
}

void keyring_tell(struct keyring *k)
{
	for (struct asker *a = k->askers; a != NULL; a = a->next)
		tell(a);
}

static void on_grace(void *to)
{
	struct keyring *k = to;
	identities_forget(&k->identities, clock_ms() - GRACE_MS);
}

void keyring_changed(struct keyring *k)
{
	loop_timer_start(k->service->loop, &k->grace, GRACE_MS + 1000, on_grace, k);
	keyring_tell(k);
}

static void on_period(void *to) { keyring_rotate(to); }

void keyring_rotate(struct keyring *k)
{
	tickets_rotate(&k->tickets);
	loop_timer_start(
		k->service->loop, &k->period, (int64_t)k->service->conf->tls.ticket_period * 1000, on_period, k);
	keyring_tell(k);
}

static void on_look(void *to)
{
	struct keyring *k = to;
	for (size_t i = 0; i < IDENTITIES_MAX; i++) {
		const struct identity *id = &k->identities.all[i];
		struct chain_facts facts;
		if (id->number == 0 || id->replaced != 0 || failed(chain_look(identity_certificates(id), &facts)) ||
			facts.days_left >= DAYS_OF_WARNING)
			continue;
		LOG(&k->service->log, alarm, F_TEXT("kind", S("certificate")), F_TEXT("certificate", str_of(id->name)),
			F_TEXT("reason", facts.days_left < 0 ? S("it has expired") : S("it expires soon")),
			F_TEXT("expires", str_of(facts.expires)));
	}
	loop_timer_start(k->service->loop, &k->look, LOOK_MS, on_look, k);
}

/* ---- questions ---- */

static void complain(struct asker *a, err why)
{
	int64_t now = clock_ms();
	if (a->complained != 0 && now - a->complained < COMPLAINT_MS)
		return;
	a->complained = now;
	LOG(&a->keyring->service->log, signature_refused, F_TEXT("peer", str_of(a->family)), F_ERR(why));
}

static err answer(struct asker *a, uint32_t number, const struct tls_signed *what, uint32_t tag)
{
	char room[TLS_SIGNATURE_MAX];
	struct buf signature = BUF_ON(room);
	const struct identity *id = identities_find(&a->keyring->identities, number);
	err e = id != NULL && purpose_serves(id->purpose, str_of(a->role))
			? key_sign(id->key, id->kind, id->purpose, what, &signature)
			: FAIL(ABSENT);
	if (failed(e)) {
		const struct msg_refusal refusal = { .no_more = 0 };
		complain(a, e);
		e = msg_send_refusal(&a->peer.channel, tag, &refusal);
	} else {
		const struct msg_signature m = { buf_str(&signature) };
		e = msg_send_signature(&a->peer.channel, tag, &m);
	}
	return e.code == ERR_BUSY ? OK : e; /* an asker that does not read gets no answer */
}

static err on_sign_verify(struct asker *a, const struct msg_sign_verify *m, uint32_t tag)
{
	const struct tls_signed what = { .kind = TLS_CERTIFICATE_VERIFY,
		.scheme = (uint16_t)m->scheme,
		.by_client = m->by_client,
		.transcript = m->transcript };
	return answer(a, (uint32_t)m->key, &what, tag);
}

static err on_sign_exchange(struct asker *a, const struct msg_sign_exchange *m, uint32_t tag)
{
	const struct tls_signed what = { .kind = TLS_SERVER_KEY_EXCHANGE,
		.scheme = (uint16_t)m->scheme,
		.client_random = m->client_random,
		.server_random = m->server_random,
		.curve = (uint16_t)m->curve,
		.point = m->point };
	return answer(a, (uint32_t)m->key, &what, tag);
}

static struct asker *asker_new(struct keyring *k, str role, str family, bool is_line);
static void asker_gone(void *to);

static err on_line_open(struct asker *a, const struct msg_line_open *m, uint32_t tag)
{
	int fd = m->end;
	(void)tag;
	struct asker *line = NULL;
	if (!a->is_line && a->lines < LINES_MAX)
		line = asker_new(a->keyring, str_of(a->role), str_of(a->family), true);
	if (line == NULL) {
		fd_close(&fd);
		return a->is_line ? FAIL(STATE) : OK; /* it sees that there is no place by the end of the line */
	}
	line->parent = a;
	a->lines++;
	if (failed(peer_open(&line->peer, fd)))
		asker_gone(line); /* which the asker sees in the same way */
	return OK;
}

#define CONVERSATION "ipc/asker_keyring.def"
#define HEAR asker_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void asker_gone(void *to)
{
	struct asker *a = to;
	struct keyring *k = a->keyring;
	for (struct asker **at = &k->askers; *at != NULL; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	for (struct asker *line = k->askers; line != NULL; line = line->next)
		if (line->parent == a)
			line->parent = NULL;
	if (a->parent != NULL)
		a->parent->lines--;
	a->next = k->idle;
	k->idle = a;
	k->askers_count--;
}

static const struct peer_kind asker_kind = { .name = "asker", .hear = asker_hear, .gone = asker_gone };

static struct asker *asker_new(struct keyring *k, str role, str family, bool is_line)
{
	struct asker *a = k->idle;
	if (k->askers_count == ASKERS_MAX || role.n >= FAMILY_MAX || family.n >= FAMILY_MAX)
		return NULL;
	if (a != NULL)
		k->idle = a->next;
	else if ((a = NEW(k->service->arena, struct asker, 1)) == NULL)
		return NULL;
	*a = (struct asker){ .keyring = k, .next = k->askers, .is_line = is_line };
	memcpy(a->role, role.p, role.n);
	memcpy(a->family, family.p, family.n);
	peer_init(&a->peer, k->service, &asker_kind, a);
	a->peer.name = a->family;
	k->askers = a;
	k->askers_count++;
	return a;
}

/* ---- the role ---- */

/* "receiver-smtp" is of the role "receiver" and a family of its own; all that differ by a number only are one family. */
static void name_of(str peer, str *role, str *family)
{
	size_t dash = str_find(peer, '-');
	bool number = dash != STR_NONE && dash + 1 < peer.n && peer.p[dash + 1] >= '0' && peer.p[dash + 1] <= '9';
	*role = str_slice(peer, 0, dash);
	*family = number ? *role : peer;
}

void keyring_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct keyring *k = s->state;
	str role, family;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("control"))) {
		admin_door_connect(k->door, fd);
		return;
	}
	name_of(peer, &role, &family);
	bool known = false;
	for (int p = 0; p < PURPOSES; p++)
		known = known || purpose_serves((enum purpose)p, role);
	struct asker *a = known ? asker_new(k, role, family, false) : NULL;
	if (a == NULL)
		fd_close(&fd);
	else if (failed(peer_open(&a->peer, fd)))
		asker_gone(a);
	else
		tell(a);
}

static void on_damaged(void *to, str name, str reason)
{
	struct keyring *k = to;
	LOG(&k->service->log, alarm, F_TEXT("kind", S("certificate")), F_TEXT("certificate", name),
		F_TEXT("reason", reason));
}

void keyring_prepare(struct service *s)
{
	static struct keyring keyring;
	static struct identity identities[IDENTITIES_MAX];
	keyring = (struct keyring){ .service = s, .identities.all = identities };
	keyring.door = admin_door_new(s, keyring_verbs, &keyring);
	s->state = &keyring;
}

err keyring_start(struct service *s)
{
	struct keyring *k = s->state;
	TRY(identities_load(&k->identities, on_damaged, k));
	k->serves = true;
	keyring_rotate(k);
	on_look(k);
	return OK;
}
