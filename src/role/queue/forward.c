/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/forward.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum { MARKS_A_LINE = 6, REASON_MAX = 400 };

static const struct answer is_spam = { 550, S("5.7.1"),
	S("this looks like spam, and mail for this address is forwarded") };
static const struct answer is_loop = { 554, S("5.4.6"), S("this message was forwarded from here before") };
static const struct answer nobody = { 451, S("4.3.0"), S("this message is for nobody, try again later") };

static bool is_forwarded(const struct spool_recipient *r) { return r->forward != 0 && r->account == 0; }

/* ---- marks ---- */

str forward_marks(const struct message *m, struct buf *room)
{
	for (size_t i = 0; i < m->count; i++)
		if (is_forwarded(&m->recipients[i]) && m->recipients[i].mark.n > 0)
			buf_addf(room, "%s%.*s", room->n > 0 ? " " : "", ARG(m->recipients[i].mark));
	return buf_str(room);
}

void forward_write_marks(const struct message *m, struct buf *to)
{
	unsigned count = 0;
	for (size_t i = 0; i < m->count; i++) {
		const struct spool_recipient *r = &m->recipients[i];
		if (!is_forwarded(r) || r->mark.n == 0)
			continue;
		const char *before = count == 0 ? "Siegel-Forward:" : count % MARKS_A_LINE == 0 ? "\r\n" : "";
		buf_addf(to, "%s %.*s", before, ARG(r->mark));
		count++;
	}
	if (count > 0)
		buf_add(to, S("\r\n"));
}

static bool has_mark(str marks, str mark)
{
	str one;
	while (str_word(&marks, ' ', &one))
		if (mark.n > 0 && str_eq(one, mark))
			return true;
	return false;
}

/* ---- what is kept ---- */

static bool stays(const struct message *m, const struct spool_recipient *r, str marks)
{
	return is_forwarded(r) && ((m->row.flags & SPOOL_SPAM) != 0 || has_mark(marks, r->mark));
}

/* Among those that are kept already, and those that come behind a recipient. */
static bool has_account(const struct message *m, size_t kept, size_t behind, uint32_t account)
{
	for (size_t i = 0; i < m->count; i++)
		if ((i < kept || i > behind) && m->recipients[i].account == account)
			return true;
	return false;
}

/* Nobody else is there who would get it, and so the sender can be told. */
static bool is_for_strangers_only(const struct message *m, str marks)
{
	for (size_t i = 0; i < m->count; i++)
		if (!stays(m, &m->recipients[i], marks) || !m->recipients[i].is_alone)
			return false;
	return true;
}

static void log_kept(const struct message *m, const struct spool_recipient *r)
{
	char name[NUMBER_TEXT];
	const struct log log = message_log(m, name);
	LOG(&log, forward_kept, F_NUMBER("forward", r->forward),
		F_TEXT("reason", (m->row.flags & SPOOL_SPAM) != 0 ? S("it is spam") : S("it was forwarded before")));
}

bool forward_keep(struct message *m, str marks, struct answer *a)
{
	bool spam = (m->row.flags & SPOOL_SPAM) != 0;
	size_t kept = 0;
	if (is_for_strangers_only(m, marks)) {
		*a = spam ? is_spam : is_loop;
		return false;
	}
	for (size_t i = 0; i < m->count; i++) {
		struct spool_recipient r = m->recipients[i];
		if (stays(m, &r, marks)) {
			log_kept(m, &r);
			r.account = r.keeper;
			r.forward = r.keeper = 0;
			r.domain = r.sender = S("");
			r.state = SPOOL_WAITING;
			if (r.account == 0 || has_account(m, kept, i, r.account))
				continue;
		}
		m->recipients[kept++] = r;
	}
	m->count = kept;
	if (kept == 0)
		*a = nobody;
	return kept > 0;
}

/* ---- what comes back ---- */

static void tell(struct queue *q, const struct msg_forward_news *m)
{
	if (peer_is_open(&q->directory))
		IGNORE(msg_send_forward_news(&q->directory.channel, 0, m)); /* then it was not counted */
}

void forward_failed(struct queue *q, uint32_t forward, str reason)
{
	tell(q, &(struct msg_forward_news){ .forward = forward, .reason = str_slice(reason, 0, REASON_MAX) });
}

/* A machine cannot agree to anything: RFC 3834 2. */
void forward_came_back(const struct message *m)
{
	bool is_automatic = (m->row.flags & SPOOL_AUTOMATIC) != 0;
	for (size_t i = 0; i < m->count; i++) {
		const struct spool_recipient *r = &m->recipients[i];
		if (r->forward == 0 || r->account == 0)
			continue;
		if (r->is_consent && !is_automatic)
			tell(m->q,
				&(struct msg_forward_news){ .forward = r->forward, .consent = true, .reason = S("") });
		else if (!r->is_consent && m->report.p != NULL)
			forward_failed(m->q, r->forward, m->report);
	}
}
