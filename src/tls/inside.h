/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of a connection share. */
#pragma once
/* Before ours: base/openssl.h says why. */
#include "base/openssl.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

struct tls {
	SSL *ssl;
	short wants;
	bool broken; /* after a fatal error nothing may be said any more, not even goodbye */
	const char *failure;
	/* What client.c needs to know of its connections. */
	struct tls_client *client;
	bool proves;
	uint8_t expectations[32]; /* a digest: sessions are taken up only under the same ones */
};

/* With our policy of versions and algorithms. NULL: the library refused. */
SSL_CTX *tls_context(const SSL_METHOD *method, enum tls_version minimum);
/* Takes the session that was agreed on this connection. */
int tls_session_keep(SSL *ssl, SSL_SESSION *session);
/* tickets.c: whether it could be done. */
struct tls_tickets;
bool tickets_use(SSL_CTX *context, struct tls_tickets *tickets);
/* Never NULL. */
struct tls *tls_new(SSL_CTX *context, int fd);
