/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to servers of which something is expected: a name, or TLSA records (RFC 7671). A session is taken up only by
 * a connection with exactly the same expectations, since what was proved then is not proved again. */
#include "tls/inside.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/address.h"
#include "tls/client_inside.h"

/* Without a proof there is nobody to insist on better: what is weak is better than nothing (RFC 7435 3). */
static const char any_cipher[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:HIGH:!aNULL:!eNULL:!kPSK:!SRP:!3DES";

/* ---- sessions ---- */

static void digest_add(EVP_MD_CTX *d, const void *p, size_t n)
{
	const uint64_t length = n;
	if (EVP_DigestUpdate(d, &length, sizeof length) != 1 || (n > 0 && EVP_DigestUpdate(d, p, n) != 1))
		abort(); /* no memory, as in tls.c */
}

static void digest(const struct tls_expected *e, uint8_t out[32])
{
	EVP_MD_CTX *d = EVP_MD_CTX_new();
	const uint8_t kind[2] = { (uint8_t)e->proof, e->insists };
	if (d == NULL || EVP_DigestInit_ex(d, EVP_sha256(), NULL) != 1)
		abort();
	digest_add(d, kind, sizeof kind);
	for (size_t i = 0; i < e->names_count; i++)
		digest_add(d, e->names[i].p, e->names[i].n);
	for (size_t i = 0; i < e->records_count; i++) {
		const struct tls_record *r = &e->records[i];
		const uint8_t head[3] = { r->usage, r->selector, r->matching };
		digest_add(d, head, sizeof head);
		digest_add(d, r->data.p, r->data.n);
	}
	if (EVP_DigestFinal_ex(d, out, NULL) != 1)
		abort();
	EVP_MD_CTX_free(d);
}

static size_t place_of(const uint8_t expectations[32])
{
	return ((size_t)expectations[0] << 8 | expectations[1]) % SESSIONS;
}

int tls_session_keep(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_get_app_data(ssl);
	if (tls == NULL || tls->client == NULL || SSL_SESSION_is_resumable(session) != 1)
		return 0;
	struct tls_client *c = tls->client;
	size_t place = place_of(tls->expectations);
	pthread_mutex_lock(&c->lock);
	SSL_SESSION *old = c->sessions[place].session;
	memcpy(c->sessions[place].expectations, tls->expectations, sizeof tls->expectations);
	c->sessions[place].session = session;
	pthread_mutex_unlock(&c->lock);
	SSL_SESSION_free(old);
	return 1;
}

/* Each ticket is used once, so that nobody can tell two connections to be of one client (RFC 8446 C.4). */
static void take_up(struct tls *tls)
{
	struct tls_client *c = tls->client;
	SSL_SESSION *session = NULL;
	size_t place = place_of(tls->expectations);
	pthread_mutex_lock(&c->lock);
	if (memcmp(c->sessions[place].expectations, tls->expectations, sizeof tls->expectations) == 0) {
		session = c->sessions[place].session;
		c->sessions[place].session = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (session != NULL)
		SSL_set_session(tls->ssl, session);
	SSL_SESSION_free(session);
}

/* ---- what is expected ---- */

static bool name_text(str name, char room[TLS_NAME_MAX + 1])
{
	if (name.n == 0 || name.n > TLS_NAME_MAX || str_find(name, '\0') != STR_NONE)
		return false;
	memcpy(room, name.p, name.n);
	room[name.n] = '\0';
	return true;
}

static bool is_address(str name)
{
	struct address a;
	return !failed(address_parse(name, &a));
}

static bool set_names(SSL *ssl, const struct tls_expected *e)
{
	char name[TLS_NAME_MAX + 1];
	bool good = true;
	for (size_t i = 0; i < e->names_count && i < TLS_NAMES_MAX; i++) {
		if (!name_text(e->names[i], name))
			continue;
		if (is_address(e->names[i]))
			good = good && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
		else
			good = good && SSL_add1_host(ssl, name) == 1;
	}
	return good;
}

/* RFC 7672 3.1.1: with usage 3 neither names nor dates count. */
static bool set_records(SSL *ssl, const struct tls_expected *e)
{
	char name[TLS_NAME_MAX + 1];
	size_t taken = 0;
	if (e->names_count == 0 || !name_text(e->names[0], name) || SSL_dane_enable(ssl, name) <= 0)
		return false;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < e->records_count; i++) {
		const struct tls_record *r = &e->records[i];
		const unsigned char *data = (const unsigned char *)r->data.p;
		taken += SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching, data, r->data.n) > 0;
	}
	ERR_clear_error(); /* records that the library does not take are reported as errors */
	return taken > 0;
}

static bool prepare(struct tls_client *c)
{
	if (c->expects)
		return true;
	SSL_CTX_set_session_cache_mode(c->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->context, tls_session_keep);
	c->expects = SSL_CTX_dane_enable(c->context) > 0;
	return c->expects;
}

static bool set_expectations(SSL *ssl, const struct tls_expected *e)
{
	char name[TLS_NAME_MAX + 1];
	if (e->proof == TLS_PROOF_RECORDS && !set_records(ssl, e))
		return false;
	/* RFC 6066 3: an address is no name to ask for. */
	if (e->names_count > 0 && !is_address(e->names[0]) && name_text(e->names[0], name) &&
		SSL_set_tlsext_host_name(ssl, name) != 1)
		return false;
	if (e->proof != TLS_PROOF_NOTHING && !set_names(ssl, e))
		return false;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				       (e->proof == TLS_PROOF_NAME ? X509_CHECK_FLAG_NEVER_CHECK_SUBJECT : 0));
	SSL_set_verify(ssl, e->insists && e->proof != TLS_PROOF_NOTHING ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return e->proof != TLS_PROOF_NOTHING || SSL_set_cipher_list(ssl, any_cipher) == 1;
}

err tls_connect_as(struct tls_client *client, int fd, const struct tls_expected *expected, struct tls **out)
{
	pthread_mutex_lock(&client->lock);
	bool prepared = prepare(client);
	pthread_mutex_unlock(&client->lock);
	if (!prepared)
		return FAIL(MEMORY);
	struct tls *tls = tls_new(client->context, fd);
	if (!set_expectations(tls->ssl, expected)) {
		tls_free(&tls);
		return FAIL(SYNTAX);
	}
	SSL_set_connect_state(tls->ssl);
	tls->proves = expected->proof != TLS_PROOF_NOTHING;
	if (expected->resumes) {
		tls->client = client;
		SSL_set_app_data(tls->ssl, tls);
		digest(expected, tls->expectations);
		take_up(tls);
	}
	*out = tls;
	return OK;
}

bool tls_is_proved(const struct tls *tls)
{
	return tls->proves && SSL_is_init_finished(tls->ssl) && SSL_get_verify_result(tls->ssl) == X509_V_OK;
}

const char *tls_doubt(const struct tls *tls) { return X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl)); }

bool tls_is_doubted(const struct tls *tls) { return SSL_get_verify_result(tls->ssl) != X509_V_OK; }

enum tls_result_type tls_doubt_type(const struct tls *tls)
{
	switch (SSL_get_verify_result(tls->ssl)) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return TLS_RESULT_CERTIFICATE_HOST_MISMATCH;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_RESULT_CERTIFICATE_EXPIRED;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return TLS_RESULT_CERTIFICATE_NOT_TRUSTED;
	default:
		return TLS_RESULT_VALIDATION_FAILURE;
	}
}
