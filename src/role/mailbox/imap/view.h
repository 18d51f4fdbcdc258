/* SPDX-License-Identifier: Apache-2.0 */
/* What a session knows of its selected mailbox: which message has which number. It changes only when the client is told. */
#pragma once
#include "base/arena.h"
#include "os/io.h"
#include "proto/imap/flag.h"
#include "proto/imap/sequence.h"
#include "store/account_folder.h"

struct imap_session;

struct view_entry {
	uint32_t uid;
	uint32_t is_recent;
};

struct view {
	struct folder *folder; /* NULL: nothing is selected */
	bool is_read_only;
	struct arena *arena; /* of entries, which grow */
	struct view_entry *entries;
	uint32_t count, room; /* message n is entries[n - 1] */
	uint32_t recent;
	uint32_t uid_next;   /* when it was selected: above all that the client then knew of */
	bool has_hidden;     /* messages are gone that the client was not told of */
	uint64_t version;    /* of the folder, as told */
	uint64_t modseq;     /* changes of flags up to here are told */
	struct arena *names; /* of keywords */
	str keywords[FOLDER_KEYWORDS_MAX];
	unsigned keywords_version;
	struct folder_watch watch;
};

/* Selects, without a word to the client; unselects before. ERR_ABSENT, and the store's failures: nothing is selected. */
err view_open(struct imap_session *s, str name, bool is_read_only);
void view_close(struct view *v);

/* Tells the client what has changed. With expunges it learns which messages are gone; otherwise they keep their numbers.
 * ERR_MEMORY: the mailbox is too large for this process. */
err view_tell(struct imap_session *s, bool with_expunges);
/* FLAGS and PERMANENTFLAGS. */
err view_tell_flags(struct imap_session *s);

/* The name list of a message's flags, "(\Seen)". */
void view_write_flags(const struct view *v, struct buf *b, const struct message *m, bool is_recent);

/* Walks over a set, in ascending order, without ever holding all of it. */
struct view_walk {
	const struct view *view;
	struct imap_sequence set;
	size_t range;
	uint32_t at; /* the next message number, or 0: at the beginning of the range */
	bool by_uid;
};
/* ERR_SYNTAX: a message number that does not exist (RFC 3501 9, seq-number). */
err view_walk(const struct view *v, struct imap_sequence *set, bool by_uid, struct view_walk *out);
/* The next message numbers, at most room. 0: that was all. */
size_t view_walk_next(struct view_walk *w, uint32_t *numbers, size_t room);
/* All UIDs of a set, in an arena of its own, which the caller frees. */
err view_uids(
	struct view *v, struct imap_sequence *set, bool by_uid, struct arena **arena, uint32_t **uids, size_t *count);
