/* SPDX-License-Identifier: Apache-2.0 */
/* A tls_signer that has the keys in this process, as `keyring` has them in its own; and certificates for them. */
#pragma once
#include "base/openssl.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "check.h"
#include "tls/server.h"

enum { LOCAL_PEM_MAX = 8192, LOCAL_KEYS = 8 };

struct local_key {
	EVP_PKEY *pair;
	enum tls_key kind;
	char room[LOCAL_PEM_MAX];
	str certificate;
};

struct local_signer {
	struct local_key keys[LOCAL_KEYS];
	unsigned asked;
	struct tls_signed last;
	err fails;
};

static inline enum tls_key local_kind(EVP_PKEY *pair)
{
	if (EVP_PKEY_is_a(pair, "RSA"))
		return TLS_KEY_RSA;
	if (EVP_PKEY_is_a(pair, "ED25519"))
		return TLS_KEY_ED25519;
	return EVP_PKEY_get_bits(pair) == 256 ? TLS_KEY_P256 : TLS_KEY_P384;
}

/* A certificate for the key, signed by itself. */
static inline void local_certificate(struct local_key *k, const char *names)
{
	X509 *x = X509_new();
	X509V3_CTX c;
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k->pair);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"x.test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, NID_subject_alt_name, names);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	assert_true(X509_sign(x, k->pair, k->kind == TLS_KEY_ED25519 ? NULL : EVP_sha256()) > 0);
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	int n = BIO_read(bio, k->room, sizeof k->room);
	k->certificate = str_from(k->room, n > 0 ? (size_t)n : 0);
	BIO_free(bio);
	X509_free(x);
}

static inline void local_key_make(struct local_key *k, EVP_PKEY *pair, const char *names)
{
	assert_non_null(pair);
	k->pair = pair;
	k->kind = local_kind(pair);
	local_certificate(k, names);
}

static inline void local_signer_free(struct local_signer *s)
{
	for (size_t i = 0; i < LOCAL_KEYS; i++)
		EVP_PKEY_free(s->keys[i].pair);
}

static inline err local_sign(void *to, uint32_t key, const struct tls_signed *what, struct buf *out)
{
	static const char *const hashes[] = { NULL, "SHA256", "SHA384", "SHA512" };
	struct local_signer *s = to;
	char room[TLS_SIGNED_MAX];
	struct buf bytes = BUF_ON(room);
	const struct tls_scheme *scheme = tls_scheme_of(what->scheme);
	EVP_PKEY_CTX *c;
	s->asked++;
	s->last = *what;
	if (failed(s->fails))
		return s->fails;
	assert_true(key < LOCAL_KEYS && s->keys[key].pair != NULL && scheme != NULL);
	check_err("parts", tls_signed_write(what, s->keys[key].kind, &bytes), ERR_NONE);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit_ex(md, &c, hashes[scheme->hash], NULL, NULL, s->keys[key].pair, NULL), 1);
	if (scheme->padding == TLS_PADDING_PSS) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	size_t n = out->room;
	assert_int_equal(EVP_DigestSign(md, (unsigned char *)out->p, &n, (unsigned char *)room, bytes.n), 1);
	out->n = n;
	EVP_MD_CTX_free(md);
	return OK;
}
