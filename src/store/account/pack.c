/* SPDX-License-Identifier: Apache-2.0 */
/* zstd for pieces of messages, where it saves something. What is shorter than a page is left alone: it would save no
 * page, and small mail is delivered twice as fast. */
#include <zstd.h>

#include "store/account/inside.h"

enum { PLAIN_MAX = 4096, LEVEL = 1 };

struct pack {
	ZSTD_CCtx *packer;
	ZSTD_DCtx *unpacker;
	struct arena *arena; /* of room */
	char *room;
};

struct pack *pack_new(struct arena *a) { return NEW(a, struct pack, 1); }

static bool make_room(struct pack *p)
{
	if (p->room == NULL) {
		p->arena = arena_new("pieces", PIECE + (4 << 10));
		p->room = NEW(p->arena, char, PIECE);
	}
	return p->room != NULL;
}

str pack_piece(struct pack *p, str plain, bool *packed)
{
	*packed = false;
	if (plain.n <= PLAIN_MAX || !make_room(p))
		return plain;
	if (p->packer == NULL)
		p->packer = ZSTD_createCCtx();
	if (p->packer == NULL)
		return plain;
	/* A room smaller than the piece: what does not get shorter by a sixteenth is an error, and stays plain. */
	size_t n = ZSTD_compressCCtx(p->packer, p->room, plain.n - plain.n / 16, plain.p, plain.n, LEVEL);
	if (ZSTD_isError(n))
		return plain;
	*packed = true;
	return (str){ p->room, n };
}

err unpack_piece(struct pack *p, str packed, size_t plain_size, str *out)
{
	if (plain_size > PIECE)
		return FAIL(DAMAGED);
	if (p->unpacker == NULL)
		p->unpacker = ZSTD_createDCtx();
	if (p->unpacker == NULL || !make_room(p))
		return FAIL(MEMORY);
	size_t n = ZSTD_decompressDCtx(p->unpacker, p->room, PIECE, packed.p, packed.n);
	if (ZSTD_isError(n) || n != plain_size)
		return FAIL(DAMAGED);
	*out = (str){ p->room, n };
	return OK;
}

void pack_slim(struct pack *p)
{
	ZSTD_freeCCtx(p->packer);
	ZSTD_freeDCtx(p->unpacker);
	arena_free(&p->arena);
	*p = (struct pack){ 0 };
}
