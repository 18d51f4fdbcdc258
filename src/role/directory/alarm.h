/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms by mail. */
#pragma once
#include "role/directory/role.h"

/* Hands `queue` a message about the alarm for the administrator and the deputy, if there are any. */
void alarm_mail(struct directory_role *r, uint64_t event, str entry);
/* Tells somebody that their outgoing mail is held. */
void brake_mail(struct directory_role *r, uint32_t account, str address);
