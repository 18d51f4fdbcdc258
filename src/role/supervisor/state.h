/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor knows: itself and each of its processes. Private to this folder. */
#pragma once
#include "ipc/admin.h"
#include "ipc/journal.h"
#include "os/clock_watch.h"
#include "os/loop.h"
#include "role/supervisor/ports.h"
#include "role/supervisor/rows.h"
#include "role/supervisor/supervisor.h"

#include <sys/stat.h>

#define CONVERSATION "ipc/supervisor_role.def"
#include "ipc/conversation.h"

enum { INSTANCE_MAX = 16, NAME_ROOM = 32, ACCOUNT_BUCKETS = 1024, CRASHES = 1024, REASON_MAX = 600 };

enum process_state {
	PROCESS_DOWN,     /* waits to be started again */
	PROCESS_STARTING, /* not yet confined and serving */
	PROCESS_RUNNING,
	PROCESS_RETIRING, /* a newer one serves in its place */
	PROCESS_STOPPING,
};

/* The mailbox processes of an account that ended in disorder, one after the other. */
struct crashes {
	uint32_t account; /* 0: nobody's */
	unsigned failures;
	int64_t until; /* clock_ms(): no start before */
};

struct supervisor;

struct process {
	struct supervisor *supervisor;
	const struct row *row;
	struct user user;
	int program, home; /* descriptors; home is -1 where there is none. Both live as long as the process is known */
	uint32_t account;  /* ON_DEMAND: whose; otherwise 0 */
	char instance[INSTANCE_MAX];
	char name[NAME_ROOM]; /* for its peers: "queue", "receiver-smtp", "mailbox" */
	enum process_state state;
	pid_t pid;
	int exit; /* readable when it has ended */
	struct channel lifeline;
	struct hear_counts heard;
	struct loop_watch lifeline_watch, exit_watch;
	struct loop_timer timer; /* PROCESS_DOWN: when to start it; STOPPING: when to end it by force */
	int64_t since;           /* clock_ms() of the last change of state */
	unsigned failures;       /* without a minute of service in between */
	unsigned restarts;
	unsigned landlock;
	bool seccomp;
	bool crashed;             /* its last run did not end in good order */
	bool wanted;              /* ON_DEMAND: asked for again while it was ending */
	bool has_turn;            /* ON_DEMAND: is one of the few that are being started */
	bool renews;              /* RENEWED: was told new settings and has not answered */
	struct process *replaces; /* told to retire once this one serves */
	struct process *next;
	struct process *next_of_account;
	struct arena *arena; /* which this lives in */
};

/* mailboxes.c: an account whose process is to be started in its turn. */
struct start;

struct supervisor {
	const struct supervisor_setup *setup;
	struct service service; /* what the skeleton gives to other roles */
	struct arena *conf_arena, *first_arena;
	struct conf conf;
	struct conf first; /* of the start: processes that a reload leaves alone go on with it */
	struct folders folders;
	struct ports ports, local_ports;
	int programs[ROWS];
	struct user users[ROWS];
	int homes[ROWS];
	struct process *processes;
	struct process *accounts[ACCOUNT_BUCKETS];
	struct crashes crashes[CRASHES]; /* by account; of two that share a place the later one has it */
	struct journal *journal;
	struct admin_door *door;
	struct channel mailroom;
	struct hear_counts mailroom_heard;
	struct start *starts, **last_start; /* those that wait for their turn */
	unsigned turns;                     /* processes that have theirs */
	struct loop_watch mailroom_watch, signal_watch;
	int signals;
	struct clock_watch clock;
	int errors[2]; /* the pipe that processes have as their standard error */
	struct loop_watch errors_watch;
	struct stat passwd; /* as it was when it was looked at last */
	struct loop_timer passwd_timer;
	struct loop_timer patience; /* with processes that are to become ready */
	struct admin *reload_caller;
	unsigned reload_waits; /* new processes that do not serve yet, and others that do not have their settings yet */
	const char *reload_failure; /* NULL: none so far */
	struct loop_timer renewal_patience;
	bool ready, stopping, broken;
	unsigned phase;          /* of stopping */
	int64_t since;           /* clock_ms() of the start */
	char reason[REASON_MAX]; /* of the last failure, for those who cannot be told otherwise */
};
