/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/inside.h"

#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/provider.h"

/* Forward secrecy and authenticated encryption only, AES-128 in front (RFC 9325 4.2): its handshakes use SHA-256, for which
 * processors have instructions. */
static const char tls12_ciphers[] = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";
static const char tls13_ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/* Not const, since the macro of OpenSSL that takes it casts that away. */
static char groups[] = "X25519:P-256:P-384";

/* Nothing is freed when the process ends: threads of sessions may still be in the library then. */
void tls_prepare(void)
{
	unsigned char first[16];
	const uint64_t how = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_NO_ATEXIT;
	if (OPENSSL_init_ssl(how, NULL) != 1 || RAND_bytes(first, sizeof first) != 1) {
		fprintf(stderr, "siegel: OpenSSL cannot be initialised\n");
		abort();
	}
	provider_load();
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
		SSL_CTX_set_cipher_list(c, tls12_ciphers) == 1 && SSL_CTX_set_ciphersuites(c, tls13_ciphers) == 1 &&
		SSL_CTX_set1_groups_list(c, groups) == 1)
		return c;
	SSL_CTX_free(c);
	return NULL;
}

struct tls *tls_new(SSL_CTX *context, int fd)
{
	struct tls *tls = calloc(1, sizeof *tls);
	if (tls == NULL || (tls->ssl = SSL_new(context)) == NULL || SSL_set_fd(tls->ssl, fd) != 1)
		abort(); /* no memory: the process ends, and another one is started */
	tls->wants = POLLIN;
	return tls;
}

void tls_free(struct tls **tls)
{
	if (*tls == NULL)
		return;
	if (SSL_waiting_for_async((*tls)->ssl) == 1)
		IGNORE(tls_handshake(*tls)); /* to its end, which gives back what it holds */
	if (!(*tls)->broken && SSL_is_init_finished((*tls)->ssl))
		SSL_shutdown((*tls)->ssl);
	ERR_clear_error();
	SSL_free((*tls)->ssl);
	free(*tls);
	*tls = NULL;
}

/* What is wrong with the certificate is the reason only where that was what ended it: a doubt that nobody insists on may
 * stand beside any other failure. */
static const char *reason_of(const struct tls *tls)
{
	const unsigned long e = ERR_peek_error();
	const long verified = SSL_get_verify_result(tls->ssl);
	const bool is_doubt = ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED;
	return is_doubt && verified != X509_V_OK ? X509_verify_cert_error_string(verified) : ERR_reason_error_string(e);
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
	case SSL_ERROR_WANT_ASYNC:
		tls->wants = 0;
		return FAIL(AGAIN);
	case SSL_ERROR_ZERO_RETURN:
		return FAIL(CLOSED);
	case SSL_ERROR_SYSCALL:
		tls->broken = true;
		tls->failure = "the connection broke";
		return FAIL(CLOSED);
	default:
		tls->broken = true;
		tls->failure = reason_of(tls);
		return FAIL(TLS);
	}
}

err tls_handshake(struct tls *tls)
{
	ERR_clear_error();
	int result = SSL_do_handshake(tls->ssl);
	if (result != 1)
		return outcome(tls, result);
	SSL_clear_mode(tls->ssl, SSL_MODE_ASYNC); /* nothing is signed from now on */
	return OK;
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
