/* SPDX-License-Identifier: Apache-2.0 */
/* directory.db: domains, accounts, addresses, aliases. All accounts are also held in memory, and what was looked up last,
 * so that a question in the middle of a dialogue costs no query as a rule. One thread only.
 *
 * Errors of the store come as sql.h has them: DISK_FULL, STORAGE, DAMAGED. Those of a change that is refused are EXISTS,
 * ABSENT, SYNTAX, LIMIT and STATE, and then change.reason says it in words. */
#pragma once
#include "store/directory/mailname.h"

struct directory;

enum {
	DIRECTORY_LOGIN_MAX = 254,
	DIRECTORY_HASH_MAX = 256,
	DIRECTORY_DETAIL_MAX = 64,      /* of a subaddress */
	DIRECTORY_EXPANSION_MAX = 1000, /* accounts behind one address */
	DIRECTORY_ALIASES_MAX = 64,     /* aliases passed on the way to them */
	DIRECTORY_FORWARDS_MAX = 100,   /* to other servers, behind one address */
};

enum account_state { ACCOUNT_ACTIVE, ACCOUNT_SUSPENDED, ACCOUNT_REMOVED };

#define QUOTA_CONFIGURED INT64_C(-1)
enum { LANGUAGE_CONFIGURED = -1, LANGUAGE_ENGLISH = 0, LANGUAGE_GERMAN = 1 }; /* as in accounts.language */

struct directory_account {
	uint32_t number; /* 0: no such account */
	enum account_state state;
	bool has_login;
	int64_t quota; /* bytes; 0: none; QUOTA_CONFIGURED */
	uint64_t used_bytes, used_messages;
	int64_t last_login; /* UTC ms, 0: never */
	int64_t braked;     /* UTC ms: since when its outgoing mail is held; 0: it is not */
	int language;       /* position in accounts.language; -1: the configured one */
	uint32_t forwards;  /* to other servers, in whatever state */
	bool is_unsaved;    /* figures that differ from the file's */
	uint32_t mark;      /* of directory_expand() */
	/* Of the role that serves mail, not of the file. */
	uint64_t spooled;
	int64_t spooled_at, damaged_until; /* clock_ms() */
	struct sending {
		int64_t since; /* clock_ms() */
		uint32_t messages, strangers;
	} hour, day;
};

/* path is relative to the current folder. message as in sql_open(). */
err directory_open(const char *path, struct buf *message, struct directory **out);
/* Saves the figures. Accepts NULL behind the pointer. */
void directory_close(struct directory **d);

/* ---- looking up ---- */

/* NULL: there never was one. Valid until directory_close(); the figures may be changed in place (set is_unsaved). */
struct directory_account *directory_account(struct directory *d, uint64_t number);
uint32_t directory_account_highest(const struct directory *d);

enum directory_kind {
	DIRECTORY_ELSEWHERE, /* not a domain of ours */
	DIRECTORY_UNKNOWN,   /* ours, but nobody has this address */
	DIRECTORY_MAILBOX,   /* an account, in whatever state */
	DIRECTORY_ALIAS,
	DIRECTORY_INNER, /* a domain of ours whose mailboxes are those of another server, which knows them */
};

struct directory_match {
	enum directory_kind kind;
	uint32_t account;      /* of MAILBOX */
	bool is_catch_all;     /* of MAILBOX: nobody has the address itself */
	bool may_send;         /* of ALIAS: those behind it may send in its name */
	struct mailname found; /* of ALIAS: the address as it is stored; lives until the next directory_find() */
	str detail;            /* of a subaddress; a view of the name asked for */
};

/* separator: of subaddresses, or '\0'. The whole local part goes before its subaddress, that before a catch-all. */
err directory_find(struct directory *d, const struct mailname *name, char separator, struct directory_match *out);

struct directory_recipients {
	uint32_t account[DIRECTORY_EXPANSION_MAX];
	size_t count;
	uint32_t forward[DIRECTORY_FORWARDS_MAX]; /* numbers of those that are active */
	size_t forwards_count;
	size_t asked_count;     /* forwards whose targets have not agreed yet */
	size_t suspended_count; /* forwards that failed too often */
};
/* The accounts behind an alias, each once, removed ones left out, and its forwards to other servers, not those of the
 * accounts. ERR_LIMIT: too many, or the aliases form a loop of more than DIRECTORY_ALIASES_MAX. */
err directory_expand(struct directory *d, const struct mailname *alias, struct directory_recipients *out);

/* May the account put this address in MAIL FROM and From? Its own addresses with any detail, an alias that leads to it
 * alone, and one that leads to it among others if the administrator said so. */
err directory_owns(struct directory *d, uint32_t account, const struct mailname *name, char separator, bool *owns);

struct directory_login {
	uint32_t account;
	char hash[DIRECTORY_HASH_MAX + 1];
};
/* Logins are compared without case. ERR_ABSENT. */
err directory_login(struct directory *d, str login, struct directory_login *out);

/* The mailbox that a domain's postmaster has in the beginning. ERR_ABSENT. */
err directory_postmaster(struct directory *d, str domain, uint32_t *out);

/* The domain of a bare postmaster: the first main one; empty if there is none. Lives until the next change. */
str directory_first_domain(struct directory *d);

/* The database's own words about the last failure, for the log. */
const char *directory_message(const struct directory *d);

/* To be called now and then: moves the write-ahead log into the file when it has grown. */
err directory_tidy(struct directory *d);

/* Writes used_bytes, used_messages and last_login of all accounts that have is_unsaved, in one transaction. */
err directory_save_figures(struct directory *d);
