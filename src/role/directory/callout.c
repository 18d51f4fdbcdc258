/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/callout.h"

#define CONVERSATION "ipc/directory_sender.def"
#include "ipc/conversation.h"

enum { GRACE_MS = 1000 }; /* `sender` has the same patience, and its word says more */

/* Tags count up, so that a late answer never meets a later question; the place is the tag's remainder. */
static struct callout *take(struct callouts *c)
{
	for (int i = 0; i < CALLOUTS_MAX; i++) {
		struct callout *one = &c->places[++c->next % CALLOUTS_MAX];
		if (c->next != 0 && one->then == NULL) {
			one->tag = c->next;
			return one;
		}
	}
	return NULL;
}

static void finish(struct callout *one, const struct callout_result *result)
{
	callout_then_fn *then = one->then;
	loop_timer_stop(one->callouts->loop, &one->timer);
	one->then = NULL;
	then(one->ctx, result);
}

static void finish_away(struct callout *one, str text)
{
	finish(one, &(const struct callout_result){
			    .answer = CALLOUT_AWAY, .status = S("4.4.1"), .text = text, .host = S("") });
}

static void time_out(void *to) { finish_away(to, S("it gave no answer in time")); }

static struct callout *find(struct callouts *c, uint32_t tag)
{
	struct callout *one = &c->places[tag % CALLOUTS_MAX];
	return one->then != NULL && one->tag == tag ? one : NULL;
}

err callout_ask(struct callouts *c, const struct callout_question *q, callout_then_fn *then, void *ctx, uint32_t *out)
{
	const struct msg_ask m = { .domain = q->domain,
		.sender = q->sender,
		.recipient = q->recipient,
		.size = q->size,
		.utf8 = q->utf8,
		.requiretls = q->requires_tls,
		.deadline = (uint64_t)c->patience };
	if (c->sender == NULL)
		return FAIL(CLOSED);
	struct callout *one = take(c);
	if (one == NULL)
		return FAIL(BUSY);
	TRY(msg_send_ask(c->sender, one->tag, &m));
	one->callouts = c;
	one->then = then;
	one->ctx = ctx;
	loop_timer_start(c->loop, &one->timer, c->patience + GRACE_MS, time_out, one);
	*out = one->tag;
	return OK;
}

void callout_forget(struct callouts *c, uint32_t tag)
{
	struct callout *one = find(c, tag);
	if (one == NULL)
		return;
	loop_timer_stop(c->loop, &one->timer);
	one->then = NULL;
}

void callouts_answer(struct callouts *c, uint32_t tag, const struct callout_result *result)
{
	struct callout *one = find(c, tag);
	if (one != NULL)
		finish(one, result);
}

void callouts_fail(struct callouts *c)
{
	c->sender = NULL;
	for (int i = 0; i < CALLOUTS_MAX; i++)
		if (c->places[i].then != NULL)
			finish_away(&c->places[i], S("the process that asks it has ended"));
}
