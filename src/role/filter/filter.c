/* SPDX-License-Identifier: Apache-2.0 */
/* The filter judges one message after the other, from its bytes or from a descriptor that it can only read. Whether an
 * address belongs to an account is directory's to say; while it is asked the next message is looked at. */
#include <unistd.h>

#include "base/buf.h"
#include "ipc/peer.h"
#include "os/clock.h"
#include "os/fd.h"
#include "proto/mime/header.h"
#include "proto/mime/report.h"
#include "role/filter/author.h"
#include "role/filter/marks.h"
#include "role/filter/nature.h"
#include "role/filter/role.h"

#define CONVERSATION "ipc/queue_filter.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/filter_directory.def"
#include "ipc/conversation.h"

enum {
	JUDGEMENTS_MAX = 1000,
	ANSWER_MS = 30000,
	LOOK_MS = 5000,
	SCRATCH = 8 << 20, /* bytes for the lists of one header */
	FILTER_ARENA = 40 << 20,
	REPORT_MAX = 100, /* as queue_filter.def has them */
	MARKS_MAX = 2000,
};

/* What is said of a message that is taken. */
struct verdict {
	struct nature nature;
	bool is_spam, is_undelivered;
	size_t report_n, marks_n;
	char report[REPORT_MAX], marks[MARKS_MAX];
};

/* A message whose authors are being asked for. */
struct judgement {
	struct judgement *next;
	uint32_t tag;      /* of the queue's question */
	uint32_t question; /* of ours */
	size_t open;
	bool is_local; /* of a user of this machine */
	int64_t since;
	struct verdict verdict;
};

struct filter {
	struct service *service;
	struct arena *arena, *scratch;
	struct peer queue, directory;
	struct judgement *judgements, *unused;
	struct loop_timer timer;
	uint32_t last_question;
	char *header;
	size_t header_max;
};

/* ---- verdicts ---- */

static void say(struct filter *f, uint32_t tag, unsigned code, const char *status, const char *reason)
{
	struct msg_judged m = { .code = code, .status = str_of(status), .reason = str_of(reason) };
	/* The queue has a deadline; what it does not hear it does not take. */
	IGNORE(msg_send_judged(&f->queue.channel, tag, &m));
}

static void accept(struct filter *f, uint32_t tag, const struct verdict *v)
{
	struct msg_judged m = { .code = 250,
		.status = S("2.0.0"),
		.reason = S(""),
		.automatic = v->nature.automatic,
		.tls_optional = v->nature.tls_optional,
		.spam = v->is_spam,
		.undelivered = v->is_undelivered,
		.report = str_from(v->report, v->report_n),
		.marks = str_from(v->marks, v->marks_n) };
	if (f->queue.channel.fd >= 0)
		IGNORE(msg_send_judged(&f->queue.channel, tag, &m));
}

static void forget(struct filter *f, struct judgement *j)
{
	struct judgement **at = &f->judgements;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	j->next = f->unused;
	f->unused = j;
}

static void cannot_ask(struct filter *f, uint32_t tag)
{
	say(f, tag, 451, "4.3.0", "whose addresses these are cannot be told now, try again later");
}

static void forget_late(struct filter *f, int64_t before)
{
	for (struct judgement *j = f->judgements, *next; j != NULL; j = next) {
		next = j->next;
		if (j->since > before)
			continue;
		cannot_ask(f, j->tag);
		forget(f, j);
	}
}

static void on_timer(void *to)
{
	struct filter *f = to;
	forget_late(f, clock_ms() - ANSWER_MS);
	if (f->judgements != NULL)
		loop_timer_start(f->service->loop, &f->timer, LOOK_MS, on_timer, f);
}

/* ---- what queue asks ---- */

/* As much of the message as a header may be long. */
static err read_start(struct filter *f, const struct msg_judge *m, str *out)
{
	size_t want = m->size < f->header_max ? (size_t)m->size : f->header_max, n = 0;
	if (m->body < 0) {
		*out = str_slice(m->bytes, 0, want);
		return m->bytes.n == m->size ? OK : FAIL(SYNTAX);
	}
	while (n < want) {
		ssize_t got = pread(m->body, f->header + n, want - n, (off_t)n);
		if (got < 0)
			return FAIL(SYSTEM);
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*out = str_from(f->header, n);
	return OK;
}

static bool ask_all(struct filter *f, struct judgement *j, const struct msg_judge *m, const struct authors *authors)
{
	for (size_t i = 0; i < authors->count; i++, j->open++) {
		struct msg_owns question = {
			.account = m->account, .local = m->local, .address = authors->addresses[i]
		};
		if (failed(msg_send_owns(&f->directory.channel, j->question, &question)))
			return false;
	}
	return true;
}

static void add_printable(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n && b->n < b->room; i++)
		buf_byte(b, s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : ' ');
}

static void read_report(struct filter *f, str start, struct verdict *v)
{
	struct mime_report r;
	struct buf b = BUF_ON(v->report);
	arena_reset(f->scratch);
	if (failed(mime_report_read(f->scratch, start, &r)) || !r.is_undelivered)
		return; /* whatever cannot be read counts as nothing */
	v->is_undelivered = true;
	add_printable(&b, r.status);
	add_printable(&b, S(" "));
	add_printable(&b, r.diagnostic);
	v->report_n = b.n;
}

static void look(struct filter *f, const struct msg_judge *m, str start, struct verdict *v)
{
	struct buf marks = BUF_ON(v->marks);
	v->nature = nature_read(start);
	v->is_spam = m->gateway && v->nature.spam_flag;
	v->is_undelivered = false;
	v->report_n = 0;
	if (m->returns)
		read_report(f, start, v);
	marks_find(start, m->marks, &marks);
	v->marks_n = marks.n;
}

static void ask(struct filter *f, const struct msg_judge *m, uint32_t tag, str start, const struct authors *authors)
{
	struct judgement *j = f->unused;
	if (j == NULL || f->directory.channel.fd < 0) {
		cannot_ask(f, tag);
		return;
	}
	f->unused = j->next;
	j->tag = tag;
	j->question = ++f->last_question;
	j->open = 0;
	j->is_local = m->local != 0;
	j->since = clock_ms();
	j->next = f->judgements;
	f->judgements = j;
	if (!ask_all(f, j, m, authors)) {
		cannot_ask(f, tag);
		forget(f, j);
		return;
	}
	look(f, m, start, &j->verdict); /* in the memory in which the authors stand: they were asked for */
	if (!f->timer.running)
		loop_timer_start(f->service->loop, &f->timer, LOOK_MS, on_timer, f);
}

static err on_judge(struct filter *f, const struct msg_judge *m, uint32_t tag)
{
	struct authors authors;
	str start;
	int fd = m->body;
	err e = read_start(f, m, &start);
	fd_close(&fd);
	if (failed(e)) {
		say(f, tag, 451, "4.3.0", "the message could not be read, try again later");
		return OK;
	}
	if (m->account == 0 && m->local == 0) {
		static struct verdict v; /* the loop's thread only */
		look(f, m, start, &v);
		accept(f, tag, &v);
		return OK;
	}
	/* What cannot be seen may name another author. */
	if (m->size > start.n && mime_header_size(start) == start.n) {
		say(f, tag, 550, "5.6.0", "the header is too large");
		return OK;
	}
	arena_reset(f->scratch);
	struct refusal r = authors_read(start, f->scratch, &authors);
	if (r.status != NULL)
		say(f, tag, r.status[0] == '4' ? 451 : 550, r.status, r.reason);
	else
		ask(f, m, tag, start, &authors);
	return OK;
}

/* ---- what directory answers ---- */

static err on_owned(struct filter *f, const struct msg_owned *m, uint32_t tag)
{
	struct judgement *j = f->judgements;
	while (j != NULL && j->question != tag)
		j = j->next;
	if (j == NULL)
		return OK; /* it was answered without */
	if (!m->owned)
		say(f, j->tag, 550, "5.7.1",
			j->is_local ? "an address in From or Sender does not belong to this user; local.senders may "
				      "allow it"
				    : "an address in From or Sender does not belong to the account");
	else if (--j->open == 0)
		accept(f, j->tag, &j->verdict);
	else
		return OK;
	forget(f, j);
	return OK;
}

#define CONVERSATION "ipc/queue_filter.def"
#define HEAR queue_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

#define CONVERSATION "ipc/filter_directory.def"
#define HEAR directory_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

/* Nobody waits for an answer, or nobody gives one. */
static void peer_gone(void *filter) { forget_late(filter, INT64_MAX); }

static const struct peer_kind queue_kind = { .name = "queue", .hear = queue_hear, .gone = peer_gone };
static const struct peer_kind directory_kind = { .name = "directory", .hear = directory_hear, .gone = peer_gone };

/* ---- the role ---- */

static struct filter *filter_of(struct service *s)
{
	if (s->state != NULL)
		return s->state;
	struct arena *a = arena_new("filter", FILTER_ARENA);
	struct filter *f = NEW(a, struct filter, 1);
	*f = (struct filter){ .service = s, .arena = a, .scratch = arena_new("filter header", SCRATCH) };
	peer_init(&f->queue, s, &queue_kind, f);
	peer_init(&f->directory, s, &directory_kind, f);
	struct judgement *j = NEW(a, struct judgement, JUDGEMENTS_MAX);
	for (size_t i = 0; i < JUDGEMENTS_MAX; i++) {
		j[i].next = f->unused;
		f->unused = &j[i];
	}
	s->state = f;
	return f;
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct filter *f = filter_of(s);
	struct peer *p = str_eq(peer, S("queue")) ? &f->queue : str_eq(peer, S("directory")) ? &f->directory : NULL;
	(void)account;
	(void)pid;
	if (p == NULL) {
		close(fd);
		return;
	}
	forget_late(f, INT64_MAX); /* answers of the old peer, or for it, are void */
	IGNORE(peer_open(p, fd));  /* or it finds its end closed */
}

static err start(struct service *s)
{
	struct filter *f = filter_of(s);
	f->header_max = (size_t)s->conf->smtp.header_max;
	f->header = NEW(f->arena, char, f->header_max);
	return f->header != NULL ? OK : FAIL(MEMORY);
}

static void stop(struct service *s)
{
	struct filter *f = filter_of(s);
	peer_close(&f->queue);
	peer_close(&f->directory);
	loop_timer_stop(s->loop, &f->timer);
	struct arena *a = f->arena;
	arena_free(&f->scratch);
	s->state = NULL;
	arena_free(&a);
}

const struct role role_filter = { .name = "filter", .channel = channel, .start = start, .stop = stop };
