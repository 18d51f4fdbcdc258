/* SPDX-License-Identifier: Apache-2.0 */
/* The channels to the other processes. */
#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"
#include "role/directory/alarm.h"
#include "role/directory/domains.h"
#include "role/directory/forward.h"
#include "role/directory/local.h"
#include "role/directory/session.h"

#define CONVERSATION "ipc/directory_hasher.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_mailroom.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/filter_directory.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/mailbox_directory.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/logger_directory.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_sender.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum { LINK_BUDGET = 16 << 10, DAMAGED_MS = 60000 };

/* ---- what they say ---- */

static err on_session_open(struct link *l, const struct msg_session_open *m, uint32_t tag)
{
	(void)tag;
	session_new(l->role, l->kind, m->end);
	return OK;
}

#define CONVERSATION "ipc/opener_server.def"
#define HEAR opener_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_hash_done(struct link *l, const struct msg_hash_done *m, uint32_t tag)
{
	char hash[DIRECTORY_HASH_MAX];
	struct buf b = BUF_ON(hash);
	buf_add(&b, m->hash);
	jobs_answer(&l->role->jobs, tag,
		&(const struct job_result){
			.failed = m->failed, .match = m->match && !m->failed, .hash = buf_str(&b) });
	return OK;
}

#define CONVERSATION "ipc/directory_hasher.def"
#define HEAR hasher_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static err on_owns(struct link *l, const struct msg_owns *m, uint32_t tag)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	struct msg_owned answer = { .owned = false };
	str separator = l->role->service->conf->accounts.subaddress_separator;
	if ((m->account != 0) != (m->local != 0) && !failed(mailname_parse(m->address, NO_STR, &b, &name))) {
		err e = m->local != 0 ? local_owns(l->role, (uint32_t)(m->local - 1), &name, &answer.owned)
				      : directory_owns(l->role->store, (uint32_t)m->account, &name,
						separator.n > 0 ? separator.p[0] : '\0', &answer.owned);
		if (failed(e))
			return store_failure(l->role, e); /* no answer is better than a wrong one */
	}
	return msg_send_owned(&l->peer.channel, tag, &answer);
}

#define CONVERSATION "ipc/filter_directory.def"
#define HEAR filter_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_usage(struct link *l, const struct msg_usage *m, uint32_t tag)
{
	struct directory_account *a = directory_account(l->role->store, l->account);
	uint64_t grown = m->bytes > a->used_bytes ? m->bytes - a->used_bytes : 0;
	(void)tag;
	if (m->bytes > INT64_MAX || m->messages > INT64_MAX)
		return FAIL(LIMIT);
	a->spooled = a->spooled > grown ? a->spooled - grown : 0;
	a->damaged_until = m->damaged ? INT64_MAX : 0;
	if (m->damaged || (a->used_bytes == m->bytes && a->used_messages == m->messages))
		return OK;
	a->used_bytes = m->bytes;
	a->used_messages = m->messages;
	a->is_unsaved = true;
	return OK;
}

#define CONVERSATION "ipc/mailbox_directory.def"
#define HEAR mailbox_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_alarm(struct link *l, const struct msg_alarm *m, uint32_t tag)
{
	(void)tag;
	alarm_mail(l->role, m->event, m->entry);
	return OK;
}

#define CONVERSATION "ipc/logger_directory.def"
#define HEAR logger_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_forward_news(struct link *l, const struct msg_forward_news *m, uint32_t tag)
{
	(void)tag;
	forward_returned(l->role, (uint32_t)m->forward, m->consent, m->reason);
	return OK;
}

static err on_readdress(struct link *l, const struct msg_readdress *m, uint32_t tag)
{
	(void)tag;
	return domains_readdress(l, m);
}

#define CONVERSATION "ipc/directory_queue.def"
#define HEAR queue_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static err on_told(struct link *l, const struct msg_told *m, uint32_t tag)
{
	callouts_answer(&l->role->callouts, tag,
		&(const struct callout_result){ .answer = (enum callout_answer)m->answer,
			.code = (unsigned)m->code,
			.status = m->status,
			.text = m->text,
			.host = m->host,
			.size_max = m->size_max });
	return OK;
}

static err on_doubted(struct link *l, const struct msg_doubted *m, uint32_t tag)
{
	(void)tag;
	inner_doubt(l->role->inner, m->recipient);
	return OK;
}

#define CONVERSATION "ipc/directory_sender.def"
#define HEAR sender_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

/* ---- links ---- */

/* Where there is only one of a kind. */
static struct link **single(struct directory_role *r, enum link_kind kind)
{
	return kind == LINK_HASHER     ? &r->hasher
	       : kind == LINK_QUEUE    ? &r->queue
	       : kind == LINK_MAILROOM ? &r->mailroom
	       : kind == LINK_SENDER   ? &r->sender
				       : NULL;
}

/* A damaged store stops its account's mail a while longer than its process lives; then one message may try again. */
static void mailbox_ended(struct link *l)
{
	struct directory_account *a = l->role->store != NULL ? directory_account(l->role->store, l->account) : NULL;
	if (a != NULL && a->damaged_until != 0)
		a->damaged_until = clock_ms() + DAMAGED_MS;
}

static void link_free(void *link)
{
	struct link *l = link;
	struct directory_role *r = l->role;
	struct link **only = single(r, l->kind);
	bool was_hasher = l == r->hasher, was_sender = l == r->sender;
	if (only != NULL && *only == l)
		*only = NULL;
	if (l->kind == LINK_MAILBOX)
		mailbox_ended(l);
	*(l->before != NULL ? &l->before->next : &r->links) = l->next;
	if (l->next != NULL)
		l->next->before = l->before;
	peer_close(&l->peer);
	struct arena *a = l->arena;
	arena_free(&a);
	if (was_hasher)
		jobs_fail(&r->jobs);
	if (was_sender)
		callouts_fail(&r->callouts);
}

static const struct {
	struct peer_kind peer;
	enum link_kind kind;
} kinds[] = {
	{ { .name = "receiver-smtp", .hear = opener_hear, .gone = link_free }, LINK_SMTP },
	{ { .name = "receiver-submission", .hear = opener_hear, .gone = link_free }, LINK_SUBMISSION },
	{ { .name = "receiver-lmtp", .hear = opener_hear, .gone = link_free }, LINK_LMTP },
	{ { .name = "receiver-local", .hear = opener_hear, .gone = link_free }, LINK_LOCAL },
	{ { .name = "greeter", .hear = opener_hear, .gone = link_free }, LINK_GREETER },
	{ { .name = "hasher", .hear = hasher_hear, .gone = link_free }, LINK_HASHER },
	{ { .name = "queue", .hear = queue_hear, .gone = link_free }, LINK_QUEUE },
	{ { .name = "mailroom", .gone = link_free }, LINK_MAILROOM }, /* only listens */
	{ { .name = "filter", .hear = filter_hear, .gone = link_free }, LINK_FILTER },
	{ { .name = "mailbox", .hear = mailbox_hear, .gone = link_free }, LINK_MAILBOX },
	{ { .name = "logger", .hear = logger_hear, .gone = link_free }, LINK_LOGGER },
	{ { .name = "sender", .hear = sender_hear, .gone = link_free }, LINK_SENDER },
};

static void dummy_made(void *to, const struct job_result *result)
{
	struct directory_role *r = to;
	struct buf b = { .p = r->dummy_hash, .room = sizeof r->dummy_hash - 1 };
	buf_add(&b, result->failed ? S("") : result->hash);
	r->dummy_hash[b.n] = '\0';
}

/* A hash with the parameters of new passwords, whatever they are. */
static void make_dummy(struct directory_role *r)
{
	char password[32];
	uint32_t job;
	random_bytes(password, sizeof password);
	if (r->dummy_hash[0] == '\0')
		IGNORE(job_make(
			&r->jobs, str_from(password, sizeof password), dummy_made, r, &job)); /* with the next hasher */
}

/* What it is told as soon as the store is there. */
static void tell(struct link *l)
{
	struct directory_role *r = l->role;
	if (l->kind == LINK_MAILBOX && directory_account(r->store, l->account) == NULL) {
		link_free(l); /* a stray */
		return;
	}
	if (l->kind == LINK_HASHER) {
		r->jobs.hasher = &l->peer.channel;
		make_dummy(r);
	}
	if (l->kind == LINK_SENDER)
		r->callouts.sender = &l->peer.channel;
	if (l->kind == LINK_MAILBOX)
		quota_tell(l);
	if (l->kind == LINK_QUEUE)
		domains_tell(r);
}

static void link_new(struct directory_role *r, size_t kind, uint32_t account, int fd)
{
	struct arena *a = arena_new("link", LINK_BUDGET);
	struct link *l = NEW(a, struct link, 1), **only = single(r, kinds[kind].kind);
	if (l == NULL) {
		fd_close(&fd);
		arena_free(&a);
		return;
	}
	if (only != NULL && *only != NULL)
		link_free(*only);
	*l = (struct link){ .role = r, .arena = a, .kind = kinds[kind].kind, .account = account, .next = r->links };
	if (r->links != NULL)
		r->links->before = l;
	r->links = l;
	if (only != NULL)
		*only = l;
	peer_init(&l->peer, r->service, &kinds[kind].peer, l);
	l->peer.account = account;
	if (failed(peer_open(&l->peer, fd)))
		link_free(l);
	else if (r->store != NULL)
		tell(l);
}

void links_tell(struct directory_role *r)
{
	for (struct link *l = r->links, *next; l != NULL; l = next) {
		next = l->next;
		tell(l);
	}
}

void links_free(struct directory_role *r)
{
	while (r->links != NULL)
		link_free(r->links);
}

void directory_role_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct directory_role *r = s->state;
	(void)pid;
	if (str_eq(peer, S("control"))) {
		admin_door_connect(r->door, fd);
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(peer, str_of(kinds[i].peer.name))) {
			link_new(r, i, (uint32_t)account, fd);
			return;
		}
	fd_close(&fd);
}

void quota_changed(struct directory_role *r, uint32_t account)
{
	for (struct link *l = r->links; l != NULL; l = l->next)
		if (l->kind == LINK_MAILBOX && l->account == account)
			quota_tell(l);
}

void account_evict(struct directory_role *r, uint32_t account)
{
	password_forget(r->remembered, account);
	/* Those of receivers: a session that has lost its login hangs up. Those that read mail are ended by the mailroom. */
	for (struct session *s = r->sessions, *next; s != NULL; s = next) {
		next = s->next;
		if (s->account == account)
			session_free(s);
	}
	if (r->mailroom != NULL)
		IGNORE(msg_send_evict(
			&r->mailroom->peer.channel, 0, &(const struct msg_evict){ .account = account })); /* it died */
}
