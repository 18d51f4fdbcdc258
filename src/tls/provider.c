/* SPDX-License-Identifier: Apache-2.0 */
/* libssl asks a key's provider for signatures. Ours is asked for RSA, EC and Ed25519 keys that were made by provider_key()
 * only, since it does nothing but sign, and nothing but handshakes: what libssl hands over is taken apart strictly, and
 * whoever holds the key puts it together again. The public half is a key of OpenSSL's own provider, which answers all
 * questions about sizes and names. */
#include "tls/provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#define PROVIDER "siegel"
#define REMOTE "siegel-remote" /* our parameter: a struct remote */

struct remote {
	const struct tls_signer *signer; /* NULL: the public half only */
	uint32_t key;
};

struct key {
	const char *type;
	EVP_PKEY *public;
	struct remote remote;
};

/* ---- why it failed, for the log ---- */

enum { GONE = 1, LATE, BUSY, REFUSED, STRANGE };

static int library;
static ERR_STRING_DATA words[] = {
	{ GONE, "the process that holds the key is not there" },
	{ LATE, "the process that holds the key does not answer" },
	{ BUSY, "the process that holds the key has too much to do" },
	{ REFUSED, "the process that holds the key refused to sign" },
	{ STRANGE, "what is to be signed is not of a handshake" },
	{ 0, NULL },
};

static int fail(int reason)
{
	ERR_raise(library, reason);
	return 0;
}

static int reason_of(err e)
{
	return e.code == ERR_CLOSED ? GONE : e.code == ERR_TIMEOUT ? LATE : e.code == ERR_BUSY ? BUSY : REFUSED;
}

/* ---- keys ---- */

static void *key_new(const char *type)
{
	struct key *k = calloc(1, sizeof *k);
	if (k != NULL)
		k->type = type;
	return k;
}

static void *key_new_rsa(void *provider)
{
	(void)provider;
	return key_new("RSA");
}

static void *key_new_ec(void *provider)
{
	(void)provider;
	return key_new("EC");
}

static void *key_new_ed25519(void *provider)
{
	(void)provider;
	return key_new("ED25519");
}

static void key_free(void *key)
{
	struct key *k = key;
	if (k != NULL)
		EVP_PKEY_free(k->public);
	free(k);
}

static int key_has(const void *key, int selection)
{
	const struct key *k = key;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && k->remote.signer == NULL)
		return 0;
	return k->public != NULL;
}

static int key_match(const void *one, const void *other, int selection)
{
	const struct key *a = one, *b = other;
	(void)selection;
	return a->public != NULL && b->public != NULL && EVP_PKEY_eq(a->public, b->public) == 1;
}

/* Of whatever is brought only the public half is kept, and who signs for it. */
static int key_import(void *key, int selection, const OSSL_PARAM *parameters)
{
	struct key *k = key;
	OSSL_PARAM *all = OSSL_PARAM_dup(parameters);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, k->type, "provider=default");
	(void)selection;
	bool done = all != NULL && c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
		    EVP_PKEY_fromdata(c, &k->public, EVP_PKEY_PUBLIC_KEY, all) == 1;
	const OSSL_PARAM *remote = OSSL_PARAM_locate_const(parameters, REMOTE);
	if (remote != NULL && remote->data_type == OSSL_PARAM_OCTET_STRING && remote->data_size == sizeof k->remote)
		memcpy(&k->remote, remote->data, sizeof k->remote);
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(all);
	return done;
}

static const OSSL_PARAM *key_import_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_octet_string(REMOTE, NULL, 0), OSSL_PARAM_END };
	(void)selection;
	return types;
}

static int key_get_params(void *key, OSSL_PARAM *parameters)
{
	const struct key *k = key;
	return k->public != NULL && EVP_PKEY_get_params(k->public, parameters) == 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END };
	(void)provider;
	return types;
}

static const char *key_ec_operation(int operation) { return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL; }

/* ---- signatures ---- */

struct signing {
	const struct key *key;
	enum tls_hash hash;
	bool pss;
};

static void *signing_new(void *provider, const char *query)
{
	(void)provider;
	(void)query;
	return calloc(1, sizeof(struct signing));
}

static void signing_free(void *signing) { free(signing); }

static void *signing_copy(void *signing)
{
	struct signing *copy = calloc(1, sizeof *copy);
	if (copy != NULL)
		*copy = *(const struct signing *)signing;
	return copy;
}

/* The padding and the length of the salt, which is always that of the hash. */
static int signing_set(void *signing, const OSSL_PARAM *parameters)
{
	struct signing *s = signing;
	const OSSL_PARAM *padding =
		parameters != NULL ? OSSL_PARAM_locate_const(parameters, OSSL_SIGNATURE_PARAM_PAD_MODE) : NULL;
	const char *name = NULL;
	int number = 0;
	if (padding == NULL)
		return 1;
	if (padding->data_type == OSSL_PARAM_UTF8_STRING && OSSL_PARAM_get_utf8_string_ptr(padding, &name) == 1)
		s->pss = str_eq(str_of(name), S(OSSL_PKEY_RSA_PAD_MODE_PSS));
	else if (OSSL_PARAM_get_int(padding, &number) == 1)
		s->pss = number == RSA_PKCS1_PSS_PADDING;
	else
		return 0;
	return 1;
}

static const OSSL_PARAM *signing_settable(void *signing, void *provider)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END };
	(void)signing;
	(void)provider;
	return types;
}

static bool hash_of_name(const char *name, enum tls_hash *out)
{
	static const struct {
		str name;
		enum tls_hash hash;
	} hashes[] = { { { "SHA256", 6 }, TLS_HASH_SHA256 }, { { "SHA2-256", 8 }, TLS_HASH_SHA256 },
		{ { "SHA384", 6 }, TLS_HASH_SHA384 }, { { "SHA2-384", 8 }, TLS_HASH_SHA384 },
		{ { "SHA512", 6 }, TLS_HASH_SHA512 }, { { "SHA2-512", 8 }, TLS_HASH_SHA512 },
		{ { "", 0 }, TLS_HASH_NO } };
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		if (str_eq_nocase(str_of(name != NULL ? name : ""), hashes[i].name)) {
			*out = hashes[i].hash;
			return true;
		}
	return false;
}

static int signing_begin(void *signing, const char *hash, void *key, const OSSL_PARAM *parameters)
{
	struct signing *s = signing;
	s->key = key != NULL ? key : s->key;
	if (s->key == NULL || s->key->remote.signer == NULL || !hash_of_name(hash, &s->hash))
		return fail(REFUSED);
	return signing_set(s, parameters);
}

static bool kind_of(EVP_PKEY *key, enum tls_key *out)
{
	char curve[32] = "";
	if (EVP_PKEY_is_a(key, "RSA")) {
		*out = TLS_KEY_RSA;
	} else if (EVP_PKEY_is_a(key, "ED25519")) {
		*out = TLS_KEY_ED25519;
	} else if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1) {
		bool p256 = str_eq(str_of(curve), S("prime256v1")), p384 = str_eq(str_of(curve), S("secp384r1"));
		*out = p256 ? TLS_KEY_P256 : TLS_KEY_P384;
		return p256 || p384;
	} else {
		return false;
	}
	return true;
}

static int sign(
	void *signing, unsigned char *out, size_t *out_length, size_t room, const unsigned char *bytes, size_t n)
{
	const struct signing *s = signing;
	const struct remote *remote = &s->key->remote;
	struct tls_signed parts;
	enum tls_key kind;
	struct buf signature = { .p = (char *)out, .room = room };
	if (out == NULL) {
		*out_length = (size_t)EVP_PKEY_get_size(s->key->public);
		return 1;
	}
	if (!kind_of(s->key->public, &kind))
		return fail(STRANGE);
	enum tls_padding padding = kind != TLS_KEY_RSA ? TLS_PADDING_NO : s->pss ? TLS_PADDING_PSS : TLS_PADDING_PKCS1;
	const struct tls_scheme *scheme = tls_scheme_find(kind, s->hash, padding);
	if (scheme == NULL || failed(tls_signed_parse(str_from((const char *)bytes, n), scheme->number, kind, &parts)))
		return fail(STRANGE);
	err e = remote->signer->sign(remote->signer->to, remote->key, &parts, &signature);
	if (failed(e) || signature.lost || signature.n == 0)
		return fail(reason_of(e));
	*out_length = signature.n;
	return 1;
}

/* ---- what the provider has ---- */

#define FUNCTION(number, name)                   \
	{                                        \
		(number), (void (*)(void))(name) \
	}
/* clang-format off */
#define KEYS(name, make, ...)                                             \
	static const OSSL_DISPATCH name[] = {                             \
		FUNCTION(OSSL_FUNC_KEYMGMT_NEW, make),                    \
		FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),               \
		FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),                 \
		FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),             \
		FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import),           \
		FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types), \
		FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),   \
		FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable), \
		__VA_ARGS__ __VA_OPT__(,)                                 \
		{ 0, NULL }                                               \
	}
/* clang-format on */
KEYS(rsa_keys, key_new_rsa);
KEYS(ec_keys, key_new_ec, FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_ec_operation));
KEYS(ed25519_keys, key_new_ed25519);

static const OSSL_DISPATCH signatures[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DUPCTX, signing_copy),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_begin),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set),
	FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	{ 0, NULL },
};

static const OSSL_ALGORITHM *algorithms(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = { { "RSA", "provider=" PROVIDER, rsa_keys, NULL },
		{ "EC", "provider=" PROVIDER, ec_keys, NULL }, { "ED25519", "provider=" PROVIDER, ed25519_keys, NULL },
		{ NULL, NULL, NULL, NULL } };
	static const OSSL_ALGORITHM signers[] = { { "RSA", "provider=" PROVIDER, signatures, NULL },
		{ "ECDSA", "provider=" PROVIDER, signatures, NULL },
		{ "ED25519", "provider=" PROVIDER, signatures, NULL }, { NULL, NULL, NULL, NULL } };
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signers : NULL;
}

static int begin(
	const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *from_core, const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, algorithms),
		{ 0, NULL },
	};
	static char ours; /* of no use to us; it only may not be NULL */
	(void)core;
	(void)from_core;
	*provider = &ours;
	*out = functions;
	return 1;
}

void provider_load(void)
{
	static OSSL_PROVIDER *volatile loaded[2]; /* for the life of the process; only held */
	library = ERR_get_next_error_library();
	ERR_load_strings(library, words);
	/* Once one is named the default one must be too. Where both have an algorithm, theirs is meant. */
	if (OSSL_PROVIDER_add_builtin(NULL, PROVIDER, begin) == 1 &&
		(loaded[0] = OSSL_PROVIDER_load(NULL, "default")) != NULL &&
		(loaded[1] = OSSL_PROVIDER_load(NULL, PROVIDER)) != NULL &&
		EVP_set_default_properties(NULL, "?provider=default") == 1)
		return;
	fprintf(stderr, "siegel: OpenSSL takes no provider of ours\n");
	abort();
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM *parameters)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, "provider=" PROVIDER);
	if (c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
		EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(c);
	return key;
}

EVP_PKEY *provider_key(EVP_PKEY *public, uint32_t number, const struct tls_signer *signer)
{
	struct remote remote = { .signer = signer, .key = number };
	OSSL_PARAM ours[] = { OSSL_PARAM_octet_string(REMOTE, &remote, sizeof remote), OSSL_PARAM_END };
	OSSL_PARAM *theirs = NULL, *all = NULL;
	EVP_PKEY *key = NULL;
	enum tls_key kind;
	if (kind_of(public, &kind) && EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &theirs) == 1 &&
		(all = OSSL_PARAM_merge(theirs, ours)) != NULL)
		key = key_from(EVP_PKEY_get0_type_name(public), all);
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(theirs);
	return key;
}
