/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords that were verified lately, so that not every login costs a hash made to be slow. What is kept is an HMAC
 * under a key that lives in this process alone: a copy of the memory without the key tells nothing, and nothing of it
 * outlives the process. One entry for an account. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct remembered;

/* To be called before the process confines itself: OpenSSL would look for its configuration and its algorithms later. */
void remember_prepare(void);

/* Nothing is remembered until remembered_set_keep() says so. NULL: the arena is spent. */
struct remembered *remembered_new(struct arena *a);
/* For how many milliseconds; 0: nothing is remembered. What is remembered already ends by then, too. */
void remembered_set_keep(struct remembered *r, int64_t keep_ms, int64_t now);

void password_remember(struct remembered *r, uint32_t account, str password, int64_t now);
bool password_is_remembered(const struct remembered *r, uint32_t account, str password, int64_t now);
void password_forget(struct remembered *r, uint32_t account);
