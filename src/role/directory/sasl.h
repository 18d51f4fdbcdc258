/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says in PLAIN and LOGIN, as login and password. */
#pragma once
#include "base/str.h"

enum { SASL_LOGIN_MAX = 254, SASL_PASSWORD_MAX = 1024 };

struct sasl_credentials {
	str login, password; /* views of what was parsed */
};

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 2). Nobody acts for somebody else here: an authorization
 * identity must be the login itself. ERR_SYNTAX, ERR_LIMIT; ERR_DENIED: another identity. */
err sasl_plain(str message, struct sasl_credentials *out);

/* UTF-8 without control characters, not empty. ERR_SYNTAX, ERR_LIMIT. */
err sasl_login_check(str login);
err sasl_password_check(str password);
