/* SPDX-License-Identifier: Apache-2.0 */
/* A client's bytes, cut into commands. No byte of what is handed out is lost, doubled or moved: all commands with a
 * CRLF behind each are what was sent, up to the first one that is refused. */
#include "fuzz.h"

#include <stdlib.h>

#include "proto/imap/append.h"
#include "proto/imap/frame.h"

struct client {
	str all, left;
	struct imap_frame frame;
	size_t told; /* bytes of all that were handed out */
};

static bool take(struct client *s, uint64_t size, char *into)
{
	if (size > s->left.n)
		return false;
	if (into != NULL && size > 0)
		memcpy(into, s->left.p, (size_t)size);
	s->left = str_after(s->left, (size_t)size);
	return true;
}

/* False at the end of what was sent. */
static bool next_line(struct client *s, str *out)
{
	size_t end = str_find_str(s->left, S("\r\n"));
	if (end == STR_NONE)
		return false;
	*out = str_slice(s->left, 0, end);
	s->left = str_after(s->left, end + 2);
	return true;
}

static void handed_out(struct client *s, str text)
{
	if (!str_eq(text, str_slice(s->all, s->told, s->told + text.n)))
		abort();
	s->told = s->all.n - s->left.n;
}

/* False when the session is over. */
static bool one_step(struct client *s)
{
	str line;
	struct imap_frame_step step = { .kind = IMAP_FRAME_REFUSED };
	if (!next_line(s, &line) || failed(imap_frame_line(&s->frame, line, &step)))
		return false;
	switch (step.kind) {
	case IMAP_FRAME_COMMAND:
		handed_out(s, step.text);
		arena_reset(s->frame.arena);
		return true;
	case IMAP_FRAME_APPEND:
		handed_out(s, step.text);
		if (!take(s, step.literal.size, NULL) || !next_line(s, &line))
			return false;
		s->told = s->all.n - s->left.n;
		arena_reset(s->frame.arena);
		return true;
	case IMAP_FRAME_LITERAL:
		return take(s, step.literal.size, step.into);
	case IMAP_FRAME_SKIP:
		return take(s, step.literal.size, NULL);
	case IMAP_FRAME_REFUSED:
		s->told = s->all.n - s->left.n;
		arena_reset(s->frame.arena);
		return true;
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct client s = { .all = { (const char *)p, n }, .left = { (const char *)p, n } };
	s.frame = (struct imap_frame){ .arena = arena_new("fuzz", 8 << 10),
		.command_max = 200,
		.unasked_max = 50,
		.is_streamed = imap_append_is_ready };
	while (one_step(&s))
		continue;
	arena_free(&s.frame.arena);
	return 0;
}
