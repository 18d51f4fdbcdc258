/* SPDX-License-Identifier: Apache-2.0 */
/* How TLS went with other domains, counted by domain, day, policy and kind of failure, as reports by RFC 8460 4 want it. Kept in
 * memory for two days; the least recent give way when there are too many. */
#include <stdio.h>

#include "ipc/admin.h"
#include "os/clock.h"
#include "role/sender/sender.h"

enum { RESULTS_MAX = 8192, DAY_S = 86400, LINE_ROOM = 1024 };

struct tls_result {
	int64_t day;
	char domain[NAME_MAX_BYTES + 1];
	enum security_source source;
	const char *type; /* of RFC 8460 4.3, static memory; "" for success */
	uint64_t count;
};

struct tls_results {
	struct tls_result all[RESULTS_MAX];
	size_t count, next; /* next: the place that gives way */
};

static struct tls_results results;

void results_init(struct sender *s) { s->results = &results; }

/* The lock is held. A linear search: once for each connection. */
static struct tls_result *find(
	struct tls_results *r, int64_t day, str domain, enum security_source source, const char *type)
{
	for (size_t i = 0; i < r->count; i++) {
		struct tls_result *one = &r->all[i];
		if (one->day == day && one->source == source && str_eq(str_of(one->type), str_of(type)) &&
			str_eq(str_of(one->domain), domain))
			return one;
	}
	struct tls_result *place = &r->all[r->count < RESULTS_MAX ? r->count++ : r->next++ % RESULTS_MAX];
	*place = (struct tls_result){ .day = day, .source = source, .type = type };
	snprintf(place->domain, sizeof place->domain, "%.*s", ARG(domain));
	return place;
}

void results_note(struct sender *s, str domain, enum security_source source, const char *type)
{
	pthread_mutex_lock(&s->lock);
	find(s->results, clock_utc_seconds() / DAY_S, domain, source, type)->count++;
	pthread_mutex_unlock(&s->lock);
}

static void say(struct admin *a, const struct tls_result *r)
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	struct json j = json_begin(&line);
	json_number(&j, "day", (uint64_t)r->day * DAY_S);
	json_text(&j, "domain", str_of(r->domain));
	json_text(&j, "policy", str_of(security_source_name(r->source)));
	json_text(&j, "result", *r->type != '\0' ? str_of(r->type) : S("success"));
	json_number(&j, "count", r->count);
	json_end(&j);
	if (!line.lost)
		IGNORE(admin_line(a, buf_str(&line))); /* the end tells of what had no room */
}

void results_show(struct admin *a)
{
	static const char *const known[] = { "domain", NULL };
	struct sender *s = a->role;
	const str domain = admin_word(a, S("domain"));
	const int64_t oldest = clock_utc_seconds() / DAY_S - 1;
	if (admin_refused_words(a, known))
		return;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->results->count; i++) {
		const struct tls_result *r = &s->results->all[i];
		if (r->day >= oldest && (domain.n == 0 || str_eq_nocase(domain, str_of(r->domain))))
			say(a, r);
	}
	pthread_mutex_unlock(&s->lock);
	admin_done(a);
}
