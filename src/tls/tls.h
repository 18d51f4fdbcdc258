/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and 1.3 over a descriptor that the caller owns: what both sides of a connection are. It is begun by
 * tls_accept() of server.h or tls_connect() of client.h. OpenSSL stays behind these functions. */
#pragma once
#include "base/str.h"
#include "os/io.h"

struct tls; /* one connection; one thread at a time */

/* Loads what the library reads at run time. Before the confinement, once per process. */
void tls_prepare(void);

enum tls_version { TLS_1_2, TLS_1_3 };

/* Says goodbye where that needs no waiting; fd stays open. Accepts NULL behind the pointer. */
void tls_free(struct tls **tls);

/* Each moves on as far as it can without waiting. ERR_AGAIN: wait for tls_wants() and call again. ERR_CLOSED: the peer
 * ended properly. ERR_TLS: anything else; tls_failure() has a word for the log. */
err tls_handshake(struct tls *tls);
err tls_read(struct tls *tls, void *p, size_t n, size_t *got);
err tls_write(struct tls *tls, const void *p, size_t n, size_t *put);
/* Tells the peer that no more will come from us (close_notify). */
err tls_end(struct tls *tls);
/* POLLIN or POLLOUT: what the last ERR_AGAIN waits for; 0: a signature, see tls_pause(). */
short tls_wants(const struct tls *tls);
/* Whether decrypted bytes wait inside, which poll(2) cannot see. */
bool tls_pending(const struct tls *tls);

/* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; static memory. */
const char *tls_version_name(const struct tls *tls);
const char *tls_cipher_name(const struct tls *tls);
const char *tls_failure(const struct tls *tls);

/* For io_start_layer(io, &tls_layer, tls), which does the handshake and then owns tls. */
extern const struct io_layer tls_layer;
