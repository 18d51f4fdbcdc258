/* SPDX-License-Identifier: Apache-2.0 */
/* Who a message says it is from. A submission must name its authors so that no two readers can understand different ones,
 * and all of them must belong to the account that submits. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

enum { AUTHORS_MAX = 50 };

/* Why a message is refused; status == NULL: it is not. Static memory. */
struct refusal {
	const char *status, *reason;
};

struct authors {
	str addresses[AUTHORS_MAX]; /* local@domain, of From and Sender; in the arena */
	size_t count;
};

/* The authors that a header names. It is all of the header, or as much as there is of it. */
struct refusal authors_read(str header, struct arena *a, struct authors *out);
