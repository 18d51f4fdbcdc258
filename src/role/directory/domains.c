/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/domains.h"

#include "ipc/fate.h"
#include "store/directory/listing.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum { AGAIN_MS = 100, HEIRS_ROOM = 20000 };

/* ---- which are ours ---- */

struct telling {
	struct directory_role *role;
	struct buf names;
	bool begun, inner;
	err e;
};

static void send_part(struct telling *t, bool last)
{
	const struct msg_domains m = {
		.first = !t->begun, .last = last, .inner = t->inner, .names = buf_str(&t->names)
	};
	if (!failed(t->e))
		t->e = msg_send_domains(&t->role->queue->peer.channel, 0, &m);
	t->begun = true;
	t->names.n = 0;
}

static void add_domain(void *to, const struct directory_domain_row *row)
{
	struct telling *t = to;
	if (row->is_inner != t->inner)
		return;
	if (t->names.n + row->name.n + 1 > t->names.room)
		send_part(t, false);
	buf_add(&t->names, row->name);
	buf_byte(&t->names, '\n');
}

static void try_again(void *to) { domains_tell(to); }

/* Where the channel has no room the whole list is said again; where it is closed the next one hears it. */
void domains_tell(struct directory_role *r)
{
	if (r->queue == NULL || r->store == NULL)
		return;
	struct telling t = { .role = r, .names = { .p = r->records, .room = DIRECTORY_RECORDS }, .e = OK };
	err e = directory_each_domain(r->store, add_domain, &t);
	send_part(&t, false);
	t.inner = true;
	if (!failed(e))
		e = directory_each_domain(r->store, add_domain, &t);
	if (failed(e))
		IGNORE(store_failure(r, e)); /* logged; tried again */
	else
		send_part(&t, true);
	if (failed(e) || t.e.code == ERR_BUSY)
		loop_timer_start(r->service->loop, &r->domains_again, AGAIN_MS, try_again, r);
}

/* ---- who is it? ---- */

struct answer {
	enum fate fate;
	str status, reason, detail;
	const uint32_t *heirs;
	size_t count;
};

static struct answer later(const char *status, const char *reason)
{
	return (struct answer){ .fate = FATE_LATER, .status = str_of(status), .reason = str_of(reason) };
}

/* Mail that was accepted is delivered also to a full mailbox, not to one that takes none. */
static struct answer among(struct directory_role *r, uint32_t *accounts, size_t count, str detail)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (directory_account(r->store, accounts[i])->state == ACCOUNT_ACTIVE)
			accounts[kept++] = accounts[i];
	if (kept == 0)
		return later("4.2.1", "This address leads to no mailbox");
	return (struct answer){ .fate = FATE_HERE, .heirs = accounts, .count = kept, .detail = detail };
}

static struct answer find(struct directory_role *r, const struct mailname *name, struct directory_recipients *behind)
{
	struct directory_match match;
	str separator = r->service->conf->accounts.subaddress_separator;
	err e = directory_find(r->store, name, separator.n > 0 ? separator.p[0] : '\0', &match);
	if (!failed(e) && match.kind == DIRECTORY_ALIAS)
		e = directory_expand(r->store, &match.found, behind);
	if (e.code == ERR_LIMIT)
		return later("4.3.0", "Too many mailboxes stand behind this address");
	if (failed(e)) {
		IGNORE(store_failure(r, e)); /* logged; asked again */
		return later("4.3.0", "The directory cannot say who has this address");
	}
	switch (match.kind) {
	case DIRECTORY_MAILBOX:
		behind->account[0] = match.account;
		return among(r, behind->account, 1, match.detail);
	case DIRECTORY_ALIAS:
		return among(r, behind->account, behind->count, match.detail);
	case DIRECTORY_ELSEWHERE:
	case DIRECTORY_INNER:
		return (struct answer){ .fate = FATE_ELSEWHERE };
	case DIRECTORY_UNKNOWN:
	default:
		return later("4.1.1", "There is no such mailbox");
	}
}

static err send_answer(struct link *l, const struct msg_readdress *m, const struct answer *a)
{
	struct directory_role *r = l->role;
	struct buf records = { .p = r->records, .room = HEIRS_ROOM };
	for (size_t i = 0; i < a->count; i++)
		TRY(msg_add_heir(&records, r->scratch, &(const struct msg_heir){ .account = a->heirs[i] }));
	const struct msg_readdressed answer = { .transaction = m->transaction,
		.position = m->position,
		.fate = a->fate,
		.detail = a->detail,
		.status = a->status,
		.reason = a->reason,
		.heirs = buf_str(&records) };
	err e = msg_send_readdressed(&l->peer.channel, 0, &answer);
	return e.code == ERR_BUSY ? OK : e; /* it asks again */
}

err domains_readdress(struct link *queue, const struct msg_readdress *m)
{
	static struct directory_recipients behind;
	struct directory_role *r = queue->role;
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	if (r->store == NULL)
		return OK; /* it asks again */
	const bool sound = !failed(mailname_parse(m->address, directory_first_domain(r->store), &b, &name));
	const struct answer a = sound ? find(r, &name, &behind) : later("4.1.3", "This is not an address");
	return send_answer(queue, m, &a);
}
