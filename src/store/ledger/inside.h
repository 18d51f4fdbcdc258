/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#pragma once
#include "store/ledger/ledger.h"
#include "store/ledger/schema.h"

enum { LEDGER_ID_ROOM = 33, LEDGER_TEXT_ROOM = 30000 };

struct ledger {
	struct arena *arena; /* which holds it */
	struct sql *sql;
	int64_t expired; /* the day on which old results were removed the last time */
	uint64_t kinds;  /* of failures, in all */
	bool counted;    /* those are known */
	char id[LEDGER_ID_ROOM], patterns[LEDGER_TEXT_ROOM];
};

/* Moves the log when it has become long. */
err ledger_tidy(struct ledger *l);
