/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/record.h"

const char *dns_type_name(uint64_t type)
{
	static const struct {
		uint64_t type;
		const char *name;
	} types[] = {
#define DNS_TYPE(name, number) { (number), #name },
#include "proto/dns/record.def"
#undef DNS_TYPE
	};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}
