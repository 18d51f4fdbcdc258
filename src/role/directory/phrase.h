/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords made for people: five groups of four characters, none of which looks like another, 99 bits. */
#pragma once
#include "base/buf.h"

enum { PHRASE_LENGTH = 24 };

void phrase_write(struct buf *to);
