/* SPDX-License-Identifier: Apache-2.0 */
/* Everybody who talks to the queue, talking nonsense. An input is a row of frames: who speaks (one byte), length (two
 * bytes), number (one byte), the fields. No 250 without an envelope from directory. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "ipc/role.h"
#include "role/queue/role.h"

#define CONVERSATION "ipc/receiver_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_filter.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

/* A new one goes to the end, and is named by a byte of its own, so that the kept inputs mean what they meant. */
enum { DIRECTORY, RECEIVER, SESSION, FILTER, MAILBOX, MAILROOM, CONTROL, COMMAND, SENDER, PEERS };
enum { SENDER_BYTE = 0xf8 };
enum { RUNS = 500, ENVELOPES_MAX = 4096, FRAMES_MAX = 64, TURN_MS = 1 };

static struct fuzz {
	struct service service;
	struct conf conf;
	struct frame in, out, mine_in, mine_out, copy;
	struct channel peers[PEERS];
	struct loop_timer turn;
	char known[ENVELOPES_MAX][16];
	size_t known_count, runs;
	char folder[64];
} fuzz;

void service_finish(struct service *s) { (void)s; }
static void sink(void *to, enum log_event event, const struct log_field *fields)
{
	(void)to;
	(void)event;
	(void)fields;
}

static void must(err e)
{
	if (failed(e))
		abort();
}

static void stop_turn(void *to) { loop_stop(to); }
static void turn(int64_t milliseconds)
{
	loop_timer_start(fuzz.service.loop, &fuzz.turn, milliseconds, stop_turn, fuzz.service.loop);
	must(loop_run(fuzz.service.loop));
}

static void empty_folder(void)
{
	DIR *d = opendir(".");
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		unlink(e->d_name);
	closedir(d);
}

static void leave(void)
{
	empty_folder();
	if (chdir("/") == 0)
		rmdir(fuzz.folder);
}

static void start(void)
{
	struct service *s = &fuzz.service;
	if (fuzz.folder[0] == '\0') {
		snprintf(fuzz.folder, sizeof fuzz.folder, "/tmp/siegel-fuzz-XXXXXX");
		if (mkdtemp(fuzz.folder) == NULL || chdir(fuzz.folder) != 0)
			abort();
		atexit(leave);
	}
	*s = (struct service){ .role = &role_queue, .home = -1, .conf = &fuzz.conf, .in = &fuzz.in, .out = &fuzz.out };
	s->arena = arena_new("fuzz", 16 << 20);
	s->log = (struct log){ .sink = sink };
	must(conf_init(&fuzz.conf, s->arena));
	fuzz.conf.queue.free_min = 0;
	must(loop_new(&s->loop));
	must(role_queue.start(s));
}

static void stop(void)
{
	role_queue.stop(&fuzz.service);
	loop_free(&fuzz.service.loop);
	arena_free(&fuzz.service.arena);
	empty_folder();
}

static void open_peer(size_t who, const char *name, uint64_t account)
{
	int ends[2];
	must(channel_pair(ends));
	role_queue.channel(&fuzz.service, str_of(name), account, 0, ends[1]);
	fuzz.peers[who] = channel_of(ends[0], &fuzz.mine_in, &fuzz.mine_out);
}

static void open_session(size_t who, size_t opener)
{
	int ends[2];
	must(channel_pair(ends));
	must(msg_send_session_open(&fuzz.peers[opener], 0, &(struct msg_session_open){ .end = ends[1] }));
	close(ends[1]);
	fuzz.peers[who] = channel_of(ends[0], &fuzz.mine_in, &fuzz.mine_out);
}

static void open_peers(void)
{
	open_peer(DIRECTORY, "directory", 0);
	must(msg_send_domains(&fuzz.peers[DIRECTORY], 0,
		&(struct msg_domains){ .first = true, .last = true, .names = S("ours.test\n") }));
	open_peer(RECEIVER, "receiver-smtp", 0);
	open_peer(FILTER, "filter", 0);
	open_peer(MAILBOX, "mailbox", 1);
	open_peer(MAILROOM, "mailroom", 0);
	open_peer(CONTROL, "control", 0);
	open_peer(SENDER, "sender", 0);
	open_session(SESSION, RECEIVER);
	open_session(COMMAND, CONTROL);
}

static void note_envelope(const struct frame *sent)
{
	struct msg_envelope m;
	fuzz.copy = *sent;
	fuzz.copy.at = FRAME_HEADER;
	if (sent->number != MSG_envelope || failed(msg_get_envelope(&fuzz.copy, &m)) || m.transaction.n != 16)
		return;
	memcpy(fuzz.known[fuzz.known_count++ % ENVELOPES_MAX], m.transaction.p, 16);
}

static bool is_known(str number)
{
	for (size_t i = 0; i < ENVELOPES_MAX && i < fuzz.known_count; i++)
		if (str_eq(number, str_from(fuzz.known[i], 16)))
			return true;
	return false;
}

/* Frames that do not fit the channel any more are lost; a peer that was hung up on stays so. */
static void say(size_t who, uint8_t number, const uint8_t *p, size_t n)
{
	struct frame *f = &fuzz.mine_out;
	frame_begin(f, number, 1);
	memcpy(f->bytes + FRAME_HEADER, p, n);
	f->n += n;
	if (who == DIRECTORY)
		note_envelope(f);
	IGNORE(channel_send(&fuzz.peers[who]));
}

static void hear(size_t who)
{
	struct channel *c = &fuzz.peers[who];
	while (!failed(channel_receive(c))) {
		struct msg_queued queued;
		if (who != SESSION) {
			frame_drop(c->in);
			continue;
		}
		must(msg_get_queued(c->in, &queued));
		if (queued.code == 250 && !is_known(queued.transaction))
			abort();
	}
}

/* The filter has nothing against what it is shown, if the input has not said otherwise before. */
static void judge(void)
{
	struct channel *c = &fuzz.peers[FILTER];
	const struct msg_judged taken = {
		.code = 250, .status = S("2.0.0"), .reason = S(""), .report = S(""), .marks = S("")
	};
	turn(TURN_MS);
	while (!failed(channel_receive(c))) {
		const uint32_t tag = c->in->tag;
		frame_drop(c->in);
		IGNORE(msg_send_judged(c, tag, &taken));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (fuzz.runs++ % RUNS == 0) {
		if (fuzz.runs > 1)
			stop();
		fuzz.known_count = 0; /* envelopes stay good for a minute, beyond one input */
		start();
	}
	open_peers();
	for (size_t at = 0, frames = 0; n - at >= 4 && frames < FRAMES_MAX; frames++) {
		size_t who = p[at] >= SENDER_BYTE ? SENDER : p[at] % SENDER,
		       length = p[at + 1] | (size_t)p[at + 2] << 8;
		uint8_t number = p[at + 3];
		at += 4;
		if (length > n - at)
			length = n - at;
		if (length > FRAME_MAX - FRAME_HEADER)
			length = FRAME_MAX - FRAME_HEADER;
		say(who, number, p + at, length);
		at += length;
	}
	judge();
	turn(TURN_MS);
	for (size_t who = 0; who < PEERS; who++)
		hear(who);
	for (size_t who = 0; who < PEERS; who++)
		channel_close(&fuzz.peers[who]);
	turn(0);
	return 0;
}
