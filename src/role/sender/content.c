/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a message on its way out: in pieces from where it is to the connection, each piece with a deadline of its
 * own, through smtp_outgoing, so that no line end of ours is a strange one. */
#include <errno.h>
#include <unistd.h>

#include "proto/mime/seven_bit.h"
#include "proto/smtp/data.h"
#include "proto/smtp/outgoing.h"
#include "role/sender/session.h"

enum { PIECE = 8 << 10, END_ROOM = 16, CONVERT_MAX = 64 << 20, CONVERT_BUDGET = 96 << 20 };

/* Exactly n bytes of the message from a position on. */
static err read_at(const struct job *j, uint64_t at, char *to, size_t n)
{
	if (j->file < 0) {
		memcpy(to, j->bytes.p + at, n);
		return OK;
	}
	for (size_t have = 0; have < n;) {
		ssize_t got = pread(j->file, to + have, n - have, (off_t)(at + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return FAIL(DAMAGED);
		have += (size_t)got;
	}
	return OK;
}

static size_t piece_of(const struct job *j, uint64_t at)
{
	return j->size - at < PIECE ? (size_t)(j->size - at) : PIECE;
}

static err has_eight_bit(const struct job *j, bool *out)
{
	char room[PIECE];
	unsigned char all = 0;
	for (uint64_t at = 0; at < j->size && all < 0x80; at += PIECE) {
		size_t n = piece_of(j, at);
		TRY(read_at(j, at, room, n));
		for (size_t i = 0; i < n; i++)
			all |= (unsigned char)room[i];
	}
	*out = all >= 0x80;
	return OK;
}

/* smtp_outgoing changes no length but that of an unfinished last line. */
static err size_of(const struct job *j, uint64_t *out)
{
	char last[2] = "";
	size_t n = j->size < 2 ? (size_t)j->size : 2;
	TRY(read_at(j, j->size - n, last, n));
	const bool finished = j->size == 0 || str_eq(str_from(last, n), S("\r\n"));
	*out = finished ? j->size : j->size + 2;
	return OK;
}

/* The message with the plan of its conversion, in the arena. */
static err plan_conversion(const struct job *j, struct arena *a, struct mime_seven_bit *plan)
{
	struct mime_parts parts;
	char *whole = NEW(a, char, j->size + 1);
	if (whole == NULL)
		return FAIL(MEMORY);
	TRY(read_at(j, 0, whole, (size_t)j->size));
	str message = str_from(whole, (size_t)j->size);
	TRY(mime_parts_parse(a, message, &parts));
	return mime_seven_bit_plan(a, message, parts, plan);
}

/* What is left between the encoded parts must be text, or it would arrive as something else. */
static err comes_out_as_text(struct mime_seven_bit *plan)
{
	struct smtp_data data = smtp_data_start_binary();
	char room[PIECE];
	struct buf piece = BUF_ON(room);
	while (mime_seven_bit_next(plan, &piece)) {
		str chunk = buf_str(&piece), span;
		while (smtp_data_next(&data, &chunk, &span))
			;
		piece.n = 0;
	}
	const unsigned bad = SMTP_DATA_BARE_CR | SMTP_DATA_BARE_LF | SMTP_DATA_NUL;
	return (data.marks & bad) == 0 ? OK : FAIL(UNSUPPORTED);
}

static err check_binary(const struct job *j)
{
	struct arena *a = arena_new("conversion", CONVERT_BUDGET);
	struct mime_seven_bit plan;
	err e = plan_conversion(j, a, &plan);
	if (!failed(e))
		e = comes_out_as_text(&plan);
	arena_free(&a);
	return e;
}

err content_prepare(struct session *s, const struct job *j, struct content *out)
{
	struct content c = { .job = j };
	TRY(size_of(j, &c.size));
	const bool takes = offers(s, SMTP_EXTENSION_EIGHT_BIT_MIME);
	/* Nobody need have said it of a message that has such text: many clients do not. */
	c.eight_bit = j->body == SMTP_BODY_8BITMIME;
	if (j->body == SMTP_BODY_BINARYMIME)
		c.converts = true; /* what has no lines does not leave as it is: RFC 3030 3 */
	else if (!takes || !c.eight_bit)
		TRY(has_eight_bit(j, &c.eight_bit));
	c.converts = c.converts || (c.eight_bit && !takes);
	if (c.converts && j->size > CONVERT_MAX)
		return FAIL(UNSUPPORTED);
	if (j->body == SMTP_BODY_BINARYMIME)
		TRY(check_binary(j));
	*out = c;
	return OK;
}

static err put(struct session *s, const struct buf *b)
{
	io_deadline(s->io, (int64_t)s->conf->data_timeout * 1000);
	io_put(s->io, buf_str(b));
	return io_flush(s->io);
}

static void finish(struct smtp_outgoing *o, bool bdat, struct buf *out)
{
	smtp_outgoing_end(o, out);
	if (!bdat)
		buf_add(out, S(".\r\n"));
}

static err send_plainly(struct session *s, const struct content *c, bool bdat)
{
	char in[PIECE], room[2 * PIECE + END_ROOM];
	struct smtp_outgoing o = smtp_outgoing_start(!bdat);
	uint64_t at = 0;
	do {
		struct buf out = BUF_ON(room);
		size_t n = piece_of(c->job, at);
		TRY(read_at(c->job, at, in, n));
		smtp_outgoing_add(&o, str_from(in, n), &out);
		at += n;
		if (at == c->job->size)
			finish(&o, bdat, &out);
		TRY(put(s, &out));
	} while (at < c->job->size);
	return OK;
}

/* RFC 6152 3: MIME parts that hold 8-bit text are encoded. The structure must be seen as a whole. */
static err send_converted(struct session *s, const struct content *c, struct arena *a)
{
	char in[PIECE], room[2 * PIECE + END_ROOM];
	struct mime_seven_bit plan;
	TRY(plan_conversion(c->job, a, &plan));
	struct smtp_outgoing o = smtp_outgoing_start(true);
	struct buf piece = BUF_ON(in), out = BUF_ON(room);
	while (mime_seven_bit_next(&plan, &piece)) {
		smtp_outgoing_add(&o, buf_str(&piece), &out);
		TRY(put(s, &out));
		piece.n = out.n = 0;
	}
	finish(&o, false, &out);
	return put(s, &out);
}

err content_send(struct session *s, const struct content *content, bool bdat)
{
	if (bdat) /* RFC 3030 2 */
		line_put(s, "BDAT %llu LAST", (unsigned long long)content->size);
	if (!content->converts)
		return send_plainly(s, content, bdat);
	struct arena *a = arena_new("conversion", CONVERT_BUDGET);
	err e = send_converted(s, content, a);
	arena_free(&a);
	return e;
}
