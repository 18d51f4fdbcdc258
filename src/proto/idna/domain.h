/* SPDX-License-Identifier: Apache-2.0 */
/* Domains beyond ASCII. They have one form in which they are compared, stored and looked up: with A-labels (RFC 6531 3.2). */
#pragma once
#include "base/buf.h"

enum { IDNA_DOMAIN_MAX = 255 };

/* Whether a domain has bytes beyond ASCII; one that has none is as the DNS has it. */
bool idna_needed(str domain);

/* Appends the domain with A-labels; one of ASCII as it is. Capitals, wide letters and accents that stand apart are mapped as
 * UTS 46 has it. On failure nothing is appended. ERR_SYNTAX: IDNA knows no such domain; ERR_LIMIT: too long, or no room. */
err idna_domain(str domain, struct buf *out);

/* The same of an address: of what stands behind its last "@"; of a text without one, of all of it. */
err idna_address(str address, struct buf *out);
