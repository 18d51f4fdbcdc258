/* SPDX-License-Identifier: Apache-2.0 */
/* A session of a process that was taken over: any frames, in any order. Properties: a session without a login never gets an
 * envelope with an address elsewhere, nor one with an account as its sender; each frame gets at most one answer, which is
 * well-formed; nothing is vouched for without a password.
 *
 * Input: a byte that says what kind of session it is, then frames: number (1), length (2, little-endian), bytes. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/peer.h"
#include "role/directory/session.h"
#include "store/directory/change.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_mailroom.def"
#include "ipc/conversation.h"

enum { STEPS_MAX = 40, TURN_MS = 0 };

static struct {
	struct service service;
	struct conf conf;
	struct directory_role *role;
	struct channel queue, mailroom;
	struct frame in, out, scratch;
	struct loop_timer turn;
	char folder[64];
} house;

err peer_of_socket(int fd, struct address *address, unsigned *port)
{
	(void)fd;
	*port = 1;
	return address_parse(S("192.0.2.1"), address);
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void must_work(err e) { must(!failed(e)); }

static void add_account(str login, str local)
{
	struct directory_change c = { .at = 1 };
	const struct mailname address = { local, S("example.org") };
	const struct directory_new_account new = { .login = login, .hash = S("hash"), .address = &address };
	uint32_t number;
	must_work(directory_account_add(house.role->store, &c, &new, &number));
}

/* The file stays open, so nobody else needs it. */
static void remove_folder(int before)
{
	must(unlink("directory.db") == 0 && unlink("directory.db-wal") == 0);
	must(fchdir(before) == 0 && rmdir(house.folder) == 0);
	fd_close(&before);
}

static struct channel peer(str name)
{
	int ends[2];
	must_work(channel_pair(ends));
	directory_role_channel(&house.service, name, 0, 0, ends[0]);
	return channel_of(ends[1], &house.in, &house.out);
}

static void set_up(void)
{
	static struct frame frames[2];
	struct directory_change c = { .at = 1 };
	struct service *s = &house.service;
	snprintf(house.folder, sizeof house.folder, "/tmp/siegel-fuzz-XXXXXX");
	int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(before >= 0 && mkdtemp(house.folder) != NULL && chdir(house.folder) == 0);
	s->arena = arena_new("fuzz", 64 << 20);
	s->conf = &house.conf;
	s->in = &frames[0];
	s->out = &frames[1];
	must_work(loop_new(&s->loop));
	must_work(conf_init(&house.conf, s->arena));
	directory_role_prepare(s);
	house.role = s->state;
	house.queue = peer(S("queue"));
	house.mailroom = peer(S("mailroom"));
	must_work(directory_role_start(s));
	must_work(channel_receive(&house.queue)); /* the domains that there are: none */
	frame_drop(house.queue.in);
	must_work(directory_domain_add(
		house.role->store, &c, &(const struct directory_new_domain){ .name = S("example.org") }));
	add_account(S("kx77"), S("anna"));
	add_account(S("kx78"), S("berta"));
	remove_folder(before);
}

static void turn_ends(void *to) { loop_stop(to); }

static void turn(void)
{
	loop_timer_start(house.service.loop, &house.turn, TURN_MS, turn_ends, house.service.loop);
	must_work(loop_run(house.service.loop));
}

/* What stands in the frame as a record of questions, where that is its place. */
static void wrap(struct frame *f)
{
	static char room[FRAME_MAX];
	struct buf records = BUF_ON(room);
	if (f->number != MSG_mail && f->number != MSG_rcpt && f->number != MSG_data)
		return;
	if (!failed(records_add(&records, f)))
		IGNORE(msg_put_questions(f, 0, &(struct msg_questions){ .records = buf_str(&records) }));
}

/* One frame as the input says, with a descriptor where the message wants one. False at the end. */
static bool send_frame(struct channel *c, str *input)
{
	static int any = -1;
	struct frame *f = c->out;
	if (input->n < 3)
		return false;
	size_t n = (unsigned char)input->p[1] | (size_t)(unsigned char)input->p[2] << 8;
	frame_begin(f, (unsigned char)input->p[0], 0);
	str bytes = str_slice(*input, 3, 3 + n);
	memcpy(f->bytes + FRAME_HEADER, bytes.p, bytes.n);
	f->n = FRAME_HEADER + bytes.n;
	*input = str_after(*input, 3 + n);
	wrap(f);
	if (any < 0)
		any = dup(house.queue.fd);
	if (f->number == MSG_client)
		f->fds[f->fds_count++] = any;
	return !failed(channel_send(c));
}

static void check_verdicts(struct channel *c)
{
	struct msg_verdicts all;
	struct msg_verdict v;
	err e = OK;
	must_work(msg_get_verdicts(c->in, &all));
	while (msg_next_verdict(&all.records, &house.scratch, &v, &e)) {
		must(v.code >= 250 && v.code < 600);
		must(v.transaction.n == 0 || (v.transaction.n == 16 && v.code < 400));
	}
	must_work(e);
}

/* How many answers came. */
static unsigned hear_answers(struct channel *c)
{
	unsigned count = 0;
	while (!failed(channel_receive(c))) {
		struct msg_auth_done done;
		struct msg_auth_challenge challenge;
		count++;
		if (c->in->number == MSG_verdicts) {
			check_verdicts(c);
		} else if (c->in->number == MSG_auth_done) {
			must_work(msg_get_auth_done(c->in, &done));
			must(!done.granted);
		} else {
			must(c->in->number == MSG_auth_challenge);
			must_work(msg_get_auth_challenge(c->in, &challenge));
		}
	}
	return count;
}

static void check_envelopes(void)
{
	struct msg_envelope e;
	struct msg_vouch v;
	while (!failed(msg_expect_envelope(&house.queue, &e))) {
		struct msg_recipient r;
		err bad = OK;
		str records = e.recipients;
		must(e.account == 0 && e.transaction.n == 16);
		while (msg_next_recipient(&records, &house.scratch, &r, &bad))
			must(r.account == 2 || r.account == 3 || r.account == 1);
		must_work(bad);
	}
	must(failed(msg_expect_vouch(&house.mailroom, &v)));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum link_kind kinds[] = { LINK_SMTP, LINK_SUBMISSION, LINK_LMTP, LINK_GREETER };
	int ends[2];
	if (house.role == NULL)
		set_up();
	if (n == 0)
		return 0;
	str input = str_from((const char *)p + 1, n - 1);
	must_work(channel_pair(ends));
	session_new(house.role, kinds[p[0] % 4], ends[0]);
	struct channel c = channel_of(ends[1], &house.in, &house.out);
	for (int i = 0; i < STEPS_MAX && send_frame(&c, &input); i++) {
		turn();
		must(hear_answers(&c) <= 1);
	}
	check_envelopes();
	channel_close(&c);
	turn();
	return 0;
}
