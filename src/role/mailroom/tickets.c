/* SPDX-License-Identifier: Apache-2.0 */
#include "role/mailroom/tickets.h"

err ticket_add(struct tickets *t, str name, uint64_t account, str login, str session, int64_t now)
{
	struct ticket *k = &t->of[t->next];
	if (name.n != TICKET_BYTES || login.n > sizeof k->login || session.n > sizeof k->session)
		return FAIL(SYNTAX);
	t->next = (t->next + 1) % TICKETS_MAX;
	*k = (struct ticket){
		.until = now + TICKET_LIFE_MS, .account = account, .login_length = login.n, .session_length = session.n
	};
	memcpy(k->name, name.p, TICKET_BYTES);
	memcpy(k->login, login.p, login.n);
	memcpy(k->session, session.p, session.n);
	return OK;
}

/* The newest is looked at first: nearly always it is the one. */
const struct ticket *ticket_take(struct tickets *t, str name, int64_t now)
{
	for (size_t back = 1; back <= TICKETS_MAX; back++) {
		struct ticket *k = &t->of[(t->next + TICKETS_MAX - back) % TICKETS_MAX];
		if (k->until == 0 || !str_eq_secret(name, str_from((const char *)k->name, TICKET_BYTES)))
			continue;
		bool good = k->until > now;
		k->until = 0;
		return good ? k : NULL;
	}
	return NULL;
}

void tickets_drop(struct tickets *t, uint64_t account)
{
	for (size_t i = 0; i < TICKETS_MAX; i++)
		if (t->of[i].account == account)
			t->of[i].until = 0;
}
