/* SPDX-License-Identifier: Apache-2.0 */
/* The process that asks the DNS, so that nobody else has to read what comes back. Private to this folder. */
#pragma once
#include "ipc/admin.h"
#include "ipc/dns.h"
#include "ipc/held.h"
#include "ipc/peer.h"
#include "role/resolver/library.h"

enum {
	QUESTIONS_MAX = 4096, /* open at once; more are answered at once, as failed */
	SESSIONS_MAX = 4096,  /* of the threads of those who ask */
	PROOF_TRIES = 3,
};

struct resolver;
struct question;

/* What a question came to. Strings last until the function returns that is given this. ERR_BUSY: it stands in service->out
 * and found no room; it is held until asker_send_held(). */
typedef err question_fn(void *to, uint32_t tag, const struct msg_lookup_done *m);

/* Who asks: what becomes of its questions when it goes. All zero at first, but for the function. */
struct asker {
	question_fn *fn;
	void *to;
	struct question *questions;
};

/* A question to one of the contexts, with the time that it may take. */
struct question {
	struct resolver *resolver;
	struct asker *asker;
	struct question *next, *before; /* of the asker's, or of the unused ones */
	uint32_t tag;
	enum dns_type type;
	char name[DNS_NAME_MAX + 2]; /* a C string with a dot at the end */
	size_t name_n;               /* without the dot */
	struct loop_timer deadline;
	struct ub_ctx *context; /* who works on it; NULL: it waits for the first proof, or its answer for room */
	int id;
	struct ub_result *first; /* the answer, while its first alias is being looked at */
	struct held held;        /* the answer, while there is no room for it */
};

/* What a proof is made from: two lookups at once. */
enum probe_result { PROBE_UNKNOWN, PROBE_GOOD, PROBE_BAD };
struct probe {
	struct proof *proof;
	int id;
	bool open;
	enum probe_result result;
};

/* That what should be secure is, and that what should be bogus is found out. */
struct proof {
	struct resolver *resolver;
	struct probe secure, bogus;
	struct loop_timer timer; /* of the lookups, or until the next time */
	unsigned failures;       /* in a row */
	bool settled;            /* for the first time: questions are let through */
	char reason[200];
	size_t reason_n;
};

/* One of libunbound's contexts and the watch on its results. */
struct context {
	struct ub_ctx *ub;
	struct loop_watch watch;
};

struct resolver {
	struct service *service;
	struct arena *arena, *scratch; /* scratch: of one answer */
	struct context validating, plain;
	str trust_anchor, root_hints, resolv_conf;
	size_t anchors; /* 0: nothing can be validated */
	str trouble;    /* why not, beyond that there is none; or absent */
	enum dns_validation state;
	struct proof proof;
	struct question *questions, *unused; /* all places; those without a question */
	size_t open;
	struct requester *requesters; /* processes and their sessions */
	size_t sessions;
	struct admin_door *door;
	uint64_t asked;
};

/* resolver.c */
void resolver_prepare(struct service *s);
void resolver_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
void resolver_file(struct service *s, str name, int fd);
err resolver_start(struct service *s);
void resolver_stop(struct service *s);
/* The state changed: the log and those who ask are told. */
void resolver_tell(struct resolver *r);
/* The context for questions in this state, made when it is first needed; NULL: it cannot be made. */
struct ub_ctx *resolver_context(struct resolver *r);

/* question.c: the answer comes by asker->fn, at once or later, unless the asker forgets first. deadline in milliseconds. */
void question_ask(
	struct resolver *r, struct asker *asker, uint32_t tag, const struct dns_question *what, unsigned deadline);
/* Those that waited for the first proof are asked now. */
void questions_release(struct resolver *r);
void asker_forget(struct asker *asker);
/* There is room in the asker's channel. ERR_BUSY: not for all that was held. */
err asker_send_held(struct asker *asker, struct channel *c);

/* proof.c: begins, and goes on for the life of the process. */
void proof_start(struct resolver *r);
void proof_stop(struct proof *p);

/* answer.c: writes an answer in memory that the next call uses again. question: its name, without the dot. */
struct answer_parts {
	str question;
	enum dns_type type;
	enum dns_validation state;
	bool alias_secure;
};
void answer_make(const struct ub_result *result, const struct answer_parts *parts, struct arena *scratch,
	struct frame *frame, struct msg_lookup_done *out);
void answer_failed(str question, bool validating, const char *reason, struct msg_lookup_done *out);

extern const struct admin_verb resolver_verbs[];
