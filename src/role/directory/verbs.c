/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/verbs.h"

#include "role/directory/role.h"

const struct admin_verb directory_verbs[] = {
#define VERB(words, function) { words, verb_##function },
#include "role/directory/verbs.def"
#undef VERB
	{ NULL, NULL },
};
