/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/mailbox.h"

/* clang-format off */
static const struct { const char *wire; enum err_code want; const char *utf8; } names[] = {
	{ "",                              ERR_NONE,   "" },
	{ "Sent Items",                    ERR_NONE,   "Sent Items" },
	{ "&-",                            ERR_NONE,   "&" },
	{ "a&-b&-",                        ERR_NONE,   "a&b&" },
	/* RFC 3501 5.1.3 */
	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-", ERR_NONE, "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
	{ "&Jjo-!",                        ERR_NONE,   "\xe2\x98\xba!" },
	{ "&AOk-",                         ERR_NONE,   "\xc3\xa9" },
	{ "&AOkA6Q-",                      ERR_NONE,   "\xc3\xa9\xc3\xa9" },
	{ "Entw&APw-rfe",                  ERR_NONE,   "Entw\xc3\xbcrfe" },
	{ "&AOk-&-",                       ERR_NONE,   "\xc3\xa9&" },
	{ "&-&AOk-",                       ERR_NONE,   "&\xc3\xa9" },
	{ "&2D3eAA-",                      ERR_NONE,   "\xf0\x9f\x98\x80" },
	{ "&,,0-",                         ERR_NONE,   "\xef\xbf\xbd" },
	{ "&AKA-",                         ERR_NONE,   "\xc2\xa0" },
	/* RFC 3501 5.1.3: no base64 for what can stand for itself, no superfluous shifts. */
	{ "&AGE-",                         ERR_SYNTAX, NULL },
	{ "&ACY-",                         ERR_SYNTAX, NULL },
	{ "&U,BTFw-&ZeVnLIqe-",            ERR_SYNTAX, NULL },
	{ "&AOkAYQ-",                      ERR_SYNTAX, NULL },
	{ "&Jjo!",                         ERR_SYNTAX, NULL },
	{ "&",                             ERR_SYNTAX, NULL },
	{ "a&",                            ERR_SYNTAX, NULL },
	{ "&AOk",                          ERR_SYNTAX, NULL },
	{ "&A-",                           ERR_SYNTAX, NULL },
	{ "&AO-",                          ERR_SYNTAX, NULL },
	{ "&AOl-",                         ERR_SYNTAX, NULL },
	{ "&AOkA-",                        ERR_SYNTAX, NULL },
	{ "&AOkAA-",                       ERR_SYNTAX, NULL },
	{ "&AOk=-",                        ERR_SYNTAX, NULL },
	{ "&AO/-",                         ERR_SYNTAX, NULL },
	/* Half a surrogate, and halves in the wrong order. */
	{ "&2D0-",                         ERR_SYNTAX, NULL },
	{ "&2D0AYQ-",                      ERR_SYNTAX, NULL },
	{ "&3gA-",                         ERR_SYNTAX, NULL },
	{ "&3gDYPQ-",                      ERR_SYNTAX, NULL },
	/* Control characters, plain and encoded. */
	{ "a\tb",                          ERR_SYNTAX, NULL },
	{ "a\x7f",                         ERR_SYNTAX, NULL },
	{ "&AAA-",                         ERR_SYNTAX, NULL },
	{ "&AAo-",                         ERR_SYNTAX, NULL },
	{ "&AH8-",                         ERR_SYNTAX, NULL },
	{ "&AIU-",                         ERR_SYNTAX, NULL },
	{ "\xc3\xa9",                      ERR_SYNTAX, NULL },
};

static const struct { const char *text; enum err_code want; const char *name; } mailboxes[] = {
	{ "inbox",            ERR_NONE,   "INBOX" },
	{ "\"InBoX\"",        ERR_NONE,   "INBOX" },
	{ "{5}\r\ninbox",     ERR_NONE,   "INBOX" },
	{ "Inbox/Work",       ERR_NONE,   "INBOX/Work" },
	{ "inboxes",          ERR_NONE,   "inboxes" },
	{ "Work/inbox",       ERR_NONE,   "Work/inbox" },
	{ "\"\"",             ERR_NONE,   "" },
	{ "&Jjo-",            ERR_NONE,   "\xe2\x98\xba" },
	{ "\"&Jjo\"",         ERR_SYNTAX, NULL },
	{ "a b",              ERR_SYNTAX, NULL },
	{ "a*",               ERR_SYNTAX, NULL },
	{ "",                 ERR_SYNTAX, NULL },
};

static const struct { const char *name, *want; } written[] = {
	{ "INBOX",            "INBOX" },
	{ "Sent Items",       "\"Sent Items\"" },
	{ "a&b",              "a&-b" },
	{ "\xe2\x98\xba",     "&Jjo-" },
	{ "50%",              "\"50%\"" },
	{ "nil",              "\"nil\"" },
};
/* clang-format on */

static void modified_utf7(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(names); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		str got = NO_STR;
		check_err(names[i].wire, imap_mailbox_decode(str_of(names[i].wire), a, &got), names[i].want);
		check_str(names[i].wire, got, str_of(names[i].utf8));
		if (names[i].utf8 == NULL)
			continue;
		imap_mailbox_encode(&b, got);
		check_written(names[i].wire, &b, names[i].wire);
	}
	arena_free(&a);
}

static void not_a_name(void **state)
{
	(void)state;
	static const str texts[] = { S("\xff"), S("a\xc3"), S("\xed\xa0\x80"), S("a\nb"), S("\xc2\x85"), S("a\0b") };
	for (size_t i = 0; i < COUNT(texts); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		imap_mailbox_encode(&b, texts[i]);
		if (!b.lost)
			fail_msg("case %zu was written as \"%.*s\"", i, ARG(buf_str(&b)));
	}
}

static void the_longest_name(void **state)
{
	(void)state;
	static char text[IMAP_MAILBOX_MAX + 1];
	struct arena *a = arena_new("test", ARENA_MAX);
	str got = NO_STR;
	memset(text, 'x', sizeof text);
	check_err("longest", imap_mailbox_decode(str_from(text, IMAP_MAILBOX_MAX), a, &got), ERR_NONE);
	check_err("longer", imap_mailbox_decode(str_from(text, IMAP_MAILBOX_MAX + 1), a, &got), ERR_LIMIT);
	arena_free(&a);
}

static void arguments(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(mailboxes); i++) {
		str got = NO_STR;
		struct cur c = cur_of(str_of(mailboxes[i].text));
		check_err(mailboxes[i].text, imap_one_mailbox_parse(&c, a, &got), mailboxes[i].want);
		check_str(mailboxes[i].text, got, str_of(mailboxes[i].name));
	}
	struct imap_rename rename;
	struct cur two = cur_of(S("inbox \"a b\"")), three = cur_of(S("a b c"));
	check_err("rename", imap_rename_parse(&two, a, &rename), ERR_NONE);
	check_str("from", rename.from, S("INBOX"));
	check_str("to", rename.to, S("a b"));
	check_err("three names", imap_rename_parse(&three, a, &rename), ERR_SYNTAX);
	arena_free(&a);
}

static void names_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(written); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		imap_write_mailbox(&b, str_of(written[i].name));
		check_written(written[i].name, &b, written[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modified_utf7),
		cmocka_unit_test(not_a_name),
		cmocka_unit_test(the_longest_name),
		cmocka_unit_test(arguments),
		cmocka_unit_test(names_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
