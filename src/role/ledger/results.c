/* SPDX-License-Identifier: Apache-2.0 */
#include "role/ledger/results.h"

enum { DAY_SECONDS = 86400, LINE_ROOM = 32768, NAME_ROOM = 255 };

struct listing {
	struct ledger *store;
	str domain;
	int64_t number; /* of the last one said */
	struct admin *admin;
};

static void add_lines(struct json *j, const char *name, str text)
{
	str line;
	json_list_begin(j, name);
	while (str_word(&text, '\n', &line))
		json_list_item(j, line);
	json_list_end(j);
}

static void write_line(struct buf *line, const struct ledger_result *r, bool whole)
{
	struct json j = json_begin(line);
	json_number(&j, "day", (uint64_t)r->day * DAY_SECONDS);
	json_text(&j, "domain", r->domain);
	json_text(&j, "policy", r->kind);
	json_text(&j, "result", r->type.n > 0 ? r->type : S("success"));
	json_number(&j, "count", r->count);
	if (r->type.n > 0) {
		json_text(&j, "host", r->host);
		json_text(&j, "helo", r->helo);
		json_text(&j, "address", r->address);
		json_text(&j, "local", r->local);
		json_text(&j, "reason", r->reason);
	}
	add_lines(&j, "policy_text", whole ? r->text : S(""));
	add_lines(&j, "hosts", whole ? r->hosts : S(""));
	json_end(&j);
}

static void say(void *to, const struct ledger_result *r)
{
	static char room[LINE_ROOM];
	const struct listing *l = to;
	struct buf line = BUF_ON(room);
	write_line(&line, r, true);
	if (line.lost) {
		line = BUF_ON(room);
		write_line(&line, r, false);
	}
	IGNORE(admin_line(l->admin, buf_str(&line))); /* the end tells of what had no room */
}

static void more(struct admin *a)
{
	struct listing *l = a->state;
	err e = l->store != NULL ? ledger_result_next(l->store, l->domain, &l->number, say, l) : FAIL(ABSENT);
	if (e.code == ERR_ABSENT)
		admin_done(a);
	else if (failed(e))
		admin_refuse(a, "the results cannot be read: %s", err_text(e));
	else
		admin_go_on(a, more);
}

void results_show(struct admin *a, struct ledger *store)
{
	static const char *const known[] = { "domain", NULL };
	const str domain = admin_word(a, S("domain"));
	if (admin_refused_words(a, known))
		return;
	struct listing *l = NEW(a->arena, struct listing, 1);
	char *lower = NEW(a->arena, char, NAME_ROOM);
	if (l == NULL || lower == NULL || domain.n > NAME_ROOM) {
		admin_refuse(a, "\"%.*s\" is not a domain", ARG(domain));
		return;
	}
	for (size_t i = 0; i < domain.n; i++)
		lower[i] = ascii_lower(domain.p[i]);
	*l = (struct listing){ .store = store, .domain = str_from(lower, domain.n), .admin = a };
	a->state = l;
	admin_go_on(a, more);
}
