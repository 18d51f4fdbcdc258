/* SPDX-License-Identifier: Apache-2.0 */
/* The body of one message: in memory while it is small, otherwise in a file of the spool. It is written by the loop, then
 * read by the loop or the writer, never by both at once. */
#pragma once
#include "base/arena.h"
#include "store/spool/spool.h"

/* What is longer goes to a file while it comes in. */
enum { BODY_MEMORY_MAX = 256 << 10 };

/* Bytes in memory, over all bodies: of messages coming in, and of stored ones kept for their delivery. */
struct body_pool {
	size_t coming, coming_max;
	size_t kept, kept_max;
};

/* Whether so many bytes more may be kept. */
static inline bool body_pool_keeps(const struct body_pool *pool, size_t n)
{
	return pool->kept <= pool->kept_max && n <= pool->kept_max - pool->kept;
}

struct body_chunk;
struct body {
	struct arena *arena;
	struct body_chunk *first, *last;
	str whole; /* in one piece, after body_end(), unless large */
	uint64_t size;
	uint32_t checksum; /* of what came in so far */
	bool damaged;      /* read from the store: not what came in */
	size_t held;
	bool kept;  /* counts as kept, no longer as coming */
	bool large; /* is a file, or will be */
	bool made;  /* the file was made, by this body */
	int fd;     /* the file, for writing; -1: closed */
};

#define BODY_EMPTY ((struct body){ .fd = -1 })

/* ERR_MEMORY: the pool is empty. ERR_DISK_FULL, ERR_STORAGE: the file could not be written. */
err body_add(struct body *b, struct body_pool *pool, const uint8_t number[SPOOL_NUMBER], str bytes);
/* All bytes have come. ERR_MEMORY. */
err body_end(struct body *b, struct body_pool *pool);
/* In the writer: a large body is all in its file; and durable there, the folder is the caller's, and the file is closed.
 * ERR_DISK_FULL, ERR_STORAGE, ERR_EXISTS. */
err body_write(struct body *b, const uint8_t number[SPOOL_NUMBER]);
err body_sync(struct body *b);
/* In the writer: reads the body of a stored message, or looks at its file. One that the store does not have stays absent. */
err body_load(struct body *b, const struct spool_message *m, struct spool *spool, size_t budget);
/* A descriptor for reading only, of bytes that nobody can change any more. ERR_SYSTEM, ERR_STORAGE, ERR_ABSENT. */
err body_descriptor(const struct body *b, const uint8_t number[SPOOL_NUMBER], int *fd);
/* The message is stored: the memory counts as kept. False: there is no room for that. */
bool body_keep(struct body *b, struct body_pool *pool);
/* A body read from the store, of which the arena becomes the body's. */
void body_take(struct body *b, struct body_pool *pool, struct arena **a, str bytes);
/* Frees the memory and closes the file. Size and kind stay known. */
void body_drop(struct body *b, struct body_pool *pool);
