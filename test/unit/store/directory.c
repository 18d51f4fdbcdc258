/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "store/directory/listing.h"
#include "store/directory/network.h"
#include "store/sql.h"

static char folder[64];

static int enter_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/siegel-directory-XXXXXX");
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static int leave_folder(void **state)
{
	(void)state;
	sql_fault = NULL;
	static const char *const files[] = { "directory.db", "directory.db-wal", "directory.db-shm" };
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static struct directory *open_directory(void)
{
	char text[300];
	struct buf message = BUF_ON(text);
	struct directory *d = NULL;
	err e = directory_open("directory.db", &message, &d);
	if (failed(e))
		fail_msg("open: %s: %.*s", err_text(e), ARG(buf_str(&message)));
	return d;
}

static struct directory_change change(void)
{
	return (struct directory_change){ .caller = S("root"), .verb = S("test"), .at = 1000 };
}

/* Parses into memory of the test. */
static struct mailname named(str text)
{
	static char rooms[32][MAILNAME_MAX];
	static unsigned next;
	struct buf b = BUF_ON(rooms[next++ % 32]);
	struct mailname name;
	check_err(text.p, mailname_parse(text, NO_STR, &b, &name), ERR_NONE);
	return name;
}

static err try_account(struct directory *d, str login, str address, uint32_t *number, const char **reason)
{
	struct directory_change c = change();
	const struct mailname name = named(address);
	const struct directory_new_account new = {
		.login = login, .hash = S("$argon2id$x"), .name = S("Anna"), .quota = QUOTA_CONFIGURED, .address = &name
	};
	err e = directory_account_add(d, &c, &new, number);
	*reason = c.reason;
	return e;
}

static uint32_t add_account(struct directory *d, str login, str address)
{
	uint32_t number = 0;
	const char *reason;
	check_err(login.p, try_account(d, login, address, &number, &reason), ERR_NONE);
	return number;
}

static err try_alias(struct directory *d, str name, const char *const *targets, size_t count, bool may_send)
{
	struct directory_change c = change();
	struct mailname names[8];
	for (size_t i = 0; i < count; i++)
		names[i] = named(str_of(targets[i]));
	const struct directory_new_alias new = { named(name), names, count, may_send };
	return directory_alias_add(d, &c, &new);
}

#define ALIAS(d, name, may_send, ...)                                 \
	try_alias((d), S(name), (const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (may_send))

static err try_domain(struct directory *d, str name, str main, bool is_inner)
{
	struct directory_change c = change();
	const struct directory_new_domain new = { .name = name, .main = main, .is_inner = is_inner };
	return directory_domain_add(d, &c, &new);
}

static void add_domain(struct directory *d, str name, str main)
{
	check_err(name.p, try_domain(d, name, main, false), ERR_NONE);
}

/* As "mailbox 3 +detail", "alias a@b: 1 2", "unknown", "elsewhere". */
static str describe(struct directory *d, str address)
{
	static char room[4000];
	struct buf b = BUF_ON(room);
	struct mailname name = named(address);
	struct directory_match m;
	struct directory_recipients behind;
	check_err(address.p, directory_find(d, &name, '+', &m), ERR_NONE);
	switch (m.kind) {
	case DIRECTORY_ELSEWHERE:
		return S("elsewhere");
	case DIRECTORY_UNKNOWN:
		return S("unknown");
	case DIRECTORY_INNER:
		return S("inner");
	case DIRECTORY_MAILBOX:
		buf_addf(&b, "%s %u", m.is_catch_all ? "catch-all" : "mailbox", m.account);
		if (m.detail.n > 0)
			buf_addf(&b, " +%.*s", ARG(m.detail));
		return buf_str(&b);
	case DIRECTORY_ALIAS:
		buf_add(&b, S("alias "));
		mailname_write(&b, &m.found);
		check_err(address.p, directory_expand(d, &m.found, &behind), ERR_NONE);
		for (size_t i = 0; i < behind.count; i++)
			buf_addf(&b, " %u", behind.account[i]);
	}
	return buf_str(&b);
}

static void expect(struct directory *d, str address, str want)
{
	for (int i = 0; i < 2; i++) /* from the file, then from memory */
		check_str(address.p, describe(d, address), want);
}

static void test_resolve(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	add_domain(d, S("example.org"), NO_STR); /* account 1: postmaster */
	add_domain(d, S("example.net"), S("example.org"));
	assert_int_equal(add_account(d, S("kx77-anna"), S("anna@example.org")), 2);
	assert_int_equal(add_account(d, S("kx78-berta"), S("Berta@Example.ORG")), 3);
	check_err("info", ALIAS(d, "info@example.org", false, "anna@example.org"), ERR_NONE);
	check_err("all",
		ALIAS(d, "all@example.org", false, "info@example.org", "berta@example.org", "anna@example.org"),
		ERR_NONE);

	expect(d, S("anna@example.org"), S("mailbox 2"));
	expect(d, S("ANNA@EXAMPLE.ORG"), S("mailbox 2"));
	expect(d, S("\"anna\"@example.org"), S("mailbox 2"));
	expect(d, S("anna@example.net"), S("mailbox 2"));
	expect(d, S("anna+list@example.org"), S("mailbox 2 +list"));
	expect(d, S("anna+a+b@example.net"), S("mailbox 2 +a+b"));
	expect(d, S("+anna@example.org"), S("unknown"));
	expect(d, S("berta@example.org"), S("mailbox 3"));
	expect(d, S("clara@example.org"), S("unknown"));
	expect(d, S("anna@mail.example.org"), S("elsewhere"));
	expect(d, S("anna%elsewhere.com@example.org"), S("unknown"));
	expect(d, S("\"anna@elsewhere.com\"@example.org"), S("unknown"));
	expect(d, S("@example.org:anna@elsewhere.com"), S("elsewhere"));
	expect(d, S("postmaster@example.org"), S("mailbox 1"));
	expect(d, S("postmaster@example.net"), S("mailbox 1"));
	expect(d, S("abuse@example.net"), S("alias abuse@example.org 1"));
	expect(d, S("info@example.org"), S("alias info@example.org 2"));
	expect(d, S("all+x@example.net"), S("alias all@example.org 2 3"));
	check_str("first domain", directory_first_domain(d), S("example.org"));

	check_err("catch-all", directory_domain_catch_all(d, &c, S("example.org"), 3), ERR_NONE);
	expect(d, S("clara@example.org"), S("catch-all 3"));
	expect(d, S("anna@example.org"), S("mailbox 2"));
	check_err("catch-all off", directory_domain_catch_all(d, &c, S("example.org"), 0), ERR_NONE);
	expect(d, S("clara@example.org"), S("unknown"));
	directory_close(&d);

	d = open_directory(); /* and all of it was in the file */
	expect(d, S("anna@example.net"), S("mailbox 2"));
	expect(d, S("all@example.org"), S("alias all@example.org 2 3"));
	assert_int_equal(directory_account_highest(d), 3);
	directory_close(&d);
}

static void test_refusals(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	const char *reason;
	uint32_t number = 0;
	add_domain(d, S("example.org"), NO_STR);
	check_err("twice", try_domain(d, S("example.org"), NO_STR, false), ERR_EXISTS);
	check_err("no main", try_domain(d, S("example.net"), S("example.com"), false), ERR_ABSENT);
	add_domain(d, S("example.net"), S("example.org"));
	check_err("chain", try_domain(d, S("example.edu"), S("example.net"), false), ERR_STATE);
	assert_int_equal(directory_account_highest(d), 1);

	check_err("derivable", try_account(d, S("anna"), S("anna@example.org"), &number, &reason), ERR_STATE);
	assert_string_equal(reason, "the login is the local part of the address");
	check_err("alias domain", try_account(d, S("annaexamplenet"), S("anna@example.org"), &number, &reason),
		ERR_STATE);
	check_err("elsewhere", try_account(d, S("kx77"), S("anna@example.com"), &number, &reason), ERR_ABSENT);
	check_err("in alias domain", try_account(d, S("kx77"), S("anna@example.net"), &number, &reason), ERR_STATE);
	assert_int_equal(directory_account_highest(d), 1);
	assert_null(directory_account(d, 2));
	add_account(d, S("kx77"), S("anna@example.org"));
	check_err("login taken", try_account(d, S("kx77"), S("berta@example.org"), &number, &reason), ERR_EXISTS);
	check_err("address taken", try_account(d, S("kx78"), S("anna@example.org"), &number, &reason), ERR_EXISTS);
	check_err("more addresses", directory_address_add(d, &c, 2, &(struct mailname){ S("kx77"), S("example.org") }),
		ERR_STATE);
	c.allow_derivable = true;
	check_err("allowed", directory_address_add(d, &c, 2, &(struct mailname){ S("kx77"), S("example.org") }),
		ERR_NONE);

	check_err("outside", ALIAS(d, "info@example.org", false, "info@example.com"), ERR_STATE);
	check_err("unknown", ALIAS(d, "info@example.org", false, "clara@example.org"), ERR_ABSENT);
	check_err("itself", ALIAS(d, "info@example.org", false, "info@example.org"), ERR_STATE);
	check_err("twice", ALIAS(d, "info@example.org", false, "anna@example.org", "Anna@example.org"), ERR_EXISTS);
	check_err("taken", ALIAS(d, "anna@example.org", false, "postmaster@example.org"), ERR_EXISTS);
	expect(d, S("info@example.org"), S("unknown"));
	check_err("not empty", directory_domain_remove(d, &c, S("example.org")), ERR_STATE);
	check_err("gone", directory_domain_remove(d, &c, S("example.net")), ERR_NONE);
	check_err("remove", directory_account_remove(d, &c, 2), ERR_NONE);
	check_err("again", directory_account_remove(d, &c, 2), ERR_ABSENT);
	check_err("postmaster", directory_account_remove(d, &c, 1), ERR_STATE);
	check_err("now empty", directory_domain_remove(d, &c, S("example.org")), ERR_NONE);
	expect(d, S("anna@example.org"), S("elsewhere"));
	assert_int_equal(directory_account(d, 1)->state, ACCOUNT_REMOVED);
	directory_close(&d);
}

/* A domain whose mailboxes are on an inner server has nothing here but its name. */
static void test_inner(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	const char *reason;
	uint32_t number = 0;
	add_domain(d, S("example.org"), NO_STR);
	check_err("inner", try_domain(d, S("inner.test"), NO_STR, true), ERR_NONE);
	assert_int_equal(directory_account_highest(d), 1);
	check_err("twice", try_domain(d, S("inner.test"), NO_STR, false), ERR_EXISTS);
	expect(d, S("anna@inner.test"), S("inner"));
	expect(d, S("postmaster@inner.test"), S("inner"));
	check_err("address", try_account(d, S("kx77"), S("anna@inner.test"), &number, &reason), ERR_STATE);
	assert_string_equal(reason, "the mailboxes of its domain are on an inner server");
	check_err("alias there", ALIAS(d, "info@inner.test", false, "postmaster@example.org"), ERR_STATE);
	check_err("alias to it", ALIAS(d, "info@example.org", false, "anna@inner.test"), ERR_STATE);
	check_err("alias domain", try_domain(d, S("other.test"), S("inner.test"), false), ERR_STATE);
	check_err("catch-all", directory_domain_catch_all(d, &c, S("inner.test"), 1), ERR_STATE);
	directory_close(&d);
	d = open_directory();
	expect(d, S("anna@inner.test"), S("inner"));
	check_err("remove", directory_domain_remove(d, &c, S("inner.test")), ERR_NONE);
	expect(d, S("anna@inner.test"), S("elsewhere"));
	directory_close(&d);
}

static void test_removed(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	struct directory_login login;
	add_domain(d, S("example.org"), NO_STR);
	add_account(d, S("kx77"), S("anna@example.org"));
	check_err("all", ALIAS(d, "all@example.org", false, "anna@example.org"), ERR_NONE);
	check_err("login", directory_login(d, S("KX77"), &login), ERR_NONE);
	assert_int_equal(login.account, 2);
	assert_string_equal(login.hash, "$argon2id$x");
	check_err("remove", directory_account_remove(d, &c, 2), ERR_NONE);
	check_err("login", directory_login(d, S("kx77"), &login), ERR_ABSENT);
	expect(d, S("anna@example.org"), S("mailbox 2"));
	expect(d, S("all@example.org"), S("alias all@example.org"));
	assert_int_equal(add_account(d, S("kx77"), S("anna@example.org")), 3);
	expect(d, S("anna@example.org"), S("mailbox 3"));
	expect(d, S("all@example.org"), S("alias all@example.org 3"));
	directory_close(&d);
	d = open_directory();
	assert_int_equal(directory_account(d, 2)->state, ACCOUNT_REMOVED);
	assert_int_equal(add_account(d, S("kx80"), S("dora@example.org")), 4);
	directory_close(&d);
}

/* postmaster and abuse always lead somewhere, and can be brought to a person. */
static void test_postmaster(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	const struct mailname anna = { S("anna"), S("example.org") };
	const struct mailname postmaster = { S("postmaster"), S("example.org") },
			      abuse = { S("abuse"), S("example.org") };
	bool reaches;
	add_domain(d, S("example.org"), NO_STR);
	add_account(d, S("kx77"), S("anna@example.org"));
	check_err("reaches", directory_reaches_person(d, S("abuse"), S("example.org"), &reaches), ERR_NONE);
	assert_false(reaches);
	check_err("alias", ALIAS(d, "postmaster@example.org", false, "anna@example.org"), ERR_NONE);
	check_err("reaches", directory_reaches_person(d, S("abuse"), S("example.org"), &reaches), ERR_NONE);
	assert_true(reaches);
	expect(d, S("abuse@example.org"), S("alias abuse@example.org 2"));
	check_err("abuse", ALIAS(d, "abuse@example.org", false, "anna@example.org"), ERR_NONE);
	check_err("abuse twice", ALIAS(d, "abuse@example.org", false, "anna@example.org"), ERR_EXISTS);
	check_err("back", directory_alias_remove(d, &c, &postmaster, NULL), ERR_NONE);
	check_err("not a target", directory_alias_remove(d, &c, &abuse, &postmaster), ERR_ABSENT);
	check_err("back", directory_alias_remove(d, &c, &abuse, &anna), ERR_NONE);
	expect(d, S("postmaster@example.org"), S("mailbox 1"));
	expect(d, S("abuse@example.org"), S("alias abuse@example.org 1"));
	check_err("address", directory_address_add(d, &c, 2, &postmaster), ERR_NONE);
	expect(d, S("abuse@example.org"), S("alias abuse@example.org 2"));
	check_err("address", directory_address_remove(d, &c, 2, &postmaster), ERR_NONE);
	expect(d, S("postmaster@example.org"), S("mailbox 1"));
	directory_close(&d);
}

static void test_owns(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	add_domain(d, S("example.org"), NO_STR);
	add_domain(d, S("example.net"), S("example.org"));
	add_account(d, S("kx77"), S("anna@example.org"));
	add_account(d, S("kx78"), S("berta@example.org"));
	check_err("one", ALIAS(d, "one@example.org", false, "anna@example.org"), ERR_NONE);
	check_err("all", ALIAS(d, "all@example.org", false, "anna@example.org", "berta@example.org"), ERR_NONE);
	check_err("team", ALIAS(d, "team@example.org", true, "anna@example.org", "berta@example.org"), ERR_NONE);
	check_err("catch-all", directory_domain_catch_all(d, &c, S("example.org"), 2), ERR_NONE);
	static const struct {
		uint32_t account;
		str address;
		bool owns;
	} cases[] = {
		{ 2, S("anna@example.org"), true },
		{ 2, S("anna@example.net"), true },
		{ 2, S("anna+shop@example.org"), true },
		{ 3, S("anna@example.org"), false },
		{ 2, S("one@example.org"), true },
		{ 2, S("all@example.org"), false },
		{ 2, S("team@example.org"), true },
		{ 3, S("team@example.org"), true },
		{ 1, S("team@example.org"), false },
		{ 2, S("clara@example.org"), false },
		{ 2, S("anna@example.com"), false },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct mailname name = named(cases[i].address);
		bool owns = false;
		check_err(cases[i].address.p, directory_owns(d, cases[i].account, &name, '+', &owns), ERR_NONE);
		if (owns != cases[i].owns)
			fail_msg("%u, %s: got %d", cases[i].account, cases[i].address.p, owns);
	}
	directory_close(&d);
}

static void test_loops_and_limits(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_change c = change();
	char text[64], last[64] = "anna@example.org";
	add_domain(d, S("example.org"), NO_STR);
	add_account(d, S("kx77"), S("anna@example.org"));
	check_err("a", ALIAS(d, "a@example.org", false, "anna@example.org"), ERR_NONE);
	check_err("b", ALIAS(d, "b@example.org", false, "a@example.org"), ERR_NONE);
	check_err("a away", directory_alias_remove(d, &c, &(struct mailname){ S("a"), S("example.org") }, NULL),
		ERR_NONE);
	check_err("a loop of aliases", ALIAS(d, "a@example.org", false, "b@example.org"), ERR_STATE);
	check_err("a loop with a way out", ALIAS(d, "a@example.org", false, "b@example.org", "anna@example.org"),
		ERR_NONE);
	expect(d, S("a@example.org"), S("alias a@example.org 2"));
	err e = OK;
	int depth = 0;
	for (; !failed(e) && depth < 2 * DIRECTORY_ALIASES_MAX; depth++) {
		snprintf(text, sizeof text, "x%d@example.org", depth);
		e = try_alias(d, str_of(text), (const char *const[]){ last }, 1, false);
		snprintf(last, sizeof last, "%s", text);
	}
	check_err("a long chain", e, ERR_LIMIT);
	assert_int_equal(depth, DIRECTORY_ALIASES_MAX + 1);
	directory_close(&d);
}

static void test_figures(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	add_domain(d, S("example.org"), NO_STR);
	struct directory_account *a = directory_account(d, 1);
	a->used_bytes = 12345;
	a->used_messages = 3;
	a->is_unsaved = true;
	check_err("save", directory_save_figures(d), ERR_NONE);
	assert_false(a->is_unsaved);
	a->last_login = 77;
	a->is_unsaved = true;
	directory_close(&d);
	d = open_directory();
	a = directory_account(d, 1);
	assert_int_equal(a->used_bytes, 12345);
	assert_int_equal(a->used_messages, 3);
	assert_int_equal(a->last_login, 77);
	directory_close(&d);
}

static void count_network(void *ctx, const struct directory_network *network)
{
	check_str("network", network->name, S("192.168.7.0/24"));
	check_str("client", network->client, S("192.168.7.1"));
	assert_int_equal(network->refused, 2);
	++*(int *)ctx;
}

static void test_networks(void **state)
{
	(void)state;
	struct directory *d = open_directory();
	struct directory_network network = { .name = S("192.168.7.0/24"), .refused = 1, .client = S("192.168.7.1") };
	int count = 0;
	const struct directory_network login = { .name = S("192.0.2.0/24"), .logged_in = 5 };
	check_err("login", directory_networks_save(d, &login, 1), ERR_NONE);
	check_err("save", directory_networks_save(d, &network, 1), ERR_NONE);
	network.refused = 2;
	check_err("save", directory_networks_save(d, &network, 1), ERR_NONE);
	check_err("each", directory_each_network(d, count_network, &count), ERR_NONE);
	assert_int_equal(count, 1);
	check_err("find", directory_network_find(d, S("192.0.2.0/24"), &network), ERR_NONE);
	assert_int_equal(network.logged_in, 5);
	check_err("find", directory_network_find(d, S("192.0.3.0/24"), &network), ERR_ABSENT);
	directory_close(&d);
}

/* ---- faults ---- */

static int faults_after;
static bool fault_later(enum sql_deed deed)
{
	(void)deed;
	return faults_after-- <= 0;
}

static void remove_files(void)
{
	unlink("directory.db");
	unlink("directory.db-wal");
}

/* Everything of the account is in the file, or nothing. */
static bool is_there(void)
{
	struct directory *d = open_directory();
	struct directory_login login;
	bool found = str_eq(describe(d, S("anna@example.org")), S("mailbox 2"));
	check_err("login", directory_login(d, S("kx77"), &login), found ? ERR_NONE : ERR_ABSENT);
	assert_int_equal(directory_account_highest(d), found ? 2 : 1);
	directory_close(&d);
	return found;
}

/* A change fails at every write, sync and allocation in turn, and then memory knows nothing of it; what was answered with
 * success is in the file. (After a failed sync nobody knows what is in it, but it is all or nothing.) */
static void test_faults(void **state)
{
	(void)state;
	bool was_hit = true;
	for (int n = 0; was_hit; n++) {
		assert_true(n < 1000);
		uint32_t number = 0;
		const char *reason;
		remove_files();
		struct directory *d = open_directory();
		add_domain(d, S("example.org"), NO_STR);
		faults_after = n;
		sql_fault = fault_later;
		err e = try_account(d, S("kx77"), S("anna@example.org"), &number, &reason);
		was_hit = faults_after < 0;
		sql_fault = NULL;
		assert_int_equal(directory_account_highest(d), failed(e) ? 1 : 2);
		directory_close(&d);
		assert_true(is_there() || failed(e));
	}
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_resolve),
		IN_FOLDER(test_refusals),
		IN_FOLDER(test_inner),
		IN_FOLDER(test_removed),
		IN_FOLDER(test_postmaster),
		IN_FOLDER(test_owns),
		IN_FOLDER(test_loops_and_limits),
		IN_FOLDER(test_figures),
		IN_FOLDER(test_networks),
		IN_FOLDER(test_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
