/* SPDX-License-Identifier: Apache-2.0 */
/* What accounts hold: as their mailbox processes reported last, and an estimate of what is on its way to them. That is the
 * size that clients named, taken back as the reported figure grows, and forgotten after a while, since a message may have
 * been refused after all. */
#include "os/clock.h"
#include "role/directory/role.h"

#define CONVERSATION "ipc/mailbox_directory.def"
#include "ipc/conversation.h"

enum { SPOOLED_MS = 600000 };

uint64_t quota_of(const struct directory_role *r, const struct directory_account *a)
{
	if (!a->has_login)
		return 0; /* postmaster's mail is always taken (RFC 5321 4.5.1) */
	return a->quota == QUOTA_CONFIGURED ? r->service->conf->accounts.quota : (uint64_t)a->quota;
}

static uint64_t spooled(const struct directory_account *a)
{
	return clock_ms() - a->spooled_at < SPOOLED_MS ? a->spooled : 0;
}

uint64_t quota_left(const struct directory_role *r, const struct directory_account *a)
{
	uint64_t most = quota_of(r, a), held = a->used_bytes;
	if (most == 0)
		return UINT64_MAX;
	if (__builtin_add_overflow(held, spooled(a), &held))
		return 0;
	return held < most ? most - held : 0;
}

void quota_spool(struct directory_account *a, uint64_t bytes)
{
	uint64_t sum;
	if (!__builtin_add_overflow(spooled(a), bytes, &sum))
		a->spooled = sum;
	a->spooled_at = clock_ms();
}

void quota_tell(struct link *mailbox)
{
	struct directory_account *a = directory_account(mailbox->role->store, mailbox->account);
	const struct msg_limits m = { .bytes_max = quota_of(mailbox->role, a), .spooled = spooled(a) };
	IGNORE(msg_send_limits(
		&mailbox->peer.channel, 0, &m)); /* a mailbox that has ended learns it at its next start */
}
