/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a service manager what becomes of us (sd_notify(3)): "READY=1". Nothing happens where nobody asked for it. */
#pragma once

void notify(const char *state);
