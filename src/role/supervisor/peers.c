/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/peers.h"

#include "role/supervisor/mailboxes.h"
#include "role/supervisor/process.h"

#include "os/fd.h"

#include <unistd.h>

static err send_end(struct process *to, str peer, uint32_t account, pid_t pid, int end)
{
	struct channel line = process_line(to);
	struct msg_channel m = { .peer = peer, .account = account, .pid = (uint64_t)pid, .end = end };
	return msg_send_channel(&line, 0, &m);
}

/* One end for each. A peer that does not take its end is dead or about to be; p does not suffer for that. */
static err join(struct process *p, pid_t pid_for_p, struct process *peer, pid_t pid_for_peer)
{
	int ends[2];
	uint32_t account = p->account != 0 ? p->account : peer->account;
	TRY(channel_pair(ends));
	err e = send_end(p, str_of(peer->name), account, pid_for_p, ends[0]);
	if (!failed(e)) {
		err other = send_end(peer, str_of(p->name), account, pid_for_peer, ends[1]);
		if (other.code == ERR_BUSY)
			process_give_up(peer);
	}
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return e;
}

static bool is_logger(const struct process *p) { return str_eq(str_of(p->row->role), S("logger")); }

static err join_if_paired(struct process *p, struct process *peer)
{
	bool to_logger = is_logger(p) != is_logger(peer);
	/* The logger learns from its end whose entries come; who gets an end with a number has the administrator's channel. */
	if (to_logger)
		TRY(is_logger(p) ? join(p, peer->pid, peer, 0) : join(p, 0, peer, p->pid));
	if (!row_pair(str_of(p->row->role), str_of(peer->row->role)))
		return OK;
	if (!to_logger)
		return join(p, 0, peer, 0);
	return is_logger(p) ? join(p, 0, peer, p->pid) : join(p, peer->pid, peer, 0);
}

/* Channels that end in the supervisor itself. */
static err join_us(struct process *p)
{
	struct supervisor *s = p->supervisor;
	int ends[2];
	bool logger = is_logger(p);
	if (!logger && !row_pair(str_of(p->row->role), S("supervisor")))
		return OK;
	TRY(channel_pair(ends));
	err e = send_end(p, S("supervisor"), 0, logger ? getpid() : 0, ends[0]);
	fd_close(&ends[0]);
	if (failed(e)) {
		fd_close(&ends[1]);
		return e;
	}
	if (logger)
		journal_connect(s->journal, ends[1]);
	else if (str_eq(str_of(p->row->role), S("mailroom")))
		mailboxes_connect(s, ends[1]);
	else
		admin_door_connect(s->door, ends[1]);
	return OK;
}

err peers_connect(struct process *p)
{
	TRY(join_us(p));
	for (struct process *peer = p->supervisor->processes; peer != NULL; peer = peer->next)
		if (peer != p && process_is_up(peer) && peer->row != p->row)
			TRY(join_if_paired(p, peer));
	return OK;
}
