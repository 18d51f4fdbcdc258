/* SPDX-License-Identifier: Apache-2.0 */
/* What `siegel queue show` says of a destination. */
#pragma once
#include "base/json.h"
#include "role/queue/remote.h"

/* Says what memory knows of the destination of a domain, in milliseconds; the object is begun and ended by the caller. False: nothing. */
bool destination_show(struct remote *r, str domain, struct json *j);
