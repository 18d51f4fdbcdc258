/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tls/signed.h"

#include "base/cur.h"

enum { IN_1_2 = 1, IN_1_3 = 2, IN_BOTH = 3, NAMED_CURVE = 3, UNCOMPRESSED = 4, PLAIN = -1, SHA256_BYTES = 32 };

static const struct tls_scheme schemes[] = {
#define SCHEME(name, number, key, hash, padding, versions)                                                  \
	{ #name, (number), TLS_KEY_##key, TLS_HASH_##hash, TLS_PADDING_##padding, ((versions)&IN_1_2) != 0, \
		((versions)&IN_1_3) != 0 },
#include "proto/tls/schemes.def"
#undef SCHEME
};

static const struct curve {
	uint16_t number;
	size_t bytes;
	int form;
} curves[] = {
#define CURVE(name, number, bytes, form) { (number), (bytes), (form) },
#include "proto/tls/curves.def"
#undef CURVE
};

/* RFC 8446 4.4.3: blanks, so that no message of an earlier version can be taken for this one, then who signs. */
static const str blanks = { "                                                                ", 64 };
static const str server_context = { "TLS 1.3, server CertificateVerify", 34 }; /* with its NUL */
static const str client_context = { "TLS 1.3, client CertificateVerify", 34 };

const struct tls_scheme *tls_scheme_of(uint16_t number)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].number == number)
			return &schemes[i];
	return NULL;
}

static bool is_elliptic(enum tls_key key) { return key == TLS_KEY_P256 || key == TLS_KEY_P384; }

const struct tls_scheme *tls_scheme_find(enum tls_key key, enum tls_hash hash, enum tls_padding padding)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		const struct tls_scheme *s = &schemes[i];
		bool fits = s->key == key || (is_elliptic(s->key) && is_elliptic(key));
		if (fits && s->hash == hash && s->padding == padding)
			return s;
	}
	return NULL;
}

static const struct curve *curve_of(uint16_t number)
{
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (curves[i].number == number)
			return &curves[i];
	return NULL;
}

static err check_verify(const struct tls_signed *s)
{
	return s->transcript.n == SHA256_BYTES || s->transcript.n == TLS_TRANSCRIPT_MAX ? OK : FAIL(LIMIT);
}

static err check_exchange(const struct tls_signed *s)
{
	const struct curve *curve = curve_of(s->curve);
	if (curve == NULL)
		return FAIL(UNSUPPORTED);
	if (s->client_random.n != TLS_RANDOM || s->server_random.n != TLS_RANDOM || s->point.n != curve->bytes)
		return FAIL(LIMIT);
	return curve->form == PLAIN || s->point.p[0] == curve->form ? OK : FAIL(SYNTAX);
}

err tls_signed_check(const struct tls_signed *s, enum tls_key key)
{
	const struct tls_scheme *scheme = tls_scheme_of(s->scheme);
	bool exchange = s->kind == TLS_SERVER_KEY_EXCHANGE;
	if (scheme == NULL || !(exchange ? scheme->in_1_2 : scheme->in_1_3))
		return FAIL(UNSUPPORTED);
	if (scheme->key != key && !(exchange && is_elliptic(scheme->key) && is_elliptic(key)))
		return FAIL(UNSUPPORTED);
	return exchange ? check_exchange(s) : check_verify(s);
}

err tls_signed_write(const struct tls_signed *s, enum tls_key key, struct buf *out)
{
	TRY(tls_signed_check(s, key));
	if (s->kind == TLS_CERTIFICATE_VERIFY) {
		buf_add(out, blanks);
		buf_add(out, s->by_client ? client_context : server_context);
		buf_add(out, s->transcript);
	} else {
		buf_add(out, s->client_random);
		buf_add(out, s->server_random);
		buf_byte(out, NAMED_CURVE);
		buf_byte(out, (char)(s->curve >> 8));
		buf_byte(out, (char)(s->curve & 0xff));
		buf_byte(out, (char)s->point.n);
		buf_add(out, s->point);
	}
	return out->lost ? FAIL(LIMIT) : OK;
}

static unsigned byte_of(struct cur *c)
{
	str s = cur_bytes(c, 1);
	return s.n == 1 ? (unsigned char)s.p[0] : 0;
}

static err parse_exchange(str bytes, struct tls_signed *out)
{
	struct cur c = cur_of(bytes);
	out->client_random = cur_bytes(&c, TLS_RANDOM);
	out->server_random = cur_bytes(&c, TLS_RANDOM);
	if (byte_of(&c) != NAMED_CURVE)
		cur_fail(&c, "a named curve");
	out->curve = (uint16_t)(byte_of(&c) << 8);
	out->curve = (uint16_t)(out->curve | byte_of(&c));
	out->point = cur_bytes(&c, byte_of(&c));
	cur_end(&c);
	return c.e;
}

/* The first words of a ServerKeyExchange are the client's, who may choose blanks; the second half of the blanks would then
 * have to be the server's random number, and the lengths differ in any case. */
err tls_signed_parse(str bytes, uint16_t scheme, enum tls_key key, struct tls_signed *out)
{
	struct tls_signed s = { .scheme = scheme };
	if (str_starts(bytes, blanks)) {
		str rest = str_after(bytes, blanks.n);
		s.by_client = str_starts(rest, client_context);
		if (!s.by_client && !str_starts(rest, server_context))
			return FAIL(SYNTAX);
		s.kind = TLS_CERTIFICATE_VERIFY;
		s.transcript = str_after(rest, client_context.n);
	} else {
		s.kind = TLS_SERVER_KEY_EXCHANGE;
		TRY(parse_exchange(bytes, &s));
	}
	TRY(tls_signed_check(&s, key));
	*out = s;
	return OK;
}
