/* SPDX-License-Identifier: Apache-2.0 */
/* The skeleton that every process is hung into. main() is one line: return role_main(&role_queue, argc, argv). The
 * skeleton confines the process before it reads its first byte, takes settings, channels, listeners and keys from the
 * supervisor until `go`, then calls start() and runs the event loop of the main thread until `stop`, or until the process
 * says it has finished. Threads are a role's own affair. */
#pragma once
#include "base/arena.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ipc/channel.h"
#include "os/confine.h"
#include "os/loop.h"

struct service;

struct role {
	const char *name;
	struct confinement confinement; /* os/confine.h: what it may do, as data */
	const char *const *sections;    /* of the configuration; ends with NULL */
	void *(*prepare)(struct service *s); /* before the confinement: what libraries read at run time. May be NULL */
	/* Channels, listeners and keys as they come, before and after start(); each owns what it is given. May be NULL: then
	 * such a thing is not for this role, and is closed. */
	void (*channel)(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
	void (*listener)(struct service *s, str name, int fd);
	void (*key)(struct service *s, str name, str value, str public);
	/* After `go`. An error ends the process; it was logged. */
	err (*start)(struct service *s);
	/* Take nothing new, call service_finish() when done. NULL: end at once. */
	void (*retire)(struct service *s);
	/* About to end, in good order: close stores. May be NULL. */
	void (*stop)(struct service *s);
};

struct service {
	const struct role *role;
	str instance;            /* of a role with several: "smtp", "submission", "lmtp"; an account's number; otherwise empty */
	int home;                /* the folder that it may use, or -1. Only paths relative to it are of any use */
	const struct conf *conf; /* sections not asked for are at their defaults */
	struct log log;          /* thread-safe; copy it to add session and message */
	struct loop *loop;       /* the main thread's */
	struct arena *arena;     /* lives as long as the process; main thread only */
	struct frame *in, *out;  /* the main thread's frames for its channels */
	void *state;             /* the role's own */
};

int role_main(const struct role *role, int argc, char **argv);

/* Ends the main loop, then the process, in good order. May be called from any thread. */
void service_finish(struct service *s);
