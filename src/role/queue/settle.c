/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a parcel is stored: who has it is forgotten, who does not waits for the next attempt, and for whom there
 * will be none the sender gets a notice, all in one transaction. */
#include "os/clock.h"
#include "role/queue/forward.h"
#include "role/queue/notice.h"
#include "role/queue/remote.h"
#include "store/spool/file.h"

enum { FAILED_MS = 1000 };

static int64_t expire_ms(const struct remote *r) { return (int64_t)r->q->service->conf->queue.expire * 1000; }

/* ---- before ---- */

static void defer_unsaid(struct share *s)
{
	if (s->has_outcome)
		return;
	s->has_outcome = true;
	s->kind = OUTCOME_DEFERRED;
	s->why = (struct spool_diagnosis){ .cause = CAUSE_local,
		.status = S("4.3.0"),
		.text = S("nothing was said about this recipient"),
		.host = S("") };
}

/* N5 of the requirements: an inner server has refused for good what this one took for it. Where the sender is a stranger,
 * who may not be told, the message is kept for a person to look at. An alarm that cannot be mailed raises no other. */
static bool is_to_be_held(const struct spool_message *m, const struct share *s)
{
	return s->is_inner && s->kind == OUTCOME_FAILED && !notice_is_allowed(m, s->keeper) &&
	       (m->flags & SPOOL_OWN) == 0;
}

static void decide(struct remote *r, const struct parcel *p, struct share *s)
{
	int64_t now = clock_utc_ms();
	defer_unsaid(s);
	if (s->kind == OUTCOME_DEFERRED && now >= p->message->row.received + expire_ms(r)) {
		s->kind = OUTCOME_FAILED;
		s->is_expired = true;
	}
	s->is_held = is_to_be_held(&p->message->row, s);
	if (s->kind == OUTCOME_DEFERRED)
		s->due = now + schedule_wait(r->schedule, s->attempts + 1, remote_jitter());
}

/* ---- in the writer's thread ---- */

static err run_share(struct parcel *p, const struct share *s, struct spool *spool)
{
	int64_t id = p->message->row.id;
	bool last = false;
	if (p->is_damaged)
		return spool_hold(spool, id, s->position, &last);
	if (s->heirs_count > 0)
		return spool_readdress(spool, id, s->position, s->detail, s->heirs, s->heirs_count);
	if (s->kind == OUTCOME_DEFERRED)
		return spool_remote_defer(spool, id, s->position, s->due, &s->why);
	if (s->kind == OUTCOME_FAILED && s->forward != 0 && s->keeper != 0)
		return spool_remote_keep(spool, id, s->position);
	if (s->is_held)
		return spool_remote_hold(spool, id, s->position, &s->why);
	TRY(spool_remove(spool, id, s->position, &last));
	p->is_last |= last;
	return OK;
}

/* Who wrote to an address knows nothing of where it is forwarded, and is told nothing of it. */
static bool wants_notice(const struct spool_message *m, const struct share *s, enum notice_kind kind)
{
	if (s->forward != 0 || !notice_is_allowed(m, s->keeper))
		return false;
	if (kind == NOTICE_FAILED)
		return s->kind == OUTCOME_FAILED && notice_wanted(s->notify, kind);
	return s->kind == OUTCOME_DELIVERED && !s->has_dsn && notice_wanted(s->notify, kind);
}

static err run_notice(struct parcel *p, enum notice_kind kind, struct spool *spool)
{
	struct notice n = { .kind = kind, .about = &p->message->row };
	struct notice_recipient list[PARCEL_RECIPIENTS_MAX];
	for (size_t i = 0; i < p->count; i++) {
		const struct share *s = &p->shares[i];
		if (!wants_notice(n.about, s, kind))
			continue;
		n.account = notice_account(n.about, s->keeper); /* the same for all, since it is the sender's */
		list[n.count++] = (struct notice_recipient){ s->address, s->orcpt, s->why, s->is_final, s->is_expired };
	}
	n.list = list;
	n.hostname = p->message->q->service->conf->server.hostname;
	return n.count > 0 ? notice_spool(&n, spool) : OK;
}

/* The notices first: they quote the message, which goes with its last recipient. */
static err run(struct job *j, struct spool *spool)
{
	struct parcel *p = (struct parcel *)j;
	p->is_last = false;
	TRY(spool_locate(spool, &p->message->row));
	if (!p->is_damaged) {
		TRY(run_notice(p, NOTICE_FAILED, spool));
		TRY(run_notice(p, NOTICE_SUCCESS, spool));
	}
	for (size_t i = 0; i < p->count; i++)
		TRY(run_share(p, &p->shares[i], spool));
	return OK;
}

static void committed(struct job *j)
{
	struct parcel *p = (struct parcel *)j;
	if (p->is_last && (p->message->row.flags & SPOOL_FILE) != 0)
		spool_file_remove(p->message->row.number);
}

/* ---- after ---- */

static void log_share(const struct parcel *p, const struct share *s)
{
	char room[NUMBER_TEXT];
	const struct log log = message_log(p->message, room);
	str destination = destination_name(p->mail->destination);
	str cause = cause_word(s->is_expired ? CAUSE_expired : s->why.cause);
	if (s->heirs_count > 0)
		LOG(&log, message_readdressed, F_ADDRESS("recipient", s->address), F_TEXT("destination", destination),
			F_NUMBER("mailboxes", s->heirs_count));
	else if (s->kind == OUTCOME_DELIVERED)
		LOG(&log, message_relayed, F_ADDRESS("recipient", s->address), F_TEXT("destination", destination),
			F_TEXT("host", s->why.host), F_NUMBER("code", s->why.code));
	else if (s->kind == OUTCOME_DEFERRED)
		LOG(&log, message_deferred, F_ADDRESS("recipient", s->address), F_TEXT("destination", destination),
			F_TEXT("cause", cause), F_TEXT("reason", s->why.text),
			F_NUMBER("milliseconds", (uint64_t)(s->due - clock_utc_ms())));
	else
		LOG(&log, message_failed, F_ADDRESS("recipient", s->address), F_TEXT("destination", destination),
			F_TEXT("cause", cause), F_NUMBER("code", s->why.code), F_TEXT("reason", s->why.text));
}

static void alarm_held(const struct parcel *p, const struct share *s)
{
	char room[NUMBER_TEXT];
	const struct log log = message_log(p->message, room);
	LOG(&log, alarm, F_TEXT("kind", S("message_failed")), F_ADDRESS("recipient", s->address),
		F_TEXT("cause", cause_word(s->is_expired ? CAUSE_expired : s->why.cause)),
		F_TEXT("reason", s->why.text),
		F_TEXT("advice",
			S("the inner server refused what this one had taken for it; the message is held, since its "
			  "sender may not be told: see why, then siegel queue release --id or siegel queue "
			  "delete --id")));
}

/* Mail of a device that may relay without a login: it is gone, nobody here sent it, and whoever is named as its sender may not
 * be told. So whoever keeps the server is. */
static void alarm_untold(const struct parcel *p, const struct share *s)
{
	char room[NUMBER_TEXT];
	const struct log log = message_log(p->message, room);
	const struct spool_message *m = &p->message->row;
	bool is_lost = s->kind == OUTCOME_FAILED && s->forward == 0 && !s->is_held && m->sender.n > 0 &&
		       (m->flags & (SPOOL_OWN | SPOOL_AUTOMATIC)) == 0 && notice_wanted(s->notify, NOTICE_FAILED);
	if (!is_lost || notice_is_allowed(m, s->keeper))
		return;
	LOG(&log, alarm, F_TEXT("kind", S("message_failed")), F_ADDRESS("sender", m->sender),
		F_ADDRESS("recipient", s->address),
		F_TEXT("cause", cause_word(s->is_expired ? CAUSE_expired : s->why.cause)),
		F_TEXT("reason", s->why.text),
		F_TEXT("advice",
			S("it came without a login, from relay.relay_networks, so nobody was told: tell whoever keeps "
			  "that device, or have it log in")));
}

/* N6 of the requirements: whoever keeps the server learns of each notice, and what to change. */
static void log_notices(struct remote *r, const struct parcel *p)
{
	char room[NUMBER_TEXT];
	const struct log log = message_log(p->message, room);
	const struct spool_message *m = &p->message->row;
	for (size_t i = 0; i < p->count; i++) {
		const struct share *s = &p->shares[i];
		unsigned cause = s->is_expired && s->why.cause == CAUSE_none ? CAUSE_expired : s->why.cause;
		bool tells_failure = wants_notice(m, s, NOTICE_FAILED);
		if (tells_failure || wants_notice(m, s, NOTICE_SUCCESS))
			remote_notice_waits(r, notice_account(m, s->keeper), m->sender);
		if (!tells_failure)
			continue;
		LOG(&log, notice_made, F_TEXT("kind", S("failed")), F_ADDRESS("sender", m->sender),
			F_ADDRESS("recipient", s->address), F_TEXT("cause", cause_word(cause)),
			F_TEXT("reason", s->why.text), F_TEXT("advice", str_of(notice_advice(cause))));
	}
}

static void note_forward(struct remote *r, const struct parcel *p, const struct share *s)
{
	char room[NUMBER_TEXT];
	const struct log log = message_log(p->message, room);
	if (s->forward == 0 || s->kind != OUTCOME_FAILED)
		return;
	if (s->keeper != 0) {
		LOG(&log, forward_kept, F_NUMBER("forward", s->forward),
			F_TEXT("reason", S("it could not be delivered")));
		accounts_waiting(r->q, s->keeper);
	}
	forward_failed(r->q, s->forward, s->why.text);
}

static void next_due(struct remote *r, const struct parcel *p)
{
	struct destination *d = p->mail->destination;
	int64_t due = INT64_MAX, now = clock_ms();
	for (size_t i = 0; i < p->count; i++)
		if (p->shares[i].kind == OUTCOME_DEFERRED && p->shares[i].due < due)
			due = p->shares[i].due;
	if (due == INT64_MAX)
		return;
	due += now - clock_utc_ms();
	if (due < d->due)
		schedule_due(r->schedule, d, due, now);
}

static void try_again(void *to)
{
	struct remote *r = to;
	while (r->failed != NULL) {
		struct parcel *p = r->failed;
		r->failed = p->next_failed;
		r->settles++;
		writer_post(r->q->writer, &p->job);
	}
}

/* A result must not be lost: until it is stored the message counts as under way. */
static void done(struct job *j)
{
	struct parcel *p = (struct parcel *)j;
	struct remote *r = p->message->q->remote;
	struct mail *m = p->mail;
	r->settles--;
	if (failed(j->e) && !r->q->stopping) {
		p->next_failed = r->failed;
		r->failed = p;
		loop_timer_start(r->q->service->loop, &r->failed_timer, FAILED_MS, try_again, r);
		return;
	}
	if (!failed(j->e) && !p->is_damaged) {
		for (size_t i = 0; i < p->count; i++)
			log_share(p, &p->shares[i]);
		for (size_t i = 0; i < p->count; i++)
			note_forward(r, p, &p->shares[i]);
		for (size_t i = 0; i < p->count; i++)
			if (p->shares[i].is_held)
				alarm_held(p, &p->shares[i]);
		for (size_t i = 0; i < p->count; i++)
			alarm_untold(p, &p->shares[i]);
		log_notices(r, p);
		next_due(r, p);
		if (p->is_owed)
			sender_note(r, p->number);
	}
	for (size_t i = 0; !failed(j->e) && i < p->count; i++)
		for (size_t k = 0; k < p->shares[i].heirs_count; k++)
			accounts_waiting(r->q, p->shares[i].heirs[k]);
	parcel_forget(p, r);
	mail_offer(m, r);
	remote_pump(r);
}

void parcel_settle(struct parcel *p, struct remote *r)
{
	if (p->state == PARCEL_WAITING)
		parcel_move(p, PARCEL_SETTLING, false);
	p->state = PARCEL_SETTLING;
	for (size_t i = 0; i < p->count; i++)
		decide(r, p, &p->shares[i]);
	/* Not later: until it is stored only the sender, which may die as well, can say it again. */
	p->job = (struct job){ .run = run, .committed = committed, .done = done, .haste = JOB_SOON };
	r->settles++;
	writer_post(r->q->writer, &p->job);
}

void parcel_hold(struct parcel *p, struct remote *r)
{
	message_damaged(p->message);
	p->is_damaged = true;
	parcel_move(p, PARCEL_SETTLING, false);
	p->job = (struct job){ .run = run, .done = done, .haste = JOB_LAZY };
	r->settles++;
	writer_post(r->q->writer, &p->job);
}

void parcel_defer(struct parcel *p, struct remote *r, str reason)
{
	for (size_t i = 0; i < p->count; i++) {
		struct share *s = &p->shares[i];
		s->has_outcome = true;
		s->kind = OUTCOME_DEFERRED;
		s->why = (struct spool_diagnosis){ .cause = CAUSE_local,
			.status = S("4.3.0"),
			.text = arena_copy(p->message->arena, reason),
			.host = S("") };
	}
	parcel_settle(p, r);
}
