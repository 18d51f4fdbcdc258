/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "role/supervisor/state.h"

/* Hands a process the files and the memory of its rows in files.def. As channel_send(). */
err files_send(struct process *p);
