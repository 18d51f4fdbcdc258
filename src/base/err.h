/* SPDX-License-Identifier: Apache-2.0 */
/* Failure is its own type: a function that can fail returns err, which the compiler neither takes for a truth value
 * nor lets go unread. The kinds of failure stand in err.def. */
#pragma once
#include <stdbool.h>

#if defined(__clang__)
#define MUST_USE __attribute__((warn_unused_result))
#elif !defined(MUST_USE)
#define MUST_USE [[nodiscard]]
#endif

enum err_code {
#define ERR(name, fault, text) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_CODES
};

enum err_fault { ERR_FAULT_NOBODY, ERR_FAULT_PEER, ERR_FAULT_US };

typedef struct MUST_USE err {
	enum err_code code;
} err;

#define OK ((err){ ERR_NONE })
#define FAIL(name) ((err){ ERR_##name })
/* Leaves the calling function with the failure, if there is one. */
#define TRY(expr)                    \
	do {                         \
		err try_ = (expr);   \
		if (failed(try_))    \
			return try_; \
	} while (0)
/* For the rare place where a failure changes nothing; the reason belongs beside it. */
#define IGNORE(expr)                   \
	do {                           \
		err ignored_ = (expr); \
		(void)ignored_;        \
	} while (0)

static inline bool failed(err e) { return e.code != ERR_NONE; }

/* A short English sentence for logs; never shown to a peer. Static memory. */
const char *err_text(err e);

enum err_fault err_fault(err e);
