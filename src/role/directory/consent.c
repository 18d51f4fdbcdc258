/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody is forwarded mail who has not agreed. The target is sent a code, in German or English; it agrees by answering that
 * mail, or by telling the code to whoever set the forward. */
#include "os/clock.h"
#include "os/random.h"
#include "role/directory/forward.h"
#include "role/directory/letter.h"
#include "store/directory/listing.h"

#include <time.h>

enum { CODE_LETTERS = 8, CODE_ROOM = 32, HASHED_ROOM = 64 };

/* The number of the forward, a dash, eight letters of which none looks like another: 39 bits. */
static str new_code(uint32_t number, struct buf *room)
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
	buf_addf(room, "%u-", number);
	for (int i = 0; i < CODE_LETTERS; i++)
		buf_byte(room, letters[random_below(sizeof letters - 1)]);
	return buf_str(room);
}

static bool hash_code(const struct directory_role *r, str code, char out[FORWARD_HASH])
{
	char room[HASHED_ROOM];
	struct buf b = BUF_ON(room);
	buf_add(&b, S("code\n"));
	for (size_t i = 0; i < code.n; i++)
		buf_byte(&b, ascii_lower(code.p[i]));
	return !b.lost && forward_mac(r, buf_str(&b), (uint8_t *)out);
}

/* ---- the letter ---- */

static bool is_german(const struct directory_role *r, const struct directory_forward *f)
{
	const struct directory_account *a = directory_account(r->store, f->account);
	uint64_t configured = r->service->conf->accounts.language;
	return (a != NULL && a->language >= 0 ? (uint64_t)a->language : configured) == LANGUAGE_GERMAN;
}

struct first {
	char room[MAILNAME_MAX + 2];
	struct buf name;
};

static void take_first(void *to, const struct mailname *name)
{
	struct first *f = to;
	if (f->name.n == 0)
		mailname_write(&f->name, name);
}

/* Whose mail it is that would come: the alias, or the account's first address. */
static str owner_of(const struct directory_role *r, const struct directory_forward *f, struct first *room)
{
	room->name = (struct buf){ .p = room->room, .room = sizeof room->room };
	if (f->account == 0)
		mailname_write(&room->name, &f->alias);
	else
		IGNORE(directory_each_address(r->store, f->account, take_first, room)); /* then without a name */
	return buf_str(&room->name);
}

/* What must be clear to everybody: any answer agrees, also one that says no, since no machine can read what it means. */
static void write_english(struct buf *b, str owner, str target, str code, str until)
{
	buf_addf(b,
		"Mail for %.*s shall be forwarded to you, at %.*s.\r\n"
		"Nothing will be forwarded unless you agree.\r\n\r\n"
		"If you agree, answer this message; it does not matter what you write.\r\n"
		"Or tell this code to whoever asked you:\r\n\r\n    %.*s\r\n\r\n"
		"If you do not want it, or do not know what this is about, do nothing, and above\r\n"
		"all do not answer: a machine reads the answer, and takes each one for a yes.\r\n"
		"On %.*s the question ends by itself.\r\n",
		ARG(owner), ARG(target), ARG(code), ARG(until));
}

static void write_german(struct buf *b, str owner, str target, str code, str until)
{
	buf_addf(b,
		"Mail für %.*s soll an Sie weitergeleitet werden, an %.*s.\r\n"
		"Ohne Ihre Zustimmung wird nichts weitergeleitet.\r\n\r\n"
		"Wenn Sie zustimmen, antworten Sie auf diese Nachricht; was Sie schreiben, ist\r\n"
		"gleich. Oder nennen Sie diesen Code der Person, die Sie gefragt hat:\r\n\r\n    %.*s\r\n\r\n"
		"Wenn Sie das nicht wollen oder nicht wissen, worum es geht, tun Sie nichts, und\r\n"
		"antworten Sie vor allem nicht: Die Antwort liest eine Maschine, und jede gilt ihr\r\n"
		"als Ja. Am %.*s verfällt die Frage von selbst.\r\n",
		ARG(owner), ARG(target), ARG(code), ARG(until));
}

static str reply_address(const struct directory_role *r, const struct directory_forward *f, str owner, struct buf *room)
{
	const struct srs srs = { .kind = SRS_CONSENT, .forward = f->number, .day = srs_day(clock_utc_ms()) };
	size_t at = str_find_last(owner, '@');
	forward_address(r, f, &srs, room);
	buf_byte(room, '@');
	buf_add(room, at != STR_NONE ? str_after(owner, at + 1) : directory_first_domain(r->store));
	return room->lost ? NO_STR : buf_str(room);
}

/* A day as both languages can write it. */
static str write_day(int64_t utc_ms, struct buf *room)
{
	char text[16];
	struct tm t;
	time_t seconds = (time_t)(utc_ms / 1000);
	if (gmtime_r(&seconds, &t) != NULL)
		buf_add(room, str_from(text, strftime(text, sizeof text, "%Y-%m-%d", &t)));
	return buf_str(room);
}

static err send_code(struct directory_role *r, const struct directory_forward *f, str code)
{
	static struct letter l; /* the loop's thread only */
	struct first first;
	char reply[MAILNAME_MAX + 2], day_room[16];
	struct buf b = BUF_ON(reply), day = BUF_ON(day_room);
	str until = write_day(f->code_until, &day);
	str owner = owner_of(r, f, &first);
	letter_begin(&l, r);
	letter_to_forward(&l, f->number, f->target);
	letter_head(&l, f->target, reply_address(r, f, owner, &b));
	if (is_german(r, f)) {
		buf_add(&l.text, S("Subject: =?utf-8?q?Weiterleitung_best=C3=A4tigen?=\r\n"));
		letter_kind(&l);
		write_german(&l.text, owner, f->target, code, until);
	} else {
		buf_add(&l.text, S("Subject: Do you agree to get forwarded mail?\r\n"));
		letter_kind(&l);
		write_english(&l.text, owner, f->target, code, until);
	}
	return letter_send(&l);
}

err forward_ask(struct directory_role *r, struct directory_change *c, uint32_t number)
{
	char room[FORWARD_ROOM], code_room[CODE_ROOM], hash[FORWARD_HASH];
	struct buf b = BUF_ON(room), code = BUF_ON(code_room);
	struct directory_forward f;
	int64_t until = c->at + (int64_t)r->service->conf->forward.code_life * 1000;
	if (r->queue == NULL)
		return FAIL(CLOSED);
	if (!hash_code(r, new_code(number, &code), hash))
		return FAIL(LIMIT);
	TRY(directory_forward_ask(r->store, c, number, hash, until));
	TRY(directory_forward(r->store, number, &b, &f));
	TRY(send_code(r, &f, buf_str(&code)));
	wipe(code_room, sizeof code_room);
	LOG(&r->service->log, forward_asked, F_NUMBER("forward", number), F_ADDRESS("target", f.target));
	return OK;
}

/* ---- the answer ---- */

err forward_try(struct directory_role *r, str code, uint32_t *number)
{
	char room[FORWARD_ROOM], hash[FORWARD_HASH];
	struct buf b = BUF_ON(room);
	struct directory_forward f;
	str rest = code, first;
	uint64_t forward;
	if (!str_cut(&rest, '-', &first) || failed(str_number(first, UINT32_MAX, &forward)) ||
		!hash_code(r, code, hash))
		return FAIL(ABSENT);
	TRY(directory_forward(r->store, (uint32_t)forward, &b, &f));
	if (f.state == FORWARD_ACTIVE || !f.has_code || f.tries >= FORWARD_TRIES_MAX || f.code_until < clock_utc_ms())
		return FAIL(ABSENT);
	if (!str_eq_secret(str_from(hash, sizeof hash), str_from(f.hash, sizeof f.hash))) {
		TRY(directory_forward_try(r->store, f.number));
		return FAIL(ABSENT);
	}
	*number = f.number;
	return OK;
}

static err agreed(struct directory_role *r, const struct directory_forward *f)
{
	struct directory_change c = {
		.at = clock_utc_ms(), .caller = S("queue"), .verb = S("forward confirm"), .words = S("")
	};
	if (f->state != FORWARD_ASKED)
		return OK; /* it was said before */
	TRY(directory_forward_confirm(r->store, &c, f->number));
	LOG(&r->service->log, forward_confirmed, F_NUMBER("forward", f->number), F_ADDRESS("target", f->target));
	return OK;
}

static err failed_again(struct directory_role *r, const struct directory_forward *f, str reason)
{
	bool suspended = false;
	uint64_t most = r->service->conf->forward.failures_max;
	TRY(directory_forward_failed(r->store, f->number, clock_utc_ms(), reason, (unsigned)most, &suspended));
	LOG(&r->service->log, forward_failed, F_NUMBER("forward", f->number), F_ADDRESS("target", f->target),
		F_TEXT("reason", reason), F_TEXT("advice", S("ask the target whether the address is still good")));
	if (suspended)
		LOG(&r->service->log, forward_suspended, F_NUMBER("forward", f->number), F_ADDRESS("target", f->target),
			F_TEXT("reason", reason),
			F_TEXT("advice", S("remove it, or when the cause is gone: siegel forward resume NUMBER")));
	return OK;
}

void forward_returned(struct directory_role *r, uint32_t number, bool consent, str reason)
{
	char room[FORWARD_ROOM];
	struct buf b = BUF_ON(room);
	struct directory_forward f;
	if (r->store == NULL)
		return;
	err e = directory_forward(r->store, number, &b, &f);
	if (e.code == ERR_ABSENT)
		return; /* it was removed meanwhile */
	if (!failed(e))
		e = consent ? agreed(r, &f) : failed_again(r, &f, reason);
	if (failed(e))
		IGNORE(store_failure(r, e)); /* logged; not counted */
}
