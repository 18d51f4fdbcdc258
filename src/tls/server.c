/* SPDX-License-Identifier: Apache-2.0 */
/* One SSL_CTX for each certificate; the first one knows the others and changes to them when a client names a host that one
 * of them is for (RFC 6066 3). It holds them itself, so that they last as long as a connection that has not got so far. */
#include "tls/server.h"

#include "tls/inside.h"

#include <openssl/async.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>

#include "tls/provider.h"

struct tls_server {
	SSL_CTX *context;
	bool pauses;
};

struct others {
	size_t count;
	SSL_CTX *contexts[TLS_IDENTITIES_MAX];
};

static int others_index;
static pthread_once_t others_once = PTHREAD_ONCE_INIT;

static void others_free(void *parent, void *p, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
	struct others *o = p;
	(void)parent;
	(void)data;
	(void)index;
	(void)number;
	(void)argument;
	for (size_t i = 0; o != NULL && i < o->count; i++)
		SSL_CTX_free(o->contexts[i]);
	free(o);
}

static void make_index(void) { others_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, others_free); }

static int on_name(SSL *ssl, int *alert, void *argument)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct others *o = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), others_index);
	(void)alert;
	(void)argument;
	for (size_t i = 0; name != NULL && o != NULL && i < o->count; i++)
		if (X509_check_host(SSL_CTX_get0_certificate(o->contexts[i]), name, 0, 0, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, o->contexts[i]);
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_OK;
}

/* The server's certificate first, those that lead to a root after it. */
static bool use_certificates(SSL_CTX *c, str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, pem.n > INT_MAX ? INT_MAX : (int)pem.n);
	if (in == NULL)
		return false;
	X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
	bool good = certificate != NULL && SSL_CTX_use_certificate(c, certificate) == 1;
	X509_free(certificate);
	while (good && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(c, certificate) != 1) {
			X509_free(certificate);
			good = false;
		}
	BIO_free(in);
	ERR_clear_error(); /* the end of the PEM text is reported as an error */
	return good;
}

static bool use_key(SSL_CTX *c, uint32_t number, const struct tls_signer *signer)
{
	EVP_PKEY *public = X509_get0_pubkey(SSL_CTX_get0_certificate(c));
	EVP_PKEY *key = public != NULL ? provider_key(public, number, signer) : NULL;
	bool good = key != NULL && SSL_CTX_use_PrivateKey(c, key) == 1;
	EVP_PKEY_free(key);
	return good;
}

/* Schemes of schemes.def; not const, since the macro of OpenSSL that takes it casts that away. */
static char schemes[] = "ECDSA+SHA256:ECDSA+SHA384:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
			"RSA+SHA256:RSA+SHA384:RSA+SHA512";

static SSL_CTX *make_context(const struct tls_server_setup *setup, const struct tls_identity *id, const char **reason)
{
	SSL_CTX *c = tls_context(TLS_server_method(), setup->minimum);
	if (c != NULL)
		SSL_CTX_set_read_ahead(c, 1); /* a record in one call, not its head and then its body */
	if (c == NULL || SSL_CTX_set_num_tickets(c, 1) != 1 || SSL_CTX_set1_sigalgs_list(c, schemes) != 1 ||
		SSL_CTX_set_session_id_context(c, (const unsigned char *)"siegel", 6) != 1 ||
		!tickets_use(c, setup->tickets))
		*reason = "the library refused the settings";
	else if (!use_certificates(c, id->certificates))
		*reason = "the certificate cannot be read";
	else if (!use_key(c, id->key, setup->signer))
		*reason = "the certificate has a key that no signatures are made with here";
	else
		return c;
	ERR_clear_error();
	SSL_CTX_free(c);
	return NULL;
}

static bool add_others(const struct tls_server_setup *setup, SSL_CTX *c, const char **reason)
{
	struct others *o = calloc(1, sizeof *o);
	pthread_once(&others_once, make_index);
	if (o == NULL || SSL_CTX_set_ex_data(c, others_index, o) != 1) {
		free(o);
		*reason = "there is no memory for it";
		return false;
	}
	SSL_CTX_set_tlsext_servername_callback(c, on_name);
	for (size_t i = 1; i < setup->identities_count; i++) {
		SSL_CTX *other = make_context(setup, &setup->identities[i], reason);
		if (other == NULL)
			return false;
		o->contexts[o->count++] = other;
	}
	return true;
}

err tls_server_new(const struct tls_server_setup *setup, struct tls_server **out, const char **reason)
{
	*reason = "there is not one certificate, or too many";
	if (setup->identities_count == 0 || setup->identities_count > TLS_IDENTITIES_MAX)
		return FAIL(LIMIT);
	SSL_CTX *c = make_context(setup, &setup->identities[0], reason);
	if (c == NULL || !add_others(setup, c, reason)) {
		SSL_CTX_free(c);
		return FAIL(SYNTAX);
	}
	struct tls_server *server = calloc(1, sizeof *server);
	if (server == NULL) {
		*reason = "there is no memory for it";
		SSL_CTX_free(c);
		return FAIL(MEMORY);
	}
	*server = (struct tls_server){ .context = c, .pauses = setup->pauses };
	*reason = NULL;
	*out = server;
	return OK;
}

void tls_server_free(struct tls_server **server)
{
	if (*server == NULL)
		return;
	SSL_CTX_free((*server)->context);
	free(*server);
	*server = NULL;
}

struct tls *tls_accept(struct tls_server *server, int fd)
{
	struct tls *tls = tls_new(server->context, fd);
	if (server->pauses)
		SSL_set_mode(tls->ssl, SSL_MODE_ASYNC);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

err tls_pause(void) { return ASYNC_get_current_job() != NULL && ASYNC_pause_job() == 1 ? OK : FAIL(STATE); }
