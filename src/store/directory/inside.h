/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#pragma once
#include "base/hash.h"
#include "store/directory/change.h"
#include "store/directory/schema.h"

enum { CHUNK_ACCOUNTS = 1024, CHUNKS = 4096, CACHE_SLOTS = 4096, CACHE_KEY_MAX = 110 };

/* A mailbox that was found lately. A slot is good as long as nothing was changed since. */
struct directory_cached {
	uint32_t generation, account;
	uint8_t n, detail_n;
	bool is_catch_all;
	char key[CACHE_KEY_MAX];
};

struct directory {
	struct sql *sql;
	struct arena *arena;   /* lives as long as the directory */
	struct arena *scratch; /* of one directory_expand() or one change */
	struct directory_account *chunks[CHUNKS];
	uint32_t highest; /* number of an account */
	uint32_t generation;
	uint32_t mark;
	struct hash_key cache_key;
	struct directory_cached *cache;
	char found_room[MAILNAME_MAX], first_domain_room[MAILNAME_DOMAIN_MAX];
	size_t first_domain_n;
};

/* Makes room in memory for an account. ERR_LIMIT: more than can be held. */
err directory_account_new(struct directory *d, uint32_t number, struct directory_account **out);

/* Every change: a transaction, with its row of the audit log. */
err change_begin(struct directory *d, struct directory_change *c);
err change_end(struct directory *d, const struct directory_change *c, err e);

/* To be called after every change. */
void directory_changed(struct directory *d);

struct directory_domain {
	char main_room[MAILNAME_DOMAIN_MAX];
	str main; /* of an alias domain; otherwise empty */
	uint32_t catch_all, postmaster;
	bool is_inner; /* has no addresses here */
};
/* ERR_ABSENT. */
err directory_domain(struct directory *d, str name, struct directory_domain *out);

struct directory_address {
	uint32_t account; /* 0: an alias */
	bool may_send;
};
/* Exactly this address, in this very domain. ERR_ABSENT. */
err directory_address(struct directory *d, const struct mailname *name, struct directory_address *out);
