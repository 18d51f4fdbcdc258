/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a record, from its wire form without compression (RFC 1035 3.3). */
#pragma once
#include "base/arena.h"
#include "proto/dns/record.h"

/* Reads one record's data to its last byte. Names lie in the arena, the data of TLSA are a view. ERR_SYNTAX: not as the type
 * has it, or a name of other characters than dns_name_parse() takes; ERR_LIMIT: longer than record.h allows; ERR_MEMORY. */
err dns_rdata_parse(enum dns_type type, str rdata, struct arena *a, struct dns_record *out);

/* Brings the records of one answer into an order that does not depend on the server's (MX: by preference), and takes
 * out what is there twice. Returns how many are left. */
size_t dns_records_sort(struct dns_record *records, size_t count);
