/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of imap_text.h that write into a buffer of the caller, for those who put one into another. Private to this
 * folder. */
#pragma once
#include "base/buf.h"
#include "proto/mime/part.h"

/* a is used and not given back. */
void imap_write_envelope(struct arena *a, struct buf *b, str header);

/* Writes with that function into a buffer of about that room, or, as long as it is too small, into one four times as
 * large; of is handed through, scratch is empty each time. ERR_LIMIT: more than IMAP_TEXT_MAX; ERR_MEMORY: a is spent. */
enum { IMAP_TEXT_MAX = 8 << 20 };
typedef void imap_write_fn(struct arena *scratch, struct buf *b, const void *of);
err imap_text_make(struct arena *a, size_t room, imap_write_fn *write, const void *of, str *out);
