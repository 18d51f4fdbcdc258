/* SPDX-License-Identifier: Apache-2.0 */
/* How long a destination is left alone is stored, so that a restart does not forget it, and neither does the notice at the
 * end of it all. */
#include "os/clock.h"
#include "role/queue/remote.h"

struct backoff {
	struct job job;
	struct arena *arena;
	str name;
	bool removes;
	struct spool_destination row;
};

static err backoff_run(struct job *j, struct spool *spool)
{
	struct backoff *b = (struct backoff *)j;
	return b->removes ? spool_destination_remove(spool, b->name) : spool_destination_put(spool, b->name, &b->row);
}

static void backoff_done(struct job *j)
{
	struct backoff *b = (struct backoff *)j;
	struct arena *a = b->arena;
	arena_free(&a);
}

static struct backoff *backoff_new(const struct destination *d)
{
	struct arena *a = arena_new("back-off", 8192);
	struct backoff *b = NEW(a, struct backoff, 1);
	*b = (struct backoff){ .job = { .run = backoff_run, .done = backoff_done, .haste = JOB_LAZY }, .arena = a };
	b->name = arena_copy(a, destination_name(d));
	return b;
}

void backoff_store(struct mail *mail, struct remote *r, const struct spool_diagnosis *why)
{
	const struct destination *d = mail->destination;
	struct backoff *b = backoff_new(d);
	b->row = (struct spool_destination){
		.failures = d->failures,
		.until = clock_utc_ms() + d->paused_until - clock_ms(),
		.why = { why->cause, why->code, arena_copy(b->arena, why->status), arena_copy(b->arena, why->text),
			arena_copy(b->arena, why->host) },
	};
	mail->stored = true;
	writer_post(r->q->writer, &b->job);
}

void backoff_forget(struct mail *mail, struct remote *r)
{
	if (!mail->stored && mail->looked_up)
		return;
	struct backoff *b = backoff_new(mail->destination);
	b->removes = true;
	mail->stored = false;
	mail->looked_up = true;
	writer_post(r->q->writer, &b->job);
}
