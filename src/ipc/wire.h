/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between processes: one datagram of a SOCK_SEQPACKET pair each, at most FRAME_MAX bytes and FRAME_FDS
 * descriptors. The one who reads treats the one who writes as a stranger: every length is checked, every descriptor that
 * nobody asked for is closed. Nobody calls the put and get functions by hand; ipc/conversation.h does. */
#pragma once
#include "base/str.h"

enum { FRAME_MAX = 64 << 10, FRAME_FDS = 4, FRAME_HEADER = 8 };

struct frame {
	uint16_t number; /* which message */
	uint32_t tag;    /* repeated in the answer, for those who have several questions open; otherwise 0 */
	size_t n, at;    /* bytes held; position of the reader */
	size_t fds_count, fds_at;
	int fds[FRAME_FDS];
	bool bad; /* sticks: a field did not fit or was not as declared */
	uint8_t bytes[FRAME_MAX];
};

/* The C types of the field types of a conversation. */
typedef uint64_t ipc_number; /* at most the bound of its row */
typedef bool ipc_flag;
typedef str ipc_text;    /* bytes without NUL, CR, LF */
typedef str ipc_bytes;   /* any bytes */
typedef str ipc_secret;  /* any bytes; the reader's frame is wiped when the next one arrives */
typedef str ipc_records; /* messages of direction "inside", one after the other */
typedef int ipc_fd;      /* a descriptor; the reader owns it. -1 where none was sent (only if the row's bound is 0) */

/* Writing. Strings are copied into the frame, descriptors are only noted. */
void frame_begin(struct frame *f, uint16_t number, uint32_t tag);
void frame_put_number(struct frame *f, uint64_t value, uint64_t highest);
void frame_put_flag(struct frame *f, bool value, uint64_t highest);
void frame_put_text(struct frame *f, str value, uint64_t longest);
void frame_put_bytes(struct frame *f, str value, uint64_t longest);
void frame_put_secret(struct frame *f, str value, uint64_t longest);
void frame_put_records(struct frame *f, str value, uint64_t longest);
void frame_put_fd(struct frame *f, int fd, uint64_t required);
/* ERR_LIMIT: a field was over its bound or the frame is full. */
err frame_end(const struct frame *f);

/* Reading. Strings are views of the frame. */
void frame_get_number(struct frame *f, uint64_t *out, uint64_t highest);
void frame_get_flag(struct frame *f, bool *out, uint64_t highest);
void frame_get_text(struct frame *f, str *out, uint64_t longest);
void frame_get_bytes(struct frame *f, str *out, uint64_t longest);
void frame_get_secret(struct frame *f, str *out, uint64_t longest);
void frame_get_records(struct frame *f, str *out, uint64_t longest);
void frame_get_fd(struct frame *f, int *out, uint64_t required);
/* ERR_SYNTAX unless the frame was read exactly to its end and everything was as declared; then all its descriptors are
 * closed, also those handed out. */
err frame_close(struct frame *f);
/* Closes the descriptors of a frame that nobody wants to read. */
void frame_drop(struct frame *f);

/* Records: number, length and fields of each message. ERR_LIMIT: no room. */
struct buf;
err records_add(struct buf *records, const struct frame *written);
/* Cuts the next record off and makes f readable at it. False at the end; a length that does not fit sets f->bad, so that
 * frame_close() refuses. */
bool records_next(str *records, struct frame *f);
