/* SPDX-License-Identifier: Apache-2.0 */
/* The skeleton that every process is hung into. main() is one line: return role_main(&role_queue, argc, argv). The
 * skeleton confines the process before it reads its first byte (os/roles.def says how), takes settings, channels,
 * and listeners from the supervisor until `go`, then calls start() and runs the event loop of the main thread until
 * `stop`, or until the process says it has finished. Threads are a role's own affair.
 *
 * A process starts as: argv = { name, instance, newest Landlock ABI to use, "required" or "optional" confinement, "own" or
 * "shared" user }, descriptor 3 the lifeline (supervisor_role.def), descriptor 4 its home folder if it has one, which is
 * also the current folder. */
#pragma once
#include "base/arena.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ipc/channel.h"
#include "os/loop.h"

struct service;
struct peer;

struct role {
	const char *name; /* its row in os/roles.def */
	/* Before the confinement: what libraries read at run time. May be NULL, as may be all that follow but start(). */
	void (*prepare)(struct service *s);
	/* Channels, listeners and files as they come, before and after start(); each owns the descriptor it is given. Where
	 * the function is NULL such a thing is not for this role and is closed. Strings last until the function returns. */
	void (*channel)(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
	void (*listener)(struct service *s, str name, int fd);
	void (*file)(struct service *s, str name, int fd); /* open for reading */
	/* Other settings hold from now on; those from before are gone when this returns. NULL: the role keeps the ones that it
	 * was started with. No other thread may read settings in a role that has this. */
	void (*renewed)(struct service *s);
	/* After `go`. A failure ends the process. */
	err (*start)(struct service *s);
	/* Take nothing new; call service_finish() when done. NULL: end at once. */
	void (*retire)(struct service *s);
	/* About to end in good order: close stores. */
	void (*stop)(struct service *s);
};

struct service {
	const struct role *role;
	str instance; /* of a role with several: "smtp", "submission", "lmtp"; an account's number; else empty */
	int home;     /* the folder that it may use, which is the current one too; or -1 */
	const struct conf *conf; /* sections that are not for this role are at their defaults */
	struct log log;          /* any thread may log; copy it to add session and message */
	struct loop *loop;       /* the main thread's */
	struct arena *arena;     /* lives as long as the process; main thread only */
	struct frame *in, *out;  /* the main thread's frames for its channels */
	void *state;             /* the role's own */
	bool starting;           /* until start() is done nobody is heard; */
	struct peer *waiting;    /* these wait for it (ipc/peer.h) */
};

/* The process' exit status: 0 when it ended as asked, 1 otherwise. */
int role_main(const struct role *role, int argc, char **argv);

/* Ends the main loop and then the process, in good order. Any thread may call it. */
void service_finish(struct service *s);
