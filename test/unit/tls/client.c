/* SPDX-License-Identifier: Apache-2.0 */
/* A client finds out to whom it talks. */
#include "local_signer.h"

#include <sys/socket.h>

#include "os/fd.h"
#include "tls/client.h"

enum { STEPS = 100, OURS = 0, OTHERS = 1 };

static struct local_signer keys;
static const struct tls_signer signer = { local_sign, &keys };
static struct tls_tickets *tickets;

static int make_identities(void **state)
{
	(void)state;
	tls_prepare();
	tickets = tls_tickets_new();
	local_key_make(&keys.keys[OURS], EVP_EC_gen("P-256"), "DNS:mail.example.test");
	local_key_make(&keys.keys[OTHERS], EVP_EC_gen("P-256"), "DNS:mail.example.test");
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	local_signer_free(&keys);
	return 0;
}

/* Both sides in turn until the client knows. */
static err shake_hands(struct tls *client, struct tls *server)
{
	for (int i = 0; i < STEPS; i++) {
		err e = tls_handshake(client);
		if (e.code != ERR_AGAIN)
			return e;
		IGNORE(tls_handshake(server)); /* the client is looked at */
	}
	return FAIL(TIMEOUT);
}

static err meet(uint32_t shown, str trusted, const char *hostname)
{
	const struct tls_identity id = { keys.keys[shown].certificate, shown };
	const struct tls_server_setup setup = { &id, 1, TLS_1_2, &signer, tickets, false };
	struct tls_server *server;
	struct tls_client *client;
	const char *reason;
	int ends[2];
	check_err("server", tls_server_new(&setup, &server, &reason), ERR_NONE);
	check_err("client", tls_client_new(trusted, TLS_1_2, &client), ERR_NONE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	struct tls *c = tls_connect(client, ends[0], hostname), *s = tls_accept(server, ends[1]);
	err e = shake_hands(c, s);
	if (e.code == ERR_TLS)
		assert_string_not_equal(tls_failure(c), "no reason given");
	tls_free(&c);
	tls_free(&s);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	tls_client_free(&client);
	tls_server_free(&server);
	return e;
}

static void test_who_is_there(void **state)
{
	(void)state;
	const str ours = keys.keys[OURS].certificate;
	check_err("the right one", meet(OURS, ours, "mail.example.test"), ERR_NONE);
	check_err("case of names does not matter", meet(OURS, ours, "MAIL.Example.Test"), ERR_NONE);
	check_err("another name", meet(OURS, ours, "mail.example.org"), ERR_TLS);
	check_err("a part of the name", meet(OURS, ours, "example.test"), ERR_TLS);
	check_err("the name, but another certificate", meet(OTHERS, ours, "mail.example.test"), ERR_TLS);
}

static void test_nobody_is_trusted_by_accident(void **state)
{
	struct tls_client *client = NULL;
	(void)state;
	check_err("nothing", tls_client_new(S(""), TLS_1_2, &client), ERR_SYNTAX);
	check_err("no certificate", tls_client_new(S("hello\n"), TLS_1_2, &client), ERR_SYNTAX);
	assert_null(client);
	tls_client_free(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_there),
		cmocka_unit_test(test_nobody_is_trusted_by_accident),
	};
	return cmocka_run_group_tests(tests, make_identities, free_identities);
}
