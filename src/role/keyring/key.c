/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keyring/key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { RSA_LEAST = 2048, RSA_MOST = 8192 };

static const struct {
	const char *files, *askers;
} purposes[PURPOSES] = {
#define PURPOSE(purpose, files, askers) { files, askers },
#include "role/keyring/purposes.def"
#undef PURPOSE
};

const char *purpose_files(enum purpose p) { return purposes[p].files; }

bool purpose_serves(enum purpose p, str role)
{
	str rest = str_of(purposes[p].askers), asker;
	while (str_word(&rest, ' ', &asker))
		if (str_eq(asker, role))
			return true;
	return false;
}

/* ---- reading ---- */

static int no_pass_phrase(char *room, int size, int writing, void *to)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)to;
	return -1;
}

static bool kind_of(EVP_PKEY *key, enum tls_key *out)
{
	char curve[32] = "";
	if (EVP_PKEY_is_a(key, "RSA")) {
		*out = TLS_KEY_RSA;
		return EVP_PKEY_get_bits(key) >= RSA_LEAST && EVP_PKEY_get_bits(key) <= RSA_MOST;
	}
	if (EVP_PKEY_is_a(key, "ED25519")) {
		*out = TLS_KEY_ED25519;
		return true;
	}
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) != 1)
		return false;
	bool p256 = str_eq(str_of(curve), S("prime256v1")), p384 = str_eq(str_of(curve), S("secp384r1"));
	*out = p256 ? TLS_KEY_P256 : TLS_KEY_P384;
	return p256 || p384;
}

err key_read(str pem, EVP_PKEY **out, enum tls_key *kind)
{
	BIO *in = BIO_new_mem_buf(pem.p, pem.n > INT_MAX ? INT_MAX : (int)pem.n);
	EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, no_pass_phrase, NULL) : NULL;
	BIO_free(in);
	ERR_clear_error();
	if (key == NULL)
		return FAIL(SYNTAX);
	if (!kind_of(key, kind)) {
		EVP_PKEY_free(key);
		return FAIL(UNSUPPORTED);
	}
	*out = key;
	return OK;
}

void key_describe(EVP_PKEY *key, enum tls_key kind, struct buf *out)
{
	static const char *const names[] = { [TLS_KEY_RSA] = "RSA",
		[TLS_KEY_P256] = "ECDSA P-256",
		[TLS_KEY_P384] = "ECDSA P-384",
		[TLS_KEY_ED25519] = "Ed25519" };
	buf_add(out, str_of(names[kind]));
	if (kind == TLS_KEY_RSA)
		buf_addf(out, " %d", EVP_PKEY_get_bits(key));
}

/* ---- signing ---- */

static bool is_for(enum purpose p, const struct tls_signed *what)
{
	if (what->kind == TLS_SERVER_KEY_EXCHANGE)
		return p == PURPOSE_TLS_SERVER;
	return p == (what->by_client ? PURPOSE_TLS_CLIENT : PURPOSE_TLS_SERVER);
}

static bool set_padding(EVP_PKEY_CTX *c, enum tls_padding padding)
{
	if (padding == TLS_PADDING_NO)
		return true;
	if (padding == TLS_PADDING_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool sign(EVP_PKEY *key, const struct tls_scheme *scheme, str bytes, struct buf *out)
{
	static const char *const hashes[] = { [TLS_HASH_NO] = NULL,
		[TLS_HASH_SHA256] = "SHA256",
		[TLS_HASH_SHA384] = "SHA384",
		[TLS_HASH_SHA512] = "SHA512" };
	EVP_PKEY_CTX *c;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = out->room;
	bool done = md != NULL && EVP_DigestSignInit_ex(md, &c, hashes[scheme->hash], NULL, NULL, key, NULL) == 1 &&
		    set_padding(c, scheme->padding) &&
		    EVP_DigestSign(md, (unsigned char *)out->p, &n, (const unsigned char *)bytes.p, bytes.n) == 1;
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	if (done)
		out->n = n;
	return done;
}

err key_sign(EVP_PKEY *key, enum tls_key kind, enum purpose p, const struct tls_signed *what, struct buf *signature)
{
	char room[TLS_SIGNED_MAX];
	struct buf bytes = BUF_ON(room);
	if (!is_for(p, what))
		return FAIL(DENIED);
	TRY(tls_signed_write(what, kind, &bytes));
	return sign(key, tls_scheme_of(what->scheme), buf_str(&bytes), signature) ? OK : FAIL(SYSTEM);
}
