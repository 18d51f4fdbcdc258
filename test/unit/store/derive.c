/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "store/directory/derive.h"

static const struct {
	str login, address;
	bool refused;
} cases[] = {
	{ S("anna"), S("anna@example.org"), true },
	{ S("ANNA"), S("anna@example.org"), true },
	{ S("a.n-n_a"), S("anna@example.org"), true },
	{ S("kx77-anna"), S("anna@example.org"), false },
	{ S("anna1"), S("anna@example.org"), false },
	{ S("anna@example.org"), S("anna@example.org"), true },
	{ S("anna.example.org"), S("anna@example.org"), true },
	{ S("anna-example"), S("anna@example.org"), true },
	{ S("annaexample"), S("anna@mail.example.org"), false },
	{ S("annamail"), S("anna@mail.example.org"), true },
	{ S("example.anna"), S("anna@example.org"), false },
	{ S("anna"), S("anna.schmidt@example.org"), false },
	{ S("schmidt.anna"), S("anna.schmidt@example.org"), true },
	{ S("SchmidtAnna"), S("anna.schmidt@example.org"), true },
	{ S("annaschmidt"), S("anna.schmidt@example.org"), true },
	{ S("schmidt-anna2"), S("anna.schmidt@example.org"), false },
	{ S("cab"), S("a-b_c@example.org"), true },
	{ S("cabx"), S("a-b_c@example.org"), false },
	{ S("aab"), S("a.a.b@example.org"), true },
	{ S("abaab"), S("ab.aab@example.org"), true },
	{ S("aabab"), S("ab.aab@example.org"), true },
	{ S("babaa"), S("ab.aab@example.org"), false },
	{ S("jihgfedcba"), S("a.b.c.d.e.f.g.h.i.j@example.org"), true },
	{ S("kjihgfedcba"), S("a.b.c.d.e.f.g.h.i.j.k@example.org"), true },
	{ S("kkihgfedcba"), S("a.b.c.d.e.f.g.h.i.j.k@example.org"), false },
	{ S("--"), S("anna@example.org"), true },
	{ S("m\xc3\xbcller"), S("m\xc3\xbcller@example.org"), true },
	{ S("mller"), S("m\xc3\xbcller@example.org"), false },
};

static void test_derivable(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[MAILNAME_MAX];
		struct buf b = BUF_ON(room);
		struct mailname address;
		check_err(cases[i].address.p, mailname_parse(cases[i].address, NO_STR, &b, &address), ERR_NONE);
		const char *reason = login_derivable(cases[i].login, &address);
		if ((reason != NULL) != cases[i].refused)
			fail_msg("login %s, address %s: got %s, want %s", cases[i].login.p, cases[i].address.p,
				reason != NULL ? reason : "no reason", cases[i].refused ? "a reason" : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_derivable) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
