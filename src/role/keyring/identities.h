/* SPDX-License-Identifier: Apache-2.0 */
/* The keys with their certificates, in memory and in keys/, which is the current folder: <name>.key and <name>.crt, both
 * PEM. The name begins with the purpose: "tls" is the server's own, "tls-mail.example.org" one for another host name. */
#pragma once
#include "role/keyring/chain.h"
#include "role/keyring/key.h"

enum { IDENTITIES_MAX = 64, NAME_MAX_BYTES = 200, KEY_FILE_MAX = 32768 };

struct identity {
	uint32_t number; /* by which askers name it, never used again; 0: this place is free */
	enum purpose purpose;
	enum tls_key kind;
	EVP_PKEY *key;
	char name[NAME_MAX_BYTES + 1];
	char certificates[CHAIN_MAX];
	size_t certificates_length;
	int64_t replaced; /* clock_ms(), by another of the same name: signs for handshakes that have begun; 0: it is in use */
};

struct identities {
	struct identity *all; /* IDENTITIES_MAX places */
	uint32_t last_number;
};

/* What a pair of files holds, or is to hold. Views. */
struct identity_files {
	str name, key, certificates;
};

/* All that is in the folder; complain() is called for each pair that cannot be used. What an installation that was cut off
 * has left is finished or removed. ERR_SYSTEM: the folder cannot be read. */
err identities_load(struct identities *ids, void (*complain)(void *to, str name, str reason), void *to);
/* Writes the files, so that at any moment one of the two pairs is there, and takes the new one into use. The one of the
 * same name goes on signing for a while. ERR_SYNTAX, ERR_UNSUPPORTED, ERR_DENIED: they do not belong together; ERR_LIMIT:
 * no place; ERR_SYSTEM: the disk. reason: one sentence. hostname NULL: not asked for. */
err identities_install(
	struct identities *ids, const struct identity_files *files, const char *hostname, struct buf *reason);
/* Removes files and identity. ERR_ABSENT. */
err identities_remove(struct identities *ids, str name, struct buf *reason);

/* In use, by its number or name; NULL: there is none. find() finds those that were replaced too. */
struct identity *identities_find(const struct identities *ids, uint32_t number);
struct identity *identities_named(const struct identities *ids, str name);
/* Frees those that were replaced so long ago that nobody asks for them any more. */
void identities_forget(struct identities *ids, int64_t before);

static inline str identity_certificates(const struct identity *id)
{
	return str_from(id->certificates, id->certificates_length);
}
