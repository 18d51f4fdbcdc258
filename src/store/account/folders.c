/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of folders. Levels of a name are separated by '/'; children are found as a range of names, since '0' is the
 * byte behind '/'. */
#include "store/account/inside.h"

enum { LIST_FIRST = 64, NAMES_BUDGET = 32 << 20 };

static err check_name(str name)
{
	str rest = name, level;
	unsigned levels = 0;
	if (name.n > FOLDER_NAME_MAX)
		return FAIL(LIMIT);
	if (name.n == 0 || str_starts(name, S("/")) || str_ends(name, S("/")))
		return FAIL(SYNTAX);
	while (str_word(&rest, '/', &level)) {
		if (level.n == 0)
			return FAIL(SYNTAX);
		if (++levels > FOLDER_LEVELS_MAX)
			return FAIL(LIMIT);
	}
	return OK;
}

static str parent_of(str name)
{
	size_t at = str_find_last(name, '/');
	return at == STR_NONE ? NO_STR : str_slice(name, 0, at);
}

struct child {
	int64_t id;
	str name;
};

/* Binds the range of names below a name; the two strings stand in the arena. */
static struct sql_statement *use_children(struct account *a, struct arena *arena, str name)
{
	struct buf low = buf_in(arena, name.n + 1), high = buf_in(arena, name.n + 1);
	buf_add(&low, name);
	buf_byte(&low, '/');
	buf_add(&high, name);
	buf_byte(&high, '/' + 1);
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_children);
	sql_bind_text(st, buf_str(&low));
	sql_bind_text(st, buf_str(&high));
	return st;
}

static err has_children(struct account *a, str name, bool *out)
{
	struct arena *arena = arena_new("names", 8 << 10);
	struct sql_statement *st = use_children(a, arena, name);
	err e = sql_step(st, out);
	sql_done(st);
	arena_free(&arena);
	return e;
}

static void mark_parent(struct folder_status *list, size_t count, str parent)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_compare(list[middle].name, parent) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < count && str_eq(list[low].name, parent))
		list[low].has_children = true;
}

static err list_locked(struct account *a, struct arena *arena, struct folder_status **list, size_t *count)
{
	size_t room = a->folder_count + 1, n = 0;
	struct folder_status *rows = NEW(arena, struct folder_status, room);
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_list);
	bool row = true;
	while (rows != NULL && n < room) {
		TRY(sql_step(st, &row));
		if (!row)
			break;
		err e = folder_row(st, &rows[n]);
		rows[n++].name = arena_copy(arena, sql_column_bytes(st, 1));
		if (failed(e)) {
			sql_done(st);
			return e;
		}
	}
	sql_done(st);
	if (arena_spent(arena))
		return FAIL(MEMORY);
	for (size_t i = 0; i < n; i++) {
		str parent = parent_of(rows[i].name);
		if (parent.p != NULL)
			mark_parent(rows, n, parent);
	}
	*list = rows;
	*count = n;
	return OK;
}

err account_folders(struct account *a, struct arena *arena, struct folder_status **list, size_t *count)
{
	account_lock(a);
	err e = list_locked(a, arena, list, count);
	account_unlock(a);
	return e;
}

err account_folder(struct account *a, str name, struct folder_status *out)
{
	account_lock(a);
	err e = folder_by_name(a, name, out);
	if (!failed(e))
		e = has_children(a, name, &out->has_children);
	account_unlock(a);
	return e;
}

static err find_use(struct account *a, struct arena *arena, unsigned use, str *name)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_by_use);
	sql_bind_number(st, use);
	TRY(sql_one(st));
	*name = arena_copy(arena, sql_column_bytes(st, 0));
	sql_done(st);
	return OK;
}

err account_folder_of_use(struct account *a, struct arena *arena, unsigned use, str *name)
{
	account_lock(a);
	err e = find_use(a, arena, use, name);
	account_unlock(a);
	return e;
}

static err insert(struct account *a, str name, unsigned uses, bool is_container, uint32_t *uidvalidity, int64_t *id)
{
	uint64_t modseq;
	if (a->folder_count >= a->folders_max)
		return FAIL(LIMIT);
	TRY(change_uidvalidity(a, uidvalidity));
	TRY(change_modseq(a, &modseq));
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_insert);
	sql_bind_text(st, name);
	sql_bind_number(st, *uidvalidity);
	sql_bind_number(st, uses);
	sql_bind_count(st, modseq);
	sql_bind_number(st, 1 + UID_STEP);
	sql_bind_number(st, is_container);
	TRY(sql_run(st));
	a->folder_count++;
	*id = sql_last_row(a->sql);
	return OK;
}

/* A container becomes a folder again, with a UIDVALIDITY of its own. */
static err revive(struct account *a, int64_t id, unsigned uses, uint32_t *uidvalidity)
{
	uint64_t modseq;
	TRY(change_uidvalidity(a, uidvalidity));
	TRY(change_modseq(a, &modseq));
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_revive);
	sql_bind_number(st, *uidvalidity);
	sql_bind_number(st, uses);
	sql_bind_count(st, modseq);
	sql_bind_number(st, 1 + UID_STEP);
	sql_bind_number(st, id);
	return sql_run(st);
}

/* What is missing above a name, as containers (RFC 3501 6.3.3: "any superior hierarchical names that are needed"). */
static err make_parents(struct account *a, str name)
{
	for (size_t at = 0; at < name.n; at++) {
		struct folder_status status;
		uint32_t uidvalidity;
		int64_t id;
		if (name.p[at] != '/')
			continue;
		str parent = str_slice(name, 0, at);
		err e = folder_by_name(a, parent, &status);
		if (failed(e) && e.code == ERR_ABSENT)
			e = insert(a, parent, 0, true, &uidvalidity, &id);
		TRY(e);
	}
	return OK;
}

static err create(struct account *a, str name, unsigned uses, uint32_t *uidvalidity, int64_t *id)
{
	struct folder_status status;
	for (unsigned bit = 1; bit != 0 && bit <= uses; bit <<= 1) {
		struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_by_use);
		bool is_used = false;
		if ((uses & bit) == 0)
			continue;
		sql_bind_number(st, bit);
		TRY(sql_step(st, &is_used));
		sql_done(st);
		if (is_used)
			return FAIL(STATE);
	}
	err e = folder_by_name(a, name, &status);
	if (!failed(e)) {
		if (!status.is_container)
			return FAIL(EXISTS);
		*id = status.id;
		return revive(a, status.id, uses, uidvalidity);
	}
	if (e.code != ERR_ABSENT)
		return e;
	TRY(make_parents(a, name));
	return insert(a, name, uses, false, uidvalidity, id);
}

/* The count of folders goes back with a change that failed. */
static err end_folders(struct account *a, unsigned count_before, err e)
{
	e = change_end(a, e);
	if (failed(e))
		a->folder_count = count_before;
	return e;
}

err account_create(struct account *a, str name, unsigned uses, uint32_t *uidvalidity)
{
	TRY(check_name(name));
	int64_t id;
	account_lock(a);
	unsigned count = a->folder_count;
	err e = change_begin(a);
	if (!failed(e))
		e = end_folders(a, count, create(a, name, uses, uidvalidity, &id));
	account_unlock(a);
	return e;
}

/* All messages of a folder, whose rows are in memory. */
static err empty(struct account *a, struct folder *f, struct tally *t)
{
	TRY(tally_begin(a, f->status.id, t));
	for (size_t i = 0; i < f->count; i++)
		TRY(change_run(a, ACCOUNT_parts_unref, f->rows[i].id));
	TRY(change_run(a, ACCOUNT_messages_delete, f->status.id));
	TRY(change_run(a, ACCOUNT_keywords_delete, f->status.id));
	t->messages = -(int64_t)f->status.messages;
	t->bytes = -(int64_t)f->status.bytes;
	return change_run(a, ACCOUNT_expunged_delete, f->status.id);
}

static err remove_folder(struct account *a, struct folder *f, bool keep_as_container, struct tally *t)
{
	TRY(empty(a, f, t));
	a->must_sync = true;
	if (keep_as_container)
		return change_run(a, ACCOUNT_folder_hollow, f->status.id);
	a->folder_count--;
	return change_run(a, ACCOUNT_folder_delete, f->status.id);
}

static void forget_image(struct account *a, struct folder *f, const struct tally *t)
{
	f->count = 0;
	tally_publish(a, t);
	atomic_store(&f->is_deleted, true);
	a->has_unused = true;
	if (f->users == 0)
		image_drop_unused(a);
}

static err delete_locked(struct account *a, str name)
{
	struct folder_status status;
	struct folder *f;
	struct tally t = { 0 };
	bool is_parent = false;
	TRY(folder_by_name(a, name, &status));
	TRY(has_children(a, name, &is_parent));
	if (status.is_container && is_parent)
		return FAIL(STATE);
	TRY(image_load(a, &status, &f));
	unsigned count = a->folder_count;
	TRY(change_begin(a));
	TRY(end_folders(a, count, remove_folder(a, f, is_parent, &t)));
	forget_image(a, f, &t);
	return OK;
}

err account_delete(struct account *a, str name)
{
	if (str_eq(name, S("INBOX")))
		return FAIL(DENIED);
	account_lock(a);
	err e = delete_locked(a, name);
	account_unlock(a);
	return e;
}

static err rename_one(struct account *a, int64_t id, str name)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_rename);
	sql_bind_text(st, name);
	sql_bind_number(st, id);
	return sql_run(st);
}

static err read_children(struct account *a, struct arena *arena, str name, struct child **out, size_t *count)
{
	size_t room = a->folder_count, n = 0;
	struct child *children = NEW(arena, struct child, room);
	struct sql_statement *st = use_children(a, arena, name);
	bool row = true;
	while (children != NULL && n < room) {
		TRY(sql_step(st, &row));
		if (!row)
			break;
		children[n++] = (struct child){ sql_column_number(st, 0), arena_copy(arena, sql_column_bytes(st, 1)) };
	}
	sql_done(st);
	*out = children;
	*count = n;
	return arena_spent(arena) ? FAIL(MEMORY) : OK;
}

static err rename_tree(struct account *a, struct arena *arena, const struct folder_status *from, str to)
{
	struct child *children;
	size_t count;
	a->must_sync = true;
	TRY(make_parents(a, to));
	TRY(read_children(a, arena, from->name, &children, &count));
	TRY(rename_one(a, from->id, to));
	for (size_t i = 0; i < count; i++) {
		struct buf name = buf_in(arena, to.n + children[i].name.n);
		buf_add(&name, to);
		buf_add(&name, str_after(children[i].name, from->name.n));
		if (name.lost)
			return FAIL(MEMORY);
		TRY(check_name(buf_str(&name)));
		TRY(rename_one(a, children[i].id, buf_str(&name)));
	}
	return OK;
}

/* RFC 3501 6.3.5: INBOX stays, empty; its children stay, too. */
static err move_inbox(struct account *a, const struct folder_status *inbox, str to, struct tally *out)
{
	struct tally in;
	uint32_t uidvalidity;
	int64_t id;
	TRY(create(a, to, 0, &uidvalidity, &id));
	TRY(tally_begin(a, inbox->id, out));
	TRY(tally_begin(a, id, &in));
	TRY(change_run_two(a, ACCOUNT_expunged_all, (int64_t)out->modseq, inbox->id));
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_messages_move);
	sql_bind_number(st, id);
	sql_bind_count(st, in.modseq);
	sql_bind_number(st, inbox->id);
	TRY(sql_run(st));
	TRY(change_run_two(a, ACCOUNT_keywords_move, id, inbox->id));
	in.uid_next = out->uid_next;
	in.messages = inbox->messages;
	in.unseen = inbox->unseen;
	in.recent = inbox->recent;
	in.bytes = (int64_t)inbox->bytes;
	out->messages = -in.messages;
	out->unseen = -in.unseen;
	out->recent = -in.recent;
	out->bytes = -in.bytes;
	TRY(tally_write(a, &in));
	return tally_write(a, out);
}

static err rename_inbox(struct account *a, const struct folder_status *inbox, str to)
{
	struct folder *f;
	struct tally t = { 0 };
	TRY(image_load(a, inbox, &f));
	unsigned count = a->folder_count;
	TRY(change_begin(a));
	TRY(end_folders(a, count, move_inbox(a, inbox, to, &t)));
	f->count = 0;
	uint64_t bytes = a->bytes, messages = a->messages;
	tally_publish(a, &t);
	a->bytes = bytes; /* they only moved */
	a->messages = messages;
	IGNORE(image_reload_keywords(f)); /* they only lose names */
	return OK;
}

static err rename_locked(struct account *a, struct arena *arena, str from, str to)
{
	struct folder_status source, target;
	TRY(folder_by_name(a, from, &source));
	err e = folder_by_name(a, to, &target);
	if (!failed(e))
		return FAIL(EXISTS);
	if (e.code != ERR_ABSENT)
		return e;
	if (str_eq(from, S("INBOX")))
		return rename_inbox(a, &source, to);
	if (to.n > from.n && str_starts(to, from) && to.p[from.n] == '/')
		return FAIL(DENIED);
	unsigned count = a->folder_count;
	TRY(change_begin(a));
	return end_folders(a, count, rename_tree(a, arena, &source, to));
}

err account_rename(struct account *a, str from, str to)
{
	TRY(check_name(to));
	struct arena *arena = arena_new("names", NAMES_BUDGET);
	account_lock(a);
	err e = rename_locked(a, arena, from, to);
	account_unlock(a);
	arena_free(&arena);
	return e;
}

static err subscribe(struct account *a, str name, bool subscribed)
{
	if (subscribed) {
		struct sql_statement *counting = sql_use(a->sql, ACCOUNT_subscription_count);
		TRY(sql_one(counting));
		bool is_full = sql_column_count(counting, 0) >= a->folders_max;
		sql_done(counting);
		if (is_full)
			return FAIL(LIMIT);
	}
	struct sql_statement *st = sql_use(a->sql, subscribed ? ACCOUNT_subscribe : ACCOUNT_unsubscribe);
	sql_bind_text(st, name);
	return sql_run(st);
}

err account_subscribe(struct account *a, str name, bool subscribed)
{
	TRY(check_name(name));
	account_lock(a);
	err e = change_begin(a);
	if (!failed(e))
		e = change_end(a, subscribe(a, name, subscribed));
	account_unlock(a);
	return e;
}

static err read_subscriptions(struct account *a, struct arena *arena, str **names, size_t *count)
{
	size_t room = LIST_FIRST, n = 0;
	str *list = NEW(arena, str, room);
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_subscriptions);
	bool row = true;
	while (list != NULL) {
		TRY(sql_step(st, &row));
		if (!row)
			break;
		if (n == room) {
			str *larger = NEW(arena, str, room * 2);
			if (larger == NULL)
				break;
			memcpy(larger, list, n * sizeof *list);
			list = larger;
			room *= 2;
		}
		list[n++] = arena_copy(arena, sql_column_bytes(st, 0));
	}
	sql_done(st);
	*names = list;
	*count = n;
	return arena_spent(arena) ? FAIL(MEMORY) : OK;
}

err account_subscriptions(struct account *a, struct arena *arena, str **names, size_t *count)
{
	account_lock(a);
	err e = read_subscriptions(a, arena, names, count);
	account_unlock(a);
	return e;
}
