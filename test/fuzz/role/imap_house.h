/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox process without the process: an account in a folder in memory, and sessions that are given everything their
 * client says at once. */
#pragma once
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "role/mailbox/mailbox.h"

enum { SOCKET_ROOM = 4 << 20, STORE_MAX = 1 << 20 };

static struct house {
	struct service service;
	struct conf conf;
	struct mailbox mailbox;
	char folder[64];
	char image[STORE_MAX]; /* account.db as it is before each run */
	size_t image_n;
} house;

static inline void must(bool good)
{
	if (!good)
		abort();
}
static inline void must_work(err e) { must(!failed(e)); }

static void no_sink(void *to, enum log_event event, const struct log_field *fields)
{
	(void)to;
	(void)event;
	(void)fields;
}

static void remove_files(void)
{
	static const char *const files[] = { "account.db", "account.db-wal", "account.db-journal", "damaged" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
}

static void remove_folder(void)
{
	remove_files();
	if (chdir("/") == 0)
		rmdir(house.folder);
}

static inline void add_message(struct account *a, const char *folder, str text, unsigned flags)
{
	struct arena *arena = arena_new("message", 16 << 20);
	struct message_parts parts;
	uint32_t uidvalidity, uid;
	const str keyword = S("$Forwarded");
	must_work(describe(arena, text, &parts));
	const struct new_message m = { .text = text,
		.parts = &parts,
		.flags = flags,
		.keywords = &keyword,
		.keyword_count = flags & 1,
		.seconds = 1e9 };
	must_work(account_append(a, str_of(folder), &m, &uidvalidity, &uid));
	arena_free(&arena);
}

/* Few messages, but of every kind: plain, nested, with a message inside, and one of several pieces. */
static inline void fill(struct account *a)
{
	static char large[150000];
	struct buf b = BUF_ON(large);
	uint32_t uidvalidity;
	buf_add(&b, S("From: a@example.org\r\nSubject: large\r\n\r\n"));
	while (b.n + 20 < b.room)
		buf_addf(&b, "line %zu\r\n", b.n * 7919 % 10007);
	add_message(a, "INBOX",
		S("Subject: hello\r\nFrom: Anna <a@example.org>\r\nTo: b@example.org\r\n\r\nHello, Bert\r\n"), 8);
	add_message(a, "INBOX",
		S("From: c@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
		  "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		  "<b>=E4</b>\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: "
		  "multipart/alternative;"
		  " boundary=y\r\n\r\n--y\r\n\r\none\r\n--y\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: "
		  "base64\r\n\r\n"
		  "aGVsbG8=\r\n--y--\r\n--x--\r\n"),
		1);
	add_message(a, "INBOX", S("\xff no header at all"), 0);
	add_message(a, "INBOX", buf_str(&b), 0);
	add_message(a, "Sent", S("Subject: sent\r\n\r\n"), 9);
	must_work(account_create(a, S("work/plans"), 0, &uidvalidity));
	must_work(account_subscribe(a, S("work/plans"), true));
}

static inline void write_image(void)
{
	int fd = open("account.db", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, house.image, house.image_n) == (ssize_t)house.image_n);
	close(fd);
}

static inline void read_image(void)
{
	int fd = open("account.db", O_RDONLY);
	must(fd >= 0);
	ssize_t n = read(fd, house.image, sizeof house.image);
	must(n > 0 && n < STORE_MAX);
	house.image_n = (size_t)n;
	close(fd);
}

static inline void house_begin(void)
{
	struct account *a;
	struct service *s = &house.service;
	snprintf(house.folder, sizeof house.folder, "%s/siegel-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(house.folder) != NULL && chdir(house.folder) == 0);
	atexit(remove_folder);
	*s = (struct service){ .home = -1, .conf = &house.conf, .instance = S("7") };
	s->arena = arena_new("fuzz", 4 << 20);
	s->log = (struct log){ .sink = no_sink };
	must_work(conf_init(&house.conf, s->arena));
	house.mailbox.service = s;
	house.mailbox.left_fd = -1;
	atomic_store(&house.mailbox.bytes_max, 1 << 20);
	must(pthread_mutex_init(&house.mailbox.lock, NULL) == 0);
	must_work(account_open("account.db", 100, NULL, &a));
	fill(a);
	account_close(&a);
	read_image();
}

static void *serve(void *seat)
{
	imap_serve(seat);
	return NULL;
}

/* A session of which the client says this and then nothing more. What it is told goes to hear(), piece by piece. */
static inline void house_talk(str said, void (*hear)(str bytes))
{
	static char bytes[64 << 10];
	int ends[2];
	pthread_t thread;
	const int room = SOCKET_ROOM;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	must(said.n == 0 || write(ends[0], said.p, said.n) == (ssize_t)said.n);
	shutdown(ends[0], SHUT_WR);
	struct session_seat seat = {
		.mailbox = &house.mailbox,
		.stream = ends[1],
		.login = S("kx77"),
		.id = S("s1"),
		.client = S("192.0.2.1"),
		.tag = S("in"),
		.unread = S(""),
		.encrypted = true,
	};
	must(pthread_create(&thread, NULL, serve, &seat) == 0);
	for (ssize_t n; (n = read(ends[0], bytes, sizeof bytes)) > 0;)
		hear(str_from(bytes, (size_t)n));
	close(ends[0]);
	must(pthread_join(thread, NULL) == 0);
}
