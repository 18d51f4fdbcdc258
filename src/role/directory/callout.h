/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to `sender`, whether an inner server would take a recipient, that are open. Each is answered exactly once, by
 * then() from the loop: by `sender`, or as CALLOUT_AWAY when it takes too long or has gone; unless whoever asked forgot it. */
#pragma once
#include "ipc/callout.h"
#include "ipc/channel.h"
#include "os/loop.h"

enum { CALLOUTS_MAX = 256 };

struct callout_question {
	str domain, sender, recipient; /* as directory_sender.def has them */
	uint64_t size;
	bool utf8, requires_tls;
};

struct callout_result {
	enum callout_answer answer;
	unsigned code;
	str status, text, host; /* live until then() returns */
	uint64_t size_max;
};
typedef void callout_then_fn(void *ctx, const struct callout_result *result);

struct callout {
	struct callouts *callouts;
	callout_then_fn *then; /* NULL: this place is free */
	void *ctx;
	uint32_t tag;
	struct loop_timer timer;
};

struct callouts {
	struct loop *loop;
	struct channel *sender; /* NULL: not there */
	int64_t patience;       /* milliseconds */
	uint32_t next;
	struct callout places[CALLOUTS_MAX];
};

/* *out is the tag for callout_forget(). ERR_BUSY: too many are open, or `sender` does not read; ERR_CLOSED: no `sender`;
 * then() is not called then. */
err callout_ask(struct callouts *c, const struct callout_question *q, callout_then_fn *then, void *ctx, uint32_t *out);
/* Whoever asked has gone. Harmless for a question that was answered. */
void callout_forget(struct callouts *c, uint32_t tag);

/* The answer of `sender`. An answer to nothing is ignored: it came too late. */
void callouts_answer(struct callouts *c, uint32_t tag, const struct callout_result *result);
/* `sender` has gone: all fail. */
void callouts_fail(struct callouts *c);
