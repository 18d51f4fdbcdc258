/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/dane.h"

enum { USAGE_TRUST_ANCHOR = 2, USAGE_END_ENTITY = 3, SELECTOR_CERTIFICATE = 0, SELECTOR_KEY = 1 };
enum { FULL_MAX = 4096 }; /* what the resolver passes on */

/* RFC 6698 2.1.3; 0: anything that is there. */
static const size_t lengths[] = { [0] = 0, [1] = 32, [2] = 64 };

bool tlsa_is_usable(const struct tlsa_record *r)
{
	if (r->usage != USAGE_TRUST_ANCHOR && r->usage != USAGE_END_ENTITY)
		return false;
	if (r->selector != SELECTOR_CERTIFICATE && r->selector != SELECTOR_KEY)
		return false;
	if (r->matching >= sizeof lengths / sizeof *lengths)
		return false;
	return r->matching == 0 ? r->data.n > 0 && r->data.n <= FULL_MAX : r->data.n == lengths[r->matching];
}

size_t tlsa_select(struct tlsa_record *records, size_t count)
{
	size_t usable = 0;
	for (size_t i = 0; i < count; i++) {
		if (!tlsa_is_usable(&records[i]))
			continue;
		struct tlsa_record r = records[usable];
		records[usable++] = records[i];
		records[i] = r;
	}
	return usable;
}

enum dane_demand dane_demand(enum evidence addresses, enum evidence records, size_t all, size_t usable)
{
	if (addresses == EVIDENCE_BOGUS || addresses == EVIDENCE_FAILED)
		return DANE_AVOID;
	if (addresses == EVIDENCE_INSECURE)
		return DANE_SILENT;
	/* RFC 7672 2.1.1: with secure addresses a lookup that fails is one that somebody may have suppressed. */
	if (records == EVIDENCE_BOGUS || records == EVIDENCE_FAILED)
		return DANE_AVOID;
	if (records == EVIDENCE_INSECURE || all == 0)
		return DANE_SILENT;
	return usable > 0 ? DANE_VERIFY : DANE_ENCRYPT;
}
