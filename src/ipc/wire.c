/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are eight bytes, little-endian; strings four bytes of length and the bytes; a flag is one byte, 0 or 1; a
 * descriptor is one byte that says whether it comes along. */
#include "ipc/wire.h"

#include <unistd.h>

#include "base/buf.h"

void frame_begin(struct frame *f, uint16_t number, uint32_t tag)
{
	f->number = number;
	f->tag = tag;
	f->n = FRAME_HEADER;
	f->at = 0;
	f->fds_count = f->fds_at = 0;
	f->bad = false;
}

static void put(struct frame *f, const void *p, size_t n)
{
	if (f->bad || n > FRAME_MAX - f->n) {
		f->bad = true;
		return;
	}
	if (n > 0)
		memcpy(f->bytes + f->n, p, n);
	f->n += n;
}

static void put_string(struct frame *f, str value, uint64_t longest)
{
	uint32_t length = (uint32_t)value.n;
	if (value.n > longest || value.n > FRAME_MAX) {
		f->bad = true;
		return;
	}
	put(f, &length, sizeof length);
	put(f, value.p, value.n);
}

void frame_put_number(struct frame *f, uint64_t value, uint64_t highest)
{
	if (value > highest)
		f->bad = true;
	put(f, &value, sizeof value);
}

void frame_put_flag(struct frame *f, bool value, uint64_t highest)
{
	(void)highest;
	uint8_t byte = value;
	put(f, &byte, 1);
}

static bool is_text(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

void frame_put_text(struct frame *f, str value, uint64_t longest)
{
	if (!is_text(value))
		f->bad = true;
	put_string(f, value, longest);
}

void frame_put_bytes(struct frame *f, str value, uint64_t longest) { put_string(f, value, longest); }
void frame_put_secret(struct frame *f, str value, uint64_t longest) { put_string(f, value, longest); }
void frame_put_records(struct frame *f, str value, uint64_t longest) { put_string(f, value, longest); }

void frame_put_fd(struct frame *f, int fd, uint64_t required)
{
	uint8_t comes = fd >= 0;
	if ((required != 0 && !comes) || (comes && f->fds_count == FRAME_FDS)) {
		f->bad = true;
		return;
	}
	put(f, &comes, 1);
	if (comes)
		f->fds[f->fds_count++] = fd;
}

err frame_end(const struct frame *f) { return f->bad ? FAIL(LIMIT) : OK; }

static bool get(struct frame *f, void *p, size_t n)
{
	if (f->bad || n > f->n - f->at) {
		f->bad = true;
		return false;
	}
	memcpy(p, f->bytes + f->at, n);
	f->at += n;
	return true;
}

static str get_string(struct frame *f, uint64_t longest)
{
	uint32_t length;
	if (!get(f, &length, sizeof length))
		return NO_STR;
	if (length > longest || length > f->n - f->at) {
		f->bad = true;
		return NO_STR;
	}
	f->at += length;
	return str_from((const char *)f->bytes + f->at - length, length);
}

void frame_get_number(struct frame *f, uint64_t *out, uint64_t highest)
{
	if (get(f, out, sizeof *out) && *out > highest)
		f->bad = true;
}

void frame_get_flag(struct frame *f, bool *out, uint64_t highest)
{
	(void)highest;
	uint8_t byte;
	if (!get(f, &byte, 1))
		return;
	if (byte > 1)
		f->bad = true;
	*out = byte == 1;
}

void frame_get_text(struct frame *f, str *out, uint64_t longest)
{
	*out = get_string(f, longest);
	if (!is_text(*out))
		f->bad = true;
}

void frame_get_bytes(struct frame *f, str *out, uint64_t longest) { *out = get_string(f, longest); }
void frame_get_secret(struct frame *f, str *out, uint64_t longest) { *out = get_string(f, longest); }
void frame_get_records(struct frame *f, str *out, uint64_t longest) { *out = get_string(f, longest); }

void frame_get_fd(struct frame *f, int *out, uint64_t required)
{
	uint8_t comes;
	*out = -1;
	if (!get(f, &comes, 1))
		return;
	if (comes > 1 || (required != 0 && !comes) || (comes && f->fds_at == f->fds_count)) {
		f->bad = true;
		return;
	}
	if (comes)
		*out = f->fds[f->fds_at++];
}

err frame_close(struct frame *f)
{
	if (!f->bad && f->at == f->n && f->fds_at == f->fds_count)
		return OK;
	frame_drop(f);
	return FAIL(SYNTAX);
}

void frame_drop(struct frame *f)
{
	for (size_t i = 0; i < f->fds_count; i++)
		close(f->fds[i]);
	f->fds_count = f->fds_at = 0;
}

err records_add(struct buf *records, const struct frame *written)
{
	TRY(frame_end(written));
	uint32_t length = (uint32_t)(written->n - FRAME_HEADER);
	buf_add(records, str_from((const char *)&written->number, sizeof written->number));
	buf_add(records, str_from((const char *)&length, sizeof length));
	buf_add(records, str_from((const char *)written->bytes + FRAME_HEADER, length));
	return records->lost || written->fds_count > 0 ? FAIL(LIMIT) : OK;
}

bool records_next(str *records, struct frame *f)
{
	enum { HEAD = sizeof(uint16_t) + sizeof(uint32_t) };
	uint32_t length = 0;
	if (records->n == 0)
		return false;
	frame_begin(f, 0, 0);
	f->n = 0;
	f->bad = records->n < HEAD;
	if (!f->bad) {
		memcpy(&f->number, records->p, sizeof f->number);
		memcpy(&length, records->p + sizeof f->number, sizeof length);
		*records = str_after(*records, HEAD);
		f->bad = length > records->n || length > FRAME_MAX;
	}
	if (f->bad) {
		*records = str_after(*records, records->n);
		return true;
	}
	memcpy(f->bytes, records->p, length);
	f->n = length;
	*records = str_after(*records, length);
	return true;
}
