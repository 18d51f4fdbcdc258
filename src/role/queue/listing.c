/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/listing.h"

#include <time.h>

#include "base/json.h"
#include "ipc/cause.h"
#include "os/clock.h"
#include "role/queue/destinations.h"
#include "store/spool/file.h"
#include "store/spool/remote.h"

enum {
	PAGE_MESSAGES = 100,
	DOMAINS_SHOWN = 100,
	PAGE_BUDGET = 64 << 20, /* of messages with 65,535 recipients; pages are cut at PAGE_BYTES before */
	PAGE_BYTES = 1 << 20,
	LINE_MAX_BYTES = 32000,
	RECIPIENTS_SHOWN = 50,
};

/* clang-format off */
static const char *const states[SPOOL_STATES] = {
	[SPOOL_WAITING] = "waiting", [SPOOL_DEFERRED] = "deferred", [SPOOL_HELD] = "held", [SPOOL_REMOTE] = "remote",
	[SPOOL_BRAKED] = "braked",
};
/* clang-format on */

/* ---- the question ---- */

const char *listing_begin(struct listing *l, str verb)
{
	l->received_before = INT64_MAX;
	l->limit = UINT64_MAX;
	static const struct {
		str verb;
		enum listing_change change;
	} verbs[] = {
		{ S("queue list"), CHANGE_NOTHING },
		{ S("queue own"), CHANGE_NOTHING },
		{ S("queue show"), CHANGE_NOTHING },
		{ S("queue destinations"), CHANGE_NOTHING },
		{ S("queue hold"), CHANGE_HOLD },
		{ S("queue release"), CHANGE_RELEASE },
		{ S("queue retry"), CHANGE_RETRY },
		{ S("queue flush"), CHANGE_RETRY },
		{ S("queue delete"), CHANGE_DELETE },
	};
	l->shows_one = str_eq(verb, S("queue show"));
	l->means_all = str_eq(verb, S("queue flush"));
	l->of_destinations = str_eq(verb, S("queue destinations"));
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (!str_eq(verb, verbs[i].verb))
			continue;
		l->change = verbs[i].change;
		return NULL;
	}
	return "the queue has no such command";
}

static const char *read_age(struct listing *l, str value)
{
	static const struct {
		char unit;
		int64_t milliseconds;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	uint64_t number;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (value.n > 1 && value.p[value.n - 1] == units[i].unit &&
			!failed(str_number(str_slice(value, 0, value.n - 1), UINT32_MAX, &number))) {
			l->received_before = clock_utc_ms() - (int64_t)number * units[i].milliseconds;
			return NULL;
		}
	return "age is a number with a unit: 30s, 5m, 2h, 1d";
}

static const char *read_id(struct listing *l, str value)
{
	char name[SPOOL_NAME];
	struct buf b = BUF_ON(name);
	buf_add(&b, str_slice(value, 0, sizeof name - 1));
	buf_add(&b, S(".body"));
	l->has_number = spool_file_is(buf_str(&b), l->number);
	return l->has_number ? NULL : "id is the number of a message, 32 hexadecimal digits";
}

static const char *keep(struct listing *l, str *to, str value)
{
	*to = arena_copy(l->words, value);
	return arena_spent(l->words) ? "too many words" : NULL;
}

static const char *read_of_destinations(struct listing *l, str name, str value)
{
	if (str_eq(name, S("domain")))
		return keep(l, &l->domain, value);
	if (!str_eq(name, S("limit")))
		return "filters are domain=, limit=";
	return failed(str_number(value, UINT32_MAX, &l->limit)) || l->limit == 0 ? "limit is a number of lines" : NULL;
}

const char *listing_filter(struct listing *l, str word)
{
	str name, value = word;
	if (!str_cut(&value, '=', &name))
		return "words of this command are name=value";
	if (l->of_destinations)
		return read_of_destinations(l, name, value);
	if (str_eq(name, S("id")))
		return read_id(l, value);
	if (str_eq(name, S("age")))
		return read_age(l, value);
	str *to = str_eq(name, S("sender"))      ? &l->sender
		  : str_eq(name, S("recipient")) ? &l->recipient
		  : str_eq(name, S("domain"))    ? &l->domain
						 : NULL;
	return to != NULL ? keep(l, to, value) : "filters are sender=, recipient=, domain=, age=, id=";
}

const char *listing_for(struct listing *l, str caller)
{
	static const str uid = { "uid ", 4 };
	uint64_t number;
	if (str_eq(caller, S("root")))
		return NULL;
	if (!str_starts(caller, uid) || failed(str_number(str_after(caller, uid.n), UINT32_MAX - 1, &number)))
		return "who asks is not known";
	l->local = (uint32_t)number + 1;
	return NULL;
}

const char *listing_check(const struct listing *l)
{
	bool filtered = l->has_number || l->sender.p != NULL || l->recipient.p != NULL || l->domain.p != NULL ||
			l->received_before != INT64_MAX;
	if (l->shows_one && !l->has_number)
		return "which message? queue show ID";
	if (l->change != CHANGE_NOTHING && !filtered && !l->means_all)
		return "which messages? Name an id, sender, recipient, domain or age";
	return NULL;
}

/* ---- the page ---- */

void listing_put_time(struct json *j, const char *name, int64_t utc)
{
	char text[40];
	struct tm t;
	time_t seconds = (time_t)(utc / 1000);
	if (gmtime_r(&seconds, &t) == NULL)
		return;
	json_text(j, name, str_from(text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t)));
}

static void put_message(struct json *j, const struct spool_message *m)
{
	char name[2 * SPOOL_NUMBER];
	struct buf number = BUF_ON(name);
	buf_hex(&number, m->number, SPOOL_NUMBER);
	json_text(j, "id", buf_str(&number));
	json_text(j, "sender", m->sender);
	json_number(j, "account", m->account);
	listing_put_time(j, "received", m->received);
	json_number(j, "size", m->size);
}

static err add_line(struct listing *l, struct listing_line ***end, struct json *j, struct buf *text)
{
	json_end(j);
	struct listing_line *line = NEW(l->page, struct listing_line, 1);
	str copy = arena_copy(l->page, buf_str(text));
	if (line == NULL || copy.p == NULL || text->lost)
		return FAIL(MEMORY);
	line->json = copy;
	**end = line;
	*end = &line->next;
	return OK;
}

static bool fits(str wanted, str got) { return wanted.p == NULL || str_eq_nocase(wanted, got); }

static bool recipient_fits(const struct listing *l, const struct spool_recipient *r)
{
	size_t at = str_find_last(r->address, '@');
	str domain = at != STR_NONE ? str_after(r->address, at + 1) : S("");
	return fits(l->recipient, r->address) && fits(l->domain, domain);
}

static bool message_fits(const struct listing *l, const struct spool_message *m)
{
	bool is_it = !l->has_number || memcmp(l->number, m->number, SPOOL_NUMBER) == 0;
	return is_it && (l->local == 0 || l->local == m->local) && fits(l->sender, m->sender) &&
	       m->received <= l->received_before;
}

struct recipients {
	const struct spool_recipient *list;
	size_t count;
};

/* Of several states the one that a person should know of. */
static enum spool_state worst(const size_t by_state[SPOOL_STATES])
{
	static const enum spool_state order[] = { SPOOL_DEFERRED, SPOOL_BRAKED, SPOOL_HELD, SPOOL_WAITING };
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (by_state[order[i]] > 0)
			return order[i];
	return SPOOL_REMOTE;
}

static err add_summary(
	struct listing *l, struct listing_line ***end, const struct spool_message *m, struct recipients r)
{
	struct buf text = { .p = l->room, .room = LINE_MAX_BYTES };
	struct json j = json_begin(&text);
	size_t by_state[SPOOL_STATES] = { 0 };
	put_message(&j, m);
	for (size_t i = 0; i < r.count; i++)
		by_state[r.list[i].state]++;
	int64_t age = clock_utc_ms() - m->received;
	json_number(&j, "age", age > 0 ? (uint64_t)age / 1000 : 0);
	json_text(&j, "state", str_of(states[worst(by_state)]));
	json_number(&j, "recipients_count", r.count);
	json_list_begin(&j, "recipients");
	for (size_t i = 0; i < r.count && i < RECIPIENTS_SHOWN; i++)
		json_list_item(&j, r.list[i].address);
	json_list_end(&j);
	return add_line(l, end, &j, &text);
}

struct remote_row {
	struct arena *arena;
	struct spool_diagnosis why;
	int64_t due;
	unsigned failures; /* of its destination, one after the other */
};

static err keep_remote(void *to, const struct spool_message *m, const struct spool_remote *row)
{
	struct remote_row *r = to;
	(void)m;
	r->due = row->due;
	r->why = row->last;
	r->why.text = arena_copy(r->arena, row->last.text);
	r->why.host = arena_copy(r->arena, row->last.host);
	return OK;
}

/* Why it still waits, and until when: for the recipient's own sake, or for that of the destination as a whole. */
static void put_wait(const struct listing *l, struct spool *spool, struct json *j, const struct spool_message *m,
	const struct spool_recipient *r)
{
	struct remote_row row = { .arena = l->page };
	struct spool_destination d;
	if (failed(spool_remote_find(spool, m->number, r->position, &(struct spool_remote_rows){ keep_remote, &row })))
		return;
	if (!failed(spool_destination_get(spool, r->domain, l->page, &d))) {
		row.why = d.why;
		row.failures = d.failures;
		row.due = d.until > row.due ? d.until : row.due;
	}
	json_number(j, "destination_failures", row.failures);
	if (row.due > l->now)
		listing_put_time(j, "due", row.due);
	if (row.why.cause != CAUSE_none)
		json_text(j, "cause", cause_word(row.why.cause));
	if (row.why.code != 0)
		json_number(j, "code", row.why.code);
	if (row.why.host.n > 0)
		json_text(j, "host", row.why.host);
	if (row.why.text.n > 0)
		json_text(j, "reason", row.why.text);
}

static err add_recipient(struct listing *l, struct spool *spool, struct listing_line ***end,
	const struct spool_message *m, const struct spool_recipient *r)
{
	struct buf text = { .p = l->room, .room = LINE_MAX_BYTES };
	struct json j = json_begin(&text);
	json_text(&j, "recipient", r->address);
	json_text(&j, "state", str_of(states[r->state]));
	if (r->account > 0)
		json_number(&j, "account", r->account);
	else
		json_text(&j, "domain", r->domain);
	json_number(&j, "attempts", r->attempts);
	if (r->state == SPOOL_DEFERRED)
		listing_put_time(&j, "due", r->due);
	if (r->state == SPOOL_REMOTE)
		put_wait(l, spool, &j, m, r);
	else if (r->reason.n > 0)
		json_text(&j, "reason", r->reason);
	return add_line(l, end, &j, &text);
}

/* Each once; of more than are shown the rest is left out. */
static err note_domain(struct listing *l, str domain)
{
	struct listing_domain **at = &l->domains;
	size_t count = 0;
	for (; *at != NULL && count < DOMAINS_SHOWN; at = &(*at)->next, count++)
		if (str_eq_nocase((*at)->domain, domain))
			return OK;
	if (count == DOMAINS_SHOWN)
		return OK;
	struct listing_domain *d = NEW(l->page, struct listing_domain, 1);
	if (d == NULL)
		return FAIL(MEMORY);
	d->domain = domain;
	*at = d;
	return OK;
}

err listing_add(struct listing *l, struct json *j, struct buf *text)
{
	struct listing_line **end = &l->first;
	while (*end != NULL)
		end = &(*end)->next;
	return add_line(l, &end, j, text);
}

static err add_details(struct listing *l, struct spool *spool, struct listing_line ***end,
	const struct spool_message *m, struct recipients r)
{
	struct buf text = { .p = l->room, .room = LINE_MAX_BYTES };
	struct json j = json_begin(&text);
	put_message(&j, m);
	json_flag(&j, "smtputf8", (m->flags & SPOOL_UTF8) != 0);
	json_flag(&j, "requiretls", (m->flags & SPOOL_REQUIRETLS) != 0);
	json_text(&j, "envid", m->envid);
	json_number(&j, "recipients_count", r.count);
	TRY(add_line(l, end, &j, &text));
	for (size_t i = 0; i < r.count; i++)
		TRY(add_recipient(l, spool, end, m, &r.list[i]));
	for (size_t i = 0; i < r.count; i++)
		if (r.list[i].state == SPOOL_REMOTE)
			TRY(note_domain(l, r.list[i].domain));
	return OK;
}

/* ---- changing ---- */

static err change(
	const struct listing *l, struct spool *spool, int64_t message, unsigned position, bool *changed, bool *last)
{
	switch (l->change) {
	case CHANGE_HOLD:
		return spool_hold(spool, message, position, changed);
	case CHANGE_RELEASE:
		return spool_let_go(spool, message, position, l->now, changed);
	case CHANGE_RETRY:
		return spool_retry(spool, message, position, l->now, changed);
	case CHANGE_DELETE:
		*changed = true;
		return spool_remove(spool, message, position, last);
	case CHANGE_NOTHING:
	default:
		return OK;
	}
}

static err note_change(
	struct listing *l, const struct spool_message *m, const struct spool_recipient *r, bool removes_file)
{
	struct listing_changed *c = NEW(l->page, struct listing_changed, 1);
	if (c == NULL)
		return FAIL(MEMORY);
	*c = (struct listing_changed){ .next = l->changed,
		.position = r->position,
		.account = r->account,
		.domain = r->domain,
		.removes_file = removes_file };
	memcpy(c->number, m->number, SPOOL_NUMBER);
	l->changed = c;
	return OK;
}

/* How many recipients of the message fit; those of a change that it changed. */
static err match(
	struct listing *l, struct spool *spool, const struct spool_message *m, struct recipients r, size_t *matches)
{
	*matches = 0;
	for (size_t i = 0; i < r.count; i++) {
		bool changed = true, last = false;
		if (!recipient_fits(l, &r.list[i]))
			continue;
		if (l->change != CHANGE_NOTHING) {
			TRY(change(l, spool, m->id, r.list[i].position, &changed, &last));
			if (changed)
				TRY(note_change(l, m, &r.list[i], last && (m->flags & SPOOL_FILE) != 0));
		}
		*matches += changed;
	}
	return OK;
}

/* ---- pages ---- */

struct rows {
	struct arena *arena;
	struct spool_message list[PAGE_MESSAGES];
	size_t count;
};

static err keep_row(void *to, const struct spool_message *m)
{
	struct rows *rows = to;
	struct spool_message *copy = &rows->list[rows->count++];
	*copy = *m;
	copy->sender = arena_copy(rows->arena, m->sender);
	copy->envid = arena_copy(rows->arena, m->envid);
	return arena_spent(rows->arena) ? FAIL(MEMORY) : OK;
}

static err read_rows(struct listing *l, struct spool *spool, struct rows *rows)
{
	rows->arena = l->page;
	if (!l->has_number) {
		TRY(spool_messages(
			spool, l->place.after, PAGE_MESSAGES, &(struct spool_message_rows){ keep_row, rows }));
		l->more = rows->count == PAGE_MESSAGES;
		return OK;
	}
	TRY(spool_find(spool, l->number, l->page, &rows->list[0]));
	rows->count = 1;
	l->more = false;
	return OK;
}

static err read_list(struct listing *l, struct spool *spool, struct listing_line **end)
{
	struct rows *rows = NEW(l->page, struct rows, 1);
	TRY(read_rows(l, spool, rows));
	for (size_t i = 0; i < rows->count; i++) {
		const struct spool_message *m = &rows->list[i];
		struct spool_recipient *list;
		size_t count, matches = 0;
		l->place.after = m->id;
		if (!message_fits(l, m))
			continue;
		TRY(spool_recipients(spool, m->id, l->page, &list, &count));
		TRY(match(l, spool, m, (struct recipients){ list, count }, &matches));
		if (matches > 0)
			TRY(add_summary(l, &end, m, (struct recipients){ list, count }));
		if (arena_held(l->page) > PAGE_BYTES && i + 1 < rows->count) {
			l->more = true;
			break;
		}
	}
	return OK;
}

static err read_one(struct listing *l, struct spool *spool, struct listing_line **end)
{
	struct spool_message m;
	struct recipients r;
	struct spool_recipient *list;
	l->more = false;
	TRY(spool_find(spool, l->number, l->page, &m));
	TRY(spool_recipients(spool, m.id, l->page, &list, &r.count));
	r.list = list;
	return add_details(l, spool, &end, &m, r);
}

err listing_read(struct listing *l, struct spool *spool)
{
	if (l->page == NULL)
		l->page = arena_new("queue listing", PAGE_BUDGET);
	arena_reset(l->page);
	l->first = NULL;
	l->changed = NULL;
	l->domains = NULL;
	l->destinations = NULL;
	l->place = l->from;
	l->now = clock_utc_ms();
	l->room = NEW(l->page, char, LINE_MAX_BYTES);
	if (l->of_destinations)
		return destinations_read(l, spool);
	return l->shows_one ? read_one(l, spool, &l->first) : read_list(l, spool, &l->first);
}

void listing_go_on(struct listing *l) { l->from = l->place; }

void listing_free(struct listing *l) { arena_free(&l->page); }
