/* SPDX-License-Identifier: Apache-2.0 */
/* The process that computes password hashes for `directory`, so that no mail waits for them. */
#pragma once
#include "ipc/peer.h"

void hasher_prepare(struct service *s);
void hasher_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
err hasher_start(struct service *s);
