/* SPDX-License-Identifier: Apache-2.0 */
/* A hundred accounts that get mail at once are not a hundred processes that start at once, beside which nothing else would
 * get on: only a few start at a time, the others wait for their turn. One that is slow, since its account has to be put in order,
 * does not keep the turn. */
#include "role/supervisor/mailboxes.h"

#include "role/supervisor/process.h"

#include "os/clock.h"

#include <errno.h>
#include <stdio.h>

enum { TURNS = 4, TURN_MS = 50, START_BUDGET = 256 };

struct start {
	struct start *next;
	struct arena *arena;
	uint32_t account;
};

#define CONVERSATION "ipc/mailroom_supervisor.def"
#include "ipc/conversation.h"

static void turn_away(struct supervisor *s, uint32_t account, str reason)
{
	struct msg_mailbox_failed m = { .account = account, .reason = str_slice(reason, 0, 400) };
	if (s->mailroom.fd >= 0)
		IGNORE(msg_send_mailbox_failed(&s->mailroom, 0, &m)); /* it asks again if it does not hear */
}

void mailboxes_failed(struct supervisor *s, uint32_t account, str reason)
{
	LOG(&s->service.log, alarm, F_TEXT("kind", S("mailbox_failed")), F_NUMBER("account", account),
		F_TEXT("reason", reason));
	turn_away(s, account, reason);
}

static struct crashes *crashes_of(struct supervisor *s, uint32_t account) { return &s->crashes[account % CRASHES]; }

void mailboxes_note_end(struct process *p)
{
	struct crashes *c = crashes_of(p->supervisor, p->account);
	if (p->crashed)
		*c = (struct crashes){ p->account, p->failures + 1, clock_ms() + process_delay(p) };
	else if (c->account == p->account)
		*c = (struct crashes){ 0, 0, 0 };
}

static err open_home(struct supervisor *s, const struct row *row, uint32_t account, struct user *user, int *out)
{
	char name[INSTANCE_MAX];
	struct buf reason = BUF_ON(s->reason);
	err e = user_of_account(&s->conf.accounts, account, user);
	if (failed(e)) {
		buf_addf(&reason, "accounts.uids has no user number for account %u", account);
	} else {
		snprintf(name, sizeof name, "%u", account);
		e = folder_open_in(s->homes[row - rows], row->home, name, user, out, &reason);
	}
	if (failed(e))
		mailboxes_failed(s, account, buf_str(&reason));
	return e;
}

/* ---- turns ---- */

static void wait_for_turn(struct supervisor *s, uint32_t account)
{
	struct arena *a = arena_new("start", START_BUDGET);
	struct start *new = NEW(a, struct start, 1);
	*new = (struct start){ .arena = a, .account = account };
	if (s->starts == NULL)
		s->last_start = &s->starts;
	*s->last_start = new;
	s->last_start = &new->next;
}

static uint32_t next_in_turn(struct supervisor *s)
{
	struct start *first = s->starts;
	struct arena *a = first->arena; /* it holds first itself */
	uint32_t account = first->account;
	s->starts = first->next;
	arena_free(&a);
	return account;
}

void mailboxes_turn_over(struct process *p)
{
	struct supervisor *s = p->supervisor;
	if (!p->has_turn)
		return;
	p->has_turn = false;
	s->turns--;
	while (s->turns < TURNS && s->starts != NULL)
		mailboxes_start(s, next_in_turn(s));
}

static void on_slow(void *to) { mailboxes_turn_over(to); }

static void take_turn(struct process *p)
{
	p->has_turn = true;
	p->supervisor->turns++;
	loop_timer_start(p->supervisor->service.loop, &p->timer, TURN_MS, on_slow, p);
}

void mailboxes_start(struct supervisor *s, uint32_t account)
{
	static const struct row *row;
	struct process *p = process_of_account(s, account);
	char instance[INSTANCE_MAX];
	struct user user;
	int home;
	if (row == NULL)
		row = row_of(S("mailbox"));
	if (p != NULL)
		p->wanted = true;
	if (p != NULL || s->stopping)
		return;
	struct crashes *crashes = crashes_of(s, account);
	bool has_crashed = crashes->account == account;
	if (has_crashed && clock_ms() < crashes->until) {
		turn_away(s, account, S("the mailbox process ended unexpectedly; it is started again in a while"));
		return;
	}
	if (s->turns >= TURNS) {
		wait_for_turn(s, account);
		return;
	}
	if (failed(open_home(s, row, account, &user, &home)))
		return;
	snprintf(instance, sizeof instance, "%u", account);
	p = process_new(s, row, instance, account, home);
	p->user = user;
	p->failures = has_crashed ? crashes->failures : 0;
	if (!failed(process_start(p))) {
		take_turn(p);
		return;
	}
	struct buf b = BUF_ON(s->reason);
	buf_addf(&b, "the mailbox process cannot be started: %s", strerror(errno));
	process_free(p);
	mailboxes_failed(s, account, buf_str(&b));
}

static err on_start_mailbox(struct supervisor *s, const struct msg_start_mailbox *m, uint32_t tag)
{
	(void)tag;
	if (m->account == 0 || s->programs[row_of(S("mailbox")) - rows] < 0)
		return FAIL(SYNTAX);
	mailboxes_start(s, (uint32_t)m->account);
	return OK;
}

#define CONVERSATION "ipc/mailroom_supervisor.def"
#define HEAR mailroom_hear
#define HEAR_PEER struct supervisor
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void on_mailroom(void *to, uint32_t events)
{
	struct supervisor *s = to;
	(void)events;
	err e = channel_receive(&s->mailroom);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e))
		e = mailroom_hear(s, &s->mailroom_heard, s->mailroom.in);
	if (!failed(e))
		return;
	if (e.code != ERR_CLOSED)
		LOG(&s->service.log, channel_broken, F_TEXT("peer", S("mailroom")), F_ERR(e));
	loop_remove(s->service.loop, &s->mailroom_watch);
	channel_close(&s->mailroom);
}

void mailboxes_connect(struct supervisor *s, int fd)
{
	loop_remove(s->service.loop, &s->mailroom_watch);
	channel_close(&s->mailroom);
	s->mailroom = channel_of(fd, s->service.in, s->service.out);
	s->mailroom_heard = (struct hear_counts){ { 0 } };
	if (failed(loop_add(s->service.loop, &s->mailroom_watch, fd, EPOLLIN, on_mailroom, s)))
		channel_close(&s->mailroom);
}
