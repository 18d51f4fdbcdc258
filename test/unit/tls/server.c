/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of TLS against OpenSSL's own client, over a socket pair, in one thread. */
#include "local_signer.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is asked for each kind of key. */
enum { P256_KEY, P384_KEY, RSA_KEY, ED25519_KEY, OTHER_NAME_KEY };
static struct local_signer keys;
static const struct tls_signer signer = { local_sign, &keys };
static struct tls_tickets *tickets;

static int make_keys(void **state)
{
	(void)state;
	tls_prepare();
	tickets = tls_tickets_new();
	local_key_make(&keys.keys[P256_KEY], EVP_EC_gen("P-256"), "DNS:mail.x.test");
	local_key_make(&keys.keys[P384_KEY], EVP_EC_gen("P-384"), "DNS:mail.x.test");
	local_key_make(&keys.keys[RSA_KEY], EVP_RSA_gen(2048), "DNS:mail.x.test");
	local_key_make(&keys.keys[ED25519_KEY], EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "DNS:mail.x.test");
	local_key_make(&keys.keys[OTHER_NAME_KEY], EVP_EC_gen("P-256"), "DNS:other.test,DNS:*.more.test");
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	local_signer_free(&keys);
	return 0;
}

struct pair {
	int ends[2];
	struct tls_server *server;
	struct tls *ours;
	SSL_CTX *context;
	SSL *theirs;
};

/* OpenSSL's macros cast the const of a text away. */
static char *writable(const char *text)
{
	static char room[100];
	snprintf(room, sizeof room, "%s", text);
	return room;
}

static err server_new(const struct tls_identity *ids, size_t count, enum tls_version minimum, struct tls_server **out)
{
	const char *reason;
	const struct tls_server_setup setup = { ids, count, minimum, &signer, tickets, false };
	err e = tls_server_new(&setup, out, &reason);
	assert_int_equal(failed(e), reason != NULL);
	return e;
}

static void open_pair_with(struct pair *p, uint32_t key, enum tls_version minimum, int client_version)
{
	const struct tls_identity ids[] = { { keys.keys[key].certificate, key },
		{ keys.keys[OTHER_NAME_KEY].certificate, OTHER_NAME_KEY } };
	keys.asked = 0;
	keys.fails = OK;
	check_err("server", server_new(ids, COUNT(ids), minimum, &p->server), ERR_NONE);
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

static void open_pair(struct pair *p, enum tls_version minimum, int client_version)
{
	open_pair_with(p, P256_KEY, minimum, client_version);
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

static void refuses_what_is_no_identity(void **state)
{
	const struct tls_identity nothing = { S("nothing"), 0 };
	struct tls_server *server = NULL;
	(void)state;
	check_err("no certificate", server_new(&nothing, 1, TLS_1_2, &server), ERR_SYNTAX);
	check_err("none at all", server_new(&nothing, 0, TLS_1_2, &server), ERR_LIMIT);
	check_err("too many", server_new(&nothing, TLS_IDENTITIES_MAX + 1, TLS_1_2, &server), ERR_LIMIT);
	assert_null(server);
}

/* The client checks the signature against the certificate, so a handshake that ends well proves it. */
static void signs_with_every_key_and_scheme(void **state)
{
	static const struct {
		uint32_t key;
		int version;
		const char *schemes;
		uint16_t want; /* 0: the handshake fails, and nobody was asked */
	} cases[] = {
		{ P256_KEY, TLS1_3_VERSION, "ECDSA+SHA256", 0x0403 },
		{ P256_KEY, TLS1_2_VERSION, "ECDSA+SHA256", 0x0403 },
		{ P256_KEY, TLS1_2_VERSION, "ECDSA+SHA384", 0x0503 },
		{ P256_KEY, TLS1_3_VERSION, "ECDSA+SHA384", 0 },
		{ P384_KEY, TLS1_3_VERSION, "ECDSA+SHA384", 0x0503 },
		{ P384_KEY, TLS1_2_VERSION, "ECDSA+SHA256", 0x0403 },
		{ RSA_KEY, TLS1_3_VERSION, "RSA-PSS+SHA256", 0x0804 },
		{ RSA_KEY, TLS1_3_VERSION, "RSA-PSS+SHA512", 0x0806 },
		{ RSA_KEY, TLS1_3_VERSION, "RSA+SHA256", 0 },
		{ RSA_KEY, TLS1_2_VERSION, "RSA-PSS+SHA384", 0x0805 },
		{ RSA_KEY, TLS1_2_VERSION, "RSA+SHA256", 0x0401 },
		{ RSA_KEY, TLS1_2_VERSION, "RSA+SHA384", 0x0501 },
		{ RSA_KEY, TLS1_2_VERSION, "RSA+SHA512", 0x0601 },
		{ RSA_KEY, TLS1_2_VERSION, "RSA+SHA1", 0 },
		{ ED25519_KEY, TLS1_3_VERSION, "ed25519", 0x0807 },
		{ ED25519_KEY, TLS1_2_VERSION, "ed25519", 0x0807 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair p;
		open_pair_with(&p, cases[i].key, TLS_1_2, cases[i].version);
		assert_int_equal(SSL_set1_sigalgs_list(p.theirs, writable(cases[i].schemes)), 1);
		err e = shake(&p);
		check_err(cases[i].schemes, e, cases[i].want != 0 ? ERR_NONE : ERR_TLS);
		assert_int_equal(keys.asked, cases[i].want != 0);
		if (cases[i].want != 0) {
			assert_int_equal(keys.last.scheme, cases[i].want);
			assert_int_equal(keys.last.kind,
				cases[i].version == TLS1_3_VERSION ? TLS_CERTIFICATE_VERIFY : TLS_SERVER_KEY_EXCHANGE);
			assert_false(keys.last.by_client);
		}
		close_pair(&p);
	}
}

static void signs_for_every_group(void **state)
{
	static const struct {
		const char *group;
		uint16_t number;
	} cases[] = { { "X25519", 29 }, { "P-256", 23 }, { "P-384", 24 } };
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair p;
		/* With RSA, since the curve of a certificate must be one of the groups too (RFC 8422 5.1). */
		open_pair_with(&p, RSA_KEY, TLS_1_2, TLS1_2_VERSION);
		assert_int_equal(SSL_set1_groups_list(p.theirs, writable(cases[i].group)), 1);
		check_err(cases[i].group, shake(&p), ERR_NONE);
		assert_int_equal(keys.last.curve, cases[i].number);
		close_pair(&p);
	}
}

static void never_decrypts(void **state)
{
	struct pair p;
	(void)state;
	open_pair_with(&p, RSA_KEY, TLS_1_2, TLS1_2_VERSION);
	assert_int_equal(SSL_set_cipher_list(p.theirs, "kRSA"), 1);
	check_err("RSA key exchange", shake(&p), ERR_TLS);
	assert_int_equal(keys.asked, 0);
	close_pair(&p);
}

static void fails_when_the_signer_does(void **state)
{
	static const struct {
		enum err_code fails;
		const char *words;
	} cases[] = {
		{ ERR_CLOSED, "is not there" },
		{ ERR_TIMEOUT, "does not answer" },
		{ ERR_BUSY, "too much to do" },
		{ ERR_DENIED, "refused" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
			struct pair p;
			open_pair(&p, TLS_1_2, version);
			keys.fails = (err){ cases[i].fails };
			check_err("handshake", shake(&p), ERR_TLS);
			assert_non_null(strstr(tls_failure(p.ours), cases[i].words));
			close_pair(&p);
		}
}

static void shows_the_certificate_for_the_name(void **state)
{
	static const struct {
		const char *name;
		uint32_t want;
	} cases[] = {
		{ "mail.x.test", P256_KEY },
		{ "other.test", OTHER_NAME_KEY },
		{ "OTHER.test", OTHER_NAME_KEY },
		{ "a.more.test", OTHER_NAME_KEY },
		{ "a.b.more.test", P256_KEY },
		{ "elsewhere.test", P256_KEY },
		{ NULL, P256_KEY },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
			struct pair p;
			open_pair(&p, TLS_1_2, version);
			if (cases[i].name != NULL)
				SSL_set_tlsext_host_name(p.theirs, writable(cases[i].name));
			tls_server_free(&p.server); /* a connection goes on without it */
			check_err(cases[i].name, shake(&p), ERR_NONE);
			EVP_PKEY *shown = X509_get0_pubkey(SSL_get0_peer_certificate(p.theirs));
			assert_int_equal(EVP_PKEY_eq(shown, keys.keys[cases[i].want].pair), 1);
			close_pair(&p);
		}
}

/* ---- tickets ---- */

static SSL_SESSION *last_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(last_session);
	last_session = session;
	return 1;
}

/* One connection to a new server, with the session of the one before; whether that was taken up. */
static bool comes_again(int version)
{
	struct pair p;
	char byte;
	open_pair(&p, TLS_1_2, version);
	SSL_CTX_set_session_cache_mode(p.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p.context, keep_session);
	if (last_session != NULL)
		assert_int_equal(SSL_set_session(p.theirs, last_session), 1);
	check_err("handshake", shake(&p), ERR_NONE);
	bool reused = SSL_session_reused(p.theirs) == 1;
	assert_int_equal(keys.asked, !reused);
	assert_true(SSL_read(p.theirs, &byte, 1) <= 0); /* for the ticket of TLS 1.3 */
	if (version == TLS1_2_VERSION)
		keep_session(p.theirs, SSL_get1_session(p.theirs)); /* which is not told of when it is renewed */
	SSL_shutdown(p.theirs); /* a session that was cut off is not taken up again */
	close_pair(&p);
	return reused;
}

static void takes_tickets_for_two_periods(void **state)
{
	static const struct tls_ticket_key periods[] = { { { 1 }, { 1 }, { 1 } }, { { 2 }, { 2 }, { 2 } },
		{ { 3 }, { 3 }, { 3 } } };
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		tls_tickets_set(tickets, &periods[0], NULL);
		assert_false(comes_again(version));
		assert_true(comes_again(version));
		tls_tickets_set(tickets, &periods[1], &periods[0]);
		assert_true(comes_again(version)); /* and has one of the new period */
		tls_tickets_set(tickets, &periods[2], &periods[1]);
		assert_true(comes_again(version));
		tls_tickets_set(tickets, &periods[0], NULL);
		assert_false(comes_again(version));
		SSL_SESSION_free(last_session);
		last_session = NULL;
	}
}

/* ---- a signer that cannot wait ---- */

static unsigned pauses_wanted;

static err sign_later(void *to, uint32_t key, const struct tls_signed *what, struct buf *out)
{
	for (unsigned i = 0; i < pauses_wanted; i++)
		TRY(tls_pause());
	return local_sign(to, key, what, out);
}

static const struct tls_signer later = { sign_later, &keys };

static void open_pausing(struct pair *p, int version)
{
	const struct tls_identity id = { keys.keys[P256_KEY].certificate, P256_KEY };
	const struct tls_server_setup setup = { &id, 1, TLS_1_2, &later, tickets, true };
	const char *reason;
	open_pair(p, TLS_1_2, version);
	tls_free(&p->ours);
	tls_server_free(&p->server);
	check_err("server", tls_server_new(&setup, &p->server, &reason), ERR_NONE);
	p->ours = tls_accept(p->server, p->ends[0]);
}

static void waits_for_a_signature(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct pair p;
		pauses_wanted = 3;
		open_pausing(&p, version);
		assert_int_equal(SSL_do_handshake(p.theirs), -1);
		for (unsigned i = 0; i < pauses_wanted; i++) {
			check_err("paused", tls_handshake(p.ours), ERR_AGAIN);
			assert_int_equal(tls_wants(p.ours), 0);
		}
		check_err("the rest", shake(&p), ERR_NONE);
		close_pair(&p);
	}
	check_err("outside of a handshake", tls_pause(), ERR_STATE);
}

static void can_be_freed_while_it_waits(void **state)
{
	struct pair p;
	(void)state;
	pauses_wanted = 1;
	open_pausing(&p, TLS1_3_VERSION);
	assert_int_equal(SSL_do_handshake(p.theirs), -1);
	check_err("paused", tls_handshake(p.ours), ERR_AGAIN);
	keys.fails = FAIL(CLOSED);
	close_pair(&p);
	assert_int_equal(keys.asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_the_two_versions),
		cmocka_unit_test(carries_bytes_and_the_end),
		cmocka_unit_test(refuses_what_is_not_tls),
		cmocka_unit_test(refuses_what_is_no_identity),
		cmocka_unit_test(signs_with_every_key_and_scheme),
		cmocka_unit_test(signs_for_every_group),
		cmocka_unit_test(never_decrypts),
		cmocka_unit_test(fails_when_the_signer_does),
		cmocka_unit_test(shows_the_certificate_for_the_name),
		cmocka_unit_test(takes_tickets_for_two_periods),
		cmocka_unit_test(waits_for_a_signature),
		cmocka_unit_test(can_be_freed_while_it_waits),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
