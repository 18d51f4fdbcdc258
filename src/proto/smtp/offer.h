/* SPDX-License-Identifier: Apache-2.0 */
/* What a server offers in its answer to EHLO or LHLO, read by us as a client; the extensions that we use stand in
 * extension.def. RFC 5321 4.1.1.1. */
#pragma once
#include "base/str.h"

enum smtp_extension {
#define EXTENSION(name, keyword, source) SMTP_EXTENSION_##name,
#include "proto/smtp/extension.def"
#undef EXTENSION
	SMTP_EXTENSIONS
};

/* The mechanisms that we can use as a client. */
enum smtp_mechanism { SMTP_MECHANISM_PLAIN = 1 << 0, SMTP_MECHANISM_LOGIN = 1 << 1 };

struct smtp_offer {
	unsigned has;        /* 1 << SMTP_EXTENSION_... */
	uint64_t size_max;   /* octets of a message; 0: nothing said */
	unsigned mechanisms; /* enum smtp_mechanism */
	/* RFC 9422 3; 0: nothing said. */
	uint64_t messages_max, recipients_max;
};

static inline bool smtp_offers(const struct smtp_offer *o, enum smtp_extension which)
{
	return (o->has & 1u << which) != 0;
}

/* text is that of the reply, lines separated by LF; the first one is a greeting. What is not known or cannot be read is
 * passed over: a client works without it. */
void smtp_offer_read(str text, struct smtp_offer *out);
