/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL: who may send, and as whom. What is refused is logged by the one who tells the client. */
#include "os/random.h"
#include "role/directory/local.h"
#include "role/directory/session.h"

static const struct conf *conf_of(const struct session *s) { return s->role->service->conf; }

/* RFC 6409 6.1: a sender of somebody else's is refused. The null path is for notices that a client makes (RFC 8098 3). */
static err owns_sender(struct session *s, str sender, bool *owns)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	str separator = conf_of(s)->accounts.subaddress_separator;
	*owns = sender.n == 0;
	if (sender.n == 0 || failed(mailname_parse(sender, NO_STR, &b, &name)))
		return OK;
	if (s->kind == LINK_LOCAL)
		return local_owns(s->role, s->user, &name, owns);
	return directory_owns(s->role->store, s->account, &name, separator.n > 0 ? separator.p[0] : '\0', owns);
}

static void open_transaction(struct session *s, const struct msg_mail *m)
{
	if (s->transaction_arena == NULL)
		s->transaction_arena = arena_new("transaction", TRANSACTION_BUDGET);
	arena_reset(s->transaction_arena);
	s->transaction = (struct transaction){
		.is_open = true,
		.sender = arena_copy(s->transaction_arena, m->sender),
		.envid = arena_copy(s->transaction_arena, m->envid),
		.size = m->size,
		.size_max = conf_of(s)->smtp.message_max,
		.utf8 = m->utf8,
		.requires_tls = m->requiretls,
		.body = (uint8_t)m->body,
		.ret = (uint8_t)m->ret,
	};
	s->transaction.end = &s->transaction.first;
	random_name(s->transaction.id);
}

static err refuse_local_sender(struct session *s)
{
	char room[MAILNAME_MAX], text[MAILNAME_MAX + 80];
	struct buf own = BUF_ON(room), reason = BUF_ON(text);
	buf_addf(&reason, "This user may not send with this address, but as %.*s",
		ARG(local_address(s->role, s->user, &own)));
	return session_verdict(s, 553, S("5.7.1"), buf_str(&reason));
}

err session_mail(struct session *s, const struct msg_mail *m)
{
	const struct conf *conf = conf_of(s);
	bool owns = true;
	s->transaction.is_open = false;
	if (s->kind == LINK_LMTP && !in_networks(&conf->server.lmtp_networks, &s->client))
		return session_verdict(s, 550, S("5.7.1"), S("You may not deliver here"));
	if (s->kind == LINK_SUBMISSION && s->account == 0 && !in_networks(&conf->relay.relay_networks, &s->client))
		return session_verdict(s, 530, S("5.7.0"), S("Log in first")); /* RFC 6409 4.3 */
	if (s->account != 0 && directory_account(s->role->store, s->account)->state != ACCOUNT_ACTIVE)
		return session_verdict(s, 550, S("5.7.1"), S("This account is not active"));
	if (m->size > conf->smtp.message_max) /* RFC 1870 6.1 */
		return session_verdict(s, 552, S("5.3.4"), S("The message is larger than this server takes"));
	if (s->account != 0 || s->kind == LINK_LOCAL) {
		err e = owns_sender(s, m->sender, &owns);
		if (failed(e)) {
			IGNORE(store_failure(s->role, e)); /* logged; the client hears of it */
			return session_not_now(s);
		}
	}
	if (!owns && s->kind == LINK_LOCAL)
		return refuse_local_sender(s);
	if (!owns)
		return session_verdict(s, 553, S("5.7.1"), S("This sender address does not belong to your account"));
	open_transaction(s, m);
	return session_grant(s, 250, S("2.1.0"), S("Sender is good"));
}
