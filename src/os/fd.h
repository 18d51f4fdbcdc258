/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: reading and writing that never blocks, and closing that cannot be done twice. */
#pragma once
#include "base/str.h"

/* Closes *fd unless it is negative, and leaves -1 there. errno is kept. */
void fd_close(int *fd);

/* ERR_SYSTEM, with errno, when the kernel refuses. */
err fd_set_nonblocking(int fd, bool nonblocking);
err fd_set_close_on_exec(int fd, bool close_on_exec);

/* Makes room in the process's table of descriptors for n, which the limit in force must allow. The table grows by itself as well,
 * but where threads share it, whoever opens a descriptor then waits until no processor can still be looking at the old table, ten
 * milliseconds and more (Linux, fs/file.c: expand_fdtable). So a role asks for the room before it has threads. ERR_SYSTEM, with errno. */
err fd_reserve(unsigned n);

/* One read or write that never blocks, whatever mode the descriptor is in, and raises no SIGPIPE on a socket. At least
 * one byte was moved when the answer is OK; on a pipe at most PIPE_BUF bytes are written.
 *   ERR_AGAIN   nothing can be moved now
 *   ERR_CLOSED  the end of the stream, or the peer is gone
 *   ERR_SYSTEM  anything else, with errno */
err fd_read(int fd, void *p, size_t n, size_t *got);
err fd_write(int fd, const void *p, size_t n, size_t *put);

/* The whole content of a regular file, from its beginning, with a NUL behind it. ERR_LIMIT: longer than that; ERR_MEMORY;
 * ERR_SYSTEM, with errno. */
struct arena;
err fd_read_file(int fd, size_t longest, struct arena *a, str *out);
