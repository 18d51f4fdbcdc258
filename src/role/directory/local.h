/* SPDX-License-Identifier: Apache-2.0 */
/* The users of this machine, who send by the command sendmail. The kernel says which user it is, by number; the supervisor
 * hands over /etc/passwd, opened, whenever it has changed; the configuration says what other addresses somebody may use. */
#pragma once
#include "role/directory/role.h"

/* A file that the role is handed. Owns fd. */
void directory_role_file(struct service *s, str name, int fd);
/* In place of what was known before. Owns fd. */
void local_users_read(struct service *s, int fd);

void local_users_free(struct local_users **u);

/* May this user put that address in MAIL FROM and From? Root may use every one. */
err local_owns(struct directory_role *r, uint32_t user, const struct mailname *name, bool *owns);
/* The address that is always the user's, in the room. */
str local_address(const struct directory_role *r, uint32_t user, struct buf *room);
/* The domain of the local users' addresses. */
str local_domain(const struct directory_role *r);

/* Who is told when mail of a local user with that sender cannot be delivered elsewhere: whose address the sender is, or who
 * reads root's mail in the first domain, or its postmaster. 0: nobody, since the sender is null or there is no domain. */
err local_keeper(struct directory_role *r, str sender, uint32_t *account);

/* One more recipient on another server. False: too many within the hour. */
bool local_may_send_outside(struct directory_role *r, uint32_t user);
