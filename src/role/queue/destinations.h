/* SPDX-License-Identifier: Apache-2.0 */
/* What `siegel queue destinations` says: of each destination that mail waits for, or that is left alone, in the order of
 * their names. A page is read in the writer; what memory knows of them comes to it in the loop. */
#pragma once
#include "role/queue/listing.h"
#include "role/queue/remote.h"

struct listing_destination {
	struct listing_destination *next;
	str name;
	unsigned messages, recipients; /* that wait; no more than DESTINATIONS_COUNTED recipients are looked at */
	bool left_alone;               /* the store says until when */
	struct spool_destination pause;
	int64_t due; /* the first of its mail, INT64_MAX: none waits */
	struct spool_diagnosis why;
};

enum { DESTINATIONS_COUNTED = 5000 }; /* each is looked up in the table: about 25 ms, by what 100,000 took */

/* The next page: for the writer. */
err destinations_read(struct listing *l, struct spool *spool);
/* Its lines: for the loop. ERR_MEMORY. */
err destinations_show(struct listing *l, struct remote *r);
