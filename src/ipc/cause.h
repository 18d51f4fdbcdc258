/* SPDX-License-Identifier: Apache-2.0 */
/* The words of queue_sender.def that both sides must mean alike. */
#pragma once
#include "base/str.h"

enum cause {
#define CAUSE(name, word) CAUSE_##name,
#include "ipc/cause.def"
#undef CAUSE
	CAUSES
};
_Static_assert(CAUSES <= 64, "the bound in queue_sender.def");

/* The word for logs; "none" for what is no cause. */
static inline str cause_word(uint64_t cause)
{
	static const str words[] = {
#define CAUSE(name, word) S(word),
#include "ipc/cause.def"
#undef CAUSE
	};
	return words[cause < CAUSES ? cause : CAUSE_none];
}

enum outcome_kind {
	OUTCOME_DELIVERED, /* the server said 2xx */
	OUTCOME_DEFERRED,  /* 4xx, or no answer: again later */
	OUTCOME_FAILED,    /* for good */
};

enum destination_state {
	DESTINATION_REACHABLE,   /* a server has greeted, and taken or refused a message */
	DESTINATION_UNREACHABLE, /* none of its servers can be talked to: wait, all of its mail */
	DESTINATION_BUSY,        /* it wants fewer connections, or a pause */
};
