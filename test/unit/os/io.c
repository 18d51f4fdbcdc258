/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/io.h"
#include "os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_MAX = 64, OUT_MAX = 128 };

/* Our end is the io, theirs a plain descriptor. */
struct pair {
	struct io *io;
	int peer;
};

static struct pair pair(void)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct pair p = { io_new(fds[0], IN_MAX, OUT_MAX), fds[1] };
	io_deadline(p.io, 2000);
	return p;
}

static void unpair(struct pair *p)
{
	io_free(&p->io);
	assert_null(p->io);
	fd_close(&p->peer);
}

static void say(const struct pair *p, str text) { assert_int_equal(write(p->peer, text.p, text.n), (ssize_t)text.n); }

static str heard(const struct pair *p)
{
	static char bytes[4096];
	ssize_t n = recv(p->peer, bytes, sizeof bytes, MSG_DONTWAIT);
	return (str){ bytes, n > 0 ? (size_t)n : 0 };
}

/* clang-format off */
static const struct { const char *name; str input; enum err_code then; const char *lines[3]; } line_cases[] = {
	{ "one line",             S("EHLO a\r\n"),                ERR_TIMEOUT, { "EHLO a" } },
	{ "empty line",           S("\r\n"),                      ERR_TIMEOUT, { "" } },
	{ "pipelined",            S("a\r\nb\r\nc"),               ERR_TIMEOUT, { "a", "b" } },
	{ "half an end",          S("a\r\nb\r"),                  ERR_TIMEOUT, { "a" } },
	{ "bare LF",              S("a\nb\r\n"),                  ERR_SYNTAX,  { NULL } },
	{ "bare LF first",        S("\n"),                        ERR_SYNTAX,  { NULL } },
	{ "bare LF second",       S("a\r\nb\n"),                  ERR_SYNTAX,  { "a" } },
	{ "bare CR",              S("a\rb\r\n"),                  ERR_SYNTAX,  { NULL } },
	{ "CR CR LF",             S("a\r\r\n"),                   ERR_SYNTAX,  { NULL } },
	{ "CR LF LF",             S("a\r\n\n"),                   ERR_SYNTAX,  { "a" } },
	{ "NUL is a byte",        S("a\0b\r\n"),                  ERR_TIMEOUT, { "a" } },
	{ "longest that fits",    S("0123456789012345678901234567890123456789012345678901234567890x\r\n"), ERR_TIMEOUT,
	  { "0123456789012345678901234567890123456789012345678901234567890x" } },
	{ "one byte too long",    S("0123456789012345678901234567890123456789012345678901234567890xy\r\n"), ERR_LIMIT, { NULL } },
};
/* clang-format on */

static void lines_are_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(line_cases); i++)
		for (int drip = 0; drip < 2; drip++) {
			struct pair p = pair();
			str in = line_cases[i].input, line;
			size_t want = 0;
			err e = OK;
			for (size_t at = 0; at < in.n; at += drip ? 1 : in.n) {
				say(&p, drip ? str_slice(in, at, at + 1) : in);
				io_deadline(p.io, 0);
				while (!failed(e = io_line(p.io, &line)))
					if (line_cases[i].lines[want] != NULL) {
						str text = str_of(line_cases[i].lines[want++]);
						check_str(line_cases[i].name, str_slice(line, 0, text.n), text);
					} else {
						fail_msg("%s: a line too many", line_cases[i].name);
					}
				if (e.code != ERR_TIMEOUT)
					break;
			}
			check_err(line_cases[i].name, e, line_cases[i].then);
			check_err(line_cases[i].name, io_line(p.io, &line), line_cases[i].then);
			assert_true(line_cases[i].lines[want] == NULL);
			unpair(&p);
		}
}

static void bytes_and_unread(void **state)
{
	(void)state;
	struct pair p = pair();
	str s;
	say(&p, S("12345abc\r\nrest"));
	check_err("five", io_bytes(p.io, 5, &s), ERR_NONE);
	check_str("five", s, S("12345"));
	check_err("line", io_line(p.io, &s), ERR_NONE);
	check_str("line", s, S("abc"));
	check_err("too many", io_bytes(p.io, IN_MAX + 1, &s), ERR_LIMIT);
	check_err("some", io_bytes_some(p.io, 100, &s), ERR_NONE);
	check_str("some", s, S("rest"));
	io_unread(p.io, 2);
	assert_int_equal(io_waiting(p.io), 2);
	say(&p, S("\r\n"));
	check_err("again", io_line(p.io, &s), ERR_NONE);
	check_str("again", s, S("st"));
	fd_close(&p.peer);
	check_err("end", io_bytes_some(p.io, 1, &s), ERR_CLOSED);
	unpair(&p);
}

/* Line ends fall on every place of the buffer, so that half a line is moved to its front again and again. */
static void long_streams(void **state)
{
	(void)state;
	struct pair p = pair();
	char text[64];
	for (int batch = 0; batch < 50; batch++) {
		for (int i = 0; i < 20; i++) {
			int n = snprintf(text, sizeof text, "line %d %0*d\r\n", i, batch, i);
			say(&p, (str){ text, (size_t)n });
		}
		for (int i = 0; i < 20; i++) {
			int n = snprintf(text, sizeof text, "line %d %0*d", i, batch, i);
			str line;
			check_err("long", io_line(p.io, &line), ERR_NONE);
			check_str("long", line, (str){ text, (size_t)n });
		}
	}
	unpair(&p);
}

/* Buffers begin smaller than they may become. */
static void buffers_grow(void **state)
{
	enum { LARGE = 60000, SOME = 5000 };
	static char text[LARGE + 2];
	int fds[2];
	str line, bytes;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct pair p = { io_new(fds[0], 64 << 10, 32 << 10), fds[1] };
	io_deadline(p.io, 2000);
	memset(text, 'x', LARGE);
	memcpy(text + LARGE, "\r\n", 2);

	say(&p, S("first\r\n"));
	say(&p, str_from(text, sizeof text));
	say(&p, S("last\r\n"));
	check_err("first", io_line(p.io, &line), ERR_NONE);
	check_str("first", line, S("first"));
	check_err("long", io_line(p.io, &line), ERR_NONE);
	check_str("long", line, str_from(text, LARGE));
	check_err("last", io_line(p.io, &line), ERR_NONE);
	check_str("last", line, S("last"));
	say(&p, str_from(text, LARGE));
	check_err("bytes", io_bytes(p.io, LARGE, &bytes), ERR_NONE);
	check_str("bytes", bytes, str_from(text, LARGE));

	io_put(p.io, S("begin "));
	io_put(p.io, str_from(text, SOME)); /* gathered, since the buffer may be that large */
	io_putf(p.io, "%.*s", SOME, text);
	assert_int_equal(heard(&p).n, 0);
	check_err("flush", io_flush(p.io), ERR_NONE);
	static char all[4 * SOME];
	size_t got = 0;
	while (got < 6 + 2 * SOME)
		got += (size_t)read(p.peer, all + got, sizeof all - got);
	check_str("begin", str_from(all, 6), S("begin "));
	check_str("rest", str_from(all + 6, got - 6), str_from(text, 2 * SOME));
	io_putf(p.io, "%.*s", 33 << 10, text);
	check_err("too long", io_flush(p.io), ERR_LIMIT);
	unpair(&p);

	p = pair();
	check_err("preload", io_preload(p.io, str_from(text, IN_MAX + 1)), ERR_LIMIT);
	unpair(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	p = (struct pair){ io_new(fds[0], 64 << 10, 128), fds[1] };
	check_err("preload", io_preload(p.io, str_from(text, sizeof text)), ERR_NONE);
	check_err("preloaded", io_line(p.io, &line), ERR_NONE);
	check_str("preloaded", line, str_from(text, LARGE));
	unpair(&p);
}

static void output_leaves_when_it_must(void **state)
{
	(void)state;
	struct pair p = pair();
	str line;
	say(&p, S("a\r\nb\r\n"));
	check_err("first", io_line(p.io, &line), ERR_NONE);
	io_put(p.io, S("250 one\r\n"));
	check_err("second", io_line(p.io, &line), ERR_NONE);
	io_putf(p.io, "%d %s\r\n", 250, "two");
	check_str("nothing while there is input", heard(&p), S(""));
	io_deadline(p.io, 0);
	check_err("third", io_line(p.io, &line), ERR_TIMEOUT);
	check_str("both in one write", heard(&p), S("250 one\r\n250 two\r\n"));
	char large[1000];
	memset(large, 'x', sizeof large);
	io_deadline(p.io, 1000);
	io_put(p.io, S("small"));
	io_put(p.io, (str){ large, sizeof large });
	assert_int_equal(heard(&p).n, 1005);
	io_putf(p.io, "%0*d", OUT_MAX, 1);
	check_err("putf too long", io_flush(p.io), ERR_LIMIT);
	unpair(&p);
}

static void deadlines_hold(void **state)
{
	(void)state;
	struct pair p = pair();
	str line;
	int64_t start = clock_ms();
	io_deadline(p.io, 50);
	check_err("silence", io_line(p.io, &line), ERR_TIMEOUT);
	io_deadline(p.io, 5000);
	io_ceiling(p.io, 50);
	check_err("ceiling", io_line(p.io, &line), ERR_TIMEOUT);
	assert_in_range(clock_ms() - start, 100, 1000);
	io_ceiling(p.io, -1);
	io_deadline(p.io, 50);
	static char large[4 << 20];
	io_put(p.io, (str){ large, sizeof large });
	check_err("a peer that does not read", io_flush(p.io), ERR_TIMEOUT);
	check_err("is lost", io_line(p.io, &line), ERR_TIMEOUT);
	unpair(&p);
}

static void early_talkers(void **state)
{
	(void)state;
	struct pair p = pair();
	io_put(p.io, S("220"));
	assert_false(io_has_input(p.io, 0));
	say(&p, S("x"));
	assert_true(io_has_input(p.io, 1000));
	assert_true(io_has_input(p.io, 0));
	check_str("was not flushed", heard(&p), S(""));
	assert_int_equal(io_waiting(p.io), 1);
	unpair(&p);
	p = pair();
	fd_close(&p.peer);
	assert_false(io_has_input(p.io, 1000));
	unpair(&p);
}

static void waits_for_two(void **state)
{
	(void)state;
	struct pair p = pair();
	int pipe_fds[2];
	bool other;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	say(&p, S("x"));
	check_err("input", io_wait(p.io, pipe_fds[0], &other), ERR_NONE);
	assert_false(other);
	str s;
	check_err("take", io_bytes_some(p.io, 1, &s), ERR_NONE);
	assert_int_equal(write(pipe_fds[1], "!", 1), 1);
	check_err("other", io_wait(p.io, pipe_fds[0], &other), ERR_NONE);
	assert_true(other);
	fd_close(&pipe_fds[0]);
	fd_close(&pipe_fds[1]);
	unpair(&p);
}

/* A layer that turns letters around (rot13), needs two rounds to start and answers AGAIN every other time. */
struct turned {
	int fd, rounds, closed;
	bool again;
};

static void turn(char *p, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)from[i], base = c >= 'a' ? 'a' : 'A';
		bool letter = c >= base && c <= base + 25;
		p[i] = (char)(unsigned char)(letter ? (c - base + 13) % 26 + base : c);
	}
}

static err turned_start(void *layer)
{
	struct turned *t = layer;
	char c;
	size_t got;
	while (t->rounds > 0) {
		TRY(fd_read(t->fd, &c, 1, &got));
		t->rounds--;
	}
	return OK;
}

static err turned_read(void *layer, void *p, size_t n, size_t *got)
{
	struct turned *t = layer;
	char in[8];
	if ((t->again = !t->again))
		return FAIL(AGAIN);
	TRY(fd_read(t->fd, in, n < sizeof in ? n : sizeof in, got));
	turn(p, in, *got);
	return OK;
}

static err turned_write(void *layer, const void *p, size_t n, size_t *put)
{
	struct turned *t = layer;
	char out[8];
	if ((t->again = !t->again))
		return FAIL(AGAIN);
	n = n < sizeof out ? n : sizeof out;
	turn(out, p, n);
	return fd_write(t->fd, out, n, put);
}

static short turned_want(void *layer)
{
	(void)layer;
	return POLLIN | POLLOUT;
}

static short silent_want(void *layer)
{
	(void)layer;
	return POLLIN;
}

static void turned_close(void *layer) { ((struct turned *)layer)->closed++; }

static const struct io_layer turned_layer = { turned_start, turned_read, turned_write, turned_want, turned_close };

static const struct io_layer silent_layer = { turned_start, turned_read, turned_write, silent_want, turned_close };

static void a_layer_slips_in(void **state)
{
	(void)state;
	struct pair p = pair();
	struct turned t = { .fd = io_fd(p.io), .rounds = 2 };
	str line;
	say(&p, S("STARTTLS\r\nRSET\r\n"));
	check_err("command", io_line(p.io, &line), ERR_NONE);
	check_err("something behind it", io_start_layer(p.io, &turned_layer, &t), ERR_STATE);
	assert_int_equal(t.closed, 0);
	check_err("the rest", io_line(p.io, &line), ERR_NONE);
	io_put(p.io, S("220 go\r\n"));
	say(&p, S("hs"));
	check_err("start", io_start_layer(p.io, &turned_layer, &t), ERR_NONE);
	check_str("answer before it, in the clear", heard(&p), S("220 go\r\n"));
	assert_true(io_has_layer(p.io));
	say(&p, S("RUYB lbh ybat ybat anzr\r\n"));
	check_err("line", io_line(p.io, &line), ERR_NONE);
	check_str("line", line, S("EHLO you long long name"));
	io_put(p.io, S("hello hello hello"));
	check_err("flush", io_flush(p.io), ERR_NONE);
	check_str("turned", heard(&p), S("uryyb uryyb uryyb"));
	int fd;
	struct arena *a = arena_new("test", 1000);
	check_err("no handing over", io_take_fd(&p.io, a, &line, &fd), ERR_STATE);
	arena_free(&a);
	unpair(&p);
	assert_int_equal(t.closed, 1);
}

static void layer_that_never_starts(void **state)
{
	(void)state;
	struct pair p = pair();
	struct turned t = { .fd = io_fd(p.io), .rounds = 3 };
	say(&p, S("h"));
	fd_close(&p.peer);
	check_err("start", io_start_layer(p.io, &turned_layer, &t), ERR_CLOSED);
	str line;
	check_err("nothing more", io_line(p.io, &line), ERR_CLOSED);
	unpair(&p);
	assert_int_equal(t.closed, 1);
	p = pair();
	t = (struct turned){ .fd = io_fd(p.io), .rounds = 3 };
	io_deadline(p.io, 20);
	check_err("a peer that says nothing", io_start_layer(p.io, &silent_layer, &t), ERR_TIMEOUT);
	unpair(&p);
	assert_int_equal(t.closed, 1);
}

static void a_session_changes_hands(void **state)
{
	(void)state;
	struct pair p = pair();
	struct arena *a = arena_new("test", 1000);
	str line, leftover;
	int fd = -1;
	say(&p, S("a\r\nb\r\nc"));
	check_err("first", io_line(p.io, &line), ERR_NONE);
	io_put(p.io, S("250\r\n"));
	struct arena *small = arena_new("small", 1);
	check_err("no room", io_take_fd(&p.io, small, &leftover, &fd), ERR_MEMORY);
	arena_free(&small);
	assert_non_null(p.io);
	check_err("take", io_take_fd(&p.io, a, &leftover, &fd), ERR_NONE);
	assert_null(p.io);
	check_str("leftover", leftover, S("b\r\nc"));
	check_str("flushed", heard(&p), S("250\r\n"));
	p.io = io_new(fd, IN_MAX, OUT_MAX);
	io_deadline(p.io, 1000);
	static const char large[IN_MAX];
	check_err("preload", io_preload(p.io, leftover), ERR_NONE);
	check_err("too much", io_preload(p.io, (str){ large, sizeof large }), ERR_LIMIT);
	say(&p, S("\r\n"));
	check_err("b", io_line(p.io, &line), ERR_NONE);
	check_str("b", line, S("b"));
	check_err("c", io_line(p.io, &line), ERR_NONE);
	check_str("c", line, S("c"));
	unpair(&p);
	arena_free(&a);
}

static void last_words_arrive(void **state)
{
	(void)state;
	struct pair p = pair();
	say(&p, S("unread"));
	shutdown(p.peer, SHUT_WR);
	io_put(p.io, S("421 bye\r\n"));
	io_finish(&p.io, 1000);
	assert_null(p.io);
	check_str("last words", heard(&p), S("421 bye\r\n"));
	unpair(&p);
}

static void pipes_work_too(void **state)
{
	(void)state;
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	struct io *in = io_new(fds[0], IN_MAX, OUT_MAX), *out = io_new(fds[1], IN_MAX, OUT_MAX);
	io_deadline(in, 50);
	io_deadline(out, 50);
	str line;
	check_err("nothing yet", io_line(in, &line), ERR_TIMEOUT);
	io_put(out, S("through a pipe\r\n"));
	check_err("flush", io_flush(out), ERR_NONE);
	check_err("line", io_line(in, &line), ERR_NONE);
	check_str("line", line, S("through a pipe"));
	static char large[1 << 20];
	io_put(out, (str){ large, sizeof large });
	check_err("a full pipe does not hang", io_flush(out), ERR_TIMEOUT);
	io_free(&in);
	io_free(&out);
}

static void clocks(void **state)
{
	(void)state;
	int64_t start = clock_ms(), now = clock_utc_ms();
	assert_true(start > 0 && clock_ms() >= start);
	assert_true(now > INT64_C(1700000000000)); /* November 2023: milliseconds, not seconds */
	assert_in_range(clock_utc_seconds(), now / 1000, now / 1000 + 5);
}

static void random_numbers(void **state)
{
	(void)state;
	unsigned char a[32] = { 0 }, b[32] = { 0 };
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	for (uint64_t below = 1; below < 50; below++)
		assert_true(random_below(below) < below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_strict),
		cmocka_unit_test(bytes_and_unread),
		cmocka_unit_test(long_streams),
		cmocka_unit_test(buffers_grow),
		cmocka_unit_test(output_leaves_when_it_must),
		cmocka_unit_test(deadlines_hold),
		cmocka_unit_test(early_talkers),
		cmocka_unit_test(waits_for_two),
		cmocka_unit_test(a_layer_slips_in),
		cmocka_unit_test(layer_that_never_starts),
		cmocka_unit_test(a_session_changes_hands),
		cmocka_unit_test(last_words_arrive),
		cmocka_unit_test(pipes_work_too),
		cmocka_unit_test(clocks),
		cmocka_unit_test(random_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
