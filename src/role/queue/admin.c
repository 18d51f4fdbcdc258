/* SPDX-License-Identifier: Apache-2.0 */
/* siegel queue. The writer reads a page of messages and makes its lines; they go out as fast as
 * they are read, then comes the next page: a spool of a million messages costs one page of memory. */
#include "role/queue/queue.h"

#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "os/clock.h"
#include "os/fd.h"
#include "role/queue/destinations.h"
#include "role/queue/show.h"
#include "store/spool/file.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"

enum { COMMANDS_MAX = 16, WORDS_BUDGET = 64 << 10, DESTINATION_ROOM = 1000 };

struct command {
	struct job job;
	struct queue *q;
	struct arena *arena;
	struct peer peer;
	struct command *next;
	struct listing listing;
	const struct listing_line *at; /* the next to be sent */
	bool begun, reading, orphan, ended;
	const char *refusal;
};

static void command_free(struct command *c)
{
	struct command **at = &c->q->commands;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	peer_close(&c->peer);
	listing_free(&c->listing);
	struct arena *a = c->arena;
	arena_free(&a);
}

/* The job holds the command until it is done. */
static void command_end(void *command)
{
	struct command *c = command;
	peer_close(&c->peer);
	c->orphan = true;
	if (!c->reading)
		command_free(c);
}

static err run(struct job *j, struct spool *spool)
{
	struct command *c = (struct command *)j;
	return listing_read(&c->listing, spool);
}

static void committed(struct job *j)
{
	const struct command *c = (struct command *)j;
	for (const struct listing_changed *at = c->listing.changed; at != NULL; at = at->next)
		if (at->removes_file)
			spool_file_remove(at->number);
}

/* What memory has of the changed ones is void, and is read again where it may go. */
static void apply(const struct command *c)
{
	bool goes = c->listing.change == CHANGE_RELEASE || c->listing.change == CHANGE_RETRY;
	for (const struct listing_changed *at = c->listing.changed; at != NULL; at = at->next)
		if (at->account > 0)
			account_changed(c->q, at->account);
		else
			remote_changed(c->q, at->domain, goes);
	if (c->listing.changed != NULL)
		remote_go_on(c->q);
}

static void done(struct job *j);

static void read_page(struct command *c)
{
	c->job = (struct job){ .run = run, .committed = committed, .done = done };
	c->reading = true;
	writer_post(c->q->writer, &c->job);
}

static err send_lines(struct command *c)
{
	for (; c->at != NULL; c->at = c->at->next)
		TRY(msg_send_line(&c->peer.channel, 0, &(struct msg_line){ .json = c->at->json }));
	if (c->listing.more && c->refusal == NULL) {
		listing_go_on(&c->listing);
		read_page(c);
		return OK;
	}
	struct msg_end end = { .done = c->refusal == NULL, .reason = str_of(c->refusal != NULL ? c->refusal : "") };
	TRY(msg_send_end(&c->peer.channel, 0, &end));
	c->ended = true;
	return OK;
}

/* False: the command has gone. */
static bool pump(struct command *c)
{
	if (c->reading || c->ended || !c->begun)
		return true;
	err e = send_lines(c);
	if (e.code == ERR_BUSY)
		e = loop_change(c->q->service->loop, &c->peer.watch, EPOLLIN | EPOLLOUT);
	else if (!failed(e))
		e = loop_change(c->q->service->loop, &c->peer.watch, EPOLLIN);
	if (!failed(e))
		return true;
	command_end(c);
	return false;
}

/* What memory knows of the destinations that the message waits for; without room for it the rest is shown. */
static void add_destinations(struct command *c)
{
	char room[DESTINATION_ROOM];
	for (const struct listing_domain *d = c->listing.domains; d != NULL; d = d->next) {
		struct buf text = BUF_ON(room);
		struct json j = json_begin(&text);
		if (destination_show(c->q->remote, d->domain, &j))
			IGNORE(listing_add(&c->listing, &j, &text));
	}
}

static void done(struct job *j)
{
	struct command *c = (struct command *)j;
	c->reading = false;
	if (!failed(j->e))
		apply(c);
	if (c->orphan) {
		command_free(c);
		return;
	}
	if (j->e.code == ERR_ABSENT)
		c->refusal = "no such message in the queue";
	else if (failed(j->e))
		c->refusal = "the queue could not be read";
	else if (!c->listing.of_destinations)
		add_destinations(c);
	else if (failed(destinations_show(&c->listing, c->q->remote)))
		c->refusal = "there is no memory for the answer";
	c->at = c->listing.first;
	pump(c);
}

/* None of our commands takes a file. */
static err on_file(struct command *c, const struct msg_file *m, uint32_t tag)
{
	int fd = m->file;
	(void)c;
	(void)tag;
	fd_close(&fd);
	return FAIL(STATE);
}

static err on_command(struct command *c, const struct msg_command *m, uint32_t tag)
{
	struct queue *q = c->q;
	str words = m->words;
	struct msg_word word;
	err e = OK;
	(void)tag;
	if (c->begun)
		return FAIL(STATE);
	c->begun = true;
	c->refusal = listing_begin(&c->listing, m->verb);
	if (c->refusal == NULL && str_eq(m->verb, S("queue own")))
		c->refusal = listing_for(&c->listing, m->caller);
	while (msg_next_word(&words, q->scratch, &word, &e) && c->refusal == NULL)
		c->refusal = listing_filter(&c->listing, word.text);
	TRY(e);
	if (c->refusal == NULL)
		c->refusal = listing_check(&c->listing);
	if (c->refusal == NULL)
		read_page(c);
	return OK;
}

#define CONVERSATION "ipc/admin.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

/* Otherwise the command has gone. */
static bool is_heard(err e) { return !failed(e) || e.code == ERR_AGAIN; }

static void on_session(void *to, uint32_t events)
{
	struct command *c = to;
	if ((events & ~(uint32_t)EPOLLOUT) == 0 || is_heard(peer_read(&c->peer, 1)))
		pump(c);
}

static const struct peer_kind command_kind = {
	.name = "control", .hear = hear, .gone = command_end, .on_event = on_session
};

static err on_session_open(struct queue *q, const struct msg_session_open *m, uint32_t tag)
{
	size_t count = 0;
	(void)tag;
	for (const struct command *c = q->commands; c != NULL; c = c->next)
		count++;
	if (count >= COMMANDS_MAX || q->writer == NULL) {
		close(m->end);
		return OK;
	}
	struct arena *a = arena_new("queue command", WORDS_BUDGET);
	struct command *c = NEW(a, struct command, 1);
	*c = (struct command){ .q = q, .arena = a, .next = q->commands };
	peer_init(&c->peer, q->service, &command_kind, c);
	c->listing.words = a;
	if (failed(peer_open(&c->peer, m->end))) {
		arena_free(&a);
		return OK;
	}
	q->commands = c;
	return OK;
}

#define CONVERSATION "ipc/opener_server.def"
#define HEAR control_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

const struct peer_kind control_kind = { .name = "control", .hear = control_hear };

void commands_stop(struct queue *q)
{
	while (q->commands != NULL)
		command_end(q->commands);
}
