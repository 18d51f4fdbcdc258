/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of message it is, as far as its header says so and others act on it. */
#pragma once
#include "base/str.h"

struct nature {
	bool automatic;    /* made by a machine or sent to a list: nobody is told of its fate (RFC 3834 2) */
	bool tls_optional; /* RFC 8689 3: rather without TLS than not at all */
	bool spam_flag;    /* X-Spam-Flag says YES; who may say so is not known here */
};

/* Of a header, or as much as there is of it. */
struct nature nature_read(str header);
