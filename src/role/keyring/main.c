/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keyring/keyring.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

/* What the library reads at run time is read before the confinement. */
static void prepare(struct service *s)
{
	unsigned char first[16];
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
		RAND_bytes(first, sizeof first) != 1)
		abort();
	keyring_prepare(s);
}

static const struct role role_keyring = {
	.name = "keyring", .prepare = prepare, .channel = keyring_channel, .start = keyring_start
};

int main(int argc, char **argv) { return role_main(&role_keyring, argc, argv); }
