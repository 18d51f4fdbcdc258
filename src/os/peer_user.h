/* SPDX-License-Identifier: Apache-2.0 */
/* Which user of this machine is at the other end of a local connection: what the kernel noted when it was made. */
#pragma once
#include <sys/types.h>

#include "base/err.h"

/* ERR_UNSUPPORTED: not a local connection, or one that no listener accepted: a listener itself, or a pair of sockets that a
 * process made for itself, which has no name, and no role can give it one. */
err peer_user_of_socket(int fd, uid_t *user);
