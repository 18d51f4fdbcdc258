/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#pragma once
#include "store/spool/spool.h"
#include "store/sql.h"

enum {
#define OPERATION(name, text) SPOOL_##name,
#include "store/spool/operations.def"
#undef OPERATION
	SPOOL_OPERATIONS
};

enum { SPOOL_MESSAGE_COLUMNS = 11 };
enum { ADDRESS_MAX = 320, DETAIL_MAX = 64, ORCPT_MAX = 500, ENVID_MAX = 100, DOMAIN_MAX = 255, REASON_MAX = 400 };

extern const struct sql_store spool_store;

struct spool {
	struct sql *sql;
	int64_t next;  /* id of the next message */
	int64_t first; /* what has a lower id was known before this file was opened */
	bool has_room; /* on the disk, for a long log */
	int64_t frame; /* bytes of a page in the log */
	int64_t due;   /* when the next deferred delivery is, at the earliest */
	struct arena *arena;
};

/* A spool on another file, for reading what is left in it. ERR_DAMAGED. */
err spool_open_old(const char *name, struct spool **out);
/* A column; false: it is not what it should be. */
bool spool_read_text(struct sql_statement *st, int column, size_t longest, str *out);
bool spool_read_number(struct sql_statement *st, int column, uint64_t highest, uint64_t *out);
/* The row of a statement that begins with the columns of a message. ERR_DAMAGED: not what a message looks like. */
err spool_read_message(struct sql_statement *st, struct spool_message *out);
/* The first message of a statement that was given its values, its strings in the arena. ERR_ABSENT. */
err spool_one_message(struct sql_statement *st, struct arena *a, struct spool_message *out);
/* The columns of a recipient, from a column on. ERR_DAMAGED. */
err spool_read_recipient(struct sql_statement *st, int from, struct spool_recipient *out);
/* Reads from the table when the next deferred delivery is due. */
err spool_find_due(struct spool *spool);
