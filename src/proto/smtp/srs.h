/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that forwarded mail leaves with, and those that a person who is asked for consent answers to. The first look
 * as the Sender Rewriting Scheme has them (Wong 2003; there is no RFC):
 *
 *     SRS0= signature forward "=" day "=" domain "=" local     @one of our domains
 *     FWD0= signature forward "=" day                          @one of our domains
 *
 * Signature, number of the forward and day are written in base32; the day counts from 1970, modulo 1024. Other forwarders
 * need to know no more than the beginning. Servers on the way may change the case of a local part, so nothing depends on it. */
#pragma once
#include "base/buf.h"

enum {
	SRS_SIGNATURE = 8,      /* letters: 40 bits */
	SRS_SIGNATURE_BYTES = 5,
	SRS_DAYS = 1024,
	SRS_SIGNED_MAX = 1200, /* bytes of what is signed */
};

enum srs_kind {
	SRS_RETURN,  /* what could not be delivered comes back to it */
	SRS_CONSENT, /* who answers to it agrees to get mail */
};

struct srs {
	enum srs_kind kind;
	str signature; /* as it was written; of srs_parse() */
	uint32_t forward;
	unsigned day; /* below SRS_DAYS */
	str sender;   /* SRS_RETURN: "domain=local", see srs_sender() */
};

/* Reads the local part of an address. ERR_SYNTAX: it is not of this form, and perhaps somebody's name. Views of local. */
err srs_parse(str local, struct srs *out);

/* "domain=local" of an address as an SRS local part can hold it; where that would be too long, or has characters that need
 * quotes, the words "other=sender": nothing is ever sent back to it. forward: the number that stands beside it. */
void srs_sender(str address, uint32_t forward, struct buf *out);

/* What is signed: all that the address says, in lower case, and what it belongs to. */
void srs_signed(const struct srs *s, str belongs_to, struct buf *out);

/* The local part, at most 64 bytes (RFC 5321 4.5.3.1.1). */
void srs_write(const struct srs *s, const uint8_t signature[SRS_SIGNATURE_BYTES], struct buf *out);

/* The letters of a signature, in upper case. */
void srs_signature(const uint8_t signature[SRS_SIGNATURE_BYTES], char out[SRS_SIGNATURE]);

/* The day of a time, milliseconds UTC; and whether a day lies at most so many days before it, or one after it, since the
 * clocks of a day's end differ. */
unsigned srs_day(int64_t utc_ms);
bool srs_is_current(unsigned day, int64_t utc_ms, unsigned most);
