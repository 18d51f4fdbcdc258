/* SPDX-License-Identifier: Apache-2.0 */
/* ID (RFC 2971 3.1): what a program says about itself, for logs and statistics and for no decision. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum { IMAP_ID_FIELDS_MAX = 30, IMAP_ID_NAME_MAX = 30, IMAP_ID_VALUE_MAX = 1024 }; /* RFC 2971 3.3 */

struct imap_id_field {
	str name, value; /* value.p NULL: NIL */
};

struct imap_id {
	const struct imap_id_field *fields;
	size_t count; /* 0: NIL or an empty list */
};

err imap_id_parse(struct cur *c, struct arena *a, struct imap_id *out);

/* The value of a field, named in any case; NO_STR when it was not sent. */
str imap_id_value(const struct imap_id *id, str name);

/* The list of an ID response, or NIL. */
void imap_write_id(struct buf *b, const struct imap_id *id);
