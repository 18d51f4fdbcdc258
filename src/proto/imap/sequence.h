/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of message numbers or UIDs: "2,4:7,9,12:*" (RFC 3501 9, sequence-set). "$" of RFC 5182 is refused. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum {
	IMAP_RANGES_MAX = 16384, /* in one set; a line of IMAP_LINE_MAX holds more only when it is hostile */
	IMAP_STAR = 0,           /* "*" as the end of a range; no message has that number */
};

/* After parsing: as written, either end may be IMAP_STAR, and first may be above last.
 * After imap_sequence_resolve: first <= last, ascending, neither touching nor overlapping. */
struct imap_range {
	uint32_t first, last;
};

struct imap_sequence {
	struct imap_range *ranges; /* in the arena */
	size_t count;
};

/* Reads a set and leaves what follows it. Nothing is returned after a failure. */
struct imap_sequence imap_sequence(struct cur *c, struct arena *a);

/* Puts the largest number in use in the place of "*", sorts and merges. star 0: the mailbox is empty, and what needed
 * the star falls away. The ranges may reach above star, for UIDs may be asked for that do not exist; message numbers
 * above star are the client's mistake (RFC 3501 9, seq-number), which imap_sequence_highest shows. */
void imap_sequence_resolve(struct imap_sequence *set, uint32_t star);
/* Of a resolved set; 0 when it is empty. */
uint32_t imap_sequence_highest(const struct imap_sequence *set);
/* Whether n is in a resolved set; the time grows with the logarithm of its ranges. */
bool imap_sequence_has(const struct imap_sequence *set, uint32_t n);

/* Writes ascending numbers as ranges, one at a time, so that a long set needs no array and the buffer may be emptied
 * between two of them. Begin with a zeroed struct; nothing is written for an empty set, which the grammar has no form
 * for. */
struct imap_sequence_writer {
	uint32_t first, last; /* the range not yet written; 0: none */
	bool has_written;
};
void imap_write_sequence_add(struct buf *b, struct imap_sequence_writer *w, uint32_t n);
void imap_write_sequence_end(struct buf *b, struct imap_sequence_writer *w);
/* The same for an array of ascending numbers. */
void imap_write_sequence(struct buf *b, const uint32_t *numbers, size_t count);
