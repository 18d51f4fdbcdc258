/* SPDX-License-Identifier: Apache-2.0 */
/* The system users of the roles, siegel-<role>, which root needs once. */
#pragma once
#include "base/buf.h"

/* Makes those that are missing. Does nothing for an ordinary user. ERR_SYSTEM; reason says why. */
err system_users_make(struct buf *reason);
