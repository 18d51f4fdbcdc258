/* SPDX-License-Identifier: Apache-2.0 */
/* A stand for one mailbox process: plays its supervisor, mailroom, queue, directory and logger, so that the process can be
 * tested alone, as it is shipped.
 *
 *	stand_mailbox PROGRAM FOLDER [SECTION.NAME=VALUE ...]
 *
 * It takes a free port and prints which; every connection to it is admitted as a session. Commands come by stdin, one a line:
 *	deliver FILE COUNT   offers copies of a message, each with a name of its own
 *	again                offers everything once more, under the same names
 *	spam FILE            offers one that was judged spam
 *	limits BYTES         tells a quota
 *	leave, go, stop      ends the sessions; lets the idle process go; stops it
 * What the process says is printed, one line each. */
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "os/clock.h"
#include "stand.h"

#define CONVERSATION "ipc/role_logger.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/mailroom_mailbox.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_mailbox.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/mailbox_directory.def"
#include "ipc/conversation.h"

enum { OFFERS_MAX = 100000, BODY_IN_FRAME = 57344 };

struct offer {
	int file;
	char *bytes;
	size_t size;
	bool is_spam;
};

static struct channel logger, mailroom, queue, directory;
static struct offer offers[OFFERS_MAX];
static size_t offered, fetched, done;
static uint64_t owed; /* deliveries that it has room for */
static unsigned sessions;

static void bring_up(char **settings)
{
	stand_settings(settings);
	logger = give_channel("logger", 7);
	mailroom = give_channel("mailroom", 7);
	queue = give_channel("queue", 7);
	directory = give_channel("directory", 7);
	stand_go();
}

static void deliver_one(size_t n, bool last)
{
	struct offer *o = &offers[n];
	uint64_t name[2] = { 0x5a5a, n };
	bool fits = o->size <= BODY_IN_FRAME;
	struct msg_deliver m = {
		.transaction = { (const char *)name, sizeof name },
		.sender = S("sender@example.org"),
		.address = S("kx@example.test"),
		.received = (uint64_t)clock_utc_ms(),
		.size = o->size,
		.spam = o->is_spam,
		.last = last,
		.body = fits ? (str){ o->bytes, o->size } : NO_STR,
		.file = fits ? -1 : o->file,
	};
	/* The stand waits where a queue would try again later. */
	struct pollfd p = { .fd = queue.fd, .events = POLLOUT };
	err e;
	while ((e = msg_send_deliver(&queue, 0, &m)).code == ERR_BUSY)
		poll(&p, 1, 1000);
	must(e, "deliver");
}

static void answer_fetch(void)
{
	for (; owed > 0 && fetched < offered; fetched++) {
		bool last = owed == 1 || fetched + 1 == offered;
		owed--;
		deliver_one(fetched, last);
	}
}

static void on_queue(void)
{
	if (heard.number == MSG_fetch) {
		struct msg_fetch m;
		must(msg_get_fetch(&heard, &m), "fetch");
		owed += m.most;
		answer_fetch();
	} else if (heard.number == MSG_delivered) {
		struct msg_delivered m;
		must(msg_get_delivered(&heard, &m), "delivered");
		static struct frame scratch;
		struct msg_delivery one;
		str records = m.deliveries;
		err e = OK;
		while (msg_next_delivery(&records, &scratch, &one, &e))
			done++;
		printf("delivered %zu\n", done);
	} else {
		struct msg_undeliverable m;
		must(msg_get_undeliverable(&heard, &m), "undeliverable");
		printf("undeliverable %.*s\n", ARG(m.reason));
	}
}

static void on_mailroom(void)
{
	struct msg_idle m;
	must(msg_get_idle(&heard, &m), "idle");
	printf("idle %u\n", (unsigned)m.admitted);
}

static void on_directory(void)
{
	struct msg_usage m;
	must(msg_get_usage(&heard, &m), "usage");
	printf("usage %llu %llu %d\n", (unsigned long long)m.bytes, (unsigned long long)m.messages, m.damaged);
}

static void on_logger(void)
{
	struct msg_log_entry m;
	static struct frame scratch;
	struct msg_log_field field;
	err e = OK;
	must(msg_get_log_entry(&heard, &m), "log_entry");
	printf("log %s", log_event_name((enum log_event)m.event));
	str records = m.fields;
	while (msg_next_log_field(&records, &scratch, &field, &e)) {
		if (field.kind == LOG_NUMBER)
			printf(" %.*s=%llu", ARG(field.name), (unsigned long long)field.number);
		else
			printf(" %.*s=%.*s", ARG(field.name), ARG(field.text));
	}
	printf("\n");
}

static void hear(struct channel *c, void (*on)(void))
{
	for (;;) {
		err e = channel_receive(c);
		if (e.code == ERR_AGAIN)
			return;
		if (failed(e)) {
			channel_close(c);
			return;
		}
		on();
	}
}

static void admit(int listener)
{
	int stream = accept(listener, NULL, NULL);
	char id[20];
	struct buf b = BUF_ON(id);
	buf_addf(&b, "s%u", ++sessions);
	struct msg_admit m = {
		.protocol = S("imap"),
		.login = S("kx"),
		.session = buf_str(&b),
		.client = S("127.0.0.1"),
		.tag = S("LOGIN"),
		.encrypted = true,
		.stream = stream,
	};
	must(msg_send_admit(&mailroom, 0, &m), "admit");
	close(stream);
}

static void load(const char *path, size_t count, bool is_spam)
{
	int file = open(path, O_RDONLY);
	struct stat about;
	if (file < 0 || fstat(file, &about) != 0)
		die(path);
	char *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	for (size_t i = 0; i < count && offered < OFFERS_MAX; i++)
		offers[offered++] = (struct offer){ file, bytes, (size_t)about.st_size, is_spam };
	answer_fetch();
}

static void obey(char *line)
{
	char path[400];
	unsigned long long n = 0;
	struct msg_limits limits = { 0 };
	struct msg_leave leave = { .no_more = 0 };
	struct msg_may_go go = { .no_more = 0 };
	struct msg_stop stop = { .no_more = 0 };
	if (sscanf(line, "deliver %399s %llu", path, &n) == 2)
		load(path, (size_t)n, false);
	else if (sscanf(line, "spam %399s", path) == 1)
		load(path, 1, true);
	else if (sscanf(line, "limits %llu", &n) == 1) {
		limits.bytes_max = n;
		must(msg_send_limits(&directory, 0, &limits), "limits");
	} else if (strcmp(line, "again\n") == 0) {
		fetched = 0;
		answer_fetch();
	} else if (strcmp(line, "leave\n") == 0)
		must(msg_send_leave(&mailroom, 0, &leave), "leave");
	else if (strcmp(line, "go\n") == 0)
		must(msg_send_may_go(&mailroom, 0, &go), "may_go");
	else if (strcmp(line, "stop\n") == 0)
		must(msg_send_stop(&lifeline, 0, &stop), "stop");
	else
		fprintf(stderr, "stand: %s", line);
}

static int listen_somewhere(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof at;
	if (bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 100) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		die("listen");
	printf("port %u\n", (unsigned)ntohs(at.sin_port));
	return fd;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	int listener = listen_somewhere();
	pid_t child = stand_start(argv[1], "siegel-mailbox", "7", argv[2]);
	printf("pid %d\n", (int)child);
	bring_up(argv + 3);
	for (;;) {
		struct pollfd polls[] = { { 0, POLLIN, 0 }, { listener, POLLIN, 0 }, { lifeline.fd, POLLIN, 0 },
			{ logger.fd, POLLIN, 0 }, { mailroom.fd, POLLIN, 0 }, { queue.fd, POLLIN, 0 },
			{ directory.fd, POLLIN, 0 } };
		poll(polls, 7, -1);
		if (polls[3].revents != 0)
			hear(&logger, on_logger);
		if (polls[4].revents != 0)
			hear(&mailroom, on_mailroom);
		if (polls[5].revents != 0)
			hear(&queue, on_queue);
		if (polls[6].revents != 0)
			hear(&directory, on_directory);
		if (polls[1].revents != 0)
			admit(listener);
		if (polls[2].revents != 0)
			break;
		char line[500];
		if (polls[0].revents != 0) {
			if (fgets(line, sizeof line, stdin) == NULL)
				break;
			obey(line);
		}
	}
	return stand_end(child);
}
