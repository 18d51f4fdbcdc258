/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a domain: its record in the DNS, and where that has a new id, the file (RFC 8461 3). */
#include <stdio.h>

#include "os/clock.h"
#include "role/fetcher/fetcher.h"

enum { STATUS_OK = 200, HOST_ROOM = 300 };

static void end(struct sts_task *t, enum sts_outcome outcome, const char *reason)
{
	t->outcome = outcome;
	t->reason = arena_copy(t->arena, str_slice(str_of(reason), 0, REASON_MAX - 1));
}

/* As a report will tell the domain (RFC 8460 4.3.2.2). */
static void end_failed(struct sts_task *t, enum sts_failure why, const char *reason)
{
	t->failure = why;
	end(t, STS_FAILED, reason);
}

static str prefixed(struct sts_task *t, const char *label)
{
	struct buf b = buf_in(t->arena, HOST_ROOM);
	buf_addf(&b, "%s.%.*s", label, ARG(t->domain));
	return buf_str(&b);
}

/* Of all TXT records those of MTA-STS count, and of those there must be one (RFC 8461 3.1). False: the task has ended. */
static bool find_id(struct sts_task *t)
{
	struct dns_question q = { prefixed(t, "_mta-sts"), DNS_TXT };
	struct dns_answer a;
	str record = NO_STR;
	size_t count = 0;
	int64_t left = t->deadline - clock_ms();
	if (q.name.n > DNS_NAME_MAX || failed(dns_ask(t->dns, &q, 1, left > 0 ? (unsigned)left : 0, t->arena, &a))) {
		end(t, STS_ABSENT, "the name is too long to have a policy");
		return false;
	}
	for (size_t i = 0; i < a.count; i++)
		if (mta_sts_record_is(a.records[i].text)) {
			record = a.records[i].text;
			count++;
		}
	if (a.outcome == DNS_FAILED || a.outcome == DNS_BOGUS) {
		t->failure = STS_FAILURE_FETCH;
		end(t, STS_UNKNOWN, "the DNS does not say whether there is a policy");
	} else if (count == 0)
		end(t, STS_ABSENT, "there is no record");
	else if (count > 1 || failed(mta_sts_record_parse(record, &t->id)))
		end(t, STS_ABSENT, count > 1 ? "there are several records" : "the record is not right");
	else
		return true;
	return false;
}

/* The file must be text/plain (RFC 8461 3.2), and no redirect is followed (RFC 8461 3.3). */
static void get_policy(struct sts_task *t)
{
	struct fetch f = { .fetcher = t->fetcher,
		.dns = t->dns,
		.arena = t->arena,
		.host = prefixed(t, "mta-sts"),
		.path = S("/.well-known/mta-sts.txt"),
		.longest = MTA_STS_FILE_MAX,
		.deadline = t->deadline };
	err e = fetch_run(&f);
	if (failed(e))
		end_failed(t, f.untrusted ? STS_FAILURE_WEBPKI : STS_FAILURE_FETCH,
			f.reason[0] != '\0' ? f.reason : err_text(e));
	else if (f.status != STATUS_OK) {
		snprintf(f.reason, sizeof f.reason, "%.*s: status %u", ARG(f.host), f.status);
		end_failed(t, STS_FAILURE_FETCH, f.reason);
	} else if (!str_eq_nocase(f.media_type, S("text/plain")))
		end_failed(t, STS_FAILURE_INVALID, "the policy is not text/plain");
	else if (failed(mta_sts_policy_parse(f.body, t->arena, &t->policy)))
		end_failed(t, STS_FAILURE_INVALID, "what was fetched is no policy");
	else
		end(t, STS_FETCHED, "");
}

void sts_run(struct sts_task *t)
{
	t->id = S("");
	if (!find_id(t))
		return;
	if (str_eq(t->id, t->known)) {
		end(t, STS_SAME, "");
		return;
	}
	enum sts_failure why;
	if (failed_lately(t->fetcher, t->domain, t->id, &why)) {
		end_failed(t, why, "it could not be fetched some minutes ago");
		return;
	}
	get_policy(t);
	if (t->outcome == STS_FAILED)
		note_failure(t->fetcher, t->domain, t->id, t->failure);
}
