/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/client.h"

#include "role/supervisor/ports.h"

#include "ipc/channel.h"
#include "os/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"

enum { WORDS_ROOM = 32768 };

const char *programs_folder(struct arena *a)
{
	char room[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", room, sizeof room);
	str path = str_from(room, n > 0 ? (size_t)n : 0);
	str folder = str_slice(path, 0, str_find_last(path, '/') == STR_NONE ? 0 : str_find_last(path, '/'));
	struct buf b = buf_in(a, folder.n + 32);
	buf_addf(&b, "%.*s/siegel-control", ARG(folder));
	if (b.p != NULL && access(b.p, F_OK) == 0)
		return arena_copy(a, folder).p;
	return SIEGEL_PROGRAMS;
}

static void say(void *to, str text)
{
	(void)to;
	fprintf(stderr, "siegel: %.*s\n", ARG(text));
}

static void say_nothing(void *to, str text)
{
	(void)to;
	(void)text;
}

err call_open(const struct call *call, enum call_mistakes mistakes, struct conf *conf, struct supervisor_setup *out)
{
	char room[600];
	struct buf reason = BUF_ON(room);
	struct supervisor_setup setup = { .conf_path = call->conf_path,
		.overrides = call->overrides,
		.overrides_count = call->overrides_count,
		.programs = programs_folder(call->arena),
		.complain = mistakes == MISTAKES_SILENT ? say_nothing : say };
	setup.forgiving = mistakes != MISTAKES_COUNT;
	TRY(configuration_read(&setup, call->arena, conf));
	setup.forgiving = false;
	setup.complain = say;
	err e = folders_open(&conf->server, call->conf_path, call->arena, &setup.folders, &reason);
	if (failed(e)) {
		say(NULL, buf_str(&reason));
		return e;
	}
	*out = setup;
	return OK;
}

/* The way through /proc, since the path of an installation may be longer than a socket's address. */
static err connect_door(const struct folders *folders, const char *door, int *out, struct buf *reason)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", folders->run, door);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) {
		*out = fd;
		return OK;
	}
	bool nobody = errno == ENOENT || errno == ECONNREFUSED;
	buf_addf(reason, nobody ? "no server runs in %s" : "the server in %s cannot be reached: %s", folders->top_path,
		strerror(errno));
	fd_close(&fd);
	return nobody ? FAIL(ABSENT) : FAIL(SYSTEM);
}

static err add_words(const struct request *r, struct buf *records)
{
	static struct frame scratch;
	for (size_t i = 0; i < r->words_count; i++) {
		struct msg_word word = { .text = r->words[i] };
		TRY(msg_add_word(records, &scratch, &word));
	}
	return OK;
}

static err send_files(struct channel *c, const struct request *r)
{
	for (size_t i = 0; i < r->files_count; i++) {
		const struct msg_file m = { .file = r->files[i] };
		TRY(msg_send_file(c, 0, &m));
	}
	return OK;
}

struct answer {
	void (*line)(void *to, str json);
	void *to;
	struct buf *reason;
	bool ended, done;
};

static err on_line(struct answer *a, const struct msg_line *m, uint32_t tag)
{
	(void)tag;
	if (a->line != NULL)
		a->line(a->to, m->json);
	return OK;
}

static err on_end(struct answer *a, const struct msg_end *m, uint32_t tag)
{
	(void)tag;
	a->ended = true;
	a->done = m->done;
	buf_add(a->reason, m->reason);
	return OK;
}

#define CONVERSATION "ipc/admin.def"
#define HEAR answer_hear
#define HEAR_PEER struct answer
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

err client_send(const struct folders *folders, const struct request *request, void (*line)(void *to, str json),
	void *to, struct buf *reason)
{
	static struct frame in, out;
	static char words[WORDS_ROOM];
	struct buf records = BUF_ON(words);
	struct hear_counts counts = { { 0 } };
	struct answer answer = { line, to, reason, false, false };
	int fd = -1;
	TRY(connect_door(folders, request->own ? PORTS_ASK : ports_door(request->offline), &fd, reason));
	struct channel c = channel_of(fd, &in, &out);
	c.waits = true;
	err e = add_words(request, &records);
	struct msg_command m = { .verb = str_of(request->verb), .words = buf_str(&records), .secret = request->secret };
	if (!failed(e))
		e = send_files(&c, request);
	if (!failed(e))
		e = msg_send_command(&c, 0, &m);
	wipe(out.bytes, sizeof out.bytes);
	while (!failed(e) && !answer.ended) {
		e = channel_receive(&c);
		if (!failed(e))
			e = answer_hear(&answer, &counts, &in);
	}
	channel_close(&c);
	if (e.code == ERR_UNSUPPORTED)
		buf_add(reason, S("the server that runs is of another version than this command: restart it"));
	else if (failed(e) && !answer.ended)
		buf_addf(reason, "the server did not answer to the end: %s", err_text(e));
	if (e.code == ERR_UNSUPPORTED)
		return FAIL(DENIED);
	if (failed(e))
		return FAIL(CLOSED);
	return answer.done ? OK : FAIL(DENIED);
}
