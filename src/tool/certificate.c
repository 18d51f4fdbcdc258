/* SPDX-License-Identifier: Apache-2.0 */
#include "base/openssl.h"

#include "tool/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALID_DAYS = 730, DAY = 86400, X509_V3 = 2, SERIAL_BITS = 127, NAME_ROOM = 300 };

static bool add_extension(X509 *x, int what, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, what, value);
	bool added = extension != NULL && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

static bool set_serial(X509 *x)
{
	BIGNUM *number = BN_new();
	bool set = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
	BN_free(number);
	return set;
}

/* RFC 5280 4.1, 4.2.1.6: the name that counts is the alternative one. */
static X509 *make(EVP_PKEY *key, const char *hostname)
{
	char names[NAME_ROOM];
	X509 *x = X509_new();
	snprintf(names, sizeof names, "DNS:%s", hostname);
	if (x == NULL)
		return NULL;
	X509_NAME *subject = X509_get_subject_name(x);
	/* The common name has room for 64 characters (RFC 5280 A.1). */
	const char *common = strlen(hostname) <= 64 ? hostname : "mail server";
	bool made = X509_set_version(x, X509_V3) == 1 && set_serial(x) &&
		    X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&
		    X509_gmtime_adj(X509_getm_notAfter(x), (long)VALID_DAYS * DAY) != NULL &&
		    X509_set_pubkey(x, key) == 1 &&
		    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common, -1, -1, 0) ==
			    1 &&
		    X509_set_issuer_name(x, subject) == 1 && add_extension(x, NID_subject_alt_name, names) &&
		    add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
		    add_extension(x, NID_key_usage, "critical,digitalSignature") &&
		    add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0;
	if (made)
		return x;
	X509_free(x);
	return NULL;
}

struct place {
	int folder;
	const struct user *owner;
	struct buf *reason;
};

/* It is empty when it is given away. */
static FILE *create(const struct place *at, const char *name, mode_t mode)
{
	int fd = openat(at->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd >= 0 && fchmod(fd, mode) == 0 &&
		(!at->owner->changes || fchown(fd, at->owner->uid, at->owner->gid) == 0))
		return fdopen(fd, "w");
	buf_addf(at->reason, "cannot write keys/%s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static bool write_key(const struct place *at, EVP_PKEY *key)
{
	FILE *f = create(at, "tls.key", 0600);
	bool written = f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
	return f != NULL && fclose(f) == 0 && written;
}

static bool write_certificate(const struct place *at, X509 *x)
{
	FILE *f = create(at, "tls.crt", 0644);
	bool written = f != NULL && PEM_write_X509(f, x) == 1;
	return f != NULL && fclose(f) == 0 && written;
}

err certificate_make(int folder, const struct user *owner, const char *hostname, struct buf *reason)
{
	const struct place at = { folder, owner, reason };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key != NULL ? make(key, hostname) : NULL;
	bool done = x != NULL && write_key(&at, key) && write_certificate(&at, x);
	X509_free(x);
	EVP_PKEY_free(key);
	if (!done && reason->n == 0)
		buf_add(reason, S("the certificate cannot be made"));
	return done ? OK : errno == EEXIST ? FAIL(EXISTS) : FAIL(SYSTEM);
}

err certificate_look(str pem, const char *hostname, struct certificate_facts *out)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	int days = 0, seconds = 0;
	BIO_free(in);
	if (x == NULL)
		return FAIL(SYNTAX);
	bool timed = ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) == 1;
	struct certificate_facts facts = {
		.fits_host = X509_check_host(x, hostname, 0, 0, NULL) == 1,
		.signed_by_itself = X509_self_signed(x, 0) == 1,
		.days_left = timed ? (seconds < 0 && days == 0 ? -1 : days) : -1,
	};
	X509_free(x);
	*out = facts;
	return OK;
}
