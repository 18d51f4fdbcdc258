/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a connection: what the kernel says, not what anybody claims. */
#pragma once
#include <sys/socket.h>

#include "base/address.h"

/* From accept4() or getpeername(). ERR_UNSUPPORTED: not an IP connection; then nothing is changed. */
err peer_of(const struct sockaddr_storage *from, struct address *address, unsigned *port);
/* Asks about an open socket. ERR_UNSUPPORTED as above or not connected. */
err peer_of_socket(int fd, struct address *address, unsigned *port);
