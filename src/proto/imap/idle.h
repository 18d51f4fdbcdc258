/* SPDX-License-Identifier: Apache-2.0 */
/* IDLE (RFC 2177 3) takes no arguments and ends with a line of its own. */
#pragma once
#include "base/str.h"

/* Whether a line without its CRLF ends IDLE: DONE, in any case. */
static inline bool imap_is_done(str line) { return str_eq_nocase(line, S("DONE")); }
