/* SPDX-License-Identifier: Apache-2.0 */
/* The side of TLS that has certificates. Their private keys are not here: what a handshake needs signed is asked of a
 * tls_signer, in parts and never as bytes. */
#pragma once
#include "proto/tls/signed.h"
#include "tls/tickets.h"
#include "tls/tls.h"

/* Called within tls_handshake(), by its thread. key: the number of the key, as in tls_identity. Writes the signature, of
 * at most TLS_SIGNATURE_MAX bytes. Its failure is that of the handshake: ERR_CLOSED (nobody there who could), ERR_TIMEOUT,
 * ERR_BUSY, ERR_DENIED. */
struct tls_signer {
	err (*sign)(void *to, uint32_t key, const struct tls_signed *what, struct buf *signature);
	void *to;
};

/* A certificate to be shown, with those that lead to a root behind it, in PEM; and the number of its key. */
struct tls_identity {
	str certificates;
	uint32_t key;
};

enum { TLS_IDENTITIES_MAX = 64 };

struct tls_server_setup {
	/* The first one is shown to whoever asks for no name that another one is for. At least one. */
	const struct tls_identity *identities;
	size_t identities_count;
	enum tls_version minimum;
	/* Both live as long as the process. */
	const struct tls_signer *signer;
	struct tls_tickets *tickets;
	bool pauses; /* the signer calls tls_pause() */
};

struct tls_server; /* any number of threads may use one */

/* The setup is only read. ERR_SYNTAX: a certificate cannot be read, or has a key that we make no signatures with; ERR_LIMIT,
 * ERR_MEMORY. *reason says what is wrong, in static memory. */
err tls_server_new(const struct tls_server_setup *setup, struct tls_server **out, const char **reason);
/* Connections that use it go on. Accepts NULL behind the pointer. */
void tls_server_free(struct tls_server **server);

/* A connection that is about to be made on fd, which should not block. Never NULL. */
struct tls *tls_accept(struct tls_server *server, int fd);

/* For a signer that cannot wait, in a process with a loop: ends tls_handshake() with ERR_AGAIN and tls_wants() 0, and returns
 * when it is called again. Before such a connection is freed its signer must be ready to fail: tls_free() goes through the
 * handshake once more. ERR_STATE: not within such a handshake. */
err tls_pause(void);
