/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/inside.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/client_inside.h"

static bool trust(SSL_CTX *c, str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, pem.n > INT_MAX ? INT_MAX : (int)pem.n);
	X509 *certificate;
	unsigned count = 0;
	bool good = in != NULL;
	while (good && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		good = X509_STORE_add_cert(SSL_CTX_get_cert_store(c), certificate) == 1;
		X509_free(certificate);
		count++;
	}
	BIO_free(in);
	ERR_clear_error(); /* the end of the PEM text is reported as an error */
	return good && count > 0;
}

err tls_client_new(str trusted, enum tls_version minimum, struct tls_client **out)
{
	SSL_CTX *c = tls_context(TLS_client_method(), minimum);
	struct tls_client *client = c != NULL ? calloc(1, sizeof *client) : NULL;
	if (client == NULL || !trust(c, trusted)) {
		SSL_CTX_free(c);
		bool made = client != NULL;
		free(client);
		return made ? FAIL(SYNTAX) : FAIL(MEMORY);
	}
	/* A trusted certificate need not be an authority's: a server's own, signed by itself or not, will do. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	client->context = c;
	pthread_mutex_init(&client->lock, NULL);
	*out = client;
	return OK;
}

err tls_client_trust(struct tls_client *client, str trusted)
{
	return trust(client->context, trusted) ? OK : FAIL(SYNTAX);
}

void tls_client_free(struct tls_client **client)
{
	if (*client == NULL)
		return;
	for (size_t i = 0; i < SESSIONS; i++)
		SSL_SESSION_free((*client)->sessions[i].session);
	pthread_mutex_destroy(&(*client)->lock);
	SSL_CTX_free((*client)->context);
	free(*client);
	*client = NULL;
}

struct tls *tls_connect(struct tls_client *client, int fd, const char *hostname)
{
	struct tls *tls = tls_new(client->context, fd);
	char name[TLSEXT_MAXLEN_host_name + 1]; /* a copy, since OpenSSL's macro casts the const away */
	snprintf(name, sizeof name, "%s", hostname);
	if (SSL_set_tlsext_host_name(tls->ssl, name) != 1 || SSL_set1_host(tls->ssl, hostname) != 1)
		abort(); /* no memory, as above */
	SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_set_connect_state(tls->ssl);
	return tls;
}
