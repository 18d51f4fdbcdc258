/* SPDX-License-Identifier: Apache-2.0 */
/* Flags and keywords (RFC 3501 2.3.2). System flags are bits, keywords their names. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum imap_flag {
#define IMAP_FLAG(name, bit, text, settable) IMAP_FLAG_##name = 1 << (bit),
#include "proto/imap/flag.def"
#undef IMAP_FLAG
};

enum {
	IMAP_KEYWORDS_MAX = 100,  /* in one command */
	IMAP_KEYWORD_LENGTH = 64, /* bytes of one */
};

struct imap_flags {
	unsigned system; /* a set of enum imap_flag */
	const str *keywords;
	size_t count; /* each once, whatever its case; the first spelling counts */
};

/* flag-list = "(" [flag *(SP flag)] ")". \Recent and flags that begin with a backslash but are not ours fail: a client
 * cannot set them (RFC 3501 2.3.2). */
struct imap_flags imap_flag_list(struct cur *c, struct arena *a);
/* The same, or at least one flag without the parentheses, as STORE has it. */
struct imap_flags imap_flags(struct cur *c, struct arena *a);

/* A keyword as SEARCH has it: an atom of at most IMAP_KEYWORD_LENGTH bytes. */
str imap_keyword(struct cur *c);

/* "(\Seen $Forwarded)" */
void imap_write_flags(struct buf *b, struct imap_flags flags);
/* The same with "\*" behind, for PERMANENTFLAGS of a mailbox that takes new keywords (RFC 3501 7.1). */
void imap_write_permanent_flags(struct buf *b, struct imap_flags flags, bool takes_new);
