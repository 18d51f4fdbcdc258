/* SPDX-License-Identifier: Apache-2.0 */
/* A command of one line, which most are, is handed out as that line; only a literal makes the frame keep a copy. */
#include "proto/imap/frame.h"

enum { START_KEPT = 256 }; /* of a command that is refused: enough for its tag */

static bool is_empty(const struct imap_frame *f) { return f->text.p == NULL; }

static void forget(struct imap_frame *f)
{
	f->text = (struct buf){ 0 };
	f->is_refused = false;
}

static err keep(struct imap_frame *f, str part)
{
	if (is_empty(f))
		f->text = buf_in(f->arena, f->command_max + START_KEPT);
	if (f->text.p == NULL)
		return FAIL(MEMORY);
	buf_add(&f->text, part);
	return f->text.lost ? FAIL(LIMIT) : OK;
}

static bool fits(const struct imap_frame *f, str line, const struct imap_literal *literal)
{
	size_t used = f->text.n + line.n + 2;
	if (used > f->command_max || literal->size > f->command_max - used)
		return false;
	return literal->is_waiting || literal->size <= f->unasked_max;
}

static err command(struct imap_frame *f, str line, struct imap_frame_step *out)
{
	struct imap_frame_step step = { .kind = IMAP_FRAME_COMMAND, .text = line };
	if (f->is_refused || line.n > f->command_max - f->text.n) {
		step.kind = IMAP_FRAME_REFUSED;
		step.text = is_empty(f) ? str_slice(line, 0, START_KEPT) : buf_str(&f->text);
	} else if (!is_empty(f)) {
		TRY(keep(f, line));
		step.text = buf_str(&f->text);
	}
	forget(f);
	*out = step;
	return OK;
}

/* Too large: a client that waits is told so and sends nothing more, the bytes of another one must be got rid of. */
static err refuse(struct imap_frame *f, str line, struct imap_literal literal, struct imap_frame_step *out)
{
	if (literal.is_waiting) {
		f->is_refused = true;
		return command(f, line, out);
	}
	if (is_empty(f) && !f->is_refused)
		TRY(keep(f, str_slice(line, 0, START_KEPT)));
	f->is_refused = true;
	*out = (struct imap_frame_step){ .kind = IMAP_FRAME_SKIP, .literal = literal };
	return OK;
}

static err stream(struct imap_frame *f, str line, struct imap_literal literal, struct imap_frame_step *out)
{
	struct imap_frame_step step = { .kind = IMAP_FRAME_APPEND, .text = line, .literal = literal };
	if (!is_empty(f)) {
		TRY(keep(f, line));
		step.text = buf_str(&f->text);
	}
	forget(f);
	*out = step;
	return OK;
}

static bool is_streamed(struct imap_frame *f, str line)
{
	if (f->is_streamed == NULL || f->is_refused || line.n > f->command_max - f->text.n)
		return false;
	if (is_empty(f))
		return f->is_streamed(line, f->arena);
	/* Looks at the command as if the line belonged to it already. */
	struct buf all = f->text;
	buf_add(&all, line);
	return f->is_streamed(buf_str(&all), f->arena);
}

err imap_frame_line(struct imap_frame *f, str line, struct imap_frame_step *out)
{
	struct imap_literal literal;
	err e = imap_literal_at_end(line, &literal);
	if (e.code == ERR_ABSENT)
		return command(f, line, out);
	TRY(e);
	if (is_streamed(f, line))
		return stream(f, line, literal, out);
	if (f->is_refused || !fits(f, line, &literal))
		return refuse(f, line, literal, out);
	TRY(keep(f, line));
	TRY(keep(f, S("\r\n")));
	char *into = f->text.p + f->text.n;
	f->text.n += (size_t)literal.size;
	*out = (struct imap_frame_step){ .kind = IMAP_FRAME_LITERAL, .literal = literal, .into = into };
	return OK;
}

void imap_frame_refuse(struct imap_frame *f)
{
	forget(f);
	f->is_refused = true;
}
