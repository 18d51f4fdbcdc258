/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to one GET over a connection that ends with it (RFC 9112). Only what is needed to have the body or to know that
 * there is none; nothing is followed, stored or decoded but the framing. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct http_response {
	unsigned status; /* 100..599 */
	str media_type;  /* "text/plain", without parameters; empty where none is named */
	str body;
};

/* whole: all bytes that have come so far; ended: no more will. Views of whole, but for a body in chunks, which is joined in the
 * arena.
 *   ERR_AGAIN   it is not complete yet
 *   ERR_SYNTAX  it is no such answer, or was cut off
 *   ERR_MEMORY */
err http_response_parse(str whole, bool ended, struct arena *a, struct http_response *out);
