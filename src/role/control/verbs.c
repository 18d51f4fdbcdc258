/* SPDX-License-Identifier: Apache-2.0 */
#include "role/control/control.h"

static const struct verb verbs[] = {
#define VERB(verb, role, who) { verb, #role, who },
#include "role/control/verbs.def"
#undef VERB
};

const struct verb *verb_find(str verb)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (str_eq(verb, str_of(verbs[i].verb)))
			return &verbs[i];
	return NULL;
}
