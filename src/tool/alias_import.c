/* SPDX-License-Identifier: Apache-2.0 */
/* siegel alias import: reads the file here, with the rights of whoever calls, and has directory add what can be added, one
 * target at a time, as siegel alias add would. In such a file a name may lead to one that stands further down, as postmaster
 * to root; so what is refused is tried again after the others, as long as that brings anything. */
#include "tool/aliases.h"
#include "tool/client.h"
#include "tool/fields.h"
#include "tool/run.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum {
	REASON_ROOM = 1400,
	ADDRESS_ROOM = 700,
	WAIT_MS = 50,
	WAITS = 1200,
	LINES_BUDGET = 256 << 20, /* the largest file, all of it targets of a letter or two */
};

/* One target of one name. */
struct entry {
	struct entry *next;
	struct alias_line line;
	str reason; /* why it was refused; absent: it was not, or not yet tried */
	bool taken;
};

struct import {
	const struct call *call;
	struct supervisor_setup setup;
	str text, domain;
	struct arena *arena; /* of the entries */
	struct entry *first;
	unsigned added, known, refused;
	bool offline;
};

static str read_file(const char *path, struct arena *a)
{
	char *text = NEW(a, char, ALIASES_FILE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = 0;
	ssize_t got = text != NULL && fd >= 0 ? 1 : -1;
	while (got > 0 && n <= ALIASES_FILE_MAX) {
		got = read(fd, text + n, ALIASES_FILE_MAX + 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	fd_close(&fd);
	return got < 0 || n > ALIASES_FILE_MAX ? NO_STR : str_from(text, n);
}

/* The first domain that is no other name of one. */
static void take_domain(void *to, str json)
{
	struct import *i = to;
	struct fields f;
	if (i->domain.n > 0 || failed(fields_parse(json, i->call->arena, &f)) || fields_get(&f, S("alias_of")).n > 0)
		return;
	i->domain = arena_copy(i->call->arena, fields_get(&f, S("domain")));
}

static err find_domain(struct import *i, struct buf *reason)
{
	const struct request request = { .verb = "domain list", .offline = i->offline };
	i->domain = command_value(i->call, "domain");
	if (i->domain.n > 0)
		return OK;
	TRY(client_send(&i->setup.folders, &request, take_domain, i, reason));
	if (i->domain.n > 0)
		return OK;
	buf_add(reason, S("there is no domain yet that the names could belong to"));
	return FAIL(DENIED);
}

static str complete(const struct import *i, const char *word, str name, struct buf *b)
{
	buf_addf(b, "%s=%.*s", word, ARG(name));
	if (str_find(name, '@') == STR_NONE)
		buf_addf(b, "@%.*s", ARG(i->domain));
	return b->lost ? NO_STR : buf_str(b);
}

static void note_there(void *to, str json) { *(bool *)to |= str_find_str(json, S("\"there\":true")) != STR_NONE; }

/* Is it an alias now? */
static bool add(struct import *i, struct entry *n)
{
	char room[REASON_ROOM];
	char addresses[2][ADDRESS_ROOM];
	struct buf reason = BUF_ON(room), a = BUF_ON(addresses[0]), b = BUF_ON(addresses[1]);
	const str words[] = { complete(i, "address", n->line.name, &a), complete(i, "target", n->line.target, &b),
		S("again=yes") };
	const struct request request = { .verb = "alias add", .words = words, .words_count = 3, .offline = i->offline };
	bool there = false;
	if (words[0].p == NULL || words[1].p == NULL) {
		n->reason = S("it is too long");
		return false;
	}
	if (failed(client_send(&i->setup.folders, &request, note_there, &there, &reason))) {
		n->reason = arena_copy(i->arena, buf_str(&reason));
		return false;
	}
	n->taken = true;
	i->known += there ? 1 : 0;
	i->added += there ? 0 : 1;
	if (!there)
		printf("%.*s to %.*s\n", ARG(str_after(words[0], 8)), ARG(str_after(words[1], 7)));
	return true;
}

static err read_entries(struct import *i, struct buf *reason)
{
	struct alias_line line;
	struct entry **end = &i->first;
	struct alias_reader reader = alias_reader(i->text, arena_new("aliases", 3 * (size_t)ALIASES_FILE_MAX));
	i->first = NULL;
	while (alias_next(&reader, &line)) {
		struct entry *n = NEW(i->arena, struct entry, 1);
		if (n == NULL)
			break;
		n->line = (struct alias_line){ line.number, arena_copy(i->arena, line.name),
			arena_copy(i->arena, line.target), line.wrong };
		*end = n;
		end = &n->next;
	}
	bool spent = arena_spent(i->arena);
	arena_free(&reader.arena);
	if (!spent)
		return OK;
	buf_add(reason, S("the file has too many lines"));
	return FAIL(LIMIT);
}

static void say_refused(struct import *i)
{
	for (const struct entry *n = i->first; n != NULL; n = n->next) {
		const struct alias_line *line = &n->line;
		str why = line->wrong != NULL ? str_of(line->wrong) : n->reason;
		if (n->taken)
			continue;
		i->refused++;
		fprintf(stderr, "siegel: line %u: %.*s%s%.*s: %.*s\n", line->number, ARG(line->name),
			line->target.n > 0 ? " to " : "", ARG(line->target), ARG(why));
	}
}

static err import_all(struct import *i, struct buf *reason)
{
	TRY(find_domain(i, reason));
	TRY(read_entries(i, reason));
	for (bool again = true; again;) {
		again = false;
		for (struct entry *n = i->first; n != NULL; n = n->next)
			if (!n->taken && n->line.wrong == NULL)
				again |= add(i, n);
	}
	say_refused(i);
	printf("%u taken over, %u there already, %u not\n", i->added, i->known, i->refused);
	return OK;
}

static int import_offline(void *to)
{
	struct import *i = to;
	char room[REASON_ROOM];
	struct buf reason = BUF_ON(room);
	i->offline = true;
	if (failed(import_all(i, &reason)))
		return refuse("%.*s", ARG(buf_str(&reason)));
	return i->refused > 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* By a server that runs, or by processes of our own. */
static int import(struct import *i)
{
	char room[REASON_ROOM];
	int status = EXIT_REFUSED;
	for (int tries = 0; tries < WAITS; tries++) {
		struct buf reason = BUF_ON(room);
		err e = import_all(i, &reason);
		if (!failed(e))
			return i->refused > 0 ? EXIT_REFUSED : EXIT_DONE;
		if (e.code != ERR_ABSENT)
			return refuse("%.*s", ARG(buf_str(&reason)));
		e = offline_run(&i->setup, import_offline, i, &status);
		if (e.code != ERR_EXISTS)
			return status;
		(void)poll(NULL, 0, WAIT_MS);
	}
	return refuse("another server or command holds the installation and does not answer");
}

int run_alias_import(const struct call *call)
{
	static struct conf conf;
	struct import i = { .call = call };
	const char *path = command_value(call, "file").p;
	if (failed(call_open(call, MISTAKES_TOLD, &conf, &i.setup)))
		return EXIT_REFUSED;
	i.text = read_file(path, call->arena);
	if (i.text.p == NULL)
		return refuse("%s cannot be read: %s", path, errno != 0 ? strerror(errno) : "it is too large");
	i.arena = arena_new("import", LINES_BUDGET);
	int status = import(&i);
	arena_free(&i.arena);
	return status;
}
