/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets that a role was handed: noted as they come, watched once everything is there, closed when it
 * retires. They may be shared with other processes; one of them wakes for each connection. One loop, one thread. */
#pragma once
#include <sys/socket.h>

#include "os/loop.h"

enum { LISTENERS_MAX = 64 };

struct listeners;

struct listener {
	struct listeners *all;
	struct loop_watch watch;
	int fd;
	const void *kind;
};

struct listeners {
	/* Owns fd, which closes on exec and waits only if waits is set. kind: of the listener it came by. */
	void (*admit)(void *to, const void *kind, int fd, const struct sockaddr_storage *from);
	void *to;
	bool waits;
	struct listener items[LISTENERS_MAX];
	size_t count;
};

/* Owns fd; kind lives as long as the set. One above LISTENERS_MAX is closed. */
void listeners_add(struct listeners *l, int fd, const void *kind);
/* From now on admit() is called. ERR_SYSTEM. */
err listeners_open(struct listeners *l, struct loop *loop);
void listeners_close(struct listeners *l, struct loop *loop);
