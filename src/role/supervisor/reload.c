/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/reload.h"

#include "role/supervisor/process.h"

#include "base/json.h"

enum { CONF_BUDGET = 8 << 20, PATIENCE = 30000 /* ms, with processes that take over settings */ };

/* The mistakes of a configuration go to whoever asked. */
struct telling {
	struct admin *caller;
	struct supervisor *supervisor;
	size_t count;
};

static void tell_mistake(void *to, str text)
{
	struct telling *t = to;
	char room[4096];
	struct buf line = BUF_ON(room);
	if (t->count++ == 0) {
		struct buf first = BUF_ON(t->supervisor->reason);
		buf_add(&first, str_slice(text, 0, REASON_MAX - 1));
		buf_byte(&first, '\0');
	}
	if (t->caller == NULL)
		return;
	struct json j = json_begin(&line);
	json_text(&j, "mistake", text);
	json_end(&j);
	IGNORE(admin_line(t->caller, buf_str(&line))); /* the end of the command says that it was refused */
}

static void refuse(struct supervisor *s, struct admin *caller, str reason)
{
	if (caller != NULL)
		admin_refuse(caller, "%.*s", ARG(reason));
	else
		LOG(&s->service.log, command_refused, F_TEXT("verb", S("reload")), F_TEXT("caller", S("signal")),
			F_TEXT("reason", reason));
}

/* Of these the supervisor itself makes use, at its start. */
static const char of_the_start[] = "server.folder server.log_folder server.run_folder local.submit";

/* Those that a reload leaves alone. */
static void write_who_waits(struct buf *b, const struct conf_setting *setting, str path)
{
	if (row_has(of_the_start, path))
		buf_add(b, S("supervisor"));
	for (size_t i = 0; i < ROWS; i++)
		if ((rows[i].flags & (RELOADED | RENEWED)) == 0 && row_has(rows[i].sections, str_of(setting->section)))
			buf_addf(b, "%s%s", b->n > 0 ? " " : "", rows[i].role);
}

static bool is_changed(const struct conf *before, const struct conf *after, const struct conf_setting *setting)
{
	static char old_room[CONF_VALUE_MAX + 1], new_room[CONF_VALUE_MAX + 1];
	struct buf was = BUF_ON(old_room), is = BUF_ON(new_room);
	conf_write(&was, before, setting);
	conf_write(&is, after, setting);
	return !str_eq(buf_str(&was), buf_str(&is));
}

/* Processes that go on keep the settings that they were started with; whoever asked is told which these are. */
static void tell_what_waits(struct supervisor *s, const struct conf *after, struct admin *caller)
{
	for (size_t i = 0; i < CONF_SETTINGS && caller != NULL; i++) {
		const struct conf_setting *setting = &conf_settings[i];
		char room[512], name_room[128], who_room[256];
		struct buf line = BUF_ON(room), name = BUF_ON(name_room), who = BUF_ON(who_room);
		buf_addf(&name, "%s.%s", setting->section, setting->name);
		write_who_waits(&who, setting, buf_str(&name));
		if (who.n == 0 || !is_changed(&s->first, after, setting))
			continue;
		struct json j = json_begin(&line);
		json_text(&j, "at_next_start", buf_str(&name));
		json_text(&j, "processes", buf_str(&who));
		json_end(&j);
		IGNORE(admin_line(caller, buf_str(&line))); /* who has gone need not know */
	}
}

static bool has_listener(const struct supervisor *s, const struct row *row)
{
	return *row->listeners == '\0' || ports_have(&s->ports, row->listeners) ||
	       ports_have(&s->local_ports, row->listeners);
}

static struct process *serving(const struct supervisor *s, const struct row *row)
{
	for (struct process *p = s->processes; p != NULL; p = p->next)
		if (p->row == row && p->state != PROCESS_RETIRING && p->replaces == NULL)
			return p;
	return NULL;
}

static void replace_processes(struct supervisor *s)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		struct process *old = serving(s, row);
		if ((row->flags & RELOADED) == 0 || s->programs[i] < 0)
			continue;
		if (!has_listener(s, row)) {
			if (old != NULL)
				process_retire(old, 0);
			continue;
		}
		struct process *new = process_new(s, row, row->instance, 0, s->homes[i]);
		new->replaces = old;
		s->reload_waits += old != NULL;
		process_start_or_retry(new);
	}
}

/* ---- processes that go on with other settings ---- */

/* failure: NULL for none. */
static void renewal_ended(struct process *p, const char *failure)
{
	if (!p->renews)
		return; /* it took too long, and that was told */
	p->renews = false;
	if (failure == NULL)
		reload_step(p->supervisor);
	else
		reload_failed(p->supervisor, failure);
}

void reload_renewed(struct process *p, bool taken)
{
	renewal_ended(p, taken ? NULL : "a process cannot take over its settings; it goes on with those from before");
}

/* It is started again with the new ones. */
void reload_forget(struct process *p) { renewal_ended(p, NULL); }

static void out_of_patience(void *to)
{
	struct supervisor *s = to;
	for (struct process *p = s->processes; p != NULL; p = p->next)
		renewal_ended(p, "a process does not say whether it has taken over its settings");
}

/* One that cannot be told is ended and started again with them. */
static void renew_processes(struct supervisor *s)
{
	for (struct process *p = s->processes; p != NULL; p = p->next) {
		if ((p->row->flags & RENEWED) == 0 || !process_is_up(p))
			continue;
		p->renews = true;
		s->reload_waits++;
		IGNORE(process_renew(p)); /* its end is seen, and counts as an answer */
	}
	loop_timer_start(s->service.loop, &s->renewal_patience, PATIENCE, out_of_patience, s);
}

/* What changes is taken over only when everything could be read and opened. */
static err take_over(struct supervisor *s, struct arena *conf_arena, const struct conf *conf, struct buf *reason)
{
	static struct ports ports;
	TRY(ports_open(&conf->server, &s->ports, &ports, reason));
	ports_close(&s->ports); /* those that nobody asks for any more */
	s->ports = ports;
	if (s->conf_arena != s->first_arena)
		arena_free(&s->conf_arena);
	s->conf_arena = conf_arena;
	s->conf = *conf;
	return OK;
}

void reload_begin(struct supervisor *s, struct admin *caller)
{
	struct telling telling = { caller, s, 0 };
	struct supervisor_setup reading = *s->setup;
	struct buf reason = BUF_ON(s->reason);
	struct conf conf;
	if (!s->ready || s->stopping || s->reload_waits > 0 || s->setup->offline) {
		refuse(s, caller, S("the server is starting, stopping or reloading just now"));
		return;
	}
	reading.complain = tell_mistake;
	reading.to = &telling;
	struct arena *a = arena_new("configuration", CONF_BUDGET);
	err e = configuration_read(&reading, a, &conf);
	if (!failed(e)) {
		tell_what_waits(s, &conf, caller);
		e = take_over(s, a, &conf, &reason);
	} else if (caller != NULL && telling.count > 0) { /* he was told which */
		buf_add(&reason, S("the configuration has mistakes; the server goes on as it was"));
	} else {
		reason.n = strlen(s->reason);
	}
	if (failed(e)) {
		arena_free(&a);
		refuse(s, caller, reason.n > 0 ? buf_str(&reason) : str_of(err_text(e)));
		return;
	}
	s->reload_caller = caller;
	s->reload_failure = NULL;
	LOG(&s->service.log, config_loaded);
	s->reload_waits++; /* our own, so that nothing ends before all were started */
	renew_processes(s);
	replace_processes(s);
	reload_step(s);
}

void reload_step(struct supervisor *s)
{
	if (s->reload_waits == 0 || --s->reload_waits > 0)
		return;
	struct admin *caller = s->reload_caller;
	s->reload_caller = NULL;
	char room[200];
	struct buf reason = BUF_ON(room);
	loop_timer_stop(s->service.loop, &s->renewal_patience);
	if (s->reload_failure != NULL) {
		buf_addf(&reason, "%s. The log says why", s->reload_failure);
		refuse(s, caller, buf_str(&reason));
	} else if (caller != NULL)
		admin_done(caller);
}

void reload_failed(struct supervisor *s, const char *reason)
{
	s->reload_failure = reason;
	LOG(&s->service.log, alarm, F_TEXT("kind", S("reload_failed")), F_TEXT("reason", str_of(reason)));
	reload_step(s);
}
