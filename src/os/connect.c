/* SPDX-License-Identifier: Apache-2.0 */
#include "os/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "os/fd.h"

int connect_begin(const struct address *a, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool is_v4 = address_is_v4(a);
	memcpy(&v4.sin_addr, a->bytes + 12, 4);
	memcpy(&v6.sin6_addr, a->bytes, 16);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr *to = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
	if (fd >= 0 && (connect(fd, to, is_v4 ? sizeof v4 : sizeof v6) == 0 || errno == EINPROGRESS))
		return fd;
	int reason = errno;
	fd_close(&fd);
	errno = reason;
	return -1;
}
