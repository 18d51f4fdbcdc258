/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of TLS against OpenSSL's own client, over a socket pair, in one thread. */
#include "check.h"

#include "base/openssl.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/tls.h"

static char certificate_room[4096], key_room[1024], other_key_room[1024];
static str certificate, key, other_key;

static str text_of(BIO *bio, char *room, size_t size)
{
	int n = BIO_read(bio, room, (int)size);
	BIO_free(bio);
	return str_from(room, n > 0 ? (size_t)n : 0);
}

static str key_text(EVP_PKEY *pair, char *room, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
	return text_of(bio, room, size);
}

static int make_certificate(void **state)
{
	(void)state;
	tls_prepare();
	EVP_PKEY *pair = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, pair);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"x.test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_sign(x, pair, EVP_sha256());
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	certificate = text_of(bio, certificate_room, sizeof certificate_room);
	key = key_text(pair, key_room, sizeof key_room);
	other_key = key_text(other, other_key_room, sizeof other_key_room);
	X509_free(x);
	EVP_PKEY_free(pair);
	EVP_PKEY_free(other);
	return 0;
}

struct pair {
	int ends[2];
	struct tls_server *server;
	struct tls *ours;
	SSL_CTX *context;
	SSL *theirs;
};

static void open_pair(struct pair *p, enum tls_version minimum, int client_version)
{
	const char *reason;
	check_err("server", tls_server_new(certificate, key, minimum, &p->server, &reason), ERR_NONE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->ends), 0);
	p->ours = tls_accept(p->server, p->ends[0]);
	p->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(p->context, 0);
	SSL_CTX_set_min_proto_version(p->context, client_version);
	SSL_CTX_set_max_proto_version(p->context, client_version);
	p->theirs = SSL_new(p->context);
	SSL_set_fd(p->theirs, p->ends[1]);
	SSL_set_connect_state(p->theirs);
}

static void close_pair(struct pair *p)
{
	tls_free(&p->ours);
	tls_server_free(&p->server);
	SSL_free(p->theirs);
	SSL_CTX_free(p->context);
	close(p->ends[0]);
	close(p->ends[1]);
}

static err shake(struct pair *p)
{
	err e = FAIL(AGAIN);
	for (int i = 0; i < 20; i++) {
		int theirs = SSL_do_handshake(p->theirs);
		if (e.code == ERR_AGAIN)
			e = tls_handshake(p->ours);
		if (!failed(e) && theirs == 1)
			return OK;
		if (failed(e) && e.code != ERR_AGAIN)
			return e;
	}
	return e;
}

static void speaks_the_two_versions(void **state)
{
	static const struct {
		const char *name;
		enum tls_version minimum;
		int client;
		enum err_code want;
	} cases[] = {
		{ "1.3", TLS_1_2, TLS1_3_VERSION, ERR_NONE },
		{ "1.2", TLS_1_2, TLS1_2_VERSION, ERR_NONE },
		{ "1.2 where 1.3 is asked for", TLS_1_3, TLS1_2_VERSION, ERR_TLS },
		{ "1.1", TLS_1_2, TLS1_1_VERSION, ERR_TLS },
		{ "1.0", TLS_1_2, TLS1_VERSION, ERR_TLS },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair p;
		open_pair(&p, cases[i].minimum, cases[i].client);
		err e = shake(&p);
		check_err(cases[i].name, e, cases[i].want);
		if (failed(e))
			assert_true(strlen(tls_failure(p.ours)) > 0);
		else
			assert_string_equal(tls_version_name(p.ours), SSL_get_version(p.theirs));
		close_pair(&p);
	}
}

static void carries_bytes_and_the_end(void **state)
{
	struct pair p;
	char room[64];
	size_t n = 0;
	(void)state;
	open_pair(&p, TLS_1_2, TLS1_3_VERSION);
	check_err("handshake", shake(&p), ERR_NONE);
	check_err("nothing yet", tls_read(p.ours, room, sizeof room, &n), ERR_AGAIN);
	assert_int_equal(SSL_write(p.theirs, "hello", 5), 5);
	check_err("read", tls_read(p.ours, room, 2, &n), ERR_NONE);
	check_str("first half", str_from(room, n), S("he"));
	assert_true(tls_pending(p.ours));
	check_err("read", tls_read(p.ours, room, sizeof room, &n), ERR_NONE);
	check_str("second half", str_from(room, n), S("llo"));
	assert_false(tls_pending(p.ours));
	check_err("write", tls_write(p.ours, "you", 3, &n), ERR_NONE);
	assert_int_equal(SSL_read(p.theirs, room, sizeof room), 3);
	SSL_shutdown(p.theirs);
	check_err("their end", tls_read(p.ours, room, sizeof room, &n), ERR_CLOSED);
	check_err("our end", tls_end(p.ours), ERR_NONE);
	close_pair(&p);
}

static void refuses_what_is_not_tls(void **state)
{
	struct pair p;
	(void)state;
	open_pair(&p, TLS_1_2, TLS1_3_VERSION);
	assert_int_equal(write(p.ends[1], "EHLO client.test\r\n", 18), 18);
	check_err("plaintext", tls_handshake(p.ours), ERR_TLS);
	close_pair(&p);
}

static void refuses_keys_that_do_not_fit(void **state)
{
	struct tls_server *server = NULL;
	const char *reason;
	(void)state;
	check_err("another's key", tls_server_new(certificate, other_key, TLS_1_2, &server, &reason), ERR_SYNTAX);
	assert_non_null(reason);
	check_err("no certificate", tls_server_new(S("nothing"), key, TLS_1_2, &server, &reason), ERR_SYNTAX);
	assert_non_null(reason);
	check_err("no key", tls_server_new(certificate, S(""), TLS_1_2, &server, &reason), ERR_SYNTAX);
	assert_null(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_the_two_versions),
		cmocka_unit_test(carries_bytes_and_the_end),
		cmocka_unit_test(refuses_what_is_not_tls),
		cmocka_unit_test(refuses_keys_that_do_not_fit),
	};
	return cmocka_run_group_tests(tests, make_certificate, NULL);
}
