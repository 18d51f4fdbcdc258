/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/login.h"

#include "proto/imap/astring.h"

/* login = "LOGIN" SP userid SP password */
err imap_login_parse(struct cur *c, struct arena *a, struct imap_login *out)
{
	struct imap_login login;
	login.name = imap_astring(c, a);
	imap_space(c);
	login.password = imap_astring(c, a);
	cur_end(c);
	if (login.name.n > IMAP_LOGIN_MAX || login.password.n > IMAP_PASSWORD_MAX)
		cur_fail_with(c, FAIL(LIMIT), "a shorter name or password");
	TRY(c->e);
	*out = login;
	return OK;
}

/* base64 = *(4base64-char) [base64-terminal] */
static str base64(struct cur *c)
{
	size_t from = c->at;
	cur_any(c, CH_BASE64);
	if (cur_take(c, '='))
		cur_take(c, '=');
	str text = cur_since(c, from);
	if (text.n > IMAP_RESPONSE_MAX)
		cur_fail_with(c, FAIL(LIMIT), "a shorter response");
	if (text.n % 4 != 0)
		cur_fail(c, "base64");
	return cur_ok(c) ? text : NO_STR;
}

/* authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")], RFC 4959 7 */
err imap_authenticate_parse(struct cur *c, struct imap_authenticate *out)
{
	struct imap_authenticate authenticate = { 0 };
	authenticate.mechanism = imap_atom(c, "a SASL mechanism");
	if (authenticate.mechanism.n > IMAP_MECHANISM_MAX)
		cur_fail_with(c, FAIL(LIMIT), "a shorter mechanism name");
	if (cur_take(c, ' ')) {
		authenticate.has_response = true;
		authenticate.response = cur_take(c, '=') ? S("") : base64(c);
		if (cur_ok(c) && authenticate.response.n == 0 && !str_ends(c->in, S("=")))
			cur_fail(c, "an initial response");
	}
	cur_end(c);
	TRY(c->e);
	*out = authenticate;
	return OK;
}

err imap_authenticate_line(str line, str *out)
{
	if (str_eq(line, S("*")))
		return FAIL(CLOSED);
	struct cur c = cur_of(line);
	str response = base64(&c);
	cur_end(&c);
	TRY(c.e);
	*out = response;
	return OK;
}
