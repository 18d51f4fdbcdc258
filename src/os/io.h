/* SPDX-License-Identifier: Apache-2.0 */
/* One peer: a stream descriptor, what may lie over it (TLS), and two bounded buffers. For a thread that serves one
 * session with straight-line code: every call blocks until it is done or its time is over. It polls before it reads or
 * writes, so the descriptor may be in blocking mode; the only system calls are poll, recv, send, read, write, shutdown
 * and close.
 *
 * Input is handed out as views into the buffer; a view is valid until the next io_* call on the same io. Output
 * gathers in its buffer and leaves when the buffer is full, at io_flush(), and whenever a call has to wait for input:
 * the answers to pipelined commands leave in one packet.
 *
 * Errors of all calls:
 *   ERR_TIMEOUT  the deadline passed; input already buffered stays, the call may be repeated after a new deadline
 *   ERR_CLOSED   the peer ended the stream or is gone
 *   ERR_TLS      the layer failed
 *   ERR_SYSTEM   a system call failed, with errno
 * All but ERR_TIMEOUT are final. A failed write, one that timed out too, is kept and reported by every later call that
 * would write or wait. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct io;

/* What may be slipped between the buffers and the descriptor. read and write move at least one byte or answer
 * ERR_AGAIN, after which want() says for which poll(2) events it waits. */
struct io_layer {
	/* Brings the layer up (the handshake), called until it no longer answers ERR_AGAIN. May be NULL. */
	err (*start)(void *layer);
	err (*read)(void *layer, void *p, size_t n, size_t *got);
	err (*write)(void *layer, const void *p, size_t n, size_t *put);
	short (*want)(void *layer);
	/* Says goodbye if that needs no waiting, and frees the layer; the descriptor stays open. */
	void (*close)(void *layer);
};

/* Owns fd from now on. in_max bounds a line with its CRLF; out_max is what may gather before it is written. Both count
 * bytes and are at least 64. There is no deadline at first. Never NULL. */
struct io *io_new(int fd, size_t in_max, size_t out_max);
/* Drops what was not flushed, closes the layer and the descriptor. Accepts NULL behind the pointer, leaves it there. */
void io_free(struct io **io);
/* The polite end: flushes, ends our half of the stream and reads until the peer ends its own, for at most that many
 * milliseconds, so that a last answer is not destroyed by a reset. Then as io_free(). */
void io_finish(struct io **io, int milliseconds);

/* All calls from now to the next io_deadline() must end within that time together: a peer that drips single bytes
 * gains nothing. Negative: no deadline. io_ceiling() is the same for the whole session; the earlier one holds. */
void io_deadline(struct io *io, int64_t milliseconds);
void io_ceiling(struct io *io, int64_t milliseconds);

/* The next line without its CRLF.
 *   ERR_SYNTAX  a CR or LF on its own: someone is smuggling, hang up
 *   ERR_LIMIT   in_max bytes and still no CRLF
 * The offending line stays unread: asking again gives the same answer. */
err io_line(struct io *io, str *line);
/* Exactly n bytes (an IMAP literal). ERR_LIMIT: n is above in_max; nothing was taken. */
err io_bytes(struct io *io, size_t n, str *bytes);
/* Whatever is there, at least one byte, at most max. */
err io_bytes_some(struct io *io, size_t max, str *bytes);
/* Gives the last n bytes of the view just handed out back to the input. */
void io_unread(struct io *io, size_t n);

/* Bytes read from the peer and not yet handed out. */
size_t io_waiting(const struct io *io);
/* Whether the peer has said anything that was not handed out yet, waiting for it at most that long (0: not at all).
 * Does not flush: it finds those who talk before their turn. The end of the stream is not something said. */
bool io_has_input(struct io *io, int milliseconds);
/* Flushes and waits until there is input (or its end), or until the descriptor other is readable: *other_ready tells
 * of the latter. For a session that waits for two things, as IMAP's IDLE does. */
err io_wait(struct io *io, int other, bool *other_ready);

/* Adds output; text larger than out_max is written through. A failure is kept, see above. */
void io_put(struct io *io, str text);
/* At most out_max - 1 bytes; more counts as a failed write with ERR_LIMIT. */
void io_putf(struct io *io, const char *format, ...) __attribute__((format(printf, 2, 3)));
err io_flush(struct io *io);

/* Flushes, puts the layer under the buffers and starts it. ERR_STATE: plaintext is still unread, nothing may be
 * pipelined behind STARTTLS (CVE-2011-0411), or there is a layer already; the layer then still belongs to the caller.
 * In all other cases it belongs to io. */
err io_start_layer(struct io *io, const struct io_layer *functions, void *layer);
bool io_has_layer(const struct io *io);

/* Takes the session over from a process that had already read these bytes. Only before the first read; ERR_LIMIT:
 * more than in_max. */
err io_preload(struct io *io, str bytes);
/* Gives the session away: flushes, copies the unread input into the arena, hands out the descriptor and frees io.
 * ERR_STATE: a layer is in use; ERR_MEMORY: the arena is spent. io stays as it was after any failure. */
err io_take_fd(struct io **io, struct arena *a, str *leftover, int *fd);

/* The descriptor, for getpeername and the like; it stays io's. */
int io_fd(const struct io *io);
