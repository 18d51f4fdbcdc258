/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/sasl.h"

#include "base/utf8.h"

static err check(str text, size_t longest)
{
	uint32_t c;
	if (text.n > longest)
		return FAIL(LIMIT);
	if (text.n == 0)
		return FAIL(SYNTAX);
	while (text.n > 0)
		if (!utf8_take(&text, &c) || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return FAIL(SYNTAX);
	return OK;
}

err sasl_login_check(str login) { return check(login, SASL_LOGIN_MAX); }
err sasl_password_check(str password) { return check(password, SASL_PASSWORD_MAX); }

err sasl_plain(str message, struct sasl_credentials *out)
{
	struct sasl_credentials c;
	str identity;
	if (!str_cut(&message, '\0', &identity) || !str_cut(&message, '\0', &c.login))
		return FAIL(SYNTAX);
	c.password = message;
	TRY(sasl_login_check(c.login));
	TRY(sasl_password_check(c.password));
	if (identity.n > 0 && !str_eq_nocase(identity, c.login))
		return FAIL(DENIED);
	*out = c;
	return OK;
}
