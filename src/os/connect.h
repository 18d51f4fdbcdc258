/* SPDX-License-Identifier: Apache-2.0 */
/* The first step of a connection to another machine. */
#pragma once
#include "base/address.h"

/* A TCP socket that does not wait, and is connected or on its way: it can be written to when it is, SO_ERROR tells what became
 * of it. The caller closes it. -1: at once in vain, and errno says why. */
int connect_begin(const struct address *a, uint16_t port);
