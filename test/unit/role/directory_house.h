/* SPDX-License-Identifier: Apache-2.0 */
/* The role with a store in a folder of its own, and the processes around it at the other ends of socket pairs. Clients come
 * from wherever a test says. */
#pragma once
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_service.h"
#include "os/fd.h"
#include "os/peer.h"
#include "role/directory/role.h"
#include "store/directory/change.h"

#define CONVERSATION "ipc/receiver_directory.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_hasher.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_mailroom.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/filter_directory.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/mailbox_directory.def"
#include "ipc/conversation.h"

static struct {
	struct fake_service fake;
	struct frame in, out;
	char folder[64];
	struct directory_role *role;
	struct channel hasher, queue, mailroom, filter, mailbox;
	struct address next_client;
	unsigned hashes; /* that the false hasher has computed */
} house;

/* Instead of the kernel's word. */
err peer_of_socket(int fd, struct address *address, unsigned *port)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return FAIL(UNSUPPORTED);
	*address = house.next_client;
	*port = 12345;
	return OK;
}

static inline void turn(void) { fake_service_turn(&house.fake, 3); }

static inline struct channel peer(str name, uint64_t account)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	directory_role_channel(&house.fake.service, name, account, 0, ends[0]);
	return channel_of(ends[1], &house.in, &house.out);
}

static inline void do_domain(str name, str main)
{
	struct directory_change c = { .caller = S("test"), .at = 1 };
	check_err(name.p,
		directory_domain_add(
			house.role->store, &c, &(const struct directory_new_domain){ .name = name, .main = main }),
		ERR_NONE);
}

/* The false hasher's hashes are "hash:" and the password. */
static inline uint32_t do_account(str login, str local)
{
	struct directory_change c = { .caller = S("test"), .at = 1 };
	const struct mailname address = { local, S("example.org") };
	const struct directory_new_account new = {
		.login = login, .hash = S("hash:secret password"), .quota = QUOTA_CONFIGURED, .address = &address
	};
	uint32_t number = 0;
	check_err(login.p, directory_account_add(house.role->store, &c, &new, &number), ERR_NONE);
	return number;
}

static inline void do_alias(str local, str target, bool may_send)
{
	struct directory_change c = { .caller = S("test"), .at = 1 };
	const struct mailname to = { target, S("example.org") };
	const struct directory_new_alias new = { { local, S("example.org") }, &to, 1, may_send };
	check_err(local.p, directory_alias_add(house.role->store, &c, &new), ERR_NONE);
}

/* Accounts: 1 postmaster, 2 anna, 3 berta, 4 carl. */
static inline void people(void)
{
	do_domain(S("example.org"), NO_STR);
	do_account(S("kx77-anna"), S("anna"));
	do_account(S("kx78-berta"), S("berta"));
	do_account(S("kx79-carl"), S("carl"));
	do_alias(S("info"), S("anna"), false);
	do_alias(S("all"), S("anna"), false);
	do_alias(S("all"), S("berta"), false);
	do_alias(S("all"), S("info"), false);
	do_alias(S("team"), S("anna"), true);
	do_alias(S("team"), S("berta"), true);
}

/* What the queue is told of domains, with a blank behind each; "?": nothing, or no whole list. */
static inline str told_domains(void)
{
	static char room[4000];
	struct buf b = BUF_ON(room);
	struct msg_domains m = { .last = false };
	str name;
	turn();
	for (bool first = true; !m.last; first = false) {
		if (failed(msg_expect_domains(&house.queue, &m)) || m.first != first)
			return S("?");
		for (str names = m.names; str_word(&names, '\n', &name);) {
			buf_add(&b, m.inner ? S("inner:") : S(""));
			buf_add(&b, name);
			buf_byte(&b, ' ');
		}
	}
	return buf_str(&b);
}

static inline int house_start_with(const char *const *settings)
{
	snprintf(house.folder, sizeof house.folder, "/tmp/siegel-directory-XXXXXX");
	if (mkdtemp(house.folder) == NULL || chdir(house.folder) != 0)
		return -1;
	struct service *s = fake_service_start(&house.fake);
	fake_service_set(&house.fake, "server.hostname=mail.example.org");
	for (; *settings != NULL; settings++)
		fake_service_set(&house.fake, *settings);
	house.hashes = 0;
	directory_role_prepare(s);
	house.role = s->state;
	house.hasher = peer(S("hasher"), 0);
	house.queue = peer(S("queue"), 0);
	house.mailroom = peer(S("mailroom"), 0);
	house.filter = peer(S("filter"), 0);
	house.mailbox = channel_of(-1, &house.in, &house.out);
	if (failed(directory_role_start(s)))
		return -1;
	check_str("no domain yet", told_domains(), S(""));
	people();
	return 0;
}

static inline int house_end(void **state)
{
	(void)state;
	directory_role_stop(&house.fake.service);
	struct channel *const all[] = { &house.hasher, &house.queue, &house.mailroom, &house.filter, &house.mailbox };
	for (size_t i = 0; i < COUNT(all); i++)
		channel_close(all[i]);
	fake_service_end(&house.fake);
	unlink("directory.db");
	unlink("directory.db-wal");
	return chdir("/") == 0 ? rmdir(house.folder) : -1;
}

/* ---- the false hasher ---- */

static inline void hasher_works(void)
{
	char hash[256];
	turn();
	while (!failed(channel_receive(&house.hasher))) {
		uint32_t tag = house.in.tag;
		struct msg_hash_done done = { .hash = S("") };
		struct msg_hash_verify verify = { .password = NO_STR };
		struct msg_hash_make make = { .password = NO_STR };
		struct buf b = BUF_ON(hash);
		house.hashes++;
		buf_add(&b, S("hash:"));
		if (house.in.number == MSG_hash_verify) {
			check_err("verify", msg_get_hash_verify(&house.in, &verify), ERR_NONE);
			buf_add(&b, verify.password);
			done.match = str_eq(verify.hash, buf_str(&b));
		} else {
			check_err("make", msg_get_hash_make(&house.in, &make), ERR_NONE);
			for (size_t i = 0; i < make.password.n; i++)
				buf_addf(&b, "%c",
					make.password.p[i] >= 32 && make.password.p[i] < 127 ? make.password.p[i] : 63);
			done.hash = buf_str(&b);
		}
		check_err("done", msg_send_hash_done(&house.hasher, tag, &done), ERR_NONE);
	}
	turn();
}
