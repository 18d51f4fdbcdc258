/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/inner.h"

#include <stdio.h>

#include "os/random.h"

/* ---- recipients ---- */

static struct inner_known *slot_of(struct inner *in, str recipient)
{
	return recipient.n <= INNER_KEY_MAX ? &in->known[hash_of(&in->key, recipient) % INNER_SLOTS] : NULL;
}

static bool is_of(const struct inner_known *k, str recipient) { return str_eq(str_from(k->key, k->n), recipient); }

static void remember(struct inner *in, const struct callout_question *q, const struct callout_result *r, int64_t now)
{
	struct inner_known *k = slot_of(in, q->recipient);
	const bool is_taken = r->answer == CALLOUT_TAKEN;
	const int64_t keep = is_taken ? in->times.taken : r->answer == CALLOUT_UNKNOWN ? in->times.unknown : 0;
	if (k == NULL)
		return;
	if (keep == 0) {
		inner_doubt(in, q->recipient);
		return;
	}
	*k = (struct inner_known){ .until = now + keep,
		.size = q->size,
		.size_max = r->size_max,
		.is_taken = is_taken,
		.n = (uint8_t)q->recipient.n };
	memcpy(k->key, q->recipient.p, q->recipient.n);
}

void inner_doubt(struct inner *in, str recipient)
{
	struct inner_known *k = slot_of(in, recipient);
	if (k != NULL && is_of(k, recipient))
		*k = (struct inner_known){ .n = 0 };
}

static bool is_in(const struct inner_known *k, str domain)
{
	const str key = str_from(k->key, k->n);
	const size_t at = str_find_last(key, '@');
	return domain.p == NULL || (at != STR_NONE && str_eq_nocase(str_after(key, at + 1), domain));
}

/* ---- servers ---- */

static bool serves(const struct inner_server *s, str domain)
{
	return str_eq_nocase(str_from(s->domain, s->n), domain);
}

static int64_t latest(const struct inner_server *s) { return s->away_until > s->alive ? s->away_until : s->alive; }

/* NULL: nothing is known of it. */
static struct inner_server *find(struct inner *in, str domain)
{
	for (size_t i = 0; i < INNER_SERVERS; i++)
		if (in->servers[i].n > 0 && serves(&in->servers[i], domain))
			return &in->servers[i];
	return NULL;
}

/* Of more than there is room for, the one that nobody has asked for the longest time gives way. */
static struct inner_server *make(struct inner *in, str domain)
{
	struct inner_server *s = find(in, domain), *oldest = &in->servers[0];
	if (s != NULL)
		return s;
	for (size_t i = 0; i < INNER_SERVERS; i++)
		if (in->servers[i].n == 0 || (oldest->n > 0 && latest(&in->servers[i]) < latest(oldest)))
			oldest = &in->servers[i];
	*oldest = (struct inner_server){ .n = (uint8_t)(domain.n < INNER_DOMAIN_MAX ? domain.n : INNER_DOMAIN_MAX) };
	memcpy(oldest->domain, domain.p, oldest->n);
	return oldest;
}

static enum inner_change note_away(struct inner *in, struct inner_server *s, int64_t now)
{
	s->away_until = now + INNER_AWAY_MS;
	s->alive = 0;
	if (s->away_since == 0) {
		s->away_since = now;
		s->alarmed = false;
		return INNER_FAILED;
	}
	if (s->alarmed || now - s->away_since < in->times.alarm)
		return INNER_UNCHANGED;
	s->alarmed = true;
	return INNER_LASTS;
}

static enum inner_change note_alive(struct inner_server *s, int64_t now)
{
	const bool was_away = s->away_since != 0;
	s->alive = now;
	s->away_since = s->away_until = 0;
	return was_away ? INNER_BACK : INNER_UNCHANGED;
}

/* ---- what the client is told ---- */

static void say(struct inner_verdict *v, unsigned code, const char *status, const char *reason)
{
	*v = (struct inner_verdict){ .code = code };
	snprintf(v->status, sizeof v->status, "%s", status);
	snprintf(v->reason, sizeof v->reason, "%s", reason);
}

static void say_away(struct inner_verdict *v)
{
	say(v, 451, "4.4.1", "The mail server of this domain cannot be asked at the moment, please try again");
}

static void say_taken(struct inner_verdict *v, uint64_t size_max)
{
	say(v, 250, "2.1.5", "");
	v->size_max = size_max;
}

static void say_unknown(struct inner_verdict *v) { say(v, 550, "5.1.1", "There is no such mailbox"); }
static void say_size(struct inner_verdict *v)
{
	say(v, 552, "5.3.4", "The message is larger than the mail server of this domain takes");
}

void inner_cannot(struct inner_verdict *out)
{
	say(out, 451, "4.3.0", "This cannot be decided at the moment, please try again");
}

/* Whatever the inner server said, a client gets a code and a status of one class. */
static void say_in_its_words(
	struct inner_verdict *v, unsigned code, const char *otherwise, const struct callout_result *r)
{
	const char class[] = { (char)('0' + code / 100), '.', '\0' };
	say(v, code, otherwise, "");
	if (str_starts(r->status, str_of(class)) && r->status.n <= INNER_STATUS_MAX)
		snprintf(v->status, sizeof v->status, "%.*s", ARG(r->status));
	snprintf(v->reason, sizeof v->reason, "The mail server of this domain says: %.*s", ARG(r->text));
}

static void translate(const struct callout_result *r, struct inner_verdict *v)
{
	switch (r->answer) {
	case CALLOUT_TAKEN:
		say_taken(v, r->size_max);
		return;
	case CALLOUT_UNKNOWN:
		say_unknown(v);
		return;
	case CALLOUT_FULL:
		if (r->code >= 500)
			say(v, 552, "5.2.2", "The mailbox is full");
		else
			say(v, 452, "4.2.2", "The mailbox is full");
		return;
	case CALLOUT_SIZE:
		say_size(v);
		return;
	case CALLOUT_REFUSED:
		say_in_its_words(v, 550, "5.0.0", r);
		return;
	case CALLOUT_LATER:
		say_in_its_words(v, 451, "4.0.0", r);
		return;
	case CALLOUT_AWAY:
	case CALLOUT_ANSWERS:
		break;
	}
	say_away(v);
}

/* ---- both ---- */

/* What was never written is not written now either: most installations have no inner server. */
void inner_begin(struct inner *in)
{
	random_bytes(&in->key, sizeof in->key);
	for (size_t i = 0; i < INNER_SLOTS; i++)
		if (in->known[i].n > 0)
			in->known[i] = (struct inner_known){ .n = 0 };
	for (size_t i = 0; i < INNER_SERVERS; i++)
		if (in->servers[i].n > 0)
			in->servers[i] = (struct inner_server){ .n = 0 };
}

void inner_set_times(struct inner *in, const struct inner_times *times, int64_t now)
{
	in->times = *times;
	for (size_t i = 0; i < INNER_SLOTS; i++) {
		struct inner_known *k = &in->known[i];
		const int64_t latest_end = now + (k->is_taken ? times->taken : times->unknown);
		if (k->n > 0 && k->until > latest_end)
			k->until = latest_end;
	}
}

/* Silence about a size is no promise about one that is said; what a message demands beyond the usual is asked for. */
static bool covers(const struct inner_known *k, const struct callout_question *q)
{
	return !q->utf8 && !q->requires_tls && q->size <= k->size && (k->size_max == 0 || q->size <= k->size_max);
}

bool inner_recall(struct inner *in, const struct callout_question *q, int64_t now, struct inner_verdict *out)
{
	const struct inner_server *s = find(in, q->domain);
	const struct inner_known *k = slot_of(in, q->recipient);
	const bool is_known = k != NULL && now < k->until && is_of(k, q->recipient);
	const bool is_alive = s != NULL && s->away_since == 0 && s->alive != 0 && now - s->alive < INNER_ALIVE_MS;
	if (is_known && !k->is_taken)
		say_unknown(out);
	else if (s != NULL && now < s->away_until)
		say_away(out);
	else if (is_known && is_alive && covers(k, q))
		say_taken(out, k->size_max);
	else
		return false;
	return true;
}

enum inner_change inner_learn(struct inner *in, const struct callout_question *q, const struct callout_result *r,
	int64_t now, struct inner_verdict *out)
{
	struct inner_server *s = make(in, q->domain);
	translate(r, out);
	if (r->answer == CALLOUT_AWAY)
		return note_away(in, s, now);
	remember(in, q, r, now);
	return note_alive(s, now);
}

size_t inner_forget(struct inner *in, str domain, int64_t now)
{
	size_t count = 0;
	for (size_t i = 0; i < INNER_SLOTS; i++) {
		struct inner_known *k = &in->known[i];
		if (k->n == 0 || !is_in(k, domain))
			continue;
		count += now < k->until;
		*k = (struct inner_known){ .n = 0 };
	}
	for (size_t i = 0; i < INNER_SERVERS; i++)
		if (in->servers[i].n > 0 && (domain.p == NULL || serves(&in->servers[i], domain)))
			in->servers[i].away_until = in->servers[i].alive = 0;
	return count;
}
