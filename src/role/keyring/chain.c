/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keyring/chain.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct chain {
	X509 *all[CHAIN_CERTIFICATES_MAX];
	size_t count;
};

static void free_chain(struct chain *c)
{
	for (size_t i = 0; i < c->count; i++)
		X509_free(c->all[i]);
	c->count = 0;
}

static int no_pass_phrase(char *room, int size, int writing, void *to)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)to;
	return -1;
}

static err read_chain(str pem, struct chain *out)
{
	BIO *in = BIO_new_mem_buf(pem.p, pem.n > INT_MAX ? INT_MAX : (int)pem.n);
	struct chain c = { .count = 0 };
	X509 *one;
	err e = in != NULL ? OK : FAIL(MEMORY);
	while (!failed(e) && (one = PEM_read_bio_X509(in, NULL, no_pass_phrase, NULL)) != NULL) {
		if (c.count == CHAIN_CERTIFICATES_MAX) {
			X509_free(one);
			e = FAIL(LIMIT);
		} else {
			c.all[c.count++] = one;
		}
	}
	/* The end of the text is told as an error; any other is one. */
	unsigned long why = ERR_peek_last_error();
	if (!failed(e) && (c.count == 0 || ERR_GET_REASON(why) != PEM_R_NO_START_LINE))
		e = FAIL(SYNTAX);
	ERR_clear_error();
	BIO_free(in);
	if (failed(e))
		free_chain(&c);
	else
		*out = c;
	return e;
}

static bool is_for(X509 *certificate, EVP_PKEY *key)
{
	EVP_PKEY *public = X509_get0_pubkey(certificate);
	bool is = public != NULL && EVP_PKEY_eq(public, key) == 1;
	ERR_clear_error();
	return is;
}

static bool is_issued_by(X509 *certificate, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool is = X509_check_ca(issuer) != 0 && X509_check_issued(issuer, certificate) == X509_V_OK && key != NULL &&
		  X509_verify(certificate, key) == 1;
	ERR_clear_error();
	return is;
}

static err check(const struct chain *c, EVP_PKEY *key, const char *hostname, struct buf *reason)
{
	if (!is_for(c->all[0], key)) {
		buf_add(reason, S("the first certificate does not belong to the private key"));
		return FAIL(DENIED);
	}
	if (hostname != NULL && X509_check_host(c->all[0], hostname, 0, 0, NULL) != 1) {
		buf_addf(reason, "the certificate is not for %s", hostname);
		return FAIL(DENIED);
	}
	for (size_t i = 0; i < c->count; i++) {
		if (X509_cmp_current_time(X509_get0_notAfter(c->all[i])) <= 0) {
			buf_addf(reason, "certificate %zu has expired", i + 1);
			return FAIL(DENIED);
		}
		if (X509_cmp_current_time(X509_get0_notBefore(c->all[i])) >= 0) {
			buf_addf(reason, "certificate %zu is not valid yet", i + 1);
			return FAIL(DENIED);
		}
		if (i + 1 < c->count && !is_issued_by(c->all[i], c->all[i + 1])) {
			buf_addf(reason,
				"certificate %zu is not signed by certificate %zu: the order is the server's own "
				"first, then "
				"each one's issuer",
				i + 1, i + 2);
			return FAIL(DENIED);
		}
	}
	return OK;
}

err chain_check(str pem, EVP_PKEY *key, const char *hostname, struct buf *reason)
{
	struct chain c;
	err e = pem.n <= CHAIN_MAX ? read_chain(pem, &c) : FAIL(LIMIT);
	if (failed(e)) {
		buf_addf(reason, "the certificates cannot be read: %s",
			e.code == ERR_LIMIT ? "there are too many" : "they must be in PEM");
		return e;
	}
	e = check(&c, key, hostname, reason);
	free_chain(&c);
	return e;
}

bool chain_fits_key(str pem, EVP_PKEY *key)
{
	struct chain c;
	if (failed(read_chain(pem, &c)))
		return false;
	bool fits = is_for(c.all[0], key);
	free_chain(&c);
	return fits;
}

/* ---- what is said of it ---- */

static void write_hosts(X509 *x, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type;
		const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		if (type != GEN_DNS)
			continue;
		str host = str_from((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
		if (out->n + host.n + 2 > out->room)
			break;
		buf_add(out, out->n > 0 ? S(" ") : S(""));
		buf_add(out, host);
	}
	GENERAL_NAMES_free(names);
}

static void write_issuer(X509 *x, char *room, size_t size)
{
	if (X509_NAME_get_text_by_NID(X509_get_issuer_name(x), NID_commonName, room, (int)size) < 0)
		X509_NAME_oneline(X509_get_issuer_name(x), room, (int)size);
}

static void look(X509 *x, struct chain_facts *f)
{
	struct tm t = { 0 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int days = 0, seconds = 0;
	struct buf hosts = { .p = f->hosts, .room = sizeof f->hosts - 1 }, print = { .p = f->fingerprint, .room = 64 };
	bool timed = ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) == 1;
	f->days_left = timed && !(seconds < 0 && days == 0) ? days : -1;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &t) == 1)
		strftime(f->expires, sizeof f->expires, "%Y-%m-%dT%H:%M:%SZ", &t);
	write_issuer(x, f->issuer, sizeof f->issuer);
	write_hosts(x, &hosts);
	if (X509_digest(x, EVP_sha256(), digest, &n) == 1)
		buf_hex(&print, digest, n);
	f->signed_by_itself = X509_self_signed(x, 0) == 1;
	ERR_clear_error();
}

err chain_look(str pem, struct chain_facts *out)
{
	struct chain c;
	TRY(read_chain(pem, &c));
	*out = (struct chain_facts){ .days_left = -1 };
	look(c.all[0], out);
	free_chain(&c);
	return OK;
}
