/* SPDX-License-Identifier: Apache-2.0 */
/* Can a login be guessed from a mail address? Both are compared in lower case and reduced to letters and digits. */
#pragma once
#include "store/directory/mailname.h"

/* A sentence that says why the login follows from the address, or NULL. A login without any letter or digit is refused
 * too. Static memory. */
const char *login_derivable(str login, const struct mailname *address);
