/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the DNS as everybody but `resolver` sees them: checked, typed, bounded. */
#pragma once
#include "base/address.h"
#include "base/str.h"

enum dns_type {
#define DNS_TYPE(name, number) DNS_##name = (number),
#include "proto/dns/record.def"
#undef DNS_TYPE
};

enum {
	DNS_NAME_MAX = 253,     /* characters: labels and dots, no dot at the end (RFC 1035 2.3.4) */
	DNS_RECORDS_MAX = 100,  /* of one answer; of more the most preferred MX, otherwise the first in order */
	DNS_TEXT_MAX = 8192,    /* bytes of one TXT record, its strings joined */
	DNS_TLSA_MAX = 4096,    /* bytes of the data of one TLSA record: a whole certificate fits */
	DNS_ANSWER_MAX = 48000, /* bytes of all records of one answer */
	DNS_TTL_MAX = 604800,
};

struct dns_tlsa {
	uint8_t usage, selector, matching;
	str data;
};

/* Names are in lower case, without a dot at the end, made of letters, digits and -_/ only. Which members are set is a
 * matter of the type asked for. */
struct dns_record {
	uint16_t preference;    /* MX */
	str name;               /* MX: the host, empty for the root ("null MX", RFC 7505 3); CNAME, PTR */
	struct address address; /* A, AAAA */
	struct dns_tlsa tlsa;
	str text; /* TXT: any bytes */
};

/* "MX"; NULL: not one of them. */
const char *dns_type_name(uint64_t type);
