/* SPDX-License-Identifier: Apache-2.0 */
/* alias add, remove, list. */
#include "role/directory/forward.h"
#include "role/directory/verbs.h"
#include "role/directory/words.h"
#include "store/directory/listing.h"

enum { WORDS_ROOM = 2048, LINE_ROOM = 2048 };

static bool take_target(struct admin *a, str *out)
{
	str operand = admin_word(a, S("target")), option = admin_word(a, S("to"));
	*out = operand.p != NULL ? operand : option;
	if ((operand.p != NULL) != (option.p != NULL))
		return true;
	admin_refuse(a, "an alias needs one target");
	return false;
}

struct sought {
	const struct mailname *target;
	bool found;
};

static void seek_target(void *to, const struct mailname *target)
{
	struct sought *s = to;
	s->found |= mailname_eq(target, s->target);
}

/* An import that is run once more finds what it brought the last time: that is no mistake, and nobody is asked for it again. */
static bool was_there(struct admin *a, const struct directory_new_alias *new)
{
	struct sought s = { .target = &new->targets[0] };
	if (admin_word(a, S("again")).p == NULL || new->may_send ||
		failed(directory_each_target(role_of(a)->store, &new->name, seek_target, &s)) || !s.found)
		return false;
	err e = admin_line(a, S("{\"there\":true}"));
	command_end_list(a, e);
	return true;
}

void verb_alias_add(struct admin *a)
{
	static const char *const known[] = { "address", "target", "to", "senders", "again", NULL };
	char words[WORDS_ROOM], room[2 * MAILNAME_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	struct directory_new_alias new = { .count = 1, .may_send = admin_word(a, S("senders")).p != NULL };
	struct mailname target;
	str written;
	if (admin_refused_words(a, known) || !take_address(a, admin_word(a, S("address")), &b, &new.name) ||
		!take_target(a, &written) || !take_address(a, written, &b, &target))
		return;
	new.targets = &target;
	new.written = &written;
	if (was_there(a, &new))
		return;
	struct directory_change c = command_change(a, &w);
	uint32_t number = 0;
	err e = directory_alias_add(role_of(a)->store, &c, &new);
	bool is_forward =
		!failed(e) && !failed(directory_forward_of_alias(role_of(a)->store, &new.name, &target, &number));
	if (is_forward)
		forward_set(a, &c, number, e);
	else
		command_end(a, &c, e);
}

void verb_alias_remove(struct admin *a)
{
	static const char *const known[] = { "address", "target", NULL };
	char words[WORDS_ROOM], room[2 * MAILNAME_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	struct mailname name, target;
	bool is_one = admin_word(a, S("target")).p != NULL;
	if (admin_refused_words(a, known) || !take_address(a, admin_word(a, S("address")), &b, &name) ||
		(is_one && !take_address(a, admin_word(a, S("target")), &b, &target)))
		return;
	struct directory_change c = command_change(a, &w);
	err e = directory_alias_remove(role_of(a)->store, &c, &name, is_one ? &target : NULL);
	command_end(a, &c, e);
}

struct listing {
	struct admin *admin;
	str domain; /* only of this one; absent: all */
	const struct mailname *alias;
	bool may_send;
	err e;
};

static err send_target(struct listing *l, const struct mailname *target)
{
	char line[LINE_ROOM], room[4 * MAILNAME_MAX];
	struct buf b = BUF_ON(line), names = BUF_ON(room);
	mailname_write(&names, l->alias);
	str alias = buf_str(&names);
	mailname_write(&names, target);
	struct json j = json_begin(&b);
	json_text(&j, "address", alias);
	json_text(&j, "target", str_after(buf_str(&names), alias.n));
	json_flag(&j, "senders", l->may_send);
	json_end(&j);
	return b.lost ? FAIL(LIMIT) : admin_line(l->admin, buf_str(&b));
}

static void list_target(void *to, const struct mailname *target)
{
	struct listing *l = to;
	if (!failed(l->e))
		l->e = send_target(l, target);
}

static void list_alias(void *to, const struct mailname *alias, bool may_send)
{
	struct listing *l = to;
	if (failed(l->e) || (l->domain.p != NULL && !str_eq_nocase(alias->domain, l->domain)))
		return;
	l->alias = alias;
	l->may_send = may_send;
	err e = directory_each_target(role_of(l->admin)->store, alias, list_target, l);
	if (failed(e))
		l->e = e;
}

void verb_alias_list(struct admin *a)
{
	static const char *const known[] = { "domain", NULL };
	struct listing l = { .admin = a, .domain = admin_word(a, S("domain")), .e = OK };
	if (admin_refused_words(a, known))
		return;
	err e = directory_each_alias(role_of(a)->store, list_alias, &l);
	command_end_list(a, failed(e) ? e : l.e);
}
