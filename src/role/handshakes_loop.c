/* SPDX-License-Identifier: Apache-2.0 */
/* A handshake in a loop sends its question, pauses, and goes on when the answer has come. Those that find too many
 * questions open wait before they begin, where they cost nothing. */
#include "role/handshakes_inside.h"

static void unlink_asked(struct handshakes *h, struct handshake_wait *w)
{
	if (w->before != NULL)
		w->before->next = w->next;
	else
		h->asked = w->next;
	if (w->next != NULL)
		w->next->before = w->before;
	h->asked_count--;
	loop_timer_stop(h->service->loop, &w->patience);
}

static void unlink_queued(struct handshakes *h, struct handshake_wait *w)
{
	if (w->before != NULL)
		w->before->next = w->next;
	else
		h->queued = w->next;
	if (w->next != NULL)
		w->next->before = w->before;
	else
		h->queued_last = w->before;
	w->state = WAIT_IDLE;
}

static void queue_up(struct handshakes *h, struct handshake_wait *w)
{
	w->state = WAIT_QUEUED;
	w->next = NULL;
	w->before = h->queued_last;
	if (h->queued_last != NULL)
		h->queued_last->next = w;
	else
		h->queued = w;
	h->queued_last = w;
}

/* A place has become free. Not everybody who goes on has a question. */
void handshakes_let_in(struct handshakes *h)
{
	while (h->queued != NULL && h->asked_count < QUESTIONS_OPEN) {
		struct handshake_wait *w = h->queued;
		unlink_queued(h, w);
		w->resume(w->to);
	}
}

static void answered(struct handshake_wait *w, err result)
{
	unlink_asked(w->of, w);
	w->state = WAIT_ANSWERED;
	w->result = result;
}

static void on_patience(void *to)
{
	struct handshake_wait *w = to;
	struct handshakes *h = w->of;
	answered(w, FAIL(TIMEOUT));
	w->resume(w->to);
	handshakes_let_in(h);
}

void handshakes_answer(struct handshakes *h, uint32_t tag, err result, str signature)
{
	struct handshake_wait *w = h->asked;
	while (w != NULL && w->tag != tag)
		w = w->next;
	if (w == NULL) /* it was given up */
		return;
	buf_add(w->signature, signature);
	answered(w, result);
	w->resume(w->to);
	handshakes_let_in(h);
}

void handshakes_fail_asked(struct handshakes *h)
{
	while (h->asked != NULL) {
		struct handshake_wait *w = h->asked;
		answered(w, FAIL(CLOSED));
		w->resume(w->to);
	}
}

err handshakes_sign_pausing(void *to, uint32_t key, const struct tls_signed *what, struct buf *signature)
{
	struct handshakes *h = to;
	struct handshake_wait *w = h->stepping;
	if (w == NULL || !peer_is_open(&h->keyring))
		return FAIL(CLOSED);
	w->tag = ++h->last_tag;
	TRY(handshakes_ask(&h->keyring.channel, w->tag, key, what));
	w->state = WAIT_ASKED;
	w->signature = signature;
	w->before = NULL;
	w->next = h->asked;
	if (h->asked != NULL)
		h->asked->before = w;
	h->asked = w;
	h->asked_count++;
	loop_timer_start(h->service->loop, &w->patience, PATIENCE_MS, on_patience, w);
	while (w->state == WAIT_ASKED) {
		err e = tls_pause();
		if (failed(e)) {
			answered(w, e);
			break;
		}
	}
	w->state = WAIT_IDLE;
	return w->result;
}

void handshake_wait_init(struct handshake_wait *w, struct handshakes *h, void (*resume)(void *to), void *to)
{
	*w = (struct handshake_wait){ .state = WAIT_IDLE, .resume = resume, .to = to, .of = h };
}

err handshake_step(struct handshake_wait *w, struct tls *tls)
{
	struct handshakes *h = w->of;
	if (w->state == WAIT_QUEUED)
		return FAIL(AGAIN);
	if (w->state == WAIT_IDLE && h->asked_count >= QUESTIONS_OPEN) {
		queue_up(h, w);
		return FAIL(AGAIN);
	}
	h->stepping = w;
	err e = tls_handshake(tls);
	h->stepping = NULL;
	return e;
}

void handshake_cancel(struct handshake_wait *w)
{
	if (w->state == WAIT_QUEUED)
		unlink_queued(w->of, w);
	if (w->state != WAIT_ASKED)
		return;
	answered(w, FAIL(CLOSED));
	handshakes_let_in(w->of);
}
