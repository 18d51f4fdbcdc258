/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread: letting sessions in, and when to end. The process lingers a while after its last session; then it asks
 * the mailroom, which knows whether another one is under way. */
#include "role/mailbox/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"
#include "role/mailbox/role.h"

#define CONVERSATION "ipc/mailroom_mailbox.def"
#include "ipc/conversation.h"

enum {
	STACK_BYTES = 256 << 10,
	PATIENCE_MS = 1500, /* of threads without a session */
	SEAT_BUDGET = 16 << 10,
	FAREWELL_ROOM = 300,
	MMAP_THRESHOLD = 128 << 10,
	OPEN_AGAIN_MS = 5000, /* after an account could not be opened, before the next process tries */
	FAREWELL_SECONDS = 3, /* for sessions to end when the process does */
};

#define ACCOUNT_FILE "account.db"
/* Stands beside an account that was found damaged, until the whole of it has been found sound. */
#define DAMAGED_FILE "damaged"

static void turn_away(int stream, str tag, const char *reason)
{
	char room[FAREWELL_ROOM];
	struct buf text = BUF_ON(room);
	if (tag.n > 0)
		buf_addf(&text, "%.*s NO [UNAVAILABLE] %s\r\n", ARG(tag), reason);
	buf_addf(&text, "* BYE %s\r\n", reason);
	ssize_t sent = send(stream, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)sent; /* it is going to be closed in any case */
	shutdown(stream, SHUT_WR);
	fd_close(&stream);
}

static void run_session(void *to)
{
	struct session_seat *seat = to;
	imap_serve(seat);
	mailbox_leave(seat);
}

static void unseat(struct session_seat *seat)
{
	struct mailbox *m = seat->mailbox;
	pthread_mutex_lock(&m->lock);
	for (struct session_seat **at = &m->seats; *at != NULL; at = &(*at)->next)
		if (*at == seat) {
			*at = seat->next;
			break;
		}
	bool is_last = --m->seated == 0, must_wake = is_last && !m->lingers;
	m->left_at = clock_ms();
	pthread_cond_signal(&m->left);
	if (is_last)
		keeper_poke(m->keeper); /* with the lock held: stop() ends the keeper when nobody is seated */
	if (must_wake)
		eventfd_write(m->left_fd, 1);
	pthread_mutex_unlock(&m->lock);
}

void mailbox_release_stream(struct session_seat *seat)
{
	pthread_mutex_lock(&seat->mailbox->lock);
	seat->stream = -1;
	pthread_mutex_unlock(&seat->mailbox->lock);
}

void mailbox_leave(struct session_seat *seat)
{
	unseat(seat);
	struct arena *arena = seat->arena;
	arena_free(&arena);
}

static bool sit_down(struct mailbox *m, const struct msg_admit *a)
{
	struct arena *arena = arena_new("session", SEAT_BUDGET);
	struct session_seat *seat = NEW(arena, struct session_seat, 1);
	*seat = (struct session_seat){
		.mailbox = m,
		.arena = arena,
		.stream = a->stream,
		.login = arena_copy(arena, a->login),
		.id = arena_copy(arena, a->session),
		.client = arena_copy(arena, a->client),
		.tag = arena_copy(arena, a->tag),
		.unread = arena_copy(arena, a->unread),
		.encrypted = a->encrypted,
	};
	pthread_mutex_lock(&m->lock);
	bool has_place = m->seated < m->service->conf->mailbox.sessions_max;
	if (has_place) {
		seat->next = m->seats;
		m->seats = seat;
		m->seated++;
	}
	pthread_mutex_unlock(&m->lock);
	if (has_place && !failed(crew_run(m->crew, run_session, seat)))
		return true;
	if (has_place)
		unseat(seat);
	arena_free(&arena);
	return false;
}

static err on_admit(struct mailbox *m, const struct msg_admit *a, uint32_t tag)
{
	(void)tag;
	m->admitted++;
	if (m->account == NULL)
		turn_away(a->stream, a->tag, "this mailbox cannot be opened; the administrator is told");
	else if (!str_eq(a->protocol, S("imap")))
		turn_away(a->stream, NO_STR, "that protocol is not spoken here");
	else if (sit_down(m, a))
		return OK;
	else
		turn_away(a->stream, a->tag, "too many connections to this account");
	return OK;
}

static err on_wake_up(struct mailbox *m, const struct msg_wake_up *w, uint32_t tag)
{
	(void)w;
	(void)tag;
	keeper_wake(m->keeper);
	return OK;
}

static err on_leave(struct mailbox *m, const struct msg_leave *l, uint32_t tag)
{
	(void)l;
	(void)tag;
	mailbox_end_sessions(m);
	return OK;
}

static err on_may_go(struct mailbox *m, const struct msg_may_go *g, uint32_t tag)
{
	(void)g;
	(void)tag;
	service_finish(m->service);
	return OK;
}

#define CONVERSATION "ipc/mailroom_mailbox.def"
#define HEAR mailroom_hear
#define HEAR_PEER struct mailbox
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void on_mailroom(void *to, uint32_t events)
{
	struct mailbox *m = to;
	static struct hear_counts heard;
	(void)events;
	for (;;) {
		err e = channel_receive(&m->mailroom);
		if (e.code == ERR_AGAIN)
			return;
		if (!failed(e))
			e = mailroom_hear(m, &heard, m->mailroom.in);
		if (!failed(e))
			continue;
		/* Nobody can reach a mailbox without its mailroom; the next mailroom starts another process. */
		if (e.code != ERR_CLOSED)
			LOG(&m->service->log, channel_broken, F_TEXT("peer", S("mailroom")), F_ERR(e));
		loop_remove(m->service->loop, &m->mailroom_watch);
		channel_close(&m->mailroom);
		service_finish(m->service);
		return;
	}
}

unsigned mailbox_sessions(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	unsigned n = m->seated;
	pthread_mutex_unlock(&m->lock);
	return n;
}

int64_t mailbox_left_at(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	int64_t at = m->seated > 0 ? MAILBOX_IN_USE : m->left_at;
	pthread_mutex_unlock(&m->lock);
	return at;
}

static void on_linger(void *to);

/* The timer runs on through sessions that come and go, so that these need not wake the loop. When it finds somebody here it
 * stops, and the last who leaves starts it anew. */
static void linger(struct mailbox *m)
{
	int64_t milliseconds = (int64_t)m->service->conf->mailbox.linger * 1000;
	pthread_mutex_lock(&m->lock);
	m->lingers = m->seated == 0;
	int64_t left = m->left_at + milliseconds - clock_ms();
	pthread_mutex_unlock(&m->lock);
	if (m->lingers)
		loop_timer_start(m->service->loop, &m->linger, left > 0 ? left : milliseconds, on_linger, m);
}

static bool has_lingered(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	bool long_enough = clock_ms() - m->left_at >= (int64_t)m->service->conf->mailbox.linger * 1000;
	bool is_empty = m->seated == 0;
	pthread_mutex_unlock(&m->lock);
	return is_empty && long_enough;
}

static void on_linger(void *to)
{
	struct mailbox *m = to;
	struct msg_idle idle = { .admitted = m->admitted };
	if (has_lingered(m) && !keeper_is_busy(m->keeper) && m->mailroom.fd >= 0)
		IGNORE(msg_send_idle(&m->mailroom, 0, &idle)); /* asked again later */
	linger(m);
}

static void on_left(void *to, uint32_t events)
{
	struct mailbox *m = to;
	eventfd_t count;
	(void)events;
	eventfd_read(m->left_fd, &count);
	linger(m);
}

void mailbox_end_sessions(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	for (struct session_seat *seat = m->seats; seat != NULL; seat = seat->next)
		if (seat->stream >= 0)
			shutdown(seat->stream, SHUT_RD);
	pthread_mutex_unlock(&m->lock);
}

void mailbox_store_failed(struct mailbox *m, err e)
{
	char text[300];
	struct buf words = BUF_ON(text);
	account_message(m->account, &words);
	if (e.code == ERR_DAMAGED) {
		LOG(&m->service->log, store_damaged, F_TEXT("account", m->service->instance), F_ERR(e),
			F_TEXT("reason", buf_str(&words)));
		int fd = open(DAMAGED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		fd_close(&fd);
		atomic_store(&m->is_damaged, true);
	} else {
		LOG(&m->service->log, store_failed, F_TEXT("account", m->service->instance), F_ERR(e),
			F_TEXT("reason", buf_str(&words)));
	}
	service_finish(m->service);
}

static err open_account(struct mailbox *m, struct buf *words)
{
	unsigned folders_max = (unsigned)m->service->conf->mailbox.folders_max;
	struct account *a;
	TRY(account_open(ACCOUNT_FILE, folders_max, words, &a));
	if (access(DAMAGED_FILE, F_OK) == 0) {
		err e = account_check(a);
		if (failed(e)) {
			account_message(a, words);
			account_close(&a);
			return e;
		}
		unlink(DAMAGED_FILE);
	}
	m->account = a;
	return OK;
}

static void give_way(void *to)
{
	struct mailbox *m = to;
	service_finish(m->service);
}

/* A mailbox that cannot be opened still answers: mail stays in the queue, sessions are told. */
static void open_or_explain(struct mailbox *m)
{
	char text[300];
	struct buf words = BUF_ON(text);
	err e = open_account(m, &words);
	if (!failed(e))
		return;
	bool is_damaged = e.code == ERR_DAMAGED || e.code == ERR_UNSUPPORTED;
	atomic_store(&m->is_damaged, is_damaged);
	if (is_damaged)
		LOG(&m->service->log, store_damaged, F_TEXT("account", m->service->instance), F_ERR(e),
			F_TEXT("reason", buf_str(&words)));
	else
		LOG(&m->service->log, store_failed, F_TEXT("account", m->service->instance), F_ERR(e),
			F_TEXT("reason", buf_str(&words)));
	/* What is not damaged may be well again soon: a full disk, too little memory. The next process will see. */
	if (!is_damaged)
		loop_timer_start(m->service->loop, &m->again, OPEN_AGAIN_MS, give_way, m);
}

static struct mailbox *mailbox_of(struct service *s)
{
	if (s->state == NULL) {
		struct mailbox *m = NEW(s->arena, struct mailbox, 1);
		m->service = s;
		m->mailroom.fd = -1;
		m->mailroom_watch.fd = m->left_watch.fd = -1;
		m->crew = crew_new(STACK_BYTES, PATIENCE_MS);
		m->left_at = clock_ms();
		m->left_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		pthread_mutex_init(&m->lock, NULL);
		pthread_cond_init(&m->left, NULL);
		m->keeper = keeper_new(m);
		s->state = m;
	}
	return s->state;
}

static void listen_to_mailroom(struct mailbox *m)
{
	if (failed(loop_add(m->service->loop, &m->mailroom_watch, m->mailroom.fd, EPOLLIN, on_mailroom, m)))
		service_finish(m->service);
}

static void connect_mailroom(struct mailbox *m, int fd)
{
	loop_remove(m->service->loop, &m->mailroom_watch);
	channel_close(&m->mailroom);
	m->mailroom = channel_of(fd, m->service->in, m->service->out);
	m->admitted = 0;
	if (m->is_started)
		listen_to_mailroom(m);
}

static void take_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct mailbox *m = mailbox_of(s);
	(void)account;
	(void)pid;
	if (str_eq(peer, S("mailroom")))
		connect_mailroom(m, fd);
	else if (str_eq(peer, S("queue")))
		keeper_connect(m->keeper, true, fd);
	else if (str_eq(peer, S("directory")))
		keeper_connect(m->keeper, false, fd);
	else
		fd_close(&fd);
}

static err start(struct service *s)
{
	struct mailbox *m = mailbox_of(s);
	open_or_explain(m);
	TRY(loop_add(s->loop, &m->left_watch, m->left_fd, EPOLLIN, on_left, m));
	TRY(keeper_run(m->keeper));
	m->is_started = true;
	if (m->mailroom.fd >= 0)
		listen_to_mailroom(m);
	linger(m);
	return OK;
}

/* Sessions get a moment to say goodbye. If one does not, the account is not closed: the next process goes on from the
 * marks, as after a crash. */
static void stop(struct service *s)
{
	struct mailbox *m = mailbox_of(s);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAREWELL_SECONDS;
	atomic_store(&m->is_ending, true);
	mailbox_end_sessions(m);
	pthread_mutex_lock(&m->lock);
	while (m->seated > 0 && pthread_cond_timedwait(&m->left, &m->lock, &until) == 0)
		;
	bool is_empty = m->seated == 0;
	pthread_mutex_unlock(&m->lock);
	keeper_stop(&m->keeper);
	if (is_empty)
		account_close(&m->account);
}

/* There are as many such processes as people at work: memory comes from one arena, large pieces come and go as pages. */
static void prepare(struct service *s)
{
	(void)s;
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
}

const struct role role_mailbox = {
	.name = "mailbox",
	.prepare = prepare,
	.channel = take_channel,
	.start = start,
	.stop = stop,
};
