/* SPDX-License-Identifier: Apache-2.0 */
#include "os/peer.h"

#include <netinet/in.h>

err peer_of(const struct sockaddr_storage *from, struct address *address, unsigned *port)
{
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
		memcpy(address->bytes, &six->sin6_addr, 16);
		*port = ntohs(six->sin6_port);
		return OK;
	}
	if (from->ss_family != AF_INET)
		return FAIL(UNSUPPORTED);
	const struct sockaddr_in *four = (const struct sockaddr_in *)from;
	*address = (struct address){ { [10] = 0xff, [11] = 0xff } };
	memcpy(address->bytes + 12, &four->sin_addr, 4);
	*port = ntohs(four->sin_port);
	return OK;
}

err peer_of_socket(int fd, struct address *address, unsigned *port)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof from;
	if (getpeername(fd, (struct sockaddr *)&from, &length) != 0)
		return FAIL(UNSUPPORTED);
	return peer_of(&from, address, port);
}
