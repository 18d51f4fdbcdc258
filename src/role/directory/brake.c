/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/brake.h"

#include "os/clock.h"
#include "role/directory/alarm.h"
#include "store/directory/change.h"
#include "store/directory/correspondent.h"
#include "store/directory/listing.h"

enum { MET_MAX = 4096, SLOTS = 16384, HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS, PERSON_MAX = 200 };

/* Those met since they were last stored; a table of positions in the list, from 1. */
struct brake {
	struct directory_correspondent met[MET_MAX];
	uint16_t slots[SLOTS];
	size_t count;
};

struct brake *brake_new(struct arena *a) { return NEW(a, struct brake, 1); }

static size_t find_slot(const struct brake *b, const struct directory_correspondent *c)
{
	size_t at = ((uint64_t)c->hash ^ c->account) % SLOTS;
	for (; b->slots[at] != 0; at = (at + 1) % SLOTS) {
		const struct directory_correspondent *met = &b->met[b->slots[at] - 1];
		if (met->account == c->account && met->hash == c->hash)
			break;
	}
	return at;
}

void brake_save(struct directory_role *r)
{
	struct brake *b = r->brake;
	if (b->count == 0)
		return;
	err e = directory_meet(r->store, b->met, b->count);
	if (failed(e))
		IGNORE(store_failure(r, e)); /* they count as strangers once more */
	memset(b->slots, 0, sizeof b->slots);
	b->count = 0;
}

/* Is it the first time? Then it is remembered. */
static bool is_stranger(struct directory_role *r, uint32_t account, str address)
{
	struct brake *b = r->brake;
	const struct directory_correspondent c = directory_correspondent(account, address);
	bool knows = false;
	if (b->slots[find_slot(b, &c)] != 0)
		return false;
	err e = directory_knows(r->store, &c, &knows);
	if (failed(e))
		IGNORE(store_failure(r, e)); /* rather a stranger too many */
	if (knows)
		return false;
	if (b->count == MET_MAX)
		brake_save(r);
	b->met[b->count] = c;
	b->slots[find_slot(b, &c)] = (uint16_t)++b->count;
	return true;
}

static void add(struct sending *w, int64_t length, uint32_t strangers)
{
	int64_t now = clock_ms();
	if (w->since == 0 || now - w->since >= length)
		*w = (struct sending){ .since = now };
	w->messages++;
	w->strangers += strangers;
}

static bool is_over(uint64_t count, uint64_t most) { return most > 0 && count > most; }

/* What is over its limit, in words; NULL: nothing. */
static const char *excess(const struct conf_accounts *c, const struct directory_account *a)
{
	if (is_over(a->hour.messages, c->sent_per_hour))
		return "accounts.sent_per_hour";
	if (is_over(a->day.messages, c->sent_per_day))
		return "accounts.sent_per_day";
	if (is_over(a->hour.strangers, c->strangers_per_hour))
		return "accounts.strangers_per_hour";
	return is_over(a->day.strangers, c->strangers_per_day) ? "accounts.strangers_per_day" : NULL;
}

static void pull(struct session *s, struct directory_account *a, const char *limit)
{
	struct directory_change c = {
		.at = clock_utc_ms(), .caller = S("directory"), .verb = S("brake"), .words = str_of(limit)
	};
	err e = directory_account_brake(s->role->store, &c, a->number, c.at);
	if (failed(e)) {
		IGNORE(store_failure(s->role, e));
		a->braked = c.at; /* until the next start */
	}
	/* The advice is a command that wants the login. */
	char room[DIRECTORY_LOGIN_MAX + PERSON_MAX];
	struct buf b = BUF_ON(room);
	struct directory_account_texts texts = { .login = NO_STR };
	IGNORE(directory_account_texts(s->role->store, a->number, &b, &texts)); /* then by its number only */
	LOG(&s->log, account_braked, F_ADDRESS("login", texts.login), F_NUMBER("account", a->number),
		F_TEXT("limit", str_of(limit)), F_NUMBER("hour", a->hour.messages), F_NUMBER("day", a->day.messages),
		F_NUMBER("strangers_hour", a->hour.strangers), F_NUMBER("strangers_day", a->day.strangers),
		F_TEXT("advice",
			S("if its owner did not send this, give it a new password and delete its mail from the "
			  "queue; then siegel account release LOGIN")));
	brake_mail(s->role, a->number, s->transaction.sender);
}

bool brake_holds(struct session *s)
{
	struct directory_account *a = directory_account(s->role->store, s->account);
	uint32_t strangers = 0;
	bool goes_out = false;
	if (a == NULL)
		return false;
	for (const struct recipient *to = s->transaction.first; to != NULL; to = to->next) {
		if (to->account != 0 || to->forward != 0) /* what somebody else forwards is not theirs */
			continue;
		goes_out = true;
		strangers += is_stranger(s->role, s->account, *to->address);
	}
	if (!goes_out)
		return false;
	add(&a->hour, HOUR_MS, strangers);
	add(&a->day, DAY_MS, strangers);
	const char *limit = excess(&s->role->service->conf->accounts, a);
	if (limit != NULL && a->braked == 0)
		pull(s, a, limit);
	return a->braked != 0;
}
