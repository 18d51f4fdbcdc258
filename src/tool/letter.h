/* SPDX-License-Identifier: Apache-2.0 */
/* What a local program hands to `sendmail` made into a message: the fields that are missing are added, names without a
 * domain are completed, and what is not for the recipients is left out. Nothing here reads or sends. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { LETTER_RECIPIENTS_MAX = 1000, LETTER_HEADER_MAX = 1 << 20 };

struct letter_wish {
	str sender;    /* who From names where the program did not */
	str full_name; /* the person's, or empty */
	str domain;    /* of names that have none */
	str unique;    /* for Message-ID */
	int64_t now;   /* UTC seconds, and the zone to write them in */
	int minutes_east;
	bool reads_recipients; /* -t: from To, Cc and Bcc, or from Resent-To and so on where these stand there */
};

struct letter {
	str header;      /* with the empty line; lines may end in LF alone */
	str body;        /* view of the input; the same */
	str *recipients; /* of the header, each with a domain; those that were given come with the call */
	size_t count;
	const char *wrong; /* after a failure: what, in words */
};

/* Results live in the arena, views as long as the input. ERR_SYNTAX: a field that names recipients cannot be understood;
 * ERR_LIMIT: the header is too long, or names too many; then only out->wrong is set. */
err letter_make(str input, const struct letter_wish *wish, struct arena *a, struct letter *out);

/* An address as a user may type it: with the domain where it has none. NO_STR: the arena is spent. */
str letter_complete(str address, str domain, struct arena *a);
