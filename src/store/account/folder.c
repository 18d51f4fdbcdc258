/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions see of an open folder. */
#include "store/account_folder.h"

#include "proto/imap/flag.h"
#include "store/account/inside.h"

/* \Recent belongs to the first session that is told of a message; whether others think so too after a power cut does not
 * matter, so nothing is synced for it. */
static err take_recent(struct folder *f)
{
	struct account *a = f->account;
	if (f->status.recent == 0 && f->recent_from == f->status.uid_next)
		return OK;
	if (f->status.recent > 0) {
		TRY(change_begin(a));
		TRY(change_end(a, change_run_two(a, ACCOUNT_folder_recent, f->status.uid_next, f->status.id)));
	}
	f->recent_from = f->status.uid_next;
	f->status.recent = 0;
	return OK;
}

static err open_locked(struct account *a, str name, bool is_writer, struct folder **out, uint32_t *recent_from)
{
	struct folder_status status;
	struct folder *f;
	TRY(folder_by_name(a, name, &status));
	if (status.is_container)
		return FAIL(ABSENT);
	TRY(image_load(a, &status, &f));
	uint32_t from = f->recent_from;
	if (is_writer)
		TRY(take_recent(f));
	f->users++;
	*out = f;
	*recent_from = from;
	return OK;
}

err folder_open(struct account *a, str name, bool is_writer, struct folder **out, uint32_t *recent_from)
{
	account_lock(a);
	err e = open_locked(a, name, is_writer, out, recent_from);
	account_unlock(a);
	return e;
}

void folder_close(struct folder **folder)
{
	struct folder *f = *folder;
	if (f == NULL)
		return;
	struct account *a = f->account;
	account_lock(a);
	if (--f->users == 0 && atomic_load(&f->is_deleted))
		image_drop_unused(a);
	account_unlock(a);
	*folder = NULL;
}

struct account *folder_account(const struct folder *f) { return f->account; }
uint64_t folder_version(const struct folder *f) { return atomic_load(&f->version); }
unsigned folder_keywords_version(const struct folder *f) { return atomic_load(&f->keywords_version); }
bool folder_is_deleted(const struct folder *f) { return atomic_load(&f->is_deleted); }

void folder_status(struct folder *f, struct folder_status *out)
{
	account_lock(f->account);
	*out = f->status;
	account_unlock(f->account);
}

uint32_t folder_take_recent(struct folder *f)
{
	account_lock(f->account);
	uint32_t from = f->recent_from;
	err e = take_recent(f);
	account_unlock(f->account);
	/* Then the next session takes it for recent, too: no harm. */
	return failed(e) ? UINT32_MAX : from;
}

size_t folder_rows(struct folder *f, uint32_t after, struct message *rows, size_t room)
{
	account_lock(f->account);
	size_t at = after == UINT32_MAX ? f->count : image_position(f, after + 1);
	size_t n = f->count - at < room ? f->count - at : room;
	if (n > 0)
		memcpy(rows, f->rows + at, n * sizeof *rows);
	account_unlock(f->account);
	return n;
}

size_t folder_find(struct folder *f, const uint32_t *uids, size_t count, struct message *rows)
{
	size_t found = 0;
	account_lock(f->account);
	size_t at = count > 0 ? image_position(f, uids[0]) : 0;
	for (size_t i = 0; i < count; i++) {
		/* Mostly the next row is the one; otherwise look it up. */
		if (at < f->count && f->rows[at].uid < uids[i])
			at = image_position(f, uids[i]);
		if (at < f->count && f->rows[at].uid == uids[i])
			rows[found++] = f->rows[at++];
	}
	account_unlock(f->account);
	return found;
}

size_t folder_flagged(struct folder *f, unsigned flags, uint32_t after, uint32_t *uids, size_t room)
{
	size_t found = 0;
	account_lock(f->account);
	size_t at = after == UINT32_MAX ? f->count : image_position(f, after + 1);
	for (; at < f->count && found < room; at++)
		if ((f->rows[at].flags & flags) == flags)
			uids[found++] = f->rows[at].uid;
	account_unlock(f->account);
	return found;
}

uint32_t folder_first_unseen(struct folder *f)
{
	account_lock(f->account);
	size_t at = f->status.unseen > 0 ? 0 : f->count;
	while (at < f->count && (f->rows[at].flags & IMAP_FLAG_SEEN) != 0)
		at++;
	uint32_t uid = at < f->count ? f->rows[at].uid : 0;
	account_unlock(f->account);
	return uid;
}

err folder_keywords(struct folder *f, struct arena *arena, str names[FOLDER_KEYWORDS_MAX], unsigned *version)
{
	account_lock(f->account);
	*version = atomic_load(&f->keywords_version);
	for (unsigned i = 0; i < FOLDER_KEYWORDS_MAX; i++)
		names[i] = f->keywords[i][0] != '\0' ? arena_copy(arena, str_of(f->keywords[i])) : NO_STR;
	account_unlock(f->account);
	return arena_spent(arena) ? FAIL(MEMORY) : OK;
}

void folder_watch(struct folder *f, struct folder_watch *w)
{
	account_lock(f->account);
	w->is_armed = false;
	w->next = f->watches;
	f->watches = w;
	account_unlock(f->account);
}

void folder_unwatch(struct folder *f, struct folder_watch *w)
{
	account_lock(f->account);
	for (struct folder_watch **at = &f->watches; *at != NULL; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			break;
		}
	account_unlock(f->account);
}

bool folder_arm(struct folder *f, struct folder_watch *w, uint64_t version)
{
	account_lock(f->account);
	bool is_same = folder_version(f) == version;
	w->is_armed = is_same;
	account_unlock(f->account);
	return is_same;
}
