/* SPDX-License-Identifier: Apache-2.0 */
/* To whom an account has written before: a hash of each address, which tells nobody the address. */
#pragma once
#include "store/directory/directory.h"

struct directory_correspondent {
	uint32_t account;
	int64_t hash;
};

struct directory_correspondent directory_correspondent(uint32_t account, str address);
err directory_knows(struct directory *d, const struct directory_correspondent *c, bool *knows);
/* In one transaction. */
err directory_meet(struct directory *d, const struct directory_correspondent *list, size_t count);
