/* SPDX-License-Identifier: Apache-2.0 */
/* A service without a process around it: settings at their defaults, a loop that a test turns by hand, a log that is
 * remembered. */
#pragma once
#include <stdlib.h>

#include "check.h"
#include "ipc/role.h"
#include "os/clock.h"

struct fake_service {
	struct service service;
	struct conf conf;
	unsigned events[LOG_EVENTS]; /* how often each was logged */
	struct loop_timer turn;
};

static void fake_sink(void *to, enum log_event event, const struct log_field *fields)
{
	struct fake_service *f = to;
	(void)fields;
	f->events[event]++;
}

static inline struct service *fake_service_start(struct fake_service *f)
{
	*f = (struct fake_service){ .service = { .home = -1 } };
	struct service *s = &f->service;
	s->arena = arena_new("fake", 64 << 20);
	s->in = NEW(s->arena, struct frame, 1);
	s->out = NEW(s->arena, struct frame, 1);
	s->log = (struct log){ .sink = fake_sink, .to = f };
	s->conf = &f->conf;
	check_err("settings", conf_init(&f->conf, s->arena), ERR_NONE);
	check_err("loop", loop_new(&s->loop), ERR_NONE);
	return s;
}

static inline void fake_service_set(struct fake_service *f, const char *line)
{
	check_err(line, conf_set_line(&f->conf, f->service.arena, str_of(line), NULL), ERR_NONE);
}

static inline void fake_service_end(struct fake_service *f)
{
	loop_free(&f->service.loop);
	arena_free(&f->service.arena);
}

static void fake_turn_ends(void *to) { loop_stop(to); }

/* Runs the loop for so many milliseconds. */
static inline void fake_service_turn(struct fake_service *f, int64_t milliseconds)
{
	loop_timer_start(f->service.loop, &f->turn, milliseconds, fake_turn_ends, f->service.loop);
	check_err("loop", loop_run(f->service.loop), ERR_NONE);
}
