/* SPDX-License-Identifier: Apache-2.0 */
/* DATA: the finished envelope goes to `queue`, in parts if need be, before the client may send the body. */
#include "role/directory/brake.h"
#include "role/directory/forward.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum { CLIENT_ROOM = 64 };

static bool is_german(const struct session *s)
{
	const struct directory_account *a = directory_account(s->role->store, s->account);
	uint64_t configured = s->role->service->conf->accounts.language;
	return (a != NULL && a->language >= 0 ? (uint64_t)a->language : configured) == LANGUAGE_GERMAN;
}

/* A message that an inner server sends out through us, for somebody of its own: who is no stranger, and may be told what
 * becomes of it. Anybody else can write such a sender, but not from there. */
static bool is_inside(const struct session *s)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	struct directory_match match;
	const bool may_relay = (s->kind == LINK_SMTP || s->kind == LINK_SUBMISSION) && s->account == 0 &&
			       in_networks(&s->role->service->conf->relay.relay_networks, &s->client);
	return may_relay && s->transaction.sender.n > 0 &&
	       !failed(mailname_parse(s->transaction.sender, NO_STR, &b, &name)) &&
	       !failed(directory_find(s->role->store, &name, '\0', &match)) && match.kind == DIRECTORY_INNER;
}

static err send_part(struct session *s, bool last, str records)
{
	const struct transaction *t = &s->transaction;
	struct link *queue = s->role->queue;
	char room[CLIENT_ROOM];
	struct buf client = BUF_ON(room);
	const struct msg_envelope m = {
		.transaction = str_from((const char *)t->id, TRANSACTION_ID),
		.last = last,
		.sender = t->sender,
		.account = s->account,
		.local = s->kind == LINK_LOCAL ? (uint64_t)s->user + 1 : 0,
		.size_max = t->size_max < UINT32_MAX ? t->size_max : UINT32_MAX,
		.inner_max = t->inner_max,
		.utf8 = t->utf8,
		.body = t->body,
		.ret = t->ret,
		.held = t->held,
		.gateway = s->kind != LINK_LOCAL &&
			   in_networks(&s->role->service->conf->forward.spam_flag_from, &s->client),
		.german = is_german(s),
		.inside = is_inside(s),
		.requiretls = t->requires_tls,
		.envid = t->envid,
		.session = s->log.session,
		.client = session_client(s, &client),
		.recipients = records,
	};
	return queue != NULL ? msg_send_envelope(&queue->peer.channel, 0, &m) : FAIL(CLOSED);
}

static struct msg_recipient message_of(const struct recipient *r)
{
	return (struct msg_recipient){
		.account = r->account,
		.inner = r->is_inner,
		.address = *r->address,
		.detail = r->detail,
		.notify = r->notify,
		.orcpt = r->orcpt,
		.forward = r->forward,
		.keeper = r->keeper,
		.alone = r->is_alone,
		.consent = r->is_consent,
		.sender = r->sender,
		.mark = r->mark,
	};
}

static err send_envelope(struct session *s)
{
	struct directory_role *r = s->role;
	struct buf records = { .p = r->records, .room = DIRECTORY_RECORDS };
	for (const struct recipient *to = s->transaction.first; to != NULL; to = to->next) {
		const struct msg_recipient m = message_of(to);
		size_t before = records.n;
		err e = msg_add_recipient(&records, r->scratch, &m);
		if (failed(e)) {
			if (before == 0)
				return e;
			TRY(send_part(s, false, str_from(records.p, before)));
			records = (struct buf){ .p = r->records, .room = DIRECTORY_RECORDS };
			TRY(msg_add_recipient(&records, r->scratch, &m));
		}
	}
	return send_part(s, true, buf_str(&records));
}

/* What is on its way counts against the quotas until the mailboxes report it. */
static void count_spooled(struct session *s)
{
	for (const struct recipient *to = s->transaction.first; to != NULL; to = to->next)
		if (to->account != 0)
			quota_spool(directory_account(s->role->store, to->account), s->transaction.size);
}

err session_data(struct session *s)
{
	struct transaction *t = &s->transaction;
	if (!t->is_open)
		return session_verdict(s, 503, S("5.5.1"), S("MAIL comes first"));
	if (t->count == 0) /* RFC 5321 3.3, RFC 2033 4.2 */
		return session_verdict(s, s->kind == LINK_LMTP ? 503 : 554, S("5.5.1"), S("There are no recipients"));
	t->is_open = false;
	if (s->account != 0 && directory_account(s->role->store, s->account)->state != ACCOUNT_ACTIVE)
		return session_verdict(s, 550, S("5.7.1"), S("This account is not active"));
	t->held = s->account != 0 && brake_holds(s);
	if (arena_spent(s->transaction_arena) || failed(send_envelope(s)))
		return session_not_now(s);
	count_spooled(s);
	forwards_count(s);
	return session_grant(s, 354, S(""), S("Send the message, end with a line of one dot"));
}
