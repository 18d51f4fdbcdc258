/* SPDX-License-Identifier: Apache-2.0 */
/* Only a connection that a listener accepted has a user at its other end. */
#include "check.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/peer_user.h"

static void local_test(void **state)
{
	char folder[] = "/tmp/peer-user-XXXXXX";
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	uid_t user = 0;
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", folder);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
	check_err("bound only", peer_user_of_socket(listener, &user), ERR_UNSUPPORTED);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
	int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	check_err("accepted", peer_user_of_socket(accepted, &user), ERR_NONE);
	assert_int_equal(user, geteuid());
	check_err("listener", peer_user_of_socket(listener, &user), ERR_UNSUPPORTED);
	check_err("client", peer_user_of_socket(client, &user), ERR_UNSUPPORTED);
	close(listener);
	close(client);
	close(accepted);
	unlink(name.sun_path);
	rmdir(folder);
}

static void other_test(void **state)
{
	int pair[2], tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uid_t user = 0;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	check_err("pair", peer_user_of_socket(pair[0], &user), ERR_UNSUPPORTED);
	check_err("TCP", peer_user_of_socket(tcp, &user), ERR_UNSUPPORTED);
	check_err("closed", peer_user_of_socket(-1, &user), ERR_UNSUPPORTED);
	close(tcp);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(local_test), cmocka_unit_test(other_test) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
