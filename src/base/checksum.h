/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (RFC 9260 A): finds what a disk or a fault of memory made of bytes. No protection against somebody who
 * changes them on purpose, since he can change the sum as well. */
#pragma once
#include "base/str.h"

/* The sum of bytes that came in pieces: begin with 0, give each result to the next call. */
uint32_t checksum_add(uint32_t sum, str bytes);
/* The same without the processor's instruction for it: for its test. */
uint32_t checksum_add_by_tables(uint32_t sum, str bytes);
