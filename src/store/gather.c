/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gather.h"

#include <string.h>

enum {
	ROOM = 64 << 10, /* SQLite's own layer writes at most 128 KiB at once */
	FRAME_HEADER = 24,
	LOG_HEADER = 32,
	PAGES_AFTER = 4, /* in a frame's header: the size of the database after the commit; 0: not the last frame */
};

static int write_through(struct gather *g, sqlite3_file *real, const void *p, int n, sqlite3_int64 at)
{
	g->tail = at + n;
	return real->pMethods->xWrite(real, p, n, at);
}

int gather_flush(struct gather *g, sqlite3_file *real)
{
	if (g->count == 0)
		return SQLITE_OK;
	int rc = real->pMethods->xWrite(real, g->bytes, g->count, g->at);
	if (rc == SQLITE_OK)
		g->count = 0;
	return rc;
}

int gather_flush_for(struct gather *g, sqlite3_file *real, sqlite3_int64 at, int n)
{
	bool overlaps = at < g->at + g->count && g->at < at + n;
	return overlaps ? gather_flush(g, real) : SQLITE_OK;
}

/* A frame at the end of the log, or the log's own header. SQLite also writes headers anew in the middle of the log, after
 * a transaction's last frame: those are not gathered, since nothing would tell when they must be in the file. */
static bool begins(const struct gather *g, int n, sqlite3_int64 at)
{
	return (n == LOG_HEADER && at == 0) || (n == FRAME_HEADER && at == g->tail);
}

static bool ends_transaction(const char *header) { return memcmp(header + PAGES_AFTER, "\0\0\0\0", 4) != 0; }

int gather_write(struct gather *g, sqlite3_file *real, const void *p, int n, sqlite3_int64 at)
{
	bool follows = g->count > 0 && at == g->at + g->count;
	if (!follows || n > ROOM - g->count) {
		int rc = gather_flush(g, real);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (g->bytes == NULL && begins(g, n, at))
		g->bytes = sqlite3_malloc(ROOM);
	if (g->bytes == NULL || n > ROOM || (!follows && !begins(g, n, at)))
		return write_through(g, real, p, n, at);
	if (g->count == 0)
		g->at = at;
	memcpy(g->bytes + g->count, p, (size_t)n);
	g->count += n;
	g->tail = at + n;
	bool is_end = g->is_last && n != FRAME_HEADER;
	g->is_last = n == FRAME_HEADER && ends_transaction(p);
	return is_end ? gather_flush(g, real) : SQLITE_OK;
}

int gather_page(struct gather *g, sqlite3_file *real, const void *p, int n, sqlite3_int64 at)
{
	bool follows = g->count > 0 && at == g->at + g->count;
	if (!follows || n > ROOM - g->count) {
		int rc = gather_flush(g, real);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (g->bytes == NULL)
		g->bytes = sqlite3_malloc(ROOM);
	if (g->bytes == NULL || n > ROOM)
		return write_through(g, real, p, n, at);
	if (g->count == 0)
		g->at = at;
	memcpy(g->bytes + g->count, p, (size_t)n);
	g->count += n;
	return SQLITE_OK;
}

void gather_free(struct gather *g)
{
	sqlite3_free(g->bytes);
	*g = (struct gather){ .tail = g->tail };
}
