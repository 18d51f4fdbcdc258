/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of test/data/dane/dane.tsv: the policy decides, and OpenSSL shakes hands with a server that shows the row's
 * certificate. test/integration/test_dane.py does the same with a real zone and a real Postfix. */
#include "data.h"

#include "local_signer.h"

#include <sys/socket.h>

#include "base/arena.h"
#include "os/fd.h"
#include "tls/client.h"
#include "trust/security.h"

enum { PEM_MAX = 8192, ROWS_LEAST = 40, RECORDS_MAX = 4, STEPS = 50, HOUR = 3600 };
#define HOST "mx.right.test"

struct identity {
	X509 *certificate;
	EVP_PKEY *key;
};
static struct identity ca, other;
static struct tls_client *client;
static struct tls_tickets *tickets;

/* ---- certificates ---- */

static void extend(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* by NULL: signed by itself. */
static struct identity make(const char *name, bool authority, bool expired, const struct identity *by)
{
	static long serial;
	char names[100];
	struct identity id = { X509_new(), EVP_EC_gen("P-256") };
	X509 *x = id.certificate;
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -2L * HOUR);
	X509_gmtime_adj(X509_getm_notAfter(x), expired ? -HOUR : HOUR);
	X509_set_pubkey(x, id.key);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(by != NULL ? by->certificate : x));
	snprintf(names, sizeof names, "DNS:%s", name);
	extend(x, NID_subject_alt_name, names);
	extend(x, NID_basic_constraints, authority ? "critical,CA:TRUE" : "CA:FALSE");
	assert_true(X509_sign(x, by != NULL ? by->key : id.key, EVP_sha256()) > 0);
	return id;
}

static void forget(struct identity *id)
{
	X509_free(id->certificate);
	EVP_PKEY_free(id->key);
}

static struct identity shown_by(str kind)
{
	const bool wrong = str_find_str(kind, S("wrong-name")) != STR_NONE;
	const bool expired = str_find_str(kind, S("expired")) != STR_NONE;
	return make(wrong ? "mx.wrong.test" : HOST, false, expired, str_starts(kind, S("self")) ? NULL : &ca);
}

static str pem_of(const struct identity *id, char *room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, id->certificate);
	int n = BIO_read(bio, room, PEM_MAX);
	BIO_free(bio);
	assert_true(n > 0);
	return str_from(room, (size_t)n);
}

/* ---- records ---- */

static str digest(struct arena *a, str bytes, const EVP_MD *md)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	EVP_Digest(bytes.p, bytes.n, out, &n, md, NULL);
	return arena_copy(a, str_from((char *)out, n));
}

static str data_of(struct arena *a, const struct identity *of, unsigned selector, unsigned matching)
{
	unsigned char *der = NULL;
	int n = selector == 0 ? i2d_X509(of->certificate, &der) : i2d_PUBKEY(of->key, &der);
	str bytes = arena_copy(a, str_from((char *)der, (size_t)n));
	OPENSSL_free(der);
	if (matching == 0)
		return bytes;
	return digest(a, bytes, matching == 2 ? EVP_sha512() : EVP_sha256());
}

static struct tlsa_record record(struct arena *a, str text, const struct identity *leaf)
{
	uint64_t n[3] = { 0, 0, 0 };
	str part;
	for (int i = 0; i < 3; i++) {
		assert_true(str_cut(&text, ':', &part));
		check_err("a number", str_number(part, 255, &n[i]), ERR_NONE);
	}
	struct tlsa_record r = { (uint8_t)n[0], (uint8_t)n[1], (uint8_t)n[2], S("") };
	const struct identity *of = str_eq(text, S("leaf")) ? leaf : str_eq(text, S("ca")) ? &ca : &other;
	if (str_eq(text, S("short")))
		r.data = str_slice(data_of(a, leaf, 1, 1), 0, 20);
	else if (!str_eq(text, S("empty")))
		r.data = data_of(a, of, r.selector, str_eq(text, S("sha256")) ? 1 : r.matching);
	return r;
}

/* ---- a row ---- */

enum { NAME, ADDRESSES, RECORDS, TLSA, CERTIFICATE, EXPECTED, COLUMNS };

static enum evidence evidence_of(str word)
{
	static const char *const words[] = { "insecure", "secure", "bogus", "failed" };
	for (unsigned i = 0; i < COUNT(words); i++)
		if (str_eq(word, str_of(words[i])))
			return (enum evidence)i;
	fail_msg("%.*s is no evidence", ARG(word));
	return EVIDENCE_FAILED;
}

/* Both sides in turn; whether the client was content, and what was proved. */
static const char *shake_hands(struct tls *c, struct tls *s)
{
	for (int i = 0; i < STEPS; i++) {
		err e = tls_handshake(c);
		IGNORE(tls_handshake(s)); /* the client is looked at */
		if (e.code == ERR_AGAIN)
			continue;
		if (failed(e))
			return "refused";
		return tls_is_proved(c) ? "proved" : "encrypted";
	}
	return "no handshake";
}

static const char *meet(const struct tls_expected *expected, const struct identity *leaf, bool chain)
{
	char certificates[2 * PEM_MAX];
	static struct local_signer keys;
	const struct tls_signer signer = { local_sign, &keys };
	struct tls_server *server;
	const char *reason;
	int ends[2];
	str shown = pem_of(leaf, certificates);
	if (chain)
		shown.n += pem_of(&ca, certificates + shown.n).n;
	const struct tls_identity id = { shown, 0 };
	const struct tls_server_setup setup = { &id, 1, TLS_1_2, &signer, tickets, false };
	keys.keys[0].pair = leaf->key;
	keys.keys[0].kind = TLS_KEY_P256;
	check_err("server", tls_server_new(&setup, &server, &reason), ERR_NONE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	struct tls *c, *s = tls_accept(server, ends[1]);
	check_err("client", tls_connect_as(client, ends[0], expected, &c), ERR_NONE);
	const char *result = shake_hands(c, s);
	tls_free(&c);
	tls_free(&s);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	tls_server_free(&server);
	return result;
}

static const char *outcome(const str *row, struct tlsa_record *records, size_t all, const struct identity *leaf)
{
	size_t usable = tlsa_select(records, all);
	const struct security_facts facts = { .dane = dane_demand(evidence_of(row[ADDRESSES]),
						      evidence_of(row[RECORDS]), all, usable) };
	struct security s = security_decide(&facts);
	struct tls_record taken[RECORDS_MAX];
	struct tls_expected expected = {
		.insists = true, .resumes = true, .names = { S(HOST) }, .names_count = 1, .records = taken
	};
	if (s.action == ACTION_AVOID)
		return "avoided";
	if (str_eq(row[CERTIFICATE], S("none")))
		return s.action == ACTION_MAY ? "plain" : "refused";
	if (s.action == ACTION_DANE) {
		expected.proof = TLS_PROOF_RECORDS;
		expected.records_count = usable;
		for (size_t i = 0; i < usable; i++)
			taken[i] = (struct tls_record){ records[i].usage, records[i].selector, records[i].matching,
				records[i].data };
	}
	bool chain = !str_eq(row[CERTIFICATE], S("no-chain")) && !str_starts(row[CERTIFICATE], S("self"));
	return meet(&expected, leaf, chain);
}

static void run(const str *row)
{
	char name[200];
	struct arena *a = arena_new("row", 1 << 20);
	struct identity leaf = shown_by(row[CERTIFICATE]);
	struct tlsa_record records[RECORDS_MAX];
	size_t all = 0;
	str rest = str_eq(row[TLSA], S("-")) ? S("") : row[TLSA], word;
	while (str_word(&rest, ' ', &word)) {
		assert_true(all < RECORDS_MAX);
		records[all++] = record(a, word, &leaf);
	}
	snprintf(name, sizeof name, "%.*s", ARG(row[NAME]));
	check_str(name, str_of(outcome(row, records, all, &leaf)), row[EXPECTED]);
	forget(&leaf);
	arena_free(&a);
}

static void test_table(void **state)
{
	size_t count = 0;
	str text = data_file("dane/dane.tsv"), line;
	(void)state;
	while (str_word(&text, '\n', &line)) {
		str row[COLUMNS];
		if (line.n == 0 || line.p[0] == '#')
			continue;
		for (unsigned i = 0; i < COLUMNS; i++)
			if (!str_word(&line, '\t', &row[i]))
				fail_msg("row %zu has no column %u", count, i);
		run(row);
		count++;
	}
	assert_true(count >= ROWS_LEAST);
}

/* A session that was not proved is never taken up by somebody who wants a proof; nor one of other records. */
static void test_sessions_keep_their_expectations(void **state)
{
	struct arena *a = arena_new("sessions", 1 << 16);
	struct identity leaf = make(HOST, false, false, &ca);
	struct tls_record right = { 3, 1, 1, data_of(a, &leaf, 1, 1) }, wrong = { 3, 1, 1, data_of(a, &other, 1, 1) };
	struct tls_expected e = {
		.insists = true, .resumes = true, .names = { S(HOST) }, .names_count = 1, .records = &wrong
	};
	(void)state;
	for (int i = 0; i < 3; i++) {
		e.proof = TLS_PROOF_NOTHING;
		assert_string_equal(meet(&e, &leaf, true), "encrypted");
		e.proof = TLS_PROOF_RECORDS;
		e.records_count = 1;
		e.records = &right;
		assert_string_equal(meet(&e, &leaf, true), "proved");
		e.records = &wrong;
		assert_string_equal(meet(&e, &leaf, true), "refused");
		e.proof = TLS_PROOF_NAME;
		e.records_count = 0;
		assert_string_equal(meet(&e, &leaf, true), "refused");
	}
	forget(&leaf);
	arena_free(&a);
}

static int begin(void **state)
{
	char room[PEM_MAX];
	(void)state;
	tls_prepare();
	tickets = tls_tickets_new();
	ca = make("Authority", true, false, NULL);
	other = make("Another", true, false, NULL);
	/* Somebody must be believed; nobody in the table is. */
	return failed(tls_client_new(pem_of(&other, room), TLS_1_2, &client)) ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	tls_client_free(&client);
	forget(&ca);
	forget(&other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_sessions_keep_their_expectations),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
