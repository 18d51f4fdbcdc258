/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/body.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checksum.h"
#include "os/fd.h"
#include "store/spool/file.h"

enum {
	CHUNK_MIN = 16 << 10, /* of every chunk but the first few bytes */
	SMALL_MAX = 4 << 10,
	ARENA_BUDGET = 2 * BODY_MEMORY_MAX + (128 << 10),
};

struct body_chunk {
	struct body_chunk *next;
	size_t n, room;
	char bytes[];
};

static void uncount(struct body *b, struct body_pool *pool)
{
	*(b->kept ? &pool->kept : &pool->coming) -= b->held;
	b->held = 0;
	b->kept = false;
}

static void drop_memory(struct body *b, struct body_pool *pool)
{
	uncount(b, pool);
	b->first = b->last = NULL;
	b->whole = NO_STR;
	arena_free(&b->arena);
}

static struct body_chunk *chunk_new(struct body *b, struct body_pool *pool, size_t room)
{
	if (room > pool->coming_max - pool->coming)
		return NULL;
	if (b->arena == NULL)
		b->arena = arena_new("body", ARENA_BUDGET);
	struct body_chunk *c = arena_get(b->arena, sizeof *c + room, 1);
	if (c == NULL)
		return NULL;
	c->room = room;
	pool->coming += room;
	b->held += room;
	return c;
}

static str fill(struct body_chunk *c, str bytes)
{
	size_t n = bytes.n < c->room - c->n ? bytes.n : c->room - c->n;
	if (n > 0)
		memcpy(c->bytes + c->n, bytes.p, n);
	c->n += n;
	return str_after(bytes, n);
}

/* What came first is mostly the trace fields alone: they move in with the text behind them, so that a message of one frame
 * is one piece at once. */
static err add_to_memory(struct body *b, struct body_pool *pool, str bytes)
{
	if (b->last != NULL)
		bytes = fill(b->last, bytes);
	if (bytes.n == 0)
		return OK;
	struct body_chunk *small =
		b->first == b->last && b->first != NULL && b->first->n <= SMALL_MAX ? b->first : NULL;
	size_t room = bytes.n + (small != NULL ? small->n : 0);
	if (b->last != NULL && small == NULL && room < CHUNK_MIN)
		room = CHUNK_MIN;
	struct body_chunk *c = chunk_new(b, pool, room);
	if (c == NULL)
		return FAIL(MEMORY);
	if (small != NULL) {
		fill(c, str_from(small->bytes, small->n));
		b->first = NULL;
	}
	*(b->first != NULL ? &b->last->next : &b->first) = c;
	b->last = c;
	fill(c, bytes);
	return OK;
}

static err make_file(struct body *b, const uint8_t number[SPOOL_NUMBER])
{
	TRY(spool_file_make(number, &b->fd));
	b->made = true;
	for (struct body_chunk *c = b->first; c != NULL; c = c->next)
		TRY(spool_file_write(b->fd, str_from(c->bytes, c->n)));
	return OK;
}

err body_add(struct body *b, struct body_pool *pool, const uint8_t number[SPOOL_NUMBER], str bytes)
{
	if (b->fd < 0 && b->size + bytes.n <= BODY_MEMORY_MAX) {
		TRY(add_to_memory(b, pool, bytes));
	} else {
		if (b->fd < 0) {
			b->large = true;
			TRY(make_file(b, number));
			drop_memory(b, pool);
		}
		TRY(spool_file_write(b->fd, bytes));
	}
	b->size += bytes.n;
	b->checksum = checksum_add(b->checksum, bytes);
	return OK;
}

/* One piece takes the place of many, whose memory goes. */
static err join(struct body *b, struct body_pool *pool)
{
	struct body joined = { .arena = NULL };
	struct body_chunk *whole = chunk_new(&joined, pool, (size_t)b->size);
	if (whole == NULL) {
		drop_memory(&joined, pool);
		return FAIL(MEMORY);
	}
	for (struct body_chunk *c = b->first; c != NULL; c = c->next)
		fill(whole, str_from(c->bytes, c->n));
	drop_memory(b, pool);
	b->arena = joined.arena;
	b->held = joined.held;
	b->first = b->last = whole;
	return OK;
}

err body_end(struct body *b, struct body_pool *pool)
{
	if (b->size > SPOOL_INLINE_MAX)
		b->large = true;
	if (b->large)
		return OK;
	if (b->first != b->last)
		TRY(join(b, pool));
	b->whole = b->first != NULL ? str_from(b->first->bytes, b->first->n) : S("");
	return OK;
}

err body_write(struct body *b, const uint8_t number[SPOOL_NUMBER]) { return b->fd < 0 ? make_file(b, number) : OK; }

err body_sync(struct body *b)
{
	err e = spool_file_sync(b->fd);
	fd_close(&b->fd);
	return e;
}

/* memfd: what is sealed stays as it is. */
static err memory_file(const struct body *b, int *fd)
{
	int made = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool good = made >= 0 && !failed(spool_file_write(made, b->whole));
	for (const struct body_chunk *c = b->first; good && b->large && c != NULL; c = c->next)
		good = !failed(spool_file_write(made, str_from(c->bytes, c->n)));
	good = good && fcntl(made, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
	if (!good) {
		fd_close(&made);
		return FAIL(SYSTEM);
	}
	lseek(made, 0, SEEK_SET);
	*fd = made;
	return OK;
}

err body_load(struct body *b, const struct spool_message *m, struct spool *spool, size_t budget)
{
	bool sound = true;
	if (b->large) {
		err e = spool_file_check(m, &sound);
		b->damaged = !failed(e) && !sound; /* what cannot be read at all is found when it is sent */
		return OK;
	}
	b->arena = arena_new("body", budget);
	err e = spool_body(spool, m->id, b->arena, &b->whole);
	b->damaged = !failed(e) && !spool_is_sound(m, b->whole);
	return e.code == ERR_ABSENT ? OK : e;
}

err body_descriptor(const struct body *b, const uint8_t number[SPOOL_NUMBER], int *fd)
{
	if (b->whole.p != NULL || b->first != NULL)
		return memory_file(b, fd);
	return spool_file_open(number, fd);
}

bool body_keep(struct body *b, struct body_pool *pool)
{
	if (b->large)
		drop_memory(b, pool);
	if (!body_pool_keeps(pool, b->held))
		return false;
	pool->coming -= b->held;
	pool->kept += b->held;
	b->kept = true;
	return true;
}

void body_take(struct body *b, struct body_pool *pool, struct arena **a, str bytes)
{
	b->arena = *a;
	*a = NULL;
	b->whole = bytes;
	b->size = b->held = bytes.n;
	b->kept = true;
	pool->kept += b->held;
}

void body_drop(struct body *b, struct body_pool *pool)
{
	drop_memory(b, pool);
	fd_close(&b->fd);
}
