/* SPDX-License-Identifier: Apache-2.0 */
/* The words that forwards leave in a header, by which a message that comes again is known. */
#pragma once
#include "base/buf.h"

/* Writes those of the marks, words with a blank between them, that stand in the header. Its first field of that kind is the
 * one that was just put there, and does not count. */
void marks_find(str header, str marks, struct buf *found);
