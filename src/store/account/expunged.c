/* SPDX-License-Identifier: Apache-2.0 */
/* What was expunged is remembered for clients that come back and ask what they missed (RFC 7162), as far as a folder's
 * newest ACCOUNT_EXPUNGES. Where more was forgotten the folder's row says up to which modseq: a client that was away for
 * longer is told of every UID that is not there (RFC 7162 3.2.6), which takes longer and is as true. */
#include "store/account/inside.h"

enum { AT_ONCE = 2000 }; /* rows removed in one act, for one folder */

struct expunge {
	int64_t modseq, uid;
};

/* The expunge at a distance from one end of the folder's. ERR_ABSENT: there are not so many. */
static err find(struct account *a, enum account_operation end, int64_t folder, unsigned distance, struct expunge *out)
{
	struct sql_statement *st = sql_use(a->sql, end);
	sql_bind_number(st, folder);
	sql_bind_number(st, distance);
	err e = sql_one(st);
	if (!failed(e))
		*out = (struct expunge){ sql_column_number(st, 0), sql_column_number(st, 1) };
	sql_done(st);
	return e;
}

static bool is_before(const struct expunge *a, const struct expunge *b)
{
	return a->modseq < b->modseq || (a->modseq == b->modseq && a->uid < b->uid);
}

static err forget_up_to(struct account *a, int64_t folder, const struct expunge *last)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_expunged_forget);
	sql_bind_number(st, folder);
	sql_bind_number(st, last->modseq);
	sql_bind_number(st, last->uid);
	TRY(sql_run(st));
	return change_run_two(a, ACCOUNT_folder_forgotten, last->modseq, folder);
}

/* *left: there is more to forget. */
static err forget_in(struct account *a, int64_t folder, unsigned kept, bool *left)
{
	*left = false;
	struct expunge last, most;
	err e = find(a, ACCOUNT_expunged_newest, folder, kept, &last);
	if (e.code == ERR_ABSENT)
		return OK;
	TRY(e);
	e = find(a, ACCOUNT_expunged_oldest, folder, AT_ONCE - 1, &most);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	*left = !failed(e) && is_before(&most, &last);
	if (*left)
		last = most;
	TRY(change_begin(a));
	return change_end(a, forget_up_to(a, folder, &last));
}

static err next_folder(struct account *a, int64_t *id)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_after);
	sql_bind_number(st, *id);
	err e = sql_one(st);
	if (!failed(e))
		*id = sql_column_number(st, 0);
	sql_done(st);
	return e;
}

err account_forget_expunges(struct account *a, unsigned kept)
{
	err e = OK;
	for (int64_t folder = 0; !failed(e);) {
		account_lock(a);
		e = next_folder(a, &folder);
		bool left = false;
		if (!failed(e))
			e = forget_in(a, folder, kept, &left);
		account_unlock(a);
		folder -= left; /* once more, after others had their turn */
	}
	return e.code == ERR_ABSENT ? OK : e;
}
