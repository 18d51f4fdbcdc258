/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/last_words.h"

#include "role/supervisor/state.h"

#include "os/fd.h"

#include <fcntl.h>
#include <unistd.h>

enum { READ, WRITE, AT_ONCE = 4096, ROUNDS = 16 };

void last_words_read(struct supervisor *s)
{
	char text[AT_ONCE];
	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n = s->errors[READ] >= 0 ? read(s->errors[READ], text, sizeof text) : 0;
		if (n <= 0)
			return;
		for (ssize_t k = 0; k < n; k++)
			if (((unsigned char)text[k] < ' ' && text[k] != '\n' && text[k] != '\t') || text[k] == 0x7f)
				text[k] = '?';
		ssize_t written = write(STDERR_FILENO, text, (size_t)n);
		(void)written; /* nobody listens, and there is nobody else to tell */
	}
}

static void on_errors(void *to, uint32_t events)
{
	(void)events;
	last_words_read(to);
}

err last_words_open(struct supervisor *s)
{
	if (pipe2(s->errors, O_CLOEXEC | O_NONBLOCK) != 0) {
		s->errors[READ] = s->errors[WRITE] = -1;
		return FAIL(SYSTEM);
	}
	return loop_add(s->service.loop, &s->errors_watch, s->errors[READ], EPOLLIN, on_errors, s);
}

void last_words_close(struct supervisor *s)
{
	last_words_read(s);
	fd_close(&s->errors[READ]);
	fd_close(&s->errors[WRITE]);
}
