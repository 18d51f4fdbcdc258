/* SPDX-License-Identifier: Apache-2.0 */
/* What the TLSA records of a mail server demand. RFC 6698, RFC 7671, RFC 7672. Whether a certificate fits them is OpenSSL's
 * to say (tls/client.h). */
#pragma once
#include "base/str.h"

/* How far an answer of the DNS can be believed. FAILED: no answer (server failure, time over); nobody knows then whether
 * there are records. */
enum evidence { EVIDENCE_INSECURE, EVIDENCE_SECURE, EVIDENCE_BOGUS, EVIDENCE_FAILED };

struct tlsa_record {
	uint8_t usage, selector, matching;
	str data;
};

/* Usages 2 and 3 only (RFC 7672 3.1.3), a selector and a matching type that exist, and data of the length that goes with
 * them. */
bool tlsa_is_usable(const struct tlsa_record *r);
/* Moves the usable records to the front and tells how many there are. */
size_t tlsa_select(struct tlsa_record *records, size_t count);

enum dane_demand {
	DANE_SILENT,  /* there is no DANE here: other policies decide */
	DANE_ENCRYPT, /* records, but none is usable: TLS is needed, nobody can be verified (RFC 7672 2.2) */
	DANE_VERIFY,  /* the certificate must fit a usable record */
	DANE_AVOID,   /* an attack, or the DNS is ill: do not use this host now (RFC 7672 2.2) */
};

/* addresses: of the A and AAAA records of the host, aliases included; records: of the TLSA record set; is it empty, all
 * and usable are 0. Where the addresses are insecure there is nobody to ask for records (RFC 7672 2.2.2). */
enum dane_demand dane_demand(enum evidence addresses, enum evidence records, size_t all, size_t usable);
