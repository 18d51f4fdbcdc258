/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/inside.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_server {
	SSL_CTX *context;
};

/* Forward secrecy and authenticated encryption only (RFC 9325 4.2). */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
/* Not const, since the macro of OpenSSL that takes it casts that away. */
static char groups[] = "X25519:P-256:P-384";

void tls_prepare(void)
{
	unsigned char first[16];
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1 ||
		RAND_bytes(first, sizeof first) != 1) {
		fprintf(stderr, "siegel: OpenSSL cannot be initialised\n");
		abort();
	}
}

SSL_CTX *tls_context(const SSL_METHOD *method, enum tls_version minimum)
{
	SSL_CTX *c = SSL_CTX_new(method);
	if (c == NULL)
		return NULL;
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
				       SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(
		c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(c, minimum == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(c, tls12_ciphers) == 1 && SSL_CTX_set1_groups_list(c, groups) == 1)
		return c;
	SSL_CTX_free(c);
	return NULL;
}

static SSL_CTX *make_context(enum tls_version minimum)
{
	SSL_CTX *c = tls_context(TLS_server_method(), minimum);
	if (c == NULL)
		return NULL;
	SSL_CTX_set_num_tickets(c, 1);
	SSL_CTX_set_session_id_context(c, (const unsigned char *)"siegel", 6);
	return c;
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

static bool use_key(SSL_CTX *c, str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, pem.n > INT_MAX ? INT_MAX : (int)pem.n);
	EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	bool good = key != NULL && SSL_CTX_use_PrivateKey(c, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(in);
	return good;
}

err tls_server_new(str certificates, str key, enum tls_version minimum, struct tls_server **out, const char **reason)
{
	*reason = NULL;
	SSL_CTX *c = make_context(minimum);
	if (c == NULL)
		*reason = "the library refused the settings";
	else if (!use_certificates(c, certificates))
		*reason = "the certificate cannot be read";
	else if (!use_key(c, key))
		*reason = "the private key cannot be read, or does not belong to the certificate";
	else if (SSL_CTX_check_private_key(c) != 1)
		*reason = "the private key does not belong to the certificate";
	ERR_clear_error();
	struct tls_server *server = *reason == NULL ? calloc(1, sizeof *server) : NULL;
	if (server == NULL) {
		SSL_CTX_free(c);
		return *reason != NULL ? FAIL(SYNTAX) : FAIL(MEMORY);
	}
	server->context = c;
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

struct tls *tls_new(SSL_CTX *context, int fd)
{
	struct tls *tls = calloc(1, sizeof *tls);
	if (tls == NULL || (tls->ssl = SSL_new(context)) == NULL || SSL_set_fd(tls->ssl, fd) != 1)
		abort(); /* no memory: the process ends, and another one is started */
	tls->wants = POLLIN;
	return tls;
}

struct tls *tls_accept(struct tls_server *server, int fd)
{
	struct tls *tls = tls_new(server->context, fd);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

void tls_free(struct tls **tls)
{
	if (*tls == NULL)
		return;
	if (!(*tls)->broken && SSL_is_init_finished((*tls)->ssl))
		SSL_shutdown((*tls)->ssl);
	ERR_clear_error();
	SSL_free((*tls)->ssl);
	free(*tls);
	*tls = NULL;
}

/* What became of a call that did not return what was hoped for. */
static err outcome(struct tls *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		tls->wants = POLLIN;
		return FAIL(AGAIN);
	case SSL_ERROR_WANT_WRITE:
		tls->wants = POLLOUT;
		return FAIL(AGAIN);
	case SSL_ERROR_ZERO_RETURN:
		return FAIL(CLOSED);
	case SSL_ERROR_SYSCALL:
		tls->broken = true;
		tls->failure = "the connection broke";
		return FAIL(CLOSED);
	default:
		tls->broken = true;
		tls->failure = SSL_get_verify_result(tls->ssl) != X509_V_OK
				       ? X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl))
				       : ERR_reason_error_string(ERR_peek_error());
		return FAIL(TLS);
	}
}

err tls_handshake(struct tls *tls)
{
	ERR_clear_error();
	int result = SSL_do_handshake(tls->ssl);
	return result == 1 ? OK : outcome(tls, result);
}

err tls_read(struct tls *tls, void *p, size_t n, size_t *got)
{
	ERR_clear_error();
	int result = SSL_read_ex(tls->ssl, p, n, got);
	return result == 1 ? OK : outcome(tls, result);
}

err tls_write(struct tls *tls, const void *p, size_t n, size_t *put)
{
	ERR_clear_error();
	int result = SSL_write_ex(tls->ssl, p, n, put);
	return result == 1 ? OK : outcome(tls, result);
}

err tls_end(struct tls *tls)
{
	if (tls->broken)
		return FAIL(CLOSED);
	ERR_clear_error();
	int result = SSL_shutdown(tls->ssl);
	return result >= 0 ? OK : outcome(tls, result);
}

short tls_wants(const struct tls *tls) { return tls->wants; }
bool tls_pending(const struct tls *tls) { return SSL_has_pending(tls->ssl) == 1; }
const char *tls_version_name(const struct tls *tls) { return SSL_get_version(tls->ssl); }
const char *tls_cipher_name(const struct tls *tls) { return SSL_get_cipher_name(tls->ssl); }

const char *tls_failure(const struct tls *tls) { return tls->failure != NULL ? tls->failure : "no reason given"; }

static err layer_start(void *layer) { return tls_handshake(layer); }
static err layer_read(void *layer, void *p, size_t n, size_t *got) { return tls_read(layer, p, n, got); }
static err layer_write(void *layer, const void *p, size_t n, size_t *put) { return tls_write(layer, p, n, put); }
static short layer_want(void *layer) { return tls_wants(layer); }

static void layer_close(void *layer)
{
	struct tls *tls = layer;
	tls_free(&tls);
}

const struct io_layer tls_layer = {
	.start = layer_start, .read = layer_read, .write = layer_write, .want = layer_want, .close = layer_close
};
