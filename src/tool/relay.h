/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* Carries bytes between a connection, which it owns, and standard input and output, until the server has ended. False: it
 * broke off. */
bool relay_bytes(int fd);
