/* SPDX-License-Identifier: Apache-2.0 */
/* Validation can fail without a sound: a key that was not renewed, a clock that is wrong, a forwarder that strips signatures.
 * Then either all signed names are bogus, and mail to them stops, or all are insecure, and nobody notices. So what is known to
 * be secure and what is known to be bogus is looked up at the start and each hour. Where it does not turn out so, three times
 * in a row, questions are asked without validation until it does: answers are then insecure, which switches DANE off, in the
 * open. Lookups that bring no answer prove nothing, and change nothing once it was proved that the resolver validates:
 * who only holds packets back does not get DANE switched off. */
#include "role/resolver/resolver.h"

enum {
	LOOKUP_MS = 10000,
	AGAIN_MS = 6000, /* after a failure that is not believed yet; no answer is remembered as bogus for so long */
	BROKEN_MS = 60 * 1000, /* while it does not validate, or could not be proved */
	GOOD_MS = 3600 * 1000,
	RCODE_OK = 0,
	RCODE_NXDOMAIN = 3,
};

static void begin(void *to);

static void give_reason(struct proof *p, const char *what, str name, const char *more)
{
	struct buf b = BUF_ON(p->reason);
	char whole[512];
	struct buf w = BUF_ON(whole);
	buf_addf(&w, "%.*s %s%s%s", ARG(str_slice(name, 0, 100)), what, *more != '\0' ? ": " : "", more);
	for (size_t i = 0; i < w.n && b.n < sizeof p->reason; i++)
		buf_byte(&b, w.p[i] >= ' ' && w.p[i] <= '~' ? w.p[i] : '?');
	p->reason_n = b.n;
}

static void enter(struct resolver *r, enum dns_validation state)
{
	const bool is_first = !r->proof.settled, is_new = r->state != state || is_first;
	r->state = state;
	r->proof.settled = true;
	if (is_new)
		resolver_tell(r);
	if (is_first)
		questions_release(r);
}

static void again(struct proof *p, int64_t milliseconds)
{
	loop_timer_start(p->resolver->service->loop, &p->timer, milliseconds, begin, p);
}

static void conclude(struct proof *p)
{
	struct resolver *r = p->resolver;
	bool bad = p->secure.result == PROBE_BAD || p->bogus.result == PROBE_BAD;
	loop_timer_stop(r->service->loop, &p->timer);
	if (!bad && p->secure.result == PROBE_GOOD) {
		p->failures = 0;
		p->reason_n = 0;
		enter(r, DNS_VALIDATES);
		again(p, GOOD_MS);
	} else if (++p->failures < PROOF_TRIES)
		again(p, AGAIN_MS);
	else {
		if (bad)
			enter(r, DNS_DOES_NOT_VALIDATE);
		else if (r->state != DNS_VALIDATES)
			enter(r, DNS_NOT_PROVED);
		again(p, BROKEN_MS);
	}
}

static void probe_ended(struct probe *probe, enum probe_result result)
{
	struct proof *p = probe->proof;
	probe->open = false;
	probe->result = result;
	if (!p->secure.open && !p->bogus.open)
		conclude(p);
}

static void on_secure(void *to, int error, struct ub_result *result)
{
	struct probe *probe = to;
	struct proof *p = probe->proof;
	str name = p->resolver->service->conf->resolver.probe_secure;
	enum probe_result found = PROBE_UNKNOWN;
	if (error != 0)
		give_reason(p, "could not be looked up", name, ub_strerror(error));
	else if (result->bogus != 0) {
		found = PROBE_BAD;
		give_reason(
			p, "is signed, but taken for forged", name, result->why_bogus != NULL ? result->why_bogus : "");
	} else if (result->secure != 0)
		found = PROBE_GOOD;
	else if (result->rcode == RCODE_OK || result->rcode == RCODE_NXDOMAIN) {
		found = PROBE_BAD;
		give_reason(p, "is signed, but its signatures are not seen", name, "");
	} else
		give_reason(p, "could not be looked up", name, "");
	if (error == 0)
		ub_resolve_free(result);
	probe_ended(probe, found);
}

static void on_bogus(void *to, int error, struct ub_result *result)
{
	struct probe *probe = to;
	struct proof *p = probe->proof;
	str name = p->resolver->service->conf->resolver.probe_bogus;
	enum probe_result found = PROBE_UNKNOWN;
	if (error == 0 && result->bogus != 0)
		found = PROBE_GOOD;
	else if (error == 0 && result->havedata != 0) {
		found = PROBE_BAD;
		give_reason(p, "is forged, but taken for good", name, "");
	}
	if (error == 0)
		ub_resolve_free(result);
	probe_ended(probe, found);
}

static void cancel(struct probe *probe)
{
	if (probe->open)
		(void)ub_cancel(probe->proof->resolver->validating.ub, probe->id);
	probe->open = false;
}

static void on_timeout(void *to)
{
	struct proof *p = to;
	if (p->secure.open)
		give_reason(p, "could not be looked up", p->resolver->service->conf->resolver.probe_secure,
			"no answer in time");
	cancel(&p->secure);
	cancel(&p->bogus);
	conclude(p);
}

/* An alias in the path of the name would do no harm, since an answer is secure only as a whole. */
static void look(struct probe *probe, str name, ub_callback_type callback)
{
	struct resolver *r = probe->proof->resolver;
	char room[DNS_NAME_MAX + 1];
	struct buf b = BUF_ON(room);
	buf_add(&b, name);
	buf_byte(&b, '\0');
	probe->result = PROBE_UNKNOWN;
	probe->open = !b.lost && name.n > 0 &&
		      ub_resolve_async(r->validating.ub, room, DNS_A, 1, probe, callback, &probe->id) == 0;
}

static void begin(void *to)
{
	struct proof *p = to;
	struct resolver *r = p->resolver;
	const struct conf_resolver *conf = &r->service->conf->resolver;
	if (r->anchors == 0) {
		give_reason(p, r->trouble.n > 0 ? "holds none that can be used" : "there is no key to begin with",
			S("resolver.trust_anchor:"), r->trouble.n > 0 ? r->trouble.p : "");
		p->failures = PROOF_TRIES;
		p->secure.result = PROBE_BAD;
		conclude(p);
		return;
	}
	if (conf->probe_secure.n == 0)
		give_reason(p, "is empty, so it is not tried whether answers are validated", S("resolver.probe_secure"),
			"");
	look(&p->bogus, conf->probe_bogus, on_bogus);
	look(&p->secure, conf->probe_secure, on_secure);
	if (p->secure.open || p->bogus.open)
		loop_timer_start(r->service->loop, &p->timer, LOOKUP_MS, on_timeout, p);
	else
		conclude(p);
}

void proof_start(struct resolver *r)
{
	r->proof = (struct proof){ .resolver = r };
	r->proof.secure.proof = r->proof.bogus.proof = &r->proof;
	begin(&r->proof);
}

void proof_stop(struct proof *p)
{
	if (p->resolver == NULL)
		return;
	loop_timer_stop(p->resolver->service->loop, &p->timer);
	cancel(&p->secure);
	cancel(&p->bogus);
}
