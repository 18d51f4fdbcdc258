/* SPDX-License-Identifier: Apache-2.0 */
/* The commands before the login, and ENABLE: LOGIN, AUTHENTICATE, ID. */
#include "imap.h"

#include "proto/imap/enable.h"
#include "proto/imap/id.h"
#include "proto/imap/login.h"

/* clang-format off */
static const struct { const char *args; enum err_code want; const char *name, *password; } logins[] = {
	{ "anna secret",                   ERR_NONE,   "anna", "secret" },
	{ "\"anna\" \"p\\\"w\\\\\"",       ERR_NONE,   "anna", "p\"w\\" },
	{ "{4}\r\nanna {6+}\r\npa ss\xc3", ERR_NONE,   "anna", "pa ss\xc3" },
	{ "anna \"\"",                     ERR_NONE,   "anna", "" },
	{ "anna",                          ERR_SYNTAX, NULL,   NULL },
	{ "anna ",                         ERR_SYNTAX, NULL,   NULL },
	{ "anna a b",                      ERR_SYNTAX, NULL,   NULL },
	{ "anna  b",                       ERR_SYNTAX, NULL,   NULL },
	{ "",                              ERR_SYNTAX, NULL,   NULL },
};

static const struct { const char *args; enum err_code want; const char *mechanism; bool has_response; const char *response; } authenticates[] = {
	{ "PLAIN",                    ERR_NONE,   "PLAIN",          false, NULL },
	{ "plain AGFubmEAeA==",       ERR_NONE,   "plain",          true,  "AGFubmEAeA==" },
	{ "EXTERNAL =",               ERR_NONE,   "EXTERNAL",       true,  "" },
	{ "SCRAM-SHA-256 YWJj",       ERR_NONE,   "SCRAM-SHA-256",  true,  "YWJj" },
	{ "PLAIN ",                   ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN ==",                 ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN YWJ",                ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN YWJj=",              ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN Y===",               ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN YW=j",               ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN YWJ_",               ERR_SYNTAX, NULL, false, NULL },
	{ "PLAIN YWJj YWJj",          ERR_SYNTAX, NULL, false, NULL },
	{ "\"PLAIN\"",                ERR_SYNTAX, NULL, false, NULL },
	{ "",                         ERR_SYNTAX, NULL, false, NULL },
	{ "AAAAAAAAAAAAAAAAAAAAA",    ERR_LIMIT,  NULL, false, NULL },
};

static const struct { const char *line; enum err_code want; const char *response; } lines[] = {
	{ "AGFubmEAeA==",  ERR_NONE,   "AGFubmEAeA==" },
	{ "",              ERR_NONE,   "" },
	{ "*",             ERR_CLOSED, NULL },
	{ "**",            ERR_SYNTAX, NULL },
	{ "a NOOP",        ERR_SYNTAX, NULL },
	{ "=",             ERR_SYNTAX, NULL },
};

static const struct { const char *args; enum err_code want; const char *written; } ids[] = {
	{ "NIL",                          ERR_NONE,   "NIL" },
	{ "()",                           ERR_NONE,   "NIL" },
	{ "(\"name\" \"x\" \"os\" NIL)",  ERR_NONE,   "(\"name\" \"x\" \"os\" NIL)" },
	{ "(\"name\" {2}\r\nab)",         ERR_NONE,   "(\"name\" \"ab\")" },
	{ "(\"name\")",                   ERR_SYNTAX, NULL },
	{ "(\"name\" x)",                 ERR_SYNTAX, NULL },
	{ "(name \"x\")",                 ERR_SYNTAX, NULL },
	{ "(\"name\" \"x\"",              ERR_SYNTAX, NULL },
	{ "(\"name\" \"x\" )",            ERR_SYNTAX, NULL },
	{ "NIL NIL",                      ERR_SYNTAX, NULL },
	{ "",                             ERR_SYNTAX, NULL },
	{ "(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" \"x\")", ERR_LIMIT, NULL },
};
/* clang-format on */

static void login(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(logins); i++) {
		struct imap_login got = { 0 };
		struct cur c = cur_of(str_of(logins[i].args));
		check_err(logins[i].args, imap_login_parse(&c, a, &got), logins[i].want);
		check_str(logins[i].args, got.name, str_of(logins[i].name));
		check_str(logins[i].args, got.password, str_of(logins[i].password));
	}
	arena_free(&a);
}

static void a_long_password(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t n = IMAP_PASSWORD_MAX; n <= IMAP_PASSWORD_MAX + 1; n++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_login got;
		buf_add(&b, S("anna "));
		for (size_t i = 0; i < n; i++)
			buf_byte(&b, 'x');
		struct cur c = cur_of(buf_str(&b));
		check_err("password", imap_login_parse(&c, a, &got), n > IMAP_PASSWORD_MAX ? ERR_LIMIT : ERR_NONE);
	}
	arena_free(&a);
}

static void authenticate(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(authenticates); i++) {
		struct imap_authenticate got = { 0 };
		struct cur c = cur_of(str_of(authenticates[i].args));
		check_err(authenticates[i].args, imap_authenticate_parse(&c, &got), authenticates[i].want);
		check_str(authenticates[i].args, got.mechanism, str_of(authenticates[i].mechanism));
		check_str(authenticates[i].args, got.response, str_of(authenticates[i].response));
		assert_int_equal(got.has_response, authenticates[i].has_response);
	}
	for (size_t i = 0; i < COUNT(lines); i++) {
		str got = NO_STR;
		check_err(lines[i].line, imap_authenticate_line(str_of(lines[i].line), &got), lines[i].want);
		check_str(lines[i].line, got, str_of(lines[i].response));
	}
}

static void id(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(ids); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_id got = { 0 };
		struct cur c = cur_of(str_of(ids[i].args));
		check_err(ids[i].args, imap_id_parse(&c, a, &got), ids[i].want);
		imap_write_id(&b, &got);
		check_written(ids[i].args, &b, ids[i].written);
		if (i == 2) {
			check_str("name", imap_id_value(&got, S("Name")), S("x"));
			assert_null(imap_id_value(&got, S("os")).p);
			assert_null(imap_id_value(&got, S("vendor")).p);
		}
	}
	arena_free(&a);
}

/* RFC 2971 3.3: at most 30 pairs. */
static void many_id_fields(void **state)
{
	(void)state;
	for (size_t n = IMAP_ID_FIELDS_MAX; n <= IMAP_ID_FIELDS_MAX + 1; n++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct arena *a = arena_new("test", ARENA_MAX);
		struct imap_id got;
		for (size_t i = 0; i < n; i++)
			buf_addf(&b, "%c\"a\" \"b\"", i == 0 ? '(' : ' ');
		buf_byte(&b, ')');
		struct cur c = cur_of(buf_str(&b));
		check_err("fields", imap_id_parse(&c, a, &got), n > IMAP_ID_FIELDS_MAX ? ERR_LIMIT : ERR_NONE);
		arena_free(&a);
	}
}

static void enable(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_enable got;
	struct cur two = cur_of(S("CONDSTORE UTF8=ACCEPT")), none = cur_of(S("")), open = cur_of(S("X "));
	struct cur list = cur_of(S("X(Y)"));
	check_err("two", imap_enable_parse(&two, a, &got), ERR_NONE);
	assert_int_equal(got.count, 2);
	check_str("second", got.names[1], S("UTF8=ACCEPT"));
	check_err("none", imap_enable_parse(&none, a, &got), ERR_SYNTAX);
	check_err("a list", imap_enable_parse(&list, a, &got), ERR_SYNTAX);
	check_err("open end", imap_enable_parse(&open, a, &got), ERR_SYNTAX);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login),
		cmocka_unit_test(a_long_password),
		cmocka_unit_test(authenticate),
		cmocka_unit_test(id),
		cmocka_unit_test(many_id_fields),
		cmocka_unit_test(enable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
