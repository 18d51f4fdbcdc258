/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when a process serves or has ended: readiness, the next phase of stopping, a new start. */
#pragma once
#include "role/supervisor/state.h"

/* p serves now. */
void supervision_changed(struct supervisor *s, struct process *p);
/* p has ended, or could not be started. was: its state before. p may be gone afterwards. */
void supervision_ended(struct supervisor *s, struct process *p, enum process_state was);
/* Ends all processes, phase after phase, then the loop. */
void supervision_stop(struct supervisor *s);
