/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Type, Content-Disposition and their parameters (RFC 2045 5.1, RFC 2183 2, RFC 2231), and what else a part's
 * header says about its body. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* Parameters of one field that are read; the rest is dropped. */
enum { MIME_PARAMETERS_MAX = 100 };
/* Pieces of parameters in all (RFC 2231 3: name*0, name*1, ...) that are read. */
enum { MIME_PARAMETER_PIECES_MAX = 1000 };

struct mime_parameter {
	struct mime_parameter *next;
	str name;         /* as written; without the asterisks of RFC 2231 */
	str value;        /* without quotes */
	str written_name; /* for "name*=...": that name with its asterisk; else absent */
	str written;      /* and the value with charset and percent signs */
	str charset;      /* named by RFC 2231; else absent */
};

/* A field "value *(; name=value)". Absent strings have p == NULL. */
struct mime_content {
	str type, subtype; /* subtype is absent for Content-Disposition */
	struct mime_parameter *parameters;
};

enum mime_encoding {
	MIME_ENCODING_7BIT,
	MIME_ENCODING_8BIT,
	MIME_ENCODING_BINARY,
	MIME_ENCODING_QUOTED_PRINTABLE,
	MIME_ENCODING_BASE64,
	MIME_ENCODING_UNKNOWN,
	MIME_ENCODINGS,
};

/* ERR_SYNTAX: no type and subtype (no disposition), and out is untouched: the field is then as good as absent, or as
 * "text/plain" (RFC 2045 5.2). Parameters that cannot be read are left out. Strings stand in the arena; when that is
 * spent, some are missing, and the caller looks with arena_spent(). */
err mime_content_type(struct arena *a, str value, struct mime_content *out);
err mime_content_disposition(struct arena *a, str value, struct mime_content *out);

/* The value of that parameter; absent if there is none. */
str mime_parameter(const struct mime_content *content, str name);

/* The word of a Content-Transfer-Encoding field (RFC 2045 6.1), absent when it is not one word; and what it means.
 * The empty word and the absent one mean 7bit. */
str mime_encoding_name(struct arena *a, str value);
enum mime_encoding mime_encoding(str name);
