/* SPDX-License-Identifier: Apache-2.0 */
/* LIST and LSUB (RFC 3501 6.3.8 and 6.3.9), with the attributes of RFC 6154 2 and the returns of RFC 5258 3. */
#include "role/mailbox/imap/list.h"

#include "proto/imap/list.h"
#include "proto/imap/pattern.h"
#include "role/mailbox/imap/session.h"

enum { TREE_BUDGET = 64 << 20, LINE_ROOM = 8 << 10 };

struct listing {
	struct imap_session *s;
	const struct imap_list *query;
	struct arena *arena;
	const char *word; /* LIST or LSUB */
	str *patterns;    /* joined with the reference */
	size_t pattern_count;
	struct folder_status *folders;
	size_t folder_count;
	str *subscriptions; /* sorted */
	size_t subscription_count;
};

static bool matches(const struct listing *l, str name)
{
	for (size_t i = 0; i < l->pattern_count; i++)
		if (imap_pattern_matches(l->patterns[i], name, IMAP_SEPARATOR))
			return true;
	return false;
}

/* The position of a name among the sorted subscriptions, or of the first above it. */
static size_t subscription_at(const struct listing *l, str name)
{
	size_t low = 0, high = l->subscription_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_compare(l->subscriptions[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_subscribed(const struct listing *l, str name)
{
	size_t at = subscription_at(l, name);
	return at < l->subscription_count && str_eq(l->subscriptions[at], name);
}

static void put_line(const struct listing *l, str attributes, str name)
{
	char room[LINE_ROOM];
	struct buf b = BUF_ON(room);
	buf_addf(&b, "* %s (%.*s) \"/\" ", l->word, ARG(attributes));
	imap_write_mailbox(&b, name);
	buf_add(&b, S("\r\n"));
	session_patience(l->s);
	if (!b.lost)
		io_put(l->s->io, buf_str(&b));
}

static void put_folder(const struct listing *l, const struct folder_status *f)
{
	char room[200];
	struct buf b = BUF_ON(room);
	buf_add(&b, f->has_children ? S("\\HasChildren") : S("\\HasNoChildren"));
	if (f->is_container)
		buf_add(&b, S(" \\Noselect"));
	if ((l->query->selects & IMAP_SELECT_SUBSCRIBED) != 0 ||
		((l->query->returns & IMAP_RETURN_SUBSCRIBED) != 0 && is_subscribed(l, f->name)))
		buf_add(&b, S(" \\Subscribed"));
	if (f->uses != 0) {
		buf_byte(&b, ' ');
		imap_write_uses(&b, f->uses);
	}
	put_line(l, buf_str(&b), f->name);
	if ((l->query->returns & IMAP_RETURN_STATUS) != 0 && !f->is_container) {
		char line_room[LINE_ROOM];
		struct buf line = BUF_ON(line_room);
		write_status(&line, f->name, f, l->query->status);
		if (!line.lost)
			io_put(l->s->io, buf_str(&line));
	}
}

static bool is_selected(const struct listing *l, const struct folder_status *f)
{
	if ((l->query->selects & IMAP_SELECT_SPECIAL_USE) != 0 && f->uses == 0)
		return false;
	if ((l->query->selects & IMAP_SELECT_SUBSCRIBED) != 0 && !is_subscribed(l, f->name))
		return false;
	return matches(l, f->name);
}

static void list_folders(const struct listing *l)
{
	for (size_t i = 0; i < l->folder_count; i++)
		if (is_selected(l, &l->folders[i]))
			put_folder(l, &l->folders[i]);
	/* RFC 5258 3.1: a subscription outlives its mailbox. */
	if ((l->query->selects & IMAP_SELECT_SUBSCRIBED) == 0 || (l->query->selects & IMAP_SELECT_SPECIAL_USE) != 0)
		return;
	size_t at = 0;
	for (size_t i = 0; i < l->subscription_count; i++) {
		str name = l->subscriptions[i];
		while (at < l->folder_count && str_compare(l->folders[at].name, name) < 0)
			at++;
		bool is_there = at < l->folder_count && str_eq(l->folders[at].name, name);
		if (!is_there && matches(l, name))
			put_line(l, S("\\Subscribed \\NonExistent"), name);
	}
}

/* RFC 3501 6.3.9: with a "%" that does not reach down to a subscribed name, its parent stands for it. */
static void list_subscriptions(const struct listing *l)
{
	str last_parent = NO_STR;
	for (size_t i = 0; i < l->subscription_count; i++) {
		str name = l->subscriptions[i];
		if (matches(l, name)) {
			put_line(l, NO_STR, name);
			continue;
		}
		for (size_t at = name.n; at-- > 0;) {
			str parent = str_slice(name, 0, at);
			if (name.p[at] != IMAP_SEPARATOR || !matches(l, parent))
				continue;
			if (!is_subscribed(l, parent) && !str_eq(parent, last_parent))
				put_line(l, S("\\Noselect"), parent);
			last_parent = parent;
			break;
		}
	}
}

static err prepare(struct listing *l)
{
	const struct imap_list *q = l->query;
	l->patterns = NEW(l->arena, str, q->count);
	for (size_t i = 0; l->patterns != NULL && i < q->count; i++)
		l->patterns[l->pattern_count++] = imap_pattern_join(q->reference, q->patterns[i], l->arena);
	if (arena_spent(l->arena))
		return FAIL(MEMORY);
	TRY(account_subscriptions(l->s->account, l->arena, &l->subscriptions, &l->subscription_count));
	return account_folders(l->s->account, l->arena, &l->folders, &l->folder_count);
}

/* RFC 3501 6.3.8: an empty pattern asks LIST for the separator and the root of the reference; LSUB it asks for nothing. */
static bool asks_for_root(const struct imap_list *q)
{
	return !q->is_extended && q->count == 1 && q->patterns[0].n == 0;
}

struct reply command_list(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_list query;
	bool is_lsub = c->id == IMAP_LSUB;
	err e = is_lsub ? imap_lsub_parse(&cur, s->command, &query) : imap_list_parse(&cur, s->command, &query);
	if (failed(e))
		return reply_bad(s, e, &cur);
	if ((query.selects & IMAP_SELECT_RECURSIVEMATCH) != 0)
		return REPLY_BAD("RECURSIVEMATCH is not known here");
	struct listing l = { .s = s, .query = &query, .word = is_lsub ? "LSUB" : "LIST" };
	if (!is_lsub && asks_for_root(&query)) {
		io_put(s->io, S("* LIST (\\Noselect) \"/\" \"\"\r\n"));
		return REPLY_OK("done");
	}
	l.arena = arena_new("list", TREE_BUDGET);
	e = prepare(&l);
	if (!failed(e) && is_lsub)
		list_subscriptions(&l);
	else if (!failed(e))
		list_folders(&l);
	arena_free(&l.arena);
	return failed(e) ? reply_failed(s, e) : REPLY_OK("done");
}
