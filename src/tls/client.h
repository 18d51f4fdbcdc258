/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of TLS: who connects, and wants to know to whom. Needs no file of the system's: whom to trust is said. */
#pragma once
#include "tls/tls.h"

struct tls_client;

/* trusted: PEM; certificates that are believed, be they an authority's or a server's own. ERR_SYNTAX, ERR_MEMORY. */
err tls_client_new(str trusted, enum tls_version minimum, struct tls_client **out);
/* Connections that use it go on. Accepts NULL behind the pointer. */
void tls_client_free(struct tls_client **client);

/* A connection that is about to be made on fd, as tls_accept() makes one. The handshake fails unless the server shows a
 * valid certificate for that host name (RFC 9525), which leads to one that is trusted. Never NULL. */
struct tls *tls_connect(struct tls_client *client, int fd, const char *hostname);
