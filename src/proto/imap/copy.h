/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and MOVE, also with UID (RFC 3501 6.4.7, RFC 6851 3.1), and UID EXPUNGE, which takes a set only
 * (RFC 4315 2.1). */
#pragma once
#include "proto/imap/sequence.h"

struct imap_copy {
	struct imap_sequence set;
	str mailbox; /* UTF-8 */
};

err imap_copy_parse(struct cur *c, struct arena *a, struct imap_copy *out);

err imap_one_set_parse(struct cur *c, struct arena *a, struct imap_sequence *out);
