/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/words.h"

#include <time.h>

#include "os/clock.h"

/* Words of passwords never come here: they are the command's secret. */
static str join_words(const struct admin *a, struct buf *room)
{
	size_t before = room->n;
	for (size_t i = 0; i < a->words_count; i++) {
		str value = a->words[i].value;
		if (room->room - room->n < a->words[i].name.n + value.n + 2)
			break;
		buf_addf(room, "%s%.*s=%.*s", i > 0 ? " " : "", ARG(a->words[i].name), ARG(value));
	}
	return str_after(buf_str(room), before);
}

struct directory_change command_change(struct admin *a, struct buf *room)
{
	return (struct directory_change){
		.caller = a->caller,
		.verb = a->verb,
		.words = join_words(a, room),
		.at = clock_utc_ms(),
		.allow_derivable = role_of(a)->service->conf->accounts.allow_derivable_logins,
	};
}

void command_end(struct admin *a, const struct directory_change *c, err e)
{
	struct directory_role *r = role_of(a);
	if (!failed(e)) {
		LOG(&a->log, account_changed, F_TEXT("verb", a->verb), F_TEXT("caller", a->caller),
			F_WORDS("words", c->words));
		admin_done(a);
		return;
	}
	if (c->reason != NULL) {
		if (failed(directory_audit(r->store, c, str_of(c->reason))))
			LOG(&a->log, store_failed, F_TEXT("reason", str_of(directory_message(r->store))));
		admin_refuse(a, "%s", c->reason);
		return;
	}
	IGNORE(store_failure(r, e)); /* logged; the administrator hears of it */
	admin_refuse(a, "the directory could not be changed: %s", err_text(e));
}

void command_end_list(struct admin *a, err e)
{
	if (failed(e))
		admin_refuse(a, "not all can be shown: %s", err_text(e));
	else
		admin_done(a);
}

void json_moment(struct json *j, const char *name, int64_t utc_ms)
{
	char room[32];
	struct tm t;
	time_t seconds = (time_t)(utc_ms / 1000);
	if (utc_ms == 0 || gmtime_r(&seconds, &t) == NULL || strftime(room, sizeof room, "%Y-%m-%dT%H:%M:%SZ", &t) == 0)
		json_text(j, name, NO_STR);
	else
		json_text(j, name, str_of(room));
}

bool take_address(struct admin *a, str text, struct buf *room, struct mailname *out)
{
	if (text.n > 0 && str_find(text, '@') != STR_NONE && !failed(mailname_parse(text, NO_STR, room, out)))
		return true;
	admin_refuse(a, "\"%.*s\" is not a mail address", ARG(text));
	return false;
}

bool take_domain(struct admin *a, str text, struct buf *room, str *out)
{
	if (text.n > 0 && !failed(mailname_domain(text, room, out)))
		return true;
	admin_refuse(a, "\"%.*s\" is not a domain", ARG(text));
	return false;
}

bool take_quota(struct admin *a, int64_t *out)
{
	static const char units[] = "KMGT";
	str text = admin_word(a, S("quota"));
	uint64_t number, factor = 1;
	if (text.p == NULL || str_eq(text, S("default"))) {
		*out = QUOTA_CONFIGURED;
		return true;
	}
	const char *unit = text.n > 0 ? strchr(units, ascii_upper(text.p[text.n - 1])) : NULL;
	if (unit != NULL && *unit != '\0') {
		factor <<= 10 * (unit - units + 1);
		text.n--;
	}
	if (failed(str_number(text, INT64_MAX / factor, &number))) {
		admin_refuse(a, "a quota is a number of bytes with K, M, G or T, 0 for none, or \"default\"");
		return false;
	}
	*out = (int64_t)(number * factor);
	return true;
}

bool take_account(struct admin *a, uint32_t *out)
{
	struct directory_login login;
	str name = admin_word(a, S("login"));
	err e = directory_login(role_of(a)->store, name, &login);
	if (!failed(e)) {
		*out = login.account;
		return true;
	}
	if (e.code == ERR_ABSENT)
		admin_refuse(a, "there is no account with the login \"%.*s\"", ARG(name));
	else
		command_end(a, &(const struct directory_change){ .reason = NULL }, e);
	return false;
}
