/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenSSL provider inside this process, for private keys that are elsewhere: a key of it has the public half and a
 * number. What it is to sign is taken apart into the parts of a handshake and handed to a tls_signer. */
#pragma once
#include "base/openssl.h"

#include "tls/server.h"

/* Once per process, before the confinement. Ends the process when the library refuses. */
void provider_load(void);
/* The private key to the public one; public is only read. NULL: of a kind that is not ours. */
EVP_PKEY *provider_key(EVP_PKEY *public, uint32_t number, const struct tls_signer *signer);
