/* SPDX-License-Identifier: Apache-2.0 */
#include "os/peer_user.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Of a listener SO_PEERCRED tells who called listen(): the supervisor. */
static bool is_listener(int fd)
{
	int listens = 1;
	socklen_t size = sizeof listens;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens != 0;
}

err peer_user_of_socket(int fd, uid_t *user)
{
	struct sockaddr_un own = { .sun_family = AF_UNSPEC };
	struct ucred who;
	socklen_t length = sizeof own, size = sizeof who;
	if (is_listener(fd) || getsockname(fd, (struct sockaddr *)&own, &length) != 0 || own.sun_family != AF_UNIX ||
		length <= sizeof own.sun_family || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 ||
		who.uid == (uid_t)-1)
		return FAIL(UNSUPPORTED);
	*user = who.uid;
	return OK;
}
