/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox of these tests. It exists from the first test on and is suspended between them, so that neither mail nor a
 * login gets in; each test gives it a pass phrase of its own, which nobody sees and which is forgotten at its end. */
#include <stdio.h>

#include "os/clock.h"
#include "tool/client.h"
#include "tool/fields.h"
#include "tool/live.h"

enum { ROOM = 1400, LINE_BUDGET = 64 << 10, TAKEN_WORDS = 2 };

const char live_login[] = "siegel-live-check";
static const char local_part[] = "self-test";

struct wanted {
	const char *name, *unless; /* the member; only of a line that has none of that name */
	char *room;
	size_t size;
};

static void take(void *to, str json)
{
	const struct wanted *w = to;
	struct arena *a = arena_new("answer", LINE_BUDGET);
	struct fields fields;
	if (w->room[0] == '\0' && !failed(fields_parse(json, a, &fields)) &&
		(w->unless == NULL || fields_get(&fields, str_of(w->unless)).n == 0))
		snprintf(w->room, w->size, "%.*s", ARG(fields_get(&fields, str_of(w->name))));
	arena_free(&a);
}

static err ask(const struct live *l, const char *verb, const char *more, struct wanted *w, struct buf *reason)
{
	char login[ROOM];
	str words[TAKEN_WORDS] = { NO_STR, str_of(more) };
	snprintf(login, sizeof login, "login=%s", live_login);
	words[0] = str_of(login);
	const struct request request = { verb, words, more != NULL ? TAKEN_WORDS : 1, NO_STR };
	return client_send(l->folders, &request, w != NULL ? take : NULL, w, reason);
}

static bool find_domain(struct live *l, struct buf *reason)
{
	struct wanted w = { "domain", "alias_of", l->domain, sizeof l->domain };
	const struct request request = { "domain list", NULL, 0, NO_STR };
	if (failed(client_send(l->folders, &request, take, &w, reason)))
		return false;
	if (l->domain[0] == '\0')
		buf_add(reason, S("there is no domain"));
	return l->domain[0] != '\0';
}

/* It may be there from an earlier test, with an address that its domain had then. */
static bool open_account(struct live *l, struct buf *reason)
{
	char word[ROOM], room[ROOM];
	struct buf unimportant = BUF_ON(room);
	struct wanted phrase = { "password", NULL, l->phrase, sizeof l->phrase };
	struct wanted address = { "address", NULL, l->address, sizeof l->address };
	if (!failed(ask(l, "account show", NULL, &address, &unimportant)))
		return !failed(ask(l, "account password", NULL, &phrase, reason)) &&
		       !failed(ask(l, "account resume", NULL, NULL, reason));
	snprintf(l->address, sizeof l->address, "%s@%s", local_part, l->domain);
	snprintf(word, sizeof word, "address=%s", l->address);
	return !failed(ask(l, "account add", word, &phrase, reason));
}

bool live_account_open(struct live *l)
{
	char room[ROOM];
	struct buf reason = BUF_ON(room);
	struct live_step step = { "mailbox", "the mailbox for tests is open",
		"siegel account show siegel-live-check; siegel log tail", clock_ms() };
	bool open = find_domain(l, &reason) && open_account(l, &reason);
	buf_byte(&reason, '\0');
	live_say(l, &step, open, reason.lost ? "no reason given" : room);
	return open;
}

void live_account_close(struct live *l)
{
	char room[ROOM];
	struct buf reason = BUF_ON(room);
	struct live_step step = { "mailbox", "the mailbox for tests is closed again",
		"siegel account suspend siegel-live-check", clock_ms() };
	wipe(l->phrase, sizeof l->phrase);
	bool closed = !failed(ask(l, "account suspend", NULL, NULL, &reason));
	buf_byte(&reason, '\0');
	live_say(l, &step, closed, reason.lost ? "no reason given" : room);
}
