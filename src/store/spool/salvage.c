/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spool/salvage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "store/spool/file.h"
#include "store/spool/internal.h"

enum {
	NAME_MAX_BYTES = 80,
	SCRATCH = 8 << 20,    /* one message with its recipients and body */
	PROBES_MAX = 1 << 20, /* ids tried one by one in a damaged part */
	PROBES_AT_ONCE = 1000,
	PAGE_MAX = 8192, /* of older spools */
};

#define PATTERN "pattern.db"

enum direction { UP, DOWN, PROBE, FINISHED };

/* Where the walk is: everything up to low and from high on was seen. */
struct place {
	enum direction direction;
	int64_t low, high, probe;
};

struct salvage {
	struct arena *arena, *scratch;
	struct spool *old;
	char name[NAME_MAX_BYTES];
	struct place at;
	uint64_t taken, lost;
	bool incomplete;
};

static bool starts(const char *name, str with)
{
	return str_starts(str_of(name), with) && str_ends(str_of(name), S(".db"));
}

/* A file of that kind; name may be NULL. A folder that cannot be read may have one. */
static bool find(str kind, char name[NAME_MAX_BYTES])
{
	bool found = false;
	DIR *folder = opendir(".");
	if (folder == NULL)
		return true;
	for (struct dirent *d = readdir(folder); d != NULL && !found; d = readdir(folder)) {
		found = starts(d->d_name, kind) && strlen(d->d_name) < NAME_MAX_BYTES;
		if (found && name != NULL)
			snprintf(name, NAME_MAX_BYTES, "%s", d->d_name);
	}
	closedir(folder);
	return found;
}

bool salvage_waits(void) { return find(S(SALVAGE_DAMAGED), NULL); }
bool salvage_remains(void) { return salvage_waits() || find(S(SALVAGE_DONE), NULL); }

/* What stands there in every store: the second page tells to what each page behind it belongs, and the third is the root of a
 * table. SQLite file format 1.8. 0: it is neither size that a spool can have. */
static uint32_t page_size_of(int fd)
{
	static const uint32_t sizes[] = { 4096, PAGE_MAX };
	static const uint8_t root[] = { 1, 0, 0, 0, 0 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint8_t entry[sizeof root];
		if (pread(fd, entry, sizeof entry, sizes[i]) == (ssize_t)sizeof entry &&
			memcmp(entry, root, sizeof root) == 0)
			return sizes[i];
	}
	return 0;
}

/* Of a store that is made for that. */
static bool read_first_page(uint32_t size, uint8_t page[static PAGE_MAX])
{
	struct sql_store store = spool_store;
	struct sql *sql = NULL;
	store.page_size = size;
	unlink(PATTERN);
	if (failed(sql_open(PATTERN, &store, SQL_ALONE, NULL, &sql)))
		return false;
	sql_close(&sql);
	int fd = open(PATTERN, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && pread(fd, page, size, 0) == (ssize_t)size;
	fd_close(&fd);
	unlink(PATTERN);
	return good;
}

/* The first page holds the schema and where its tables begin. It is the same in every store that went through the same
 * migrations, but for the size of the file and the list of free pages: with both set to "unknown" (the change counter
 * differs from "valid for") that of a new one stands in for the broken one. SQLite file format 1.3. */
static void mend_first_page(const char *name)
{
	uint8_t page[PAGE_MAX];
	enum { SIZE = 28, FREE_FIRST = 32, FREE_COUNT = 36, CHANGES = 24, VALID_FOR = 92 };
	int fd = open(name, O_RDWR | O_CLOEXEC);
	uint32_t size = fd >= 0 ? page_size_of(fd) : 0;
	if (size > 0 && read_first_page(size, page)) {
		memset(page + SIZE, 0, 4);
		memset(page + FREE_FIRST, 0, 4);
		memset(page + FREE_COUNT, 0, 4);
		memset(page + VALID_FOR, 0, 4);
		memset(page + CHANGES, 1, 4);
		ssize_t put = pwrite(fd, page, size, 0);
		(void)put; /* then it stays as unreadable as it was */
	}
	fd_close(&fd);
}

err salvage_open(struct salvage **out)
{
	char name[NAME_MAX_BYTES] = "";
	if (!find(S(SALVAGE_DAMAGED), name) || *name == '\0')
		return FAIL(ABSENT);
	struct arena *a = arena_new("salvage", sizeof(struct salvage) + 64);
	struct salvage *s = NEW(a, struct salvage, 1);
	s->arena = a;
	s->scratch = arena_new("salvage message", SCRATCH);
	memcpy(s->name, name, sizeof name);
	s->at = (struct place){ .direction = UP, .high = INT64_MAX };
	err e = spool_open_old(name, &s->old);
	if (failed(e)) {
		mend_first_page(name);
		e = spool_open_old(name, &s->old);
	}
	if (failed(e)) {
		s->at.direction = FINISHED;
		s->incomplete = true;
	}
	*out = s;
	return OK;
}

static err look(struct salvage *s, unsigned operation, int64_t id, struct spool_message *m)
{
	struct sql_statement *st = sql_use(s->old->sql, operation);
	sql_bind_number(st, id);
	return spool_one_message(st, s->scratch, m);
}

static err go_up(struct salvage *s, struct spool_message *m)
{
	struct place *at = &s->at;
	err e = look(s, SPOOL_message_at_least, at->low + 1, m);
	if (!failed(e) && m->id > at->low)
		at->low = m->id;
	else
		at->direction = e.code == ERR_ABSENT ? FINISHED : DOWN;
	s->incomplete |= at->direction == DOWN;
	return e;
}

static err go_down(struct salvage *s, struct spool_message *m)
{
	struct place *at = &s->at;
	err e = look(s, SPOOL_message_at_most, at->high - 1, m);
	if (!failed(e) && m->id > at->low && m->id < at->high) {
		at->high = m->id;
		return OK;
	}
	at->direction = failed(e) && e.code != ERR_ABSENT ? PROBE : FINISHED;
	at->probe = at->low;
	if (at->high - at->low > PROBES_MAX && at->high != INT64_MAX)
		at->probe = at->high - PROBES_MAX; /* the youngest are the likeliest to be there */
	return FAIL(ABSENT);
}

static err probe(struct salvage *s, struct spool_message *m)
{
	struct place *at = &s->at;
	for (unsigned i = 0; i < PROBES_AT_ONCE; i++) {
		at->probe++;
		if (at->probe >= at->high || at->probe - at->low > PROBES_MAX) {
			at->direction = FINISHED;
			return FAIL(ABSENT);
		}
		if (!failed(look(s, SPOOL_message_at, at->probe, m)))
			return OK;
	}
	return FAIL(ABSENT);
}

static err next(struct salvage *s, struct spool_message *m)
{
	switch (s->at.direction) {
	case UP:
		return go_up(s, m);
	case DOWN:
		return go_down(s, m);
	case PROBE:
		return probe(s, m);
	case FINISHED:
	default:
		return FAIL(ABSENT);
	}
}

static err read_body(struct salvage *s, const struct spool_message *m, str *body)
{
	if ((m->flags & SPOOL_FILE) == 0)
		return spool_body(s->old, m->id, s->scratch, body);
	int fd = -1;
	TRY(spool_file_open(m->number, &fd));
	fd_close(&fd);
	return OK;
}

static err take(struct salvage *s, struct spool *to, struct spool_message *m, const struct spool_account_rows *rows)
{
	struct spool_recipient *list = NULL;
	size_t count = 0;
	str body = S("");
	err e = spool_recipients(s->old, m->id, s->scratch, &list, &count);
	bool whole = !failed(e);
	if (count == 0 || failed(read_body(s, m, &body)) || (body.n != m->size && (m->flags & SPOOL_FILE) == 0)) {
		s->lost++;
		return OK;
	}
	e = spool_add_again(to, m, body);
	if (e.code == ERR_EXISTS)
		return OK;
	TRY(e);
	for (size_t i = 0; i < count; i++) {
		TRY(spool_add_recipient(to, m->id, &list[i]));
		if (list[i].state == SPOOL_WAITING)
			TRY(rows->row(rows->to, list[i].account, 1));
	}
	s->taken++;
	s->lost += !whole;
	return OK;
}

static err take_some(struct salvage *s, struct spool *to, unsigned most, const struct spool_account_rows *rows)
{
	for (unsigned i = 0; i < most && s->at.direction != FINISHED; i++) {
		struct spool_message m;
		arena_reset(s->scratch);
		if (!failed(next(s, &m)))
			TRY(take(s, to, &m, rows));
	}
	return OK;
}

err salvage_some(struct salvage *s, struct spool *to, unsigned most, const struct spool_account_rows *rows, bool *more)
{
	const struct salvage before = *s;
	TRY(spool_begin(to));
	err e = take_some(s, to, most, rows);
	if (failed(e))
		spool_rollback(to);
	else
		e = spool_commit(to);
	if (failed(e)) {
		*s = before;
		return e;
	}
	*more = s->at.direction != FINISHED;
	return OK;
}

uint64_t salvage_taken(const struct salvage *s) { return s->taken; }
uint64_t salvage_lost(const struct salvage *s) { return s->lost; }
bool salvage_is_complete(const struct salvage *s) { return !s->incomplete && s->lost == 0; }
str salvage_name(const struct salvage *s) { return str_of(s->name); }

static void rename_done(const char *name, const char *ending)
{
	char from[NAME_MAX_BYTES + 8], to[NAME_MAX_BYTES + 16];
	snprintf(from, sizeof from, "%s%s", name, ending);
	snprintf(to, sizeof to, SALVAGE_DONE "%s%s", name + sizeof SALVAGE_DAMAGED - 1, ending);
	rename(from, to);
}

void salvage_close(struct salvage **s, bool finished)
{
	if (*s == NULL)
		return;
	spool_close(&(*s)->old);
	if (finished) {
		rename_done((*s)->name, "-wal");
		rename_done((*s)->name, "");
	}
	struct arena *a = (*s)->arena;
	arena_free(&(*s)->scratch);
	*s = NULL;
	arena_free(&a);
}
