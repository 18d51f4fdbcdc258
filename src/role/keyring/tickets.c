/* SPDX-License-Identifier: Apache-2.0 */
#include "base/openssl.h"

#include "role/keyring/tickets.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "os/random.h"

enum { LABEL_MAX = 64 };

void tickets_rotate(struct tickets *t)
{
	static const uint8_t nothing[TICKET_SECRET];
	t->has_earlier = memcmp(t->current, nothing, sizeof nothing) != 0;
	memcpy(t->earlier, t->current, sizeof t->earlier);
	random_bytes(t->current, sizeof t->current);
}

/* HMAC as a key derivation function with one block of output (RFC 5869 2.3, where the secret is random already). */
static err derive(const uint8_t secret[TICKET_SECRET], str family, const char *what, uint8_t *out, size_t n)
{
	char room[LABEL_MAX];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	struct buf label = BUF_ON(room);
	buf_addf(&label, "siegel ticket %s ", what);
	buf_add(&label, family);
	buf_byte(&label, 1);
	if (label.lost ||
		HMAC(EVP_sha256(), secret, TICKET_SECRET, (const unsigned char *)label.p, label.n, digest, &length) ==
			NULL ||
		length < n)
		return FAIL(SYSTEM);
	memcpy(out, digest, n);
	wipe(digest, sizeof digest);
	return OK;
}

static err derive_all(const uint8_t secret[TICKET_SECRET], str family, struct ticket_key *out)
{
	TRY(derive(secret, family, "name", out->name, sizeof out->name));
	TRY(derive(secret, family, "cipher", out->cipher, sizeof out->cipher));
	return derive(secret, family, "mac", out->mac, sizeof out->mac);
}

err tickets_derive(const struct tickets *t, str family, struct ticket_key *current, struct ticket_key *earlier)
{
	TRY(derive_all(t->current, family, current));
	return t->has_earlier ? derive_all(t->earlier, family, earlier) : OK;
}
