/* SPDX-License-Identifier: Apache-2.0 */
/* Any frame, decoded as any message of any conversation, in any direction: what is understood encodes back to the same
 * bytes and keeps every descriptor; what is not leaves none behind. The first byte chooses the conversation, the second the
 * message, the third how many descriptors came along. */
#include <stdlib.h>

#include "fuzz.h"
#include "ipc/wire.h"

enum { HEAD = 3, NO_SUCH_FD = 100000 };

static struct frame heard, again;

static void need(bool good)
{
	if (!good)
		abort();
}

static bool understood(err e, const struct frame *f)
{
	need(!failed(e) || f->fds_count == 0);
	return !failed(e);
}

static void same(err e, const struct frame *f)
{
	need(!failed(e) && again.n == f->n && again.fds_count == f->fds_count);
	need(memcmp(again.bytes + FRAME_HEADER, f->bytes + FRAME_HEADER, f->n - FRAME_HEADER) == 0);
	for (size_t i = 0; i < f->fds_count; i++)
		need(again.fds[i] == f->fds[i]);
}

static void check_number(uint64_t number) { (void)number; }
static void check_flag(bool flag) { (void)flag; }
static void check_text(str text) { need(memchr(text.p, 0, text.n) == NULL && str_find(text, '\n') == STR_NONE); }
static void check_bytes(str bytes) { need(bytes.p != NULL && bytes.n <= FRAME_MAX); }
static void check_secret(str secret) { check_bytes(secret); }
static void check_fd(int fd) { need(fd == -1 || (fd >= NO_SUCH_FD && fd < NO_SUCH_FD + FRAME_FDS)); }

/* Records are taken apart to their end or to the first that is damaged, and never twice. */
static void check_records(str records)
{
	static struct frame record;
	for (size_t before = records.n; records_next(&records, &record); before = records.n)
		need(records.n < before && record.n <= before);
}

/* greeter_directory.def is the part of receiver_directory.def that stands in auth.inc. */
#define SPOKEN "ipc/admin.def"
#define ANY any_of_admin
#include "ipc/any_message.h"
#define SPOKEN "ipc/asker_keyring.def"
#define ANY any_of_asker_keyring
#include "ipc/any_message.h"
#define SPOKEN "ipc/directory_hasher.def"
#define ANY any_of_directory_hasher
#include "ipc/any_message.h"
#define SPOKEN "ipc/directory_mailroom.def"
#define ANY any_of_directory_mailroom
#include "ipc/any_message.h"
#define SPOKEN "ipc/directory_queue.def"
#define ANY any_of_directory_queue
#include "ipc/any_message.h"
#define SPOKEN "ipc/filter_directory.def"
#define ANY any_of_filter_directory
#include "ipc/any_message.h"
#define SPOKEN "ipc/frontdoor_greeter.def"
#define ANY any_of_frontdoor_greeter
#include "ipc/any_message.h"
#define SPOKEN "ipc/greeter_mailroom.def"
#define ANY any_of_greeter_mailroom
#include "ipc/any_message.h"
#define SPOKEN "ipc/mailbox_directory.def"
#define ANY any_of_mailbox_directory
#include "ipc/any_message.h"
#define SPOKEN "ipc/mailroom_mailbox.def"
#define ANY any_of_mailroom_mailbox
#include "ipc/any_message.h"
#define SPOKEN "ipc/mailroom_supervisor.def"
#define ANY any_of_mailroom_supervisor
#include "ipc/any_message.h"
#define SPOKEN "ipc/opener_server.def"
#define ANY any_of_opener_server
#include "ipc/any_message.h"
#define SPOKEN "ipc/queue_filter.def"
#define ANY any_of_queue_filter
#include "ipc/any_message.h"
#define SPOKEN "ipc/queue_mailbox.def"
#define ANY any_of_queue_mailbox
#include "ipc/any_message.h"
#define SPOKEN "ipc/queue_mailroom.def"
#define ANY any_of_queue_mailroom
#include "ipc/any_message.h"
#define SPOKEN "ipc/receiver_directory.def"
#define ANY any_of_receiver_directory
#include "ipc/any_message.h"
#define SPOKEN "ipc/receiver_queue.def"
#define ANY any_of_receiver_queue
#include "ipc/any_message.h"
#define SPOKEN "ipc/role_logger.def"
#define ANY any_of_role_logger
#include "ipc/any_message.h"
#define SPOKEN "ipc/ledger_fetcher.def"
#define ANY any_of_ledger_fetcher
#include "ipc/any_message.h"
#define SPOKEN "ipc/sender_ledger.def"
#define ANY any_of_sender_ledger
#include "ipc/any_message.h"
#define SPOKEN "ipc/sender_resolver.def"
#define ANY any_of_sender_resolver
#include "ipc/any_message.h"
#define SPOKEN "ipc/supervisor_role.def"
#define ANY any_of_supervisor_role
#include "ipc/any_message.h"
#define SPOKEN "ipc/queue_sender.def"
#define ANY any_of_queue_sender
#include "ipc/any_message.h"

#define SPOKEN "ipc/directory_sender.def"
#define ANY any_of_directory_sender
#include "ipc/any_message.h"

/* A new one goes to the end, so that the kept inputs mean what they meant. */
static void (*const conversations[])(struct frame *f) = {
	any_of_admin,
	any_of_directory_hasher,
	any_of_directory_mailroom,
	any_of_directory_queue,
	any_of_filter_directory,
	any_of_frontdoor_greeter,
	any_of_greeter_mailroom,
	any_of_mailbox_directory,
	any_of_mailroom_mailbox,
	any_of_mailroom_supervisor,
	any_of_opener_server,
	any_of_queue_filter,
	any_of_queue_mailbox,
	any_of_queue_mailroom,
	any_of_receiver_directory,
	any_of_receiver_queue,
	any_of_role_logger,
	any_of_supervisor_role,
	any_of_sender_resolver,
	any_of_queue_sender,
	any_of_asker_keyring,
	any_of_ledger_fetcher,
	any_of_sender_ledger,
	any_of_directory_sender,
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < HEAD || n - HEAD > FRAME_MAX - FRAME_HEADER)
		return 0;
	frame_begin(&heard, p[1], 0);
	memcpy(heard.bytes + FRAME_HEADER, p + HEAD, n - HEAD);
	heard.n = FRAME_HEADER + n - HEAD;
	heard.at = FRAME_HEADER;
	for (heard.fds_count = 0; heard.fds_count < p[2] % (FRAME_FDS + 1); heard.fds_count++)
		heard.fds[heard.fds_count] = NO_SUCH_FD + (int)heard.fds_count;
	conversations[p[0] % (sizeof conversations / sizeof *conversations)](&heard);
	return 0;
}
