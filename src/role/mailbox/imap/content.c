/* SPDX-License-Identifier: Apache-2.0 */
#include "role/mailbox/imap/content.h"

err content_load(struct imap_session *s, struct arena *a, const struct content *c, uint64_t at, uint64_t end, str *out)
{
	if (end > c->size)
		end = c->size;
	struct buf b = buf_in(a, at < end ? (size_t)(end - at) : 1);
	if (b.lost)
		return FAIL(MEMORY);
	for (size_t before = SIZE_MAX; at + b.n < end && b.n != before;) {
		before = b.n;
		TRY(account_read(s->account, c->id, c->header_size, at + b.n, &b));
	}
	if (at < end && at + b.n < end)
		return FAIL(ABSENT);
	*out = buf_str(&b);
	return OK;
}

err content_send(struct imap_session *s, struct buf *room, const struct content *c, uint64_t at, uint64_t end)
{
	if (end > c->size)
		end = c->size;
	if (at > end)
		at = end;
	io_putf(s->io, "{%llu}\r\n", (unsigned long long)(end - at));
	while (at < end) {
		struct buf piece = { .p = room->p, .room = room->room };
		if (end - at < piece.room)
			piece.room = (size_t)(end - at);
		err e = account_read(s->account, c->id, c->header_size, at, &piece);
		if (!failed(e) && piece.n == 0)
			e = FAIL(DAMAGED);
		if (failed(e)) {
			s->has_ended = true;
			return e;
		}
		session_patience(s);
		io_put(s->io, buf_str(&piece));
		at += piece.n;
	}
	return OK;
}
