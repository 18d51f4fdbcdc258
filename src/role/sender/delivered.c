/* SPDX-License-Identifier: Apache-2.0 */
/* A slot for each job of which somebody has got his copy. Its count is written last, so whoever is killed half way leaves a
 * slot that says less, and nothing that is wrong. What a process before us left is checked like anything that comes from
 * outside: it had talked to strangers. */
#include "role/sender/delivered.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "os/fd.h"

enum { HAS_DSN = 1, IS_FINAL = 2, TRAITS = HAS_DSN | IS_FINAL };

struct slot {
	_Atomic uint32_t count; /* 0: it is free */
	uint8_t transaction[16];
	uint64_t job;
	uint32_t recipients[TARGETS_MAX];
	uint8_t traits[TARGETS_MAX];
	char host[NAME_MAX_BYTES + 1];
};

/* Free slots by number; guarded by sender.lock. */
struct delivered {
	struct slot *slots;
	uint32_t *unused;
	size_t unused_count;
};

/* ---- what was left ---- */

static str host_of(const struct slot *slot)
{
	str host = str_from(slot->host, strnlen(slot->host, NAME_MAX_BYTES));
	return str_is(CH_PRINT, host) ? host : S("");
}

static struct target *recall_targets(const struct slot *slot, uint32_t count, struct arena *a)
{
	struct target *targets = NEW(a, struct target, count);
	for (uint32_t i = 0; targets != NULL && i < count; i++) {
		const uint8_t traits = slot->traits[i];
		if (traits > TRAITS || slot->recipients[i] > UINT16_MAX)
			return NULL;
		targets[i] = (struct target){ .recipient = slot->recipients[i],
			.answered = true,
			.outcome = { .kind = OUTCOME_DELIVERED,
				.dsn = (traits & HAS_DSN) != 0,
				.final = (traits & IS_FINAL) != 0,
				.code = 250,
				.status = S("2.0.0"),
				.text = S("taken; the words went with the process that heard them") } };
	}
	return targets;
}

static bool recall(struct sender *s, struct slot *slot, uint32_t count)
{
	struct arena *a = arena_new("job", JOB_BUDGET);
	struct target *targets = count <= TARGETS_MAX ? recall_targets(slot, count, a) : NULL;
	struct job *j = NEW(a, struct job, 1);
	if (targets == NULL || j == NULL) {
		arena_free(&a);
		return false;
	}
	*j = (struct job){ .sender = s,
		.arena = a,
		.state = JOB_DONE,
		.number = slot->job,
		.targets = targets,
		.count = count,
		.file = -1,
		.slot = slot };
	memcpy(j->transaction, slot->transaction, sizeof j->transaction);
	snprintf(j->host, sizeof j->host, "%.*s", ARG(host_of(slot)));
	job_enter(j);
	return true;
}

void delivered_open(struct sender *s, int fd)
{
	struct stat st;
	size_t count = fstat(fd, &st) == 0 ? (size_t)st.st_size / sizeof(struct slot) : 0;
	void *p = count > 0 ? mmap(NULL, count * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			    : MAP_FAILED;
	struct delivered *d = NEW(s->service->arena, struct delivered, 1);
	uint32_t *unused = NEW(s->service->arena, uint32_t, count);
	fd_close(&fd);
	if (p == MAP_FAILED || d == NULL || unused == NULL)
		return;
	*d = (struct delivered){ .slots = p, .unused = unused };
	for (size_t i = count; i-- > 0;) {
		struct slot *slot = &d->slots[i];
		uint32_t kept = atomic_load(&slot->count);
		if (kept > 0 && recall(s, slot, kept))
			continue;
		if (kept > 0)
			atomic_store(&slot->count, 0);
		d->unused[d->unused_count++] = (uint32_t)i;
	}
	s->delivered = d;
}

/* ---- what happens ---- */

static struct slot *take(struct sender *s)
{
	struct delivered *d = s->delivered;
	struct slot *slot = NULL;
	pthread_mutex_lock(&s->lock);
	if (d != NULL && d->unused_count > 0)
		slot = &d->slots[d->unused[--d->unused_count]];
	pthread_mutex_unlock(&s->lock);
	return slot;
}

void delivered_note(struct job *j, const struct target *t)
{
	struct slot *slot = j->slot != NULL ? j->slot : take(j->sender);
	if (slot == NULL)
		return;
	if (j->slot == NULL) {
		memcpy(slot->transaction, j->transaction, sizeof slot->transaction);
		memcpy(slot->host, j->host, sizeof slot->host);
		slot->job = j->number;
		j->slot = slot;
	}
	uint32_t at = atomic_load(&slot->count);
	if (at >= TARGETS_MAX)
		return;
	slot->recipients[at] = t->recipient;
	slot->traits[at] = (uint8_t)((t->outcome.dsn ? HAS_DSN : 0) | (t->outcome.final ? IS_FINAL : 0));
	atomic_store(&slot->count, at + 1);
}

void delivered_forget(struct job *j)
{
	struct sender *s = j->sender;
	if (j->slot == NULL)
		return;
	atomic_store(&j->slot->count, 0);
	pthread_mutex_lock(&s->lock);
	s->delivered->unused[s->delivered->unused_count++] = (uint32_t)(j->slot - s->delivered->slots);
	pthread_mutex_unlock(&s->lock);
	j->slot = NULL;
}
