/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT: ours and there, or the client may send to anybody. What mail could be returned for later is refused here. */
#include "os/clock.h"
#include "role/directory/forward.h"
#include "role/directory/local.h"
#include "role/directory/session.h"

struct wish {
	struct session *s;
	const struct msg_rcpt *m;
	struct mailname name;
	str written; /* as it will be delivered to */
	struct recipient recipient;
};

static const struct conf *conf_of(const struct session *s) { return s->role->service->conf; }

static err refuse(const struct wish *w, uint64_t code, str status, str reason)
{
	return session_verdict(w->s, code, status, reason);
}

/* ---- who is there already ---- */

enum { FEW = 16, TABLE = 8192 };
_Static_assert(TABLE >= 2 * TRANSACTION_RECIPIENTS_MAX && TRANSACTION_RECIPIENTS_MAX < UINT16_MAX, "half empty");

static bool is_same(const struct recipient *a, const struct recipient *b)
{
	return a->account == b->account && a->is_inner == b->is_inner && a->forward == b->forward &&
	       str_eq(a->detail, b->detail) && (a->account != 0 || str_eq_nocase(*a->address, *b->address));
}

/* FNV-1a over what is_same() compares; a flood of collisions is bounded by the recipients of one message. */
static size_t slot_of(const struct recipient *r)
{
	uint32_t h = 2166136261u ^ r->account * 2654435761u;
	const str parts[] = { r->detail, r->account == 0 ? *r->address : NO_STR };
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < parts[k].n; i++)
			h = (h ^ (unsigned char)(k == 0 ? parts[k].p[i] : ascii_lower(parts[k].p[i]))) * 16777619u;
	return (h ^ h >> 15) % TABLE;
}

static void enter(struct transaction *t, struct recipient *r, size_t number)
{
	size_t at = slot_of(r);
	while (t->table[at] != 0)
		at = (at + 1) % TABLE;
	t->table[at] = (uint16_t)(number + 1);
	t->by_number[number] = r;
}

static err make_table(struct session *s)
{
	struct transaction *t = &s->transaction;
	size_t number = 0;
	t->table = NEW(s->transaction_arena, uint16_t, TABLE);
	t->by_number = NEW(s->transaction_arena, struct recipient *, TRANSACTION_RECIPIENTS_MAX);
	if (t->table == NULL || t->by_number == NULL)
		return FAIL(LIMIT);
	for (struct recipient *r = t->first; r != NULL; r = r->next)
		enter(t, r, number++);
	return OK;
}

static bool is_there(const struct transaction *t, const struct recipient *wanted)
{
	if (t->table == NULL) {
		for (const struct recipient *r = t->first; r != NULL; r = r->next)
			if (is_same(r, wanted))
				return true;
		return false;
	}
	for (size_t at = slot_of(wanted); t->table[at] != 0; at = (at + 1) % TABLE)
		if (is_same(t->by_number[t->table[at] - 1], wanted))
			return true;
	return false;
}

err transaction_add(struct session *s, const struct recipient *recipient)
{
	struct transaction *t = &s->transaction;
	if (is_there(t, recipient))
		return OK;
	if (t->count == FEW)
		TRY(make_table(s));
	struct recipient *r = NEW(s->transaction_arena, struct recipient, 1);
	if (r == NULL || t->count == TRANSACTION_RECIPIENTS_MAX)
		return FAIL(LIMIT);
	*r = *recipient;
	r->next = NULL;
	*t->end = r;
	t->end = &r->next;
	if (t->table != NULL)
		enter(t, r, t->count);
	t->count++;
	return OK;
}

/* ---- granting ---- */

static err not_now(const struct wish *w, err e)
{
	IGNORE(store_failure(w->s->role, e)); /* logged; the client hears of it */
	return session_not_now(w->s);
}

/* Into the mailbox, to where it is forwarded, or both. */
static err grant_one(struct wish *w, uint32_t account)
{
	bool stays = true;
	w->recipient.account = account;
	if (account != 0 && w->recipient.forward == 0)
		TRY(forwards_of_account(w->s, account, w->name.domain, &stays));
	return stays ? transaction_add(w->s, &w->recipient) : OK;
}

static err grant(struct wish *w, const struct directory_recipients *behind)
{
	struct session *s = w->s;
	str *address = NEW(s->transaction_arena, str, 1);
	if (address == NULL)
		return refuse(w, 452, S("4.5.3"), S("Too many recipients"));
	*address = arena_copy(s->transaction_arena, w->written);
	w->recipient.address = address;
	w->recipient.detail = arena_copy(s->transaction_arena, w->recipient.detail);
	w->recipient.orcpt = arena_copy(s->transaction_arena, w->m->orcpt);
	w->recipient.notify = (uint8_t)w->m->notify;
	err e = arena_spent(s->transaction_arena) ? FAIL(LIMIT) : OK;
	if (behind == NULL && !failed(e))
		e = grant_one(w, w->recipient.account);
	for (size_t i = 0; behind != NULL && !failed(e) && i < behind->count; i++)
		e = grant_one(w, behind->account[i]);
	if (failed(e) && e.code != ERR_LIMIT)
		return not_now(w, e);
	if (failed(e))
		return refuse(w, 452, S("4.5.3"), S("Too many recipients"));
	s->transaction.named_count++;
	return session_verdict(s, 250, S("2.1.5"), S("Recipient is good"));
}

static bool is_damaged(const struct directory_account *a) { return a->damaged_until > clock_ms(); }

/* It would not fit even if the mailbox were empty: nobody should wait for that. */
static bool is_too_large(const struct wish *w, const struct directory_account *a)
{
	uint64_t most = quota_of(w->s->role, a);
	return most > 0 && w->s->transaction.size > most;
}

static bool is_full(const struct wish *w, const struct directory_account *a)
{
	uint64_t left = quota_left(w->s->role, a), size = w->s->transaction.size;
	return left == 0 || size > left;
}

static err grant_mailbox(struct wish *w, uint32_t number)
{
	struct session *s = w->s;
	const struct directory_account *a = directory_account(s->role->store, number);
	if (a->state != ACCOUNT_ACTIVE)
		return refuse(w, 550, S("5.2.1"), S("This mailbox is disabled"));
	if (is_damaged(a))
		return refuse(w, 451, S("4.3.0"), S("This mailbox is not available at the moment"));
	if (is_too_large(w, a)) /* RFC 1870 6.4 */
		return refuse(w, 552, S("5.2.3"), S("The message is larger than this mailbox may ever hold"));
	if (is_full(w, a))
		return refuse(w, 452, S("4.2.2"), S("This mailbox is full"));
	uint64_t left = quota_left(s->role, a);
	if (left < s->transaction.size_max)
		s->transaction.size_max = left;
	w->recipient.account = number;
	return grant(w, NULL);
}

/* An alias without a mailbox, and nothing may be forwarded: the sender learns it now, not by a bounce. */
static err refuse_group(const struct wish *w, const struct directory_recipients *behind)
{
	if (behind->forwards_count > 0 && forward_is_back(w->s))
		return refuse(w, 554, S("5.4.6"), S("This message was forwarded from here before"));
	if (behind->forwards_count > 0)
		return refuse(w, 451, S("4.7.1"), S("This address forwards mail, and does not at the moment"));
	if (behind->asked_count > 0)
		return refuse(w, 450, S("4.2.1"), S("This address forwards mail to somebody who has not agreed yet"));
	return refuse(w, 550, S("5.2.1"), S("This address leads to no mailbox"));
}

/* Members of a group whose mailbox is full do not keep the mail from the others: they get it all the same. */
static err grant_group(struct wish *w, struct directory_recipients *behind)
{
	size_t kept = 0, forwarded = 0;
	for (size_t i = 0; i < behind->count; i++) {
		const struct directory_account *a = directory_account(w->s->role->store, behind->account[i]);
		if (a->state != ACCOUNT_ACTIVE)
			continue;
		if (is_damaged(a))
			return refuse(
				w, 451, S("4.3.0"), S("A mailbox behind this address is not available at the moment"));
		behind->account[kept++] = behind->account[i];
	}
	behind->count = kept;
	err e = forwards_of_alias(w->s, behind, w->name.domain, kept == 0, &forwarded);
	if (e.code == ERR_LIMIT)
		return refuse(w, 452, S("4.5.3"), S("Too many recipients"));
	if (failed(e))
		return not_now(w, e);
	if (kept == 1 && forwarded == 0)
		return grant_mailbox(w, behind->account[0]);
	return kept + forwarded > 0 ? grant(w, behind) : refuse_group(w, behind);
}

/* A name that cannot exist (RFC 6761 6.4) is used by tests, such as that of siegel check. */
static bool is_test(const struct wish *w)
{
	static const str invalid = { ".invalid", 8 };
	return str_ends_nocase(w->name.domain, invalid) || str_ends_nocase(w->s->transaction.sender, invalid);
}

/* R5 of the requirements: a refusal that the administrator may not have meant is counted. */
static err refuse_relay(const struct wish *w)
{
	struct session *s = w->s;
	bool is_internal = in_networks(&conf_of(s)->server.internal_networks, &s->client);
	if (!is_test(w))
		networks_refused(s->role->networks, &s->client, is_internal, s->transaction.sender, w->m->recipient);
	return session_refuse_relay(s);
}

/* Nobody logged in whose account a notice could go to. */
static err name_keeper(struct wish *w)
{
	const struct session *s = w->s;
	if (s->kind != LINK_LOCAL)
		return OK;
	return local_keeper(s->role, s->transaction.sender, &w->recipient.keeper);
}

/* A local user's mail to another server. */
static err grant_from_here(struct wish *w)
{
	const struct session *s = w->s;
	if (s->user != 0 && !conf_of(s)->local.outside)
		return refuse(w, 550, S("5.7.1"), S("Local users may not send to other servers"));
	if (!local_may_send_outside(s->role, s->user))
		return refuse(w, 452, S("4.7.1"), S("Too much mail to other servers within an hour"));
	w->recipient.account = 0;
	err e = name_keeper(w);
	return failed(e) ? not_now(w, e) : grant(w, NULL);
}

/* An address of another server. */
static err grant_elsewhere(struct wish *w)
{
	struct session *s = w->s;
	if (s->kind == LINK_LOCAL)
		return grant_from_here(w);
	bool may = s->account != 0 || in_networks(&conf_of(s)->relay.relay_networks, &s->client);
	if (s->kind == LINK_LMTP || !may)
		return refuse_relay(w);
	w->recipient.account = 0;
	return grant(w, NULL);
}

/* Ours, but its mailbox is on an inner server, which decides now what it would refuse later. */
static err grant_inner(struct wish *w)
{
	struct transaction *t = &w->s->transaction;
	const struct callout_question q = { .domain = w->name.domain,
		.sender = t->sender,
		.recipient = w->written,
		.size = t->size,
		.utf8 = t->utf8,
		.requires_tls = t->requires_tls };
	struct inner_verdict v;
	TRY(session_ask_inner(w->s, &q, &v));
	if (v.code >= 400)
		return refuse(w, v.code, str_of(v.status), str_of(v.reason));
	if (v.size_max > 0 && (t->inner_max == 0 || v.size_max < t->inner_max))
		t->inner_max = v.size_max;
	w->recipient.account = 0;
	w->recipient.is_inner = true;
	err e = name_keeper(w);
	return failed(e) ? not_now(w, e) : grant(w, NULL);
}

/* What a program of this machine addresses to the machine, as in root@mail.example.org, is meant for people here: of the
 * first domain, unless the name is a domain of its own. */
static err find_for_machine(struct wish *w, char separator, struct directory_match *match)
{
	struct session *s = w->s;
	str domain = directory_first_domain(s->role->store);
	if (s->kind != LINK_LOCAL || match->kind != DIRECTORY_ELSEWHERE || domain.n == 0 ||
		!str_eq_nocase(w->name.domain, local_domain(s->role)))
		return OK;
	char *room = NEW(s->transaction_arena, char, MAILNAME_MAX);
	struct buf b = { .p = room, .room = room != NULL ? MAILNAME_MAX : 0 };
	w->name.domain = arena_copy(s->transaction_arena, domain);
	mailname_write(&b, &w->name);
	TRY(buf_done(&b, &w->written));
	return directory_find(s->role->store, &w->name, separator, match);
}

/* An address that we made for a forward: a bounce, or an answer to the question whether it is wanted. */
static err decide_forward(struct wish *w)
{
	struct forward_verdict v;
	err e = forward_recipient(w->s, &w->name, &w->recipient, &v);
	if (failed(e))
		return not_now(w, e);
	return v.code != 0 ? refuse(w, v.code, v.status, v.reason) : grant(w, NULL);
}

static err decide(struct wish *w)
{
	struct directory *store = w->s->role->store;
	struct directory_recipients behind;
	struct directory_match match;
	str separator = conf_of(w->s)->accounts.subaddress_separator;
	err e = directory_find(store, &w->name, separator.n > 0 ? separator.p[0] : '\0', &match);
	if (!failed(e))
		e = find_for_machine(w, separator.n > 0 ? separator.p[0] : '\0', &match);
	w->recipient.detail = match.detail;
	if (!failed(e) && match.kind == DIRECTORY_ALIAS)
		e = directory_expand(store, &match.found, &behind);
	if (e.code == ERR_LIMIT)
		return refuse(w, 451, S("4.3.5"), S("Too many mailboxes stand behind this address"));
	if (failed(e))
		return not_now(w, e);
	bool is_here = match.kind != DIRECTORY_ELSEWHERE && match.kind != DIRECTORY_INNER;
	if (is_here && forward_is_address(w->name.local))
		return decide_forward(w);
	switch (match.kind) {
	case DIRECTORY_ELSEWHERE:
		return grant_elsewhere(w);
	case DIRECTORY_MAILBOX:
		return grant_mailbox(w, match.account);
	case DIRECTORY_ALIAS:
		return grant_group(w, &behind);
	case DIRECTORY_INNER:
		return grant_inner(w);
	case DIRECTORY_UNKNOWN:
		break;
	}
	return refuse(w, 550, S("5.1.1"), S("There is no such mailbox"));
}

/* Without its source route, which is never followed (RFC 5321 C). */
static str without_route(str address)
{
	size_t colon = str_starts(address, S("@")) ? str_find(address, ':') : STR_NONE;
	return colon == STR_NONE ? address : str_after(address, colon + 1);
}

err session_rcpt(struct session *s, const struct msg_rcpt *m)
{
	char room[MAILNAME_MAX], written[MAILNAME_MAX];
	struct buf b = BUF_ON(room), w = BUF_ON(written);
	struct wish wish = { .s = s, .m = m, .written = without_route(m->recipient) };
	if (!s->transaction.is_open)
		return session_verdict(s, 503, S("5.5.1"), S("MAIL comes first"));
	if (s->transaction.named_count >= conf_of(s)->smtp.recipients_max) /* RFC 5321 4.5.3.1.10 */
		return refuse(&wish, 452, S("4.5.3"), S("Too many recipients"));
	err e = mailname_parse(m->recipient, directory_first_domain(s->role->store), &b, &wish.name);
	if (failed(e))
		return refuse(&wish, 501, S("5.1.3"), S("This is not an address"));
	if (str_find(wish.written, '@') == STR_NONE) {
		mailname_write(&w, &wish.name);
		wish.written = buf_str(&w);
	}
	return decide(&wish);
}
