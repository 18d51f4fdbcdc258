/* SPDX-License-Identifier: Apache-2.0 */
/* What `siegel queue` prints and changes: JSON lines of the messages that fit, made page by page in the writer. Refusals are
 * sentences for the administrator, NULL when there is none. */
#pragma once
#include "base/json.h"
#include "store/spool/spool.h"

struct listing_line {
	struct listing_line *next;
	str json;
};

/* A domain of other servers that the message shown waits for. */
struct listing_domain {
	struct listing_domain *next;
	str domain;
};

enum listing_change { CHANGE_NOTHING, CHANGE_HOLD, CHANGE_RELEASE, CHANGE_RETRY, CHANGE_DELETE };

/* A recipient that was changed, of which memory may know. */
struct listing_changed {
	struct listing_changed *next;
	uint8_t number[SPOOL_NUMBER];
	unsigned position;
	uint32_t account;
	str domain;
	bool removes_file; /* the message went with it, its file is to go after the commit */
};

struct listing {
	struct arena *words; /* the caller's: lives as long as the listing */
	/* the question */
	enum listing_change change;
	bool shows_one;
	bool means_all;       /* needs no filter */
	bool of_destinations; /* destinations.h */
	uint8_t number[SPOOL_NUMBER];
	bool has_number;
	uint32_t local;                /* only what this local user submitted, plus 1; 0: any */
	str sender, recipient, domain; /* absent: any */
	int64_t received_before;       /* milliseconds UTC */
	uint64_t limit;                /* of lines */
	/* how far it was given out, and how far the page goes: it may be read more than once */
	struct listing_place {
		int64_t after;
		char after_name[256];
		size_t after_name_n;
		uint64_t shown;
	} from;
	/* the page */
	struct arena *page;
	struct listing_line *first;
	char *room; /* for one line */
	struct listing_changed *changed;
	struct listing_domain *domains;
	struct listing_destination *destinations;
	struct listing_place place;
	int64_t now;
	bool more;
};

/* verb: "queue list", "queue hold" and the like. */
const char *listing_begin(struct listing *l, str verb);
/* sender=, recipient=, domain=, age= (at least so old: 30s 5m 2h 1d), id=; of destinations domain=, limit=. */
const char *listing_filter(struct listing *l, str word);
/* For somebody who sees only what is his: the caller, "root" or "uid 1000". */
const char *listing_for(struct listing *l, str caller);
const char *listing_check(const struct listing *l);
/* The page from where listing_go_on() was last called, or the first. ERR_ABSENT: the one message asked for is not there. */
err listing_read(struct listing *l, struct spool *spool);
void listing_go_on(struct listing *l);
/* Ends a line that was begun in text, and puts it behind those of the page. ERR_MEMORY. */
err listing_add(struct listing *l, struct json *j, struct buf *text);
/* "2026-01-31T12:00:00Z"; milliseconds. */
void listing_put_time(struct json *j, const char *name, int64_t utc);
void listing_free(struct listing *l);
