/* SPDX-License-Identifier: Apache-2.0 */
/* The packed form: a version, the size of the message, the number of parts, then seven numbers a part, each in groups
 * of seven bits, lowest first, with the shortest of its forms. Positions count from the header of the part before.
 * There is exactly one packed form of an array, so what was read can be compared with what would be written. */
#include "base/buf.h"
#include "base/cur.h"
#include "proto/mime/part.h"

enum { VERSION = 1 };

static void put(struct buf *b, uint32_t number)
{
	for (; number >= 0x80; number >>= 7)
		buf_byte(b, (char)(number | 0x80));
	buf_byte(b, (char)number);
}

static uint32_t get(struct cur *c)
{
	uint64_t number = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		str byte = cur_bytes(c, 1);
		if (!cur_ok(c))
			return 0;
		uint64_t bits = (unsigned char)*byte.p;
		number |= (bits & 0x7f) << shift;
		if ((bits & 0x80) == 0) {
			if ((bits == 0 && shift > 0) || number > UINT32_MAX)
				cur_fail(c, "a number in its shortest form");
			return cur_ok(c) ? (uint32_t)number : 0;
		}
	}
	cur_fail(c, "a number of at most 32 bits");
	return 0;
}

static uint32_t depth_of(struct mime_parts parts, uint32_t i)
{
	uint32_t depth = 0;
	while (parts.p[i].parent != MIME_NO_PART) {
		i = parts.p[i].parent;
		depth++;
	}
	return depth;
}

err mime_parts_pack(struct arena *a, struct mime_parts parts, str *out)
{
	struct buf b = buf_in(a, (size_t)MIME_PACKED_MAX * (parts.n + 1));
	put(&b, VERSION);
	put(&b, parts.p[0].body_at + parts.p[0].body_size);
	put(&b, parts.n);
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct mime_part *part = parts.p + i;
		put(&b, depth_of(parts, i));
		put(&b, part->flags);
		put(&b, part->encoding);
		put(&b, part->header_at - (i > 0 ? parts.p[i - 1].header_at : 0));
		put(&b, part->body_at - part->header_at);
		put(&b, part->body_size);
		put(&b, part->header_lines);
		put(&b, part->body_lines);
	}
	return b.lost ? FAIL(MEMORY) : buf_done(&b, out);
}

/* Parts open on the way from the message to the one being read, and where the next child of each may begin. */
struct nest {
	uint32_t part[MIME_DEPTH_MAX], free_from[MIME_DEPTH_MAX], depth;
};

static uint64_t body_end(const struct mime_part *part) { return (uint64_t)part->body_at + part->body_size; }

static bool has_children(const struct mime_part *part) { return (part->flags & (MIME_MULTIPART | MIME_MESSAGE)) != 0; }

static bool is_sound(const struct mime_part *part)
{
	bool both = (part->flags & MIME_MULTIPART) != 0 && (part->flags & MIME_MESSAGE) != 0;
	return !both && (part->flags & ~MIME_PART_FLAGS) == 0 && part->encoding < MIME_ENCODINGS &&
	       part->header_lines <= part->body_at - part->header_at && part->body_lines <= part->body_size;
}

/* Puts the part into its place: in the body of its parent, behind its sisters. */
static bool place(struct nest *nest, struct mime_part *parts, uint32_t i, uint32_t depth)
{
	struct mime_part *part = parts + i;
	if (i == 0 ? depth != 0 || part->header_at != 0 : depth == 0 || depth > nest->depth)
		return false;
	for (uint32_t d = depth; d < nest->depth; d++)
		parts[nest->part[d]].end = i;
	part->parent = i > 0 ? nest->part[depth - 1] : MIME_NO_PART;
	if (i > 0) {
		const struct mime_part *parent = parts + part->parent;
		bool first = part->parent + 1 == i;
		if (!has_children(parent) || (!first && (parent->flags & MIME_MESSAGE) != 0))
			return false;
		if (part->header_at < nest->free_from[depth - 1] || body_end(part) > body_end(parent))
			return false;
		nest->free_from[depth - 1] = (uint32_t)body_end(part);
	}
	if (depth >= MIME_DEPTH_MAX)
		return false;
	nest->part[depth] = i;
	nest->free_from[depth] = part->body_at;
	nest->depth = depth + 1;
	return true;
}

static uint32_t sum(struct cur *c, uint32_t a, uint32_t b)
{
	uint32_t s = 0;
	if (__builtin_add_overflow(a, b, &s))
		cur_fail(c, "a position in the message");
	return s;
}

static uint32_t part_get(struct cur *c, uint32_t from, struct mime_part *part)
{
	uint32_t depth = get(c), flags = get(c), encoding = get(c);
	part->flags = (uint16_t)flags;
	part->encoding = (uint16_t)encoding;
	part->header_at = sum(c, from, get(c));
	part->body_at = sum(c, part->header_at, get(c));
	part->body_size = get(c);
	part->header_lines = get(c);
	part->body_lines = get(c);
	if (flags > UINT16_MAX || encoding > UINT16_MAX || !is_sound(part))
		cur_fail(c, "a part");
	return depth;
}

err mime_parts_unpack(struct arena *a, str packed, size_t message_size, struct mime_parts *out)
{
	struct cur c = cur_of(packed);
	struct nest nest = { .depth = 0 };
	uint32_t version = get(&c), size = get(&c), count = get(&c);
	if (!cur_ok(&c) || version != VERSION || size != message_size || count == 0 || count > MIME_PARTS_MAX)
		return FAIL(DAMAGED);
	struct mime_part *parts = NEW(a, struct mime_part, count);
	if (parts == NULL)
		return FAIL(MEMORY);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t depth = part_get(&c, i > 0 ? parts[i - 1].header_at : 0, parts + i);
		if (!cur_ok(&c) || !place(&nest, parts, i, depth))
			return FAIL(DAMAGED);
	}
	for (uint32_t d = 0; d < nest.depth; d++)
		parts[nest.part[d]].end = count;
	/* Every message part has its child, and the first part is the whole message. */
	for (uint32_t i = 0; i < count; i++)
		if ((parts[i].flags & MIME_MESSAGE) != 0 && parts[i].end == i + 1)
			return FAIL(DAMAGED);
	if (!cur_at_end(&c) || body_end(parts) != message_size)
		return FAIL(DAMAGED);
	*out = (struct mime_parts){ parts, count };
	return OK;
}
