/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed, in parts and as bytes. The bytes of TLS 1.3 are compared with the example of RFC 8446 4.4.3. */
#include "check.h"

#include "proto/tls/signed.h"

static char zeros[128];
static char p256[65] = { 4 }, p384[97] = { 4 }, compressed[65] = { 2 };

static str bytes(size_t n) { return str_from(zeros, n); }

#define VERIFY(number, client, length)                                                                     \
	{                                                                                                  \
		.kind = TLS_CERTIFICATE_VERIFY, .scheme = (number), .by_client = (client), .transcript = { \
			zeros,                                                                             \
			(length)                                                                           \
		}                                                                                          \
	}
#define EXCHANGE(number, group, start, length)                                                       \
	{                                                                                            \
		.kind = TLS_SERVER_KEY_EXCHANGE, .scheme = (number), .client_random = { zeros, 32 }, \
		.server_random = { zeros, 32 }, .curve = (group), .point = {                         \
			(start),                                                                     \
			(length)                                                                     \
		}                                                                                    \
	}

static const struct {
	const char *name;
	struct tls_signed what;
	enum tls_key key;
	enum err_code want;
	size_t length;
} cases[] = {
	{ "1.3, P-256", VERIFY(0x0403, false, 32), TLS_KEY_P256, ERR_NONE, 130 },
	{ "1.3, P-256, SHA-384 transcript", VERIFY(0x0403, false, 48), TLS_KEY_P256, ERR_NONE, 146 },
	{ "1.3, client", VERIFY(0x0403, true, 32), TLS_KEY_P256, ERR_NONE, 130 },
	{ "1.3, P-384", VERIFY(0x0503, false, 48), TLS_KEY_P384, ERR_NONE, 146 },
	{ "1.3, PSS", VERIFY(0x0804, false, 32), TLS_KEY_RSA, ERR_NONE, 130 },
	{ "1.3, Ed25519", VERIFY(0x0807, false, 32), TLS_KEY_ED25519, ERR_NONE, 130 },
	{ "no transcript", VERIFY(0x0403, false, 0), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "a short transcript", VERIFY(0x0403, false, 31), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "between the two hashes", VERIFY(0x0403, false, 40), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "a long transcript", VERIFY(0x0403, false, 49), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "SHA-512", VERIFY(0x0403, false, 64), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "PKCS1 in 1.3", VERIFY(0x0401, false, 32), TLS_KEY_RSA, ERR_UNSUPPORTED, 0 },
	{ "another key's scheme", VERIFY(0x0403, false, 32), TLS_KEY_RSA, ERR_UNSUPPORTED, 0 },
	{ "another curve's scheme", VERIFY(0x0503, false, 32), TLS_KEY_P256, ERR_UNSUPPORTED, 0 },
	{ "SHA-1", VERIFY(0x0201, false, 32), TLS_KEY_RSA, ERR_UNSUPPORTED, 0 },
	{ "ECDSA with SHA-1", VERIFY(0x0203, false, 32), TLS_KEY_P256, ERR_UNSUPPORTED, 0 },
	{ "no scheme", VERIFY(0, false, 32), TLS_KEY_P256, ERR_UNSUPPORTED, 0 },
	{ "1.2, X25519", EXCHANGE(0x0403, 29, zeros, 32), TLS_KEY_P256, ERR_NONE, 100 },
	{ "1.2, P-256", EXCHANGE(0x0401, 23, p256, 65), TLS_KEY_RSA, ERR_NONE, 133 },
	{ "1.2, P-384", EXCHANGE(0x0807, 24, p384, 97), TLS_KEY_ED25519, ERR_NONE, 165 },
	{ "1.2, PSS", EXCHANGE(0x0806, 29, zeros, 32), TLS_KEY_RSA, ERR_NONE, 100 },
	{ "1.2, P-256 with SHA-384", EXCHANGE(0x0503, 29, zeros, 32), TLS_KEY_P256, ERR_NONE, 100 },
	{ "1.2, ECDSA by RSA", EXCHANGE(0x0403, 29, zeros, 32), TLS_KEY_RSA, ERR_UNSUPPORTED, 0 },
	{ "a point of another length", EXCHANGE(0x0403, 29, zeros, 31), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "a point of another curve", EXCHANGE(0x0403, 23, p384, 97), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "no point", EXCHANGE(0x0403, 23, p256, 0), TLS_KEY_P256, ERR_LIMIT, 0 },
	{ "a compressed point", EXCHANGE(0x0403, 23, compressed, 65), TLS_KEY_P256, ERR_SYNTAX, 0 },
	{ "a curve that is not ours", EXCHANGE(0x0403, 25, p256, 65), TLS_KEY_P256, ERR_UNSUPPORTED, 0 },
	{ "a finite field", EXCHANGE(0x0403, 256, p256, 65), TLS_KEY_P256, ERR_UNSUPPORTED, 0 },
};

static void same(const char *name, const struct tls_signed *got, const struct tls_signed *want)
{
	if (got->kind != want->kind || got->scheme != want->scheme || got->by_client != want->by_client ||
		got->curve != want->curve)
		fail_msg("%s: not the same after the way back", name);
	check_str(name, got->transcript, want->transcript);
	check_str(name, got->client_random, want->client_random);
	check_str(name, got->server_random, want->server_random);
	check_str(name, got->point, want->point);
}

static void there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[TLS_SIGNED_MAX];
		struct buf out = BUF_ON(room);
		struct tls_signed back;
		check_err(cases[i].name, tls_signed_write(&cases[i].what, cases[i].key, &out), cases[i].want);
		if (out.n != cases[i].length)
			fail_msg("%s: %zu bytes, want %zu", cases[i].name, out.n, cases[i].length);
		if (cases[i].want != ERR_NONE)
			continue;
		check_err(cases[i].name, tls_signed_parse(buf_str(&out), cases[i].what.scheme, cases[i].key, &back),
			ERR_NONE);
		same(cases[i].name, &back, &cases[i].what);
	}
}

static void half_a_random(void **state)
{
	struct tls_signed what = EXCHANGE(0x0403, 29, zeros, 32);
	(void)state;
	what.client_random = bytes(31);
	check_err("client", tls_signed_check(&what, TLS_KEY_P256), ERR_LIMIT);
	what.client_random = bytes(32);
	what.server_random = bytes(33);
	check_err("server", tls_signed_check(&what, TLS_KEY_P256), ERR_LIMIT);
}

/* RFC 8446 4.4.3: the example has a transcript of 32 bytes of 01. */
static void as_in_the_standard(void **state)
{
	char room[TLS_SIGNED_MAX], want[130];
	struct buf out = BUF_ON(room);
	struct tls_signed what = VERIFY(0x0403, false, 32);
	char ones[32];
	(void)state;
	memset(ones, 1, sizeof ones);
	memset(want, 0x20, 64);
	memcpy(want + 64, "TLS 1.3, server CertificateVerify", 34);
	memset(want + 98, 1, 32);
	what.transcript = str_from(ones, sizeof ones);
	check_err("write", tls_signed_write(&what, TLS_KEY_P256, &out), ERR_NONE);
	check_str("bytes", buf_str(&out), str_from(want, sizeof want));
}

/* Every change of the frame, and every other length, is refused or is another thing that may be signed. */
static void nothing_else(void **state)
{
	char room[TLS_SIGNED_MAX + 1] = { 0 };
	struct buf out = { .p = room, .room = TLS_SIGNED_MAX };
	const struct tls_signed what = VERIFY(0x0403, false, 32);
	struct tls_signed back;
	(void)state;
	check_err("write", tls_signed_write(&what, TLS_KEY_P256, &out), ERR_NONE);
	for (size_t i = 0; i < 98; i++) {
		room[i] ^= 1;
		check_err("changed", tls_signed_parse(buf_str(&out), 0x0403, TLS_KEY_P256, &back), ERR_SYNTAX);
		room[i] ^= 1;
	}
	for (size_t n = 0; n <= out.n + 1; n++)
		if (n != out.n && !failed(tls_signed_parse(str_from(room, n), 0x0403, TLS_KEY_P256, &back)))
			fail_msg("%zu bytes were taken", n);
}

static void schemes(void **state)
{
	static const struct {
		enum tls_key key;
		enum tls_hash hash;
		enum tls_padding padding;
		uint16_t want;
	} wanted[] = {
		{ TLS_KEY_RSA, TLS_HASH_SHA256, TLS_PADDING_PKCS1, 0x0401 },
		{ TLS_KEY_RSA, TLS_HASH_SHA512, TLS_PADDING_PSS, 0x0806 },
		{ TLS_KEY_P256, TLS_HASH_SHA256, TLS_PADDING_NO, 0x0403 },
		{ TLS_KEY_P256, TLS_HASH_SHA384, TLS_PADDING_NO, 0x0503 },
		{ TLS_KEY_P384, TLS_HASH_SHA256, TLS_PADDING_NO, 0x0403 },
		{ TLS_KEY_ED25519, TLS_HASH_NO, TLS_PADDING_NO, 0x0807 },
		{ TLS_KEY_ED25519, TLS_HASH_SHA256, TLS_PADDING_NO, 0 },
		{ TLS_KEY_P256, TLS_HASH_SHA512, TLS_PADDING_NO, 0 },
		{ TLS_KEY_RSA, TLS_HASH_NO, TLS_PADDING_PSS, 0 },
		{ TLS_KEY_RSA, TLS_HASH_SHA256, TLS_PADDING_NO, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct tls_scheme *s = tls_scheme_find(wanted[i].key, wanted[i].hash, wanted[i].padding);
		assert_int_equal(s != NULL ? s->number : 0, wanted[i].want);
		if (s != NULL)
			assert_ptr_equal(tls_scheme_of(s->number), s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(half_a_random),
		cmocka_unit_test(as_in_the_standard),
		cmocka_unit_test(nothing_else),
		cmocka_unit_test(schemes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
