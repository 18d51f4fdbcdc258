/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that goes out to others is given from files that it could not open itself. */
#pragma once
#include "role/supervisor/process.h"

/* Sends the authorities of sender.ca_extra to who has that section, and the logins of the routes, from route-logins beside
 * the configuration, to who has the routes. A file that cannot be read is told in an alarm, and the process goes without. */
err outgoing_send(struct process *p);
