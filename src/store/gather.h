/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite writes a transaction into its log as a header of 24 bytes and a page, again and again, each with a call of its own.
 * Here they are gathered and written with one call, in the same order and before SQLite takes the transaction for
 * committed: the frame that ends it is known by its header. A checkpoint writes page after page into the database, in the order of
 * their numbers; those that follow one another are gathered, too, until it ends. */
#pragma once
#include "base/err.h"

#include <sqlite3.h>

/* Of one file. Zero is empty. Used by the thread that uses the connection. */
struct gather {
	char *bytes;        /* from sqlite3_malloc; kept from one transaction to the next */
	int count;          /* bytes that are not yet in the file */
	bool is_last;       /* the page that comes next ends a transaction */
	sqlite3_int64 at;   /* where the first of them belongs */
	sqlite3_int64 tail; /* where the write before this one ended */
};

/* As xWrite of the real file. What fails to be written stays gathered: no transaction is committed without it. */
int gather_write(struct gather *g, sqlite3_file *real, const void *p, int n, sqlite3_int64 at);
/* The same for pages of a database, from the beginning of a checkpoint to its end. SQLite syncs the file before it takes a
 * page for moved, and that begins with a flush: so what could not be written is known in time. */
int gather_page(struct gather *g, sqlite3_file *real, const void *p, int n, sqlite3_int64 at);
/* Before anything else is done with the file. */
int gather_flush(struct gather *g, sqlite3_file *real);
/* Before it is read from there. */
int gather_flush_for(struct gather *g, sqlite3_file *real, sqlite3_int64 at, int n);
/* What is gathered belongs to no committed transaction; it is forgotten with the memory. */
void gather_free(struct gather *g);
