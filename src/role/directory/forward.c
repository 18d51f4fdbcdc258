/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves by a forward has a sender of ours, and what comes back to that is ours to deal with: nobody outside is ever
 * told. A message that cannot be forwarded stays in the mailbox, or, where there is none, with the postmaster. */
#include "role/directory/forward.h"

#include "base/openssl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "os/clock.h"
#include "proto/smtp/parameter.h"
#include "role/directory/cap.h"
#include "role/directory/session.h"

enum { MAC = 32, RETURN_DAYS = 21, LINE_ROOM = SRS_SIGNED_MAX + MAILNAME_MAX + FORWARD_HASH };

_Static_assert((int)FORWARD_HASH == (int)MAC, "a hash of a code is a MAC");

err forwards_start(struct directory_role *r)
{
	r->caps = cap_new(r->service->arena);
	return r->caps != NULL ? directory_key(r->store, r->forward_key) : FAIL(MEMORY);
}

/* ---- addresses ---- */

bool forward_mac(const struct directory_role *r, str text, uint8_t out[FORWARD_HASH])
{
	unsigned n = 0;
	return HMAC(EVP_sha256(), r->forward_key, DIRECTORY_KEY, (const uint8_t *)text.p, text.n, out, &n) != NULL &&
	       n == MAC;
}

/* A forward that was removed and set anew has another number, and one that asks anew another code. */
static bool sign(
	const struct directory_role *r, const struct directory_forward *f, const struct srs *s, uint8_t mac[MAC])
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	srs_signed(s, f->target, &line);
	if (s->kind == SRS_CONSENT)
		buf_add(&line, str_from(f->hash, FORWARD_HASH));
	return !line.lost && forward_mac(r, buf_str(&line), mac);
}

void forward_address(
	const struct directory_role *r, const struct directory_forward *f, const struct srs *s, struct buf *out)
{
	uint8_t mac[MAC];
	if (sign(r, f, s, mac))
		srs_write(s, mac, out);
	else
		out->lost = true;
}

bool forward_is_signed(const struct directory_role *r, const struct directory_forward *f, const struct srs *s)
{
	uint8_t mac[MAC];
	char want[SRS_SIGNATURE], got[SRS_SIGNATURE];
	if (!sign(r, f, s, mac) || s->signature.n != SRS_SIGNATURE)
		return false;
	srs_signature(mac, want);
	for (size_t i = 0; i < SRS_SIGNATURE; i++)
		got[i] = ascii_upper(s->signature.p[i]);
	return str_eq_secret(str_from(want, SRS_SIGNATURE), str_from(got, SRS_SIGNATURE));
}

bool forward_is_address(str local)
{
	return str_starts_nocase(local, S("SRS0=")) || str_starts_nocase(local, S("FWD0="));
}

/* By this word in its header a message is known that has been forwarded before, whatever was done to its envelope. */
static str mark_of(const struct directory_role *r, uint32_t number, struct buf *room)
{
	uint8_t mac[MAC];
	char text[64], letters[SRS_SIGNATURE];
	struct buf b = BUF_ON(text);
	buf_addf(&b, "mark\n%u", number);
	if (!forward_mac(r, buf_str(&b), mac))
		return S("");
	srs_signature(mac, letters);
	buf_add(room, str_from(letters, sizeof letters));
	return buf_str(room);
}

/* Has the message left by a forward of ours before? Its sender may say so. */
bool forward_is_back(const struct session *s)
{
	char room[FORWARD_ROOM];
	struct buf b = BUF_ON(room);
	struct directory_forward f;
	struct srs srs;
	str sender = s->transaction.sender;
	size_t at = str_find_last(sender, '@');
	if (at == STR_NONE || failed(srs_parse(str_slice(sender, 0, at), &srs)) ||
		failed(directory_forward(s->role->store, srs.forward, &b, &f)))
		return false;
	return forward_is_signed(s->role, &f, &srs);
}

/* ---- how much ---- */

static str domain_of(str address) { return str_after(address, str_find_last(address, '@') + 1); }

static str lower(str s, struct buf *room)
{
	for (size_t i = 0; i < s.n; i++)
		buf_byte(room, ascii_lower(s.p[i]));
	return buf_str(room);
}

static bool is_over(uint64_t count, uint64_t most) { return most > 0 && count >= most; }

static bool is_limited(struct session *s, str target)
{
	const struct conf_forward *c = &s->role->service->conf->forward;
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	str name = lower(target, &b);
	int64_t now = clock_ms();
	const char *limit = is_over(cap_count(s->role->caps, name, now), c->target_per_hour) ? "forward.target_per_hour"
			    : is_over(cap_count(s->role->caps, domain_of(name), now), c->domain_per_hour)
				    ? "forward.domain_per_hour"
				    : NULL;
	if (limit != NULL)
		LOG(&s->log, forward_limited, F_ADDRESS("target", target), F_TEXT("limit", str_of(limit)),
			F_TEXT("advice", S("if so much is meant to go there, raise the limit")));
	return limit != NULL;
}

void forwards_count(struct session *s)
{
	int64_t now = clock_ms();
	for (const struct recipient *to = s->transaction.first; to != NULL; to = to->next) {
		char room[MAILNAME_MAX];
		struct buf b = BUF_ON(room);
		if (to->forward == 0 || to->account != 0)
			continue;
		str name = lower(*to->address, &b);
		(void)cap_add(s->role->caps, name, now);
		(void)cap_add(s->role->caps, domain_of(name), now);
	}
}

/* ---- what is forwarded ---- */

/* Nothing leaves for our own domains, whatever was ours when the forward was set. */
static err is_elsewhere(struct directory_role *r, str target, bool *out)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	struct directory_match match = { .kind = DIRECTORY_UNKNOWN };
	if (!failed(mailname_parse(target, NO_STR, &b, &name)))
		TRY(directory_find(r->store, &name, '\0', &match));
	*out = match.kind == DIRECTORY_ELSEWHERE;
	return OK;
}

/* RFC 5321 4.5.5: what has the null sender keeps it, and is never answered. */
static str sender_of(struct session *s, const struct directory_forward *f, str domain)
{
	char other[MAILNAME_MAX];
	struct buf o = BUF_ON(other), b = buf_in(s->transaction_arena, MAILNAME_MAX);
	if (s->transaction.sender.n == 0)
		return S("");
	srs_sender(s->transaction.sender, f->number, &o);
	const struct srs srs = {
		.kind = SRS_RETURN, .forward = f->number, .day = srs_day(clock_utc_ms()), .sender = buf_str(&o)
	};
	forward_address(s->role, f, &srs, &b);
	buf_addf(&b, "@%.*s", ARG(domain));
	return b.lost ? NO_STR : buf_str(&b);
}

static err add(struct session *s, const struct directory_forward *f, str domain, uint32_t keeper, bool alone)
{
	struct arena *a = s->transaction_arena;
	str *address = NEW(a, str, 1);
	struct buf mark = buf_in(a, SRS_SIGNATURE);
	struct recipient r = { .forward = f->number, .keeper = keeper, .is_alone = alone };
	if (address == NULL)
		return FAIL(LIMIT);
	*address = arena_copy(a, f->target);
	r.address = address;
	r.detail = r.orcpt = S("");
	r.notify = SMTP_NOTIFY_FAILURE; /* to us, who sends it */
	r.sender = sender_of(s, f, domain);
	r.mark = mark_of(s->role, f->number, &mark);
	if (r.sender.p == NULL || r.mark.n == 0 || arena_spent(a) || ++s->transaction.forwards > SESSION_FORWARDS_MAX)
		return FAIL(LIMIT);
	return transaction_add(s, &r);
}

static err may_use(struct session *s, const struct directory_forward *f, bool *may)
{
	bool elsewhere = false;
	if (f->state == FORWARD_ACTIVE)
		TRY(is_elsewhere(s->role, f->target, &elsewhere));
	*may = elsewhere && !is_limited(s, f->target);
	return OK;
}

struct numbers {
	uint32_t all[DIRECTORY_FORWARDS_MAX];
	size_t count;
};

static void gather(void *to, const struct directory_forward *f)
{
	struct numbers *n = to;
	if (n->count < DIRECTORY_FORWARDS_MAX)
		n->all[n->count++] = f->number;
}

err forwards_of_account(struct session *s, uint32_t account, str domain, bool *stays)
{
	struct numbers numbers = { .count = 0 };
	*stays = true;
	if (directory_account(s->role->store, account)->forwards == 0 || forward_is_back(s))
		return OK;
	TRY(directory_each_forward(s->role->store, account, gather, &numbers));
	for (size_t i = 0; i < numbers.count; i++) {
		char room[FORWARD_ROOM];
		struct buf b = BUF_ON(room);
		struct directory_forward f;
		bool may;
		TRY(directory_forward(s->role->store, numbers.all[i], &b, &f));
		TRY(may_use(s, &f, &may));
		if (!may)
			continue;
		/* The first keeps the message for all, if there is no copy. */
		TRY(add(s, &f, domain, f.keeps || !*stays ? 0 : account, false));
		*stays = *stays && f.keeps;
	}
	return OK;
}

err postmaster_of(struct directory_role *r, str domain, uint32_t *out)
{
	const struct mailname name = { S("postmaster"), domain };
	struct directory_match match;
	struct directory_recipients behind = { .count = 0 };
	TRY(directory_find(r->store, &name, '\0', &match));
	if (match.kind == DIRECTORY_ALIAS)
		TRY(directory_expand(r->store, &match.found, &behind));
	*out = match.kind == DIRECTORY_MAILBOX ? match.account : behind.count > 0 ? behind.account[0] : 0;
	return *out != 0 ? OK : directory_postmaster(r->store, domain, out);
}

err forwards_of_alias(
	struct session *s, const struct directory_recipients *behind, str domain, bool alone, size_t *count)
{
	uint32_t keeper = 0;
	*count = 0;
	if (forward_is_back(s))
		return OK;
	if (alone && behind->forwards_count > 0)
		TRY(postmaster_of(s->role, domain, &keeper));
	for (size_t i = 0; i < behind->forwards_count; i++) {
		char room[FORWARD_ROOM];
		struct buf b = BUF_ON(room);
		struct directory_forward f;
		bool may;
		TRY(directory_forward(s->role->store, behind->forward[i], &b, &f));
		TRY(may_use(s, &f, &may));
		if (!may)
			continue;
		TRY(add(s, &f, domain, *count == 0 ? keeper : 0, alone));
		++*count;
	}
	return OK;
}

/* ---- what comes back ---- */

static void refuse(struct forward_verdict *v, unsigned code, str status, str reason)
{
	*v = (struct forward_verdict){ code, status, reason };
}

/* What may be said to whom, once the signature is known to be ours. */
static void look(
	const struct session *s, const struct directory_forward *f, const struct srs *srs, struct forward_verdict *v)
{
	bool is_null = s->transaction.sender.n == 0;
	int64_t now = clock_utc_ms();
	if (srs->kind == SRS_RETURN && !is_null)
		refuse(v, 550, S("5.7.1"), S("Only what could not be delivered comes back to this address"));
	else if (srs->kind == SRS_RETURN && !srs_is_current(srs->day, now, RETURN_DAYS))
		refuse(v, 550, S("5.7.1"), S("This return address is out of date"));
	else if (srs->kind == SRS_CONSENT && is_null)
		refuse(v, 550, S("5.7.1"), S("Only a person can agree"));
	else if (srs->kind == SRS_CONSENT && (f->state != FORWARD_ASKED || !f->has_code || f->code_until < now))
		refuse(v, 550, S("5.7.1"), S("Nobody waits for this answer any more"));
}

err forward_recipient(struct session *s, const struct mailname *name, struct recipient *out, struct forward_verdict *v)
{
	struct directory_role *r = s->role;
	char room[FORWARD_ROOM];
	struct buf b = BUF_ON(room);
	struct directory_forward f;
	struct srs srs;
	*v = (struct forward_verdict){ .code = 0 };
	err e = srs_parse(name->local, &srs);
	if (!failed(e))
		e = directory_forward(r->store, srs.forward, &b, &f);
	if (failed(e) && e.code != ERR_SYNTAX && e.code != ERR_ABSENT)
		return e;
	if (failed(e) || !forward_is_signed(r, &f, &srs)) {
		refuse(v, 550, S("5.1.1"), S("There is no such mailbox"));
		return OK;
	}
	look(s, &f, &srs, v);
	if (v->code != 0)
		return OK;
	uint32_t account = f.account;
	if (account == 0)
		TRY(postmaster_of(r, f.alias.domain, &account));
	const struct directory_account *a = directory_account(r->store, account);
	if (a == NULL || a->state != ACCOUNT_ACTIVE)
		refuse(v, 550, S("5.2.1"), S("This mailbox is disabled"));
	out->account = account;
	out->forward = f.number;
	out->is_consent = srs.kind == SRS_CONSENT;
	return OK;
}
