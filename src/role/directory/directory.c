/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/brake.h"
#include "role/directory/forward.h"
#include "role/directory/local.h"
#include "role/directory/session.h"

#include "os/clock.h"

#include <stdio.h>

enum { TIDY_MS = 30000 };

err store_failure(struct directory_role *r, err e)
{
	const struct log *log = &r->service->log;
	str words = str_of(directory_message(r->store));
	if (e.code == ERR_DAMAGED)
		LOG(log, store_damaged, F_ERR(e), F_TEXT("reason", words));
	else if (e.code == ERR_DISK_FULL)
		LOG(log, disk_full, F_ERR(e), F_TEXT("reason", words));
	else
		LOG(log, store_failed, F_ERR(e), F_TEXT("reason", words));
	return e;
}

bool in_networks(const struct conf_networks *networks, const struct address *client)
{
	for (size_t i = 0; i < networks->count; i++)
		if (network_has(&networks->items[i], client))
			return true;
	return false;
}

/* Now and then: figures are written, the log of the store is kept short. */
static void tidy(void *to)
{
	struct directory_role *r = to;
	brake_save(r);
	err e = directory_save_figures(r->store);
	if (!failed(e))
		e = directory_tidy(r->store);
	if (failed(e))
		IGNORE(store_failure(r, e)); /* logged; tried again */
	loop_timer_start(r->service->loop, &r->tidy, TIDY_MS, tidy, r);
}

/* Nothing works without this store, and nobody can make up who has which mail: whoever starts the server is told. */
static void explain(err e, str words)
{
	fprintf(stderr, "siegel-directory: directory.db cannot be used: %s (%.*s)%s\n", err_text(e), ARG(words),
		e.code == ERR_DAMAGED
			? "; put back a copy of it from a backup and remove directory.db-wal, or save what "
			  "can be read with: sqlite3 directory.db .recover"
			: "");
}

static err open_store(struct directory_role *r)
{
	char room[256];
	struct buf message = BUF_ON(room);
	err e = directory_open("directory.db", &message, &r->store);
	if (!failed(e))
		return OK;
	if (e.code == ERR_DAMAGED)
		LOG(&r->service->log, store_damaged, F_ERR(e), F_TEXT("reason", buf_str(&message)));
	else
		LOG(&r->service->log, store_failed, F_ERR(e), F_TEXT("reason", buf_str(&message)));
	explain(e, buf_str(&message));
	return e;
}

void directory_role_prepare(struct service *s)
{
	static struct directory_role role;
	role = (struct directory_role){ .service = s, .door = admin_door_new(s, directory_verbs, &role) };
	s->state = &role;
	remember_prepare();
}

static int64_t ms_of(uint64_t seconds) { return (int64_t)seconds * 1000; }

/* What is told its settings. All else reads them where it needs them. */
static void set_times(struct directory_role *r, int64_t now)
{
	const struct conf *conf = r->service->conf;
	const struct inner_times times = { .taken = ms_of(conf->edge.remember_taken),
		.unknown = ms_of(conf->edge.remember_unknown),
		.alarm = ms_of(conf->edge.alarm_after) };
	inner_set_times(r->inner, &times, now);
	r->callouts.patience = ms_of(conf->edge.answer_timeout);
	remembered_set_keep(r->remembered, ms_of(conf->login.remember), now);
	throttle_set_while(r->throttle, ms_of(conf->login.block_time));
}

static err set_up(struct directory_role *r)
{
	struct service *s = r->service;
	static struct inner inner; /* large, and untouched where no domain is inner */
	r->jobs.loop = s->loop;
	r->inner = &inner;
	inner_begin(&inner);
	r->callouts.loop = s->loop;
	r->remembered = remembered_new(s->arena);
	r->throttle = throttle_new(s->arena);
	r->brake = brake_new(s->arena);
	if (r->brake == NULL)
		return FAIL(MEMORY);
	r->networks = networks_new(s->arena, s->loop, &s->log, r->store);
	r->scratch = NEW(s->arena, struct frame, 1);
	r->records = NEW(s->arena, char, DIRECTORY_RECORDS);
	if (arena_spent(s->arena))
		return FAIL(MEMORY);
	set_times(r, clock_ms());
	return OK;
}

/* Sessions, logins and questions go on; they meet the new settings with their next step. */
void directory_role_renewed(struct service *s)
{
	struct directory_role *r = s->state;
	set_times(r, clock_ms());
	for (struct link *l = r->links, *next; l != NULL; l = next) {
		next = l->next;
		if (l->kind == LINK_MAILBOX)
			quota_tell(l);
	}
}

err directory_role_start(struct service *s)
{
	struct directory_role *r = s->state;
	TRY(open_store(r));
	TRY(set_up(r));
	TRY(forwards_start(r));
	links_tell(r);
	tidy(r);
	return OK;
}

void directory_role_stop(struct service *s)
{
	struct directory_role *r = s->state;
	if (r->networks != NULL && r->store != NULL)
		networks_flush(r->networks);
	loop_timer_stop(s->loop, &r->domains_again);
	sessions_free(r);
	links_free(r);
	local_users_free(&r->local_users);
	directory_close(&r->store);
	wipe(r->forward_key, sizeof r->forward_key);
}
