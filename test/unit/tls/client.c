/* SPDX-License-Identifier: Apache-2.0 */
/* A client finds out to whom it talks. */
#include "tls/client.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "os/fd.h"
#include "tool/certificate.h"

enum { PEM_MAX = 8192, STEPS = 100 };

struct identity {
	char certificate_room[PEM_MAX], key_room[PEM_MAX];
	str certificate, key;
};
static struct identity ours, others;

static str read_file(int folder, const char *name, char *room)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, room, PEM_MAX) : -1;
	fd_close(&fd);
	assert_true(n > 0 && n < PEM_MAX);
	unlinkat(folder, name, 0);
	return str_from(room, (size_t)n);
}

static void make_identity(struct identity *id, const char *hostname)
{
	char path[] = "/tmp/siegel-tls-XXXXXX", room[300];
	struct buf reason = BUF_ON(room);
	assert_non_null(mkdtemp(path));
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_err(hostname, certificate_make(folder, hostname, &reason), ERR_NONE);
	id->certificate = read_file(folder, "tls.crt", id->certificate_room);
	id->key = read_file(folder, "tls.key", id->key_room);
	fd_close(&folder);
	assert_int_equal(rmdir(path), 0);
}

static int make_identities(void **state)
{
	(void)state;
	tls_prepare();
	make_identity(&ours, "mail.example.test");
	make_identity(&others, "mail.example.test");
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

static err meet(const struct identity *shown, str trusted, const char *hostname)
{
	struct tls_server *server;
	struct tls_client *client;
	const char *reason;
	int ends[2];
	check_err("server", tls_server_new(shown->certificate, shown->key, TLS_1_2, &server, &reason), ERR_NONE);
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
	check_err("the right one", meet(&ours, ours.certificate, "mail.example.test"), ERR_NONE);
	check_err("case of names does not matter", meet(&ours, ours.certificate, "MAIL.Example.Test"), ERR_NONE);
	check_err("another name", meet(&ours, ours.certificate, "mail.example.org"), ERR_TLS);
	check_err("a part of the name", meet(&ours, ours.certificate, "example.test"), ERR_TLS);
	check_err("the name, but another certificate", meet(&others, ours.certificate, "mail.example.test"), ERR_TLS);
}

static void test_nobody_is_trusted_by_accident(void **state)
{
	struct tls_client *client = NULL;
	(void)state;
	check_err("nothing", tls_client_new(S(""), TLS_1_2, &client), ERR_SYNTAX);
	check_err("no certificate", tls_client_new(S("hello\n"), TLS_1_2, &client), ERR_SYNTAX);
	check_err("a key", tls_client_new(ours.key, TLS_1_2, &client), ERR_SYNTAX);
	assert_null(client);
	tls_client_free(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_there),
		cmocka_unit_test(test_nobody_is_trusted_by_accident),
	};
	return cmocka_run_group_tests(tests, make_identities, NULL);
}
