/* SPDX-License-Identifier: Apache-2.0 */
/* However the bytes arrive, io_line() hands out the lines up to the first mistake, whole and in order, and then names
 * that mistake. The bytes come from a layer, so no descriptor is needed. */
#include "fuzz.h"
#include "os/io.h"

#include <poll.h>
#include <stdlib.h>

enum { IN_MAX = 64 };

struct source {
	str rest, cuts;
	size_t turn;
};

static err source_read(void *layer, void *p, size_t n, size_t *got)
{
	struct source *s = layer;
	if (s->rest.n == 0)
		return FAIL(CLOSED);
	size_t cut = (size_t)(unsigned char)s->cuts.p[s->turn++ % s->cuts.n] % IN_MAX + 1;
	str piece = str_slice(s->rest, 0, cut < n ? cut : n);
	memcpy(p, piece.p, piece.n);
	s->rest = str_after(s->rest, piece.n);
	*got = piece.n;
	return OK;
}

static err source_write(void *layer, const void *p, size_t n, size_t *put)
{
	(void)layer;
	(void)p;
	*put = n;
	return OK;
}

static short source_want(void *layer)
{
	(void)layer;
	return POLLIN;
}

static void source_close(void *layer) { (void)layer; }

static const struct io_layer source_layer = {
	.read = source_read,
	.write = source_write,
	.want = source_want,
	.close = source_close,
};

/* What a simple reader says about the text from here on; OK: *n is the length of a line. */
static err look(str text, size_t *n)
{
	for (*n = 0; *n < text.n && *n < IN_MAX; ++*n) {
		if (text.p[*n] == '\n')
			return FAIL(SYNTAX);
		if (text.p[*n] != '\r')
			continue;
		if (*n + 1 == IN_MAX)
			return FAIL(LIMIT);
		if (*n + 1 == text.n)
			return FAIL(CLOSED);
		return text.p[*n + 1] == '\n' ? OK : FAIL(SYNTAX);
	}
	return *n == IN_MAX ? FAIL(LIMIT) : FAIL(CLOSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 4)
		return 0;
	str text = { (const char *)p + 3, n - 3 }, line;
	struct source source = { text, { (const char *)p, 3 }, 0 };
	struct io *io = io_new(-1, IN_MAX, IN_MAX);
	if (failed(io_start_layer(io, &source_layer, &source)))
		abort();
	for (;;) {
		size_t length = 0;
		err want = look(text, &length), got = io_line(io, &line);
		if (got.code != want.code)
			abort();
		if (failed(got))
			break;
		if (!str_eq(line, str_slice(text, 0, length)))
			abort();
		text = str_after(text, length + 2);
	}
	io_free(&io);
	return 0;
}
