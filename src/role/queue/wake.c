/* SPDX-License-Identifier: Apache-2.0 */
/* Mail waits for an account whose mailbox process does not run: mailroom is told, and told again. After a restart there may
 * be thousands of such accounts, so only so many are named at once. */
#include "os/clock.h"
#include "os/random.h"
#include "role/queue/account.h"

#define CONVERSATION "ipc/queue_mailroom.def"
#include "ipc/conversation.h"

enum {
	GAP_FIRST_MS = 2000,
	GAP_MAX_MS = 60000,
	GAP_UNLOAD_MS = 8000, /* a mailbox that does not come by then does not keep its mail in our memory */
	WINDOW_MS = 100,
	WINDOW_WAKES = 50,
	LATER_MS = 1000,
};

static void on_timer(void *to)
{
	struct account *a = to;
	a->told = false;
	account_pump(a);
}

static bool is_crowded(struct queue *q)
{
	int64_t now = clock_ms();
	if (now - q->wakes_since >= WINDOW_MS) {
		q->wakes_since = now;
		q->wakes = 0;
	}
	return q->wakes++ >= WINDOW_WAKES;
}

void account_wake(struct account *a)
{
	struct queue *q = a->q;
	int64_t pause = WINDOW_MS + (int64_t)random_below(10 * WINDOW_MS);
	if (a->timer.running)
		return;
	if (peer_is_open(&q->mailroom) && !is_crowded(q) &&
		!failed(msg_send_wake(&q->mailroom.channel, 0, &(struct msg_wake){ .account = a->number }))) {
		a->gap = a->gap == 0 ? GAP_FIRST_MS : 2 * a->gap;
		if (a->gap > GAP_MAX_MS)
			a->gap = GAP_MAX_MS;
		pause = a->gap;
		if (a->gap >= GAP_UNLOAD_MS)
			account_unload(a);
	}
	loop_timer_start(q->service->loop, &a->timer, pause, on_timer, a);
}

void account_later(struct account *a)
{
	if (!a->timer.running)
		loop_timer_start(a->q->service->loop, &a->timer, LATER_MS, on_timer, a);
}
