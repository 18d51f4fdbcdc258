/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/letter.h"

#include <time.h>

#include "os/clock.h"
#include "os/random.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum { RECORDS_ROOM = 40000 };

void letter_begin(struct letter *l, struct directory_role *r)
{
	l->r = r;
	l->records = (struct buf){ .p = r->records, .room = RECORDS_ROOM };
	l->text = (struct buf){ .p = l->room, .room = sizeof l->room };
	l->count = 0;
	random_name(l->number);
}

static void add(struct letter *l, const struct msg_recipient *to)
{
	size_t before = l->records.n;
	if (!failed(msg_add_recipient(&l->records, l->r->scratch, to)))
		l->count++;
	else
		l->records.n = before;
}

static struct msg_recipient recipient(uint32_t account, str address)
{
	return (struct msg_recipient){
		.account = account,
		.address = address,
		.detail = S(""),
		.orcpt = S(""),
		.sender = S(""),
		.mark = S(""),
	};
}

void letter_to_account(struct letter *l, uint32_t account, str address)
{
	const struct msg_recipient to = recipient(account, address);
	add(l, &to);
}

void letter_to_inner(struct letter *l, str address)
{
	struct msg_recipient to = recipient(0, address);
	to.inner = true;
	add(l, &to);
}

void letter_to_forward(struct letter *l, uint32_t forward, str address)
{
	struct msg_recipient to = recipient(0, address);
	to.forward = forward;
	add(l, &to);
}

void letter_head(struct letter *l, str to, str reply_to)
{
	const struct directory_role *r = l->r;
	struct buf *b = &l->text;
	str domain = directory_first_domain(r->store);
	char date[64];
	struct tm t;
	time_t now = (time_t)clock_utc_seconds();
	gmtime_r(&now, &t);
	size_t length = strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &t); /* the locale is "C" */
	buf_addf(b, "Date: %.*s\r\nFrom: Siegel <postmaster@%.*s>\r\nTo: <%.*s>\r\n", (int)length, date, ARG(domain),
		ARG(to));
	if (reply_to.p != NULL)
		buf_addf(b, "Reply-To: <%.*s>\r\n", ARG(reply_to));
	buf_add(b, S("Message-ID: <"));
	buf_hex(b, l->number, sizeof l->number);
	buf_addf(b, "@%.*s>\r\n", ARG(r->service->conf->server.hostname));
}

void letter_kind(struct letter *l)
{
	buf_add(&l->text,
		S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
		  "Auto-Submitted: auto-generated\r\n\r\n"));
}

err letter_send(const struct letter *l)
{
	const struct msg_envelope envelope = {
		.transaction = str_from((const char *)l->number, sizeof l->number),
		.last = true,
		.sender = S(""),
		.size_max = UINT32_MAX,
		.body = 1,
		.envid = S(""),
		.session = S(""),
		.client = S(""),
		.recipients = buf_str(&l->records),
	};
	const struct msg_own own = { .transaction = envelope.transaction, .text = buf_str(&l->text) };
	if (l->text.lost || l->count == 0)
		return l->text.lost ? FAIL(LIMIT) : FAIL(ABSENT);
	if (l->r->queue == NULL)
		return FAIL(CLOSED);
	struct channel *queue = &l->r->queue->peer.channel;
	TRY(msg_send_envelope(queue, 0, &envelope));
	return msg_send_own(queue, 0, &own);
}
