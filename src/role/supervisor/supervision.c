/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/supervision.h"

#include "role/supervisor/mailboxes.h"
#include "role/supervisor/notify.h"
#include "role/supervisor/process.h"
#include "role/supervisor/reload.h"

#include "os/clock.h"

enum { RETIREMENT = 600 }; /* seconds that a process may take to finish what it has */

static bool all_serve(const struct supervisor *s)
{
	for (const struct process *p = s->processes; p != NULL; p = p->next)
		if (p->state != PROCESS_RUNNING)
			return false;
	return true;
}

static void become_ready(struct supervisor *s)
{
	s->ready = true;
	loop_timer_stop(s->service.loop, &s->patience);
	if (!s->setup->offline)
		notify("READY=1");
	s->setup->ready(s->setup->to);
}

void supervision_changed(struct supervisor *s, struct process *p)
{
	if (p->replaces != NULL) {
		struct process *old = p->replaces;
		p->replaces = NULL;
		if (old->pid > 0)
			process_retire(old, RETIREMENT);
		else
			process_free(old); /* it died meanwhile and need not come back */
		reload_step(s);
	}
	if (!s->ready && !s->stopping && all_serve(s))
		become_ready(s);
}

/* ---- stopping ---- */

static bool phase_is_over(const struct supervisor *s, unsigned phase)
{
	for (const struct process *p = s->processes; p != NULL; p = p->next)
		if (p->row->phase <= phase && p->pid > 0)
			return false;
	return true;
}

static void next_phase(struct supervisor *s)
{
	while (s->phase <= PHASES && phase_is_over(s, s->phase)) {
		s->phase++;
		for (struct process *p = s->processes; p != NULL; p = p->next)
			if (p->row->phase == s->phase)
				process_stop(p);
	}
	if (s->phase > PHASES)
		loop_stop(s->service.loop);
}

void supervision_stop(struct supervisor *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->phase = 0;
	LOG(&s->service.log, stopped);
	loop_timer_stop(s->service.loop, &s->patience);
	for (struct process *p = s->processes; p != NULL; p = p->next)
		if (p->pid == 0)
			process_stop(p); /* it waits to be started again */
	next_phase(s);
}

/* ---- a death ---- */

static void mailbox_ended(struct supervisor *s, struct process *p, enum process_state was)
{
	uint32_t account = p->account;
	bool wanted = p->wanted, served = was != PROCESS_STARTING;
	LOG(&s->service.log, mailbox_ended, F_NUMBER("account", account));
	mailboxes_turn_over(p);
	mailboxes_note_end(p);
	process_free(p);
	if (s->stopping)
		return;
	if (!served)
		mailboxes_failed(s, account, S("the mailbox process ended at its start"));
	else if (wanted) /* also when it was killed: its mailroom may have seen that, and asked again, before us */
		mailboxes_start(s, account);
}

static void start_again_later(struct supervisor *s, struct process *p)
{
	if (p->failures > 0)
		LOG(&s->service.log, alarm, F_TEXT("kind", S("process_died")), F_TEXT("process_role", str_of(p->name)),
			F_TEXT("reason", S("it ended again and again; see the events process_died")));
	process_try_again(p);
}

void supervision_ended(struct supervisor *s, struct process *p, enum process_state was)
{
	reload_forget(p);
	if (p->account != 0) {
		mailbox_ended(s, p, was);
	} else if (!s->ready && !s->stopping) {
		s->broken = true;
		supervision_stop(s);
	} else if (p->replaces != NULL && !s->stopping) {
		process_free(p); /* the old one goes on */
		reload_failed(s, "a new process did not come to serve; the old one goes on");
	} else if (was == PROCESS_RETIRING) {
		process_free(p);
	} else if (!s->stopping) {
		start_again_later(s, p);
	}
	if (s->stopping)
		next_phase(s);
}
