/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody who logged in submits is shown to the filter before it is taken, and so is what leaves for another domain, comes back
 * from there, or comes from a gateway that says what is spam. Without the filter's word nothing of that is taken. */
#include "os/clock.h"
#include "os/fd.h"
#include "role/queue/forward.h"

#define CONVERSATION "ipc/queue_filter.def"
#include "ipc/conversation.h"

enum { ANSWER_MS = 60000, LOOK_MS = 5000, BYTES_MAX = 45056 /* as queue_filter.def has them */ };

static const struct answer no_filter = { 451, S("4.3.0"), S("the content could not be checked, try again later") };

static void forget(struct queue *q, struct message *m)
{
	struct message **at = &q->asked;
	while (*at != m)
		at = &(*at)->next_asked;
	*at = m->next_asked;
	m->next_asked = NULL;
	q->unasked -= !m->is_asked;
}

static void look_for_late(void *to)
{
	struct queue *q = to;
	int64_t before = clock_ms() - ANSWER_MS;
	for (struct message *m = q->asked, *next; m != NULL; m = next) {
		next = m->next_asked;
		if (m->since > before)
			continue;
		forget(q, m);
		refuse(m, &no_filter);
	}
	if (q->asked != NULL)
		loop_timer_start(q->service->loop, &q->asked_timer, LOOK_MS, look_for_late, q);
}

void judge_forget(struct queue *q)
{
	loop_timer_stop(q->service->loop, &q->asked_timer);
	while (q->asked != NULL) {
		struct message *m = q->asked;
		forget(q, m);
		refuse(m, &no_filter);
	}
}

static err ask(struct message *m)
{
	struct queue *q = m->q;
	char room[MARKS_ROOM];
	struct buf marks = BUF_ON(room);
	struct msg_judge question = {
		.body = -1,
		.size = m->row.size,
		.sender = m->row.sender,
		.account = m->row.account,
		.local = m->row.local,
		.gateway = m->from_gateway,
		.returns = m->has_returned,
		.marks = forward_marks(m, &marks),
	};
	if (!peer_is_open(&q->filter))
		return FAIL(CLOSED);
	if (!m->body.large && m->body.whole.p != NULL && m->body.whole.n <= BYTES_MAX)
		question.bytes = m->body.whole;
	else
		TRY(body_descriptor(&m->body, m->row.number, &question.body));
	m->tag = ++q->last_tag;
	err e = msg_send_judge(&q->filter.channel, m->tag, &question);
	fd_close(&question.body);
	return e;
}

/* False: it can never be asked about. What the channel has no room for at the moment waits for an answer to an earlier one, which comes
 * when the filter has read some. */
static bool ask_or_wait(struct message *m)
{
	err e = ask(m);
	m->is_asked = !failed(e);
	return m->is_asked || e.code == ERR_BUSY;
}

static struct message *oldest_unasked(const struct queue *q)
{
	struct message *found = NULL;
	for (struct message *m = q->asked; q->unasked > 0 && m != NULL; m = m->next_asked)
		if (!m->is_asked)
			found = m;
	return found;
}

static void ask_those_who_wait(struct queue *q)
{
	for (struct message *m; (m = oldest_unasked(q)) != NULL;) {
		const bool goes_on = ask_or_wait(m);
		if (goes_on && !m->is_asked)
			return;
		if (goes_on) {
			q->unasked--;
			continue;
		}
		forget(q, m);
		refuse(m, &no_filter);
	}
}

void judge(struct message *m)
{
	struct queue *q = m->q;
	/* Of what comes from inside it is asked whether a machine wrote it: then nobody is told of its fate. Of what leaves, whoever
	 * sent it, whether it should leave without TLS rather than not at all (RFC 8689 4.1). */
	bool is_shown = m->row.account != 0 || m->row.local != 0 || (m->row.flags & SPOOL_INSIDE) != 0 ||
			m->from_gateway || m->leaves || m->has_forwards || m->has_returned;
	if (!is_shown) {
		store(m);
		return;
	}
	if (!ask_or_wait(m)) {
		refuse(m, &no_filter);
		return;
	}
	m->since = clock_ms();
	m->next_asked = q->asked;
	q->asked = m;
	q->unasked += !m->is_asked;
	if (!q->asked_timer.running)
		loop_timer_start(q->service->loop, &q->asked_timer, LOOK_MS, look_for_late, q);
}

static err on_judged(struct queue *q, const struct msg_judged *j, uint32_t tag)
{
	struct message *m = q->asked;
	while (m != NULL && (!m->is_asked || m->tag != tag))
		m = m->next_asked;
	if (m == NULL)
		return OK; /* it was answered without */
	if (j->code != 250 && (j->code < 400 || j->code > 599))
		return FAIL(SYNTAX);
	forget(q, m);
	/* RFC 8689 4.1: whoever demands TLS in the envelope is not asked in the header whether it matters. */
	const bool tls_optional = j->tls_optional && (m->row.flags & SPOOL_REQUIRETLS) == 0;
	m->row.flags |= (j->automatic ? SPOOL_AUTOMATIC : 0u) | (tls_optional ? SPOOL_TLS_OPTIONAL : 0u) |
			(j->spam ? SPOOL_SPAM : 0u);
	m->report = j->undelivered ? arena_copy(m->arena, j->report) : NO_STR;
	struct answer answer = { (unsigned)j->code, j->status, j->reason };
	if (j->code == 250 && forward_keep(m, j->marks, &answer))
		store(m);
	else
		refuse(m, &answer);
	ask_those_who_wait(q);
	return OK;
}

#define CONVERSATION "ipc/queue_filter.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void gone(void *queue) { judge_forget(queue); }

const struct peer_kind filter_kind = { .name = "filter", .hear = hear, .gone = gone };
