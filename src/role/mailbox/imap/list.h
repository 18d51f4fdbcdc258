/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "store/account.h"

/* A STATUS response; items is a set of enum imap_status_item. */
void write_status(struct buf *b, str name, const struct folder_status *status, unsigned items);
