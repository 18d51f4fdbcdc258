/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "conf/conf.h"

static struct arena *arena;
static struct conf conf;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new("test", 1 << 20);
	check_err("init", conf_init(&conf, arena), ERR_NONE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(conf.smtp.message_max, 52428800);
	assert_int_equal(conf.smtp.command_timeout, 300);
	assert_true(conf.confinement.required);
	assert_int_equal(conf.log.addresses, 0);
	assert_int_equal(conf.server.services.count, 6);
	check_str("services", conf.server.services.items[2], S("submissions"));
	assert_int_equal(conf.server.internal_networks.count, 8);
	check_str("uids", conf.accounts.uids, S("200000-299999"));
	check_str("hostname", conf.server.hostname, S(""));
}

/* Only a setting that must be given may have a default out of its bounds. */
static void defaults_are_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_SETTINGS; i++) {
		const struct conf_setting *s = &conf_settings[i];
		char room[CONF_VALUE_MAX];
		struct buf b = BUF_ON(room);
		str expected = NO_STR;
		assert_ptr_equal(conf_find(str_of(s->section), str_of(s->name)), s);
		assert_true(conf_has_section(str_of(s->section)));
		if (!conf_is_given(&conf, s))
			continue;
		conf_write(&b, &conf, s);
		check_err(s->name, conf_set(&conf, arena, str_of(s->section), str_of(s->name), buf_str(&b), &expected),
			ERR_NONE);
	}
	assert_false(conf_is_given(&conf, conf_find(S("server"), S("hostname"))));
}

#define TABLE "a table of lines \"name: value\" (or words NAME=VALUE), none twice, the number of values from 0 to 64"

static const struct {
	const char *line, *want; /* the value as it is written back, or what was expected */
	enum err_code code;
} cases[] = {
	{ "smtp.message_max=64M", "64M", ERR_NONE },
	{ "smtp.message_max=65537", "65537", ERR_NONE },
	{ "smtp.message_max=1G", "1G", ERR_NONE },
	{ "smtp.message_max=2G", "a size (as 50M or 1G) from 64K to 1G", ERR_LIMIT },
	{ "smtp.message_max=99999999999999999999", "a size (as 50M or 1G) from 64K to 1G", ERR_LIMIT },
	{ "smtp.message_max=99999999999T", "a size (as 50M or 1G) from 64K to 1G", ERR_LIMIT },
	{ "smtp.message_max=50 M", "a size (as 50M or 1G) from 64K to 1G", ERR_SYNTAX },
	{ "smtp.message_max=", "a size (as 50M or 1G) from 64K to 1G", ERR_SYNTAX },
	{ "smtp.message_max=-1", "a size (as 50M or 1G) from 64K to 1G", ERR_SYNTAX },
	{ "smtp.message_max=5m", "a size (as 50M or 1G) from 64K to 1G", ERR_SYNTAX },
	{ "smtp.command_timeout=90", "90s", ERR_NONE },
	{ "smtp.command_timeout=90s", "90s", ERR_NONE },
	{ "smtp.command_timeout=10m", "10m", ERR_NONE },
	{ "smtp.command_timeout=1h", "1h", ERR_NONE },
	{ "smtp.command_timeout=1d", "a duration (as 30s, 5m, 4h, 5d) from 5s to 1h", ERR_LIMIT },
	{ "smtp.command_timeout=5K", "a duration (as 30s, 5m, 4h, 5d) from 5s to 1h", ERR_SYNTAX },
	{ "smtp.errors_max=7", "7", ERR_NONE },
	{ "smtp.errors_max=7K", "a number from 1 to 1000", ERR_SYNTAX },
	{ "smtp.errors_max=0", "a number from 1 to 1000", ERR_LIMIT },
	{ "confinement.required=no", "false", ERR_NONE },
	{ "confinement.required=maybe", "true or false", ERR_SYNTAX },
	{ "log.addresses=pseudonym", "pseudonym", ERR_NONE },
	{ "log.addresses=full|pseudonym", "one of full, pseudonym", ERR_SYNTAX },
	{ "server.hostname=mail.example.org", "mail.example.org", ERR_NONE },
	{ "server.hostname=", "a text of one line, its length from 1 to 255", ERR_LIMIT },
	{ "server.hostname=a\nb", "a text of one line, its length from 1 to 255", ERR_SYNTAX },
	{ "server.listen=  192.0.2.1   ::1 ", "192.0.2.1 ::1", ERR_NONE },
	{ "server.listen=", "", ERR_NONE },
	{ "server.services=", "a list of words, their number from 1 to 32", ERR_LIMIT },
	{ "relay.relay_networks=192.0.2.0/24 2001:db8::/32", "192.0.2.0/24 2001:db8::/32", ERR_NONE },
	{ "relay.relay_networks=192.0.2.1/24",
		"a list of networks (as 192.0.2.0/24 or 2001:db8::/32, no bits set below the mask), their number from "
		"0 to 256",
		ERR_SYNTAX },
	{ "resolver.stub= test=127.0.0.1@5300,::1  a.test/key=b=/c", "test=127.0.0.1@5300,::1 a.test/key=b=/c",
		ERR_NONE },
	{ "resolver.stub=", "", ERR_NONE },
	{ "resolver.stub=a=1 A/=2", TABLE, ERR_SYNTAX },
	{ "resolver.stub=a/b/c=1", TABLE, ERR_SYNTAX },
	{ "resolver.stub=a=", TABLE, ERR_SYNTAX },
	{ "resolver.stub==a", TABLE, ERR_SYNTAX },
	{ "resolver.stub=a", TABLE, ERR_SYNTAX },
	{ "resolver.stub=a=1 A=2", TABLE, ERR_SYNTAX },
	{ "relay.relay_network=::1", NULL, ERR_ABSENT },
	{ "relays.relay_networks=::1", NULL, ERR_ABSENT },
	{ "relay=1", NULL, ERR_ABSENT },
	{ "relay.relay_networks", NULL, ERR_SYNTAX },
};

static void values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		str line = str_of(cases[i].line), expected = NO_STR, section = NO_STR, name = NO_STR;
		char room[CONF_VALUE_MAX];
		struct buf b = BUF_ON(room);
		check_err(cases[i].line, conf_set_line(&conf, arena, line, &expected), cases[i].code);
		if (cases[i].code != ERR_NONE) {
			check_str(cases[i].line, expected, str_of(cases[i].want));
			continue;
		}
		assert_true(str_cut(&line, '.', &section) && str_cut(&line, '=', &name));
		conf_write(&b, &conf, conf_find(section, name));
		check_str(cases[i].line, buf_str(&b), str_of(cases[i].want));
	}
}

static void failure_changes_nothing(void **state)
{
	(void)state;
	struct conf before = conf;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (cases[i].code != ERR_NONE)
			check_err(
				cases[i].line, conf_set_line(&conf, arena, str_of(cases[i].line), NULL), cases[i].code);
	assert_memory_equal(&before, &conf, sizeof conf);
}

struct lines {
	struct conf conf;
	size_t count;
};

static void read_back(void *to, str text)
{
	struct lines *lines = to;
	str expected = NO_STR;
	check_err(text.p, conf_set_line(&lines->conf, arena, text, &expected), ERR_NONE);
	lines->count++;
}

static void lines_read_back(void **state)
{
	(void)state;
	struct lines lines = { .count = 0 };
	check_err("init", conf_init(&lines.conf, arena), ERR_NONE);
	check_err("set", conf_set_line(&conf, arena, S("smtp.message_max=3M"), NULL), ERR_NONE);
	check_err("set", conf_set_line(&conf, arena, S("smtp.data_timeout=77"), NULL), ERR_NONE);
	check_err("each", conf_each(&conf, S("smtp"), read_back, &lines), ERR_NONE);
	assert_memory_equal(&lines.conf.smtp, &conf.smtp, offsetof(struct conf_smtp, proxy_from));
	assert_int_equal(lines.conf.smtp.received_max, conf.smtp.received_max);
	assert_int_equal(lines.count, 14);
	check_err("each", conf_each(&conf, S("smtpd"), read_back, &lines), ERR_ABSENT);
}

static void no_memory(void **state)
{
	(void)state;
	struct arena *small = arena_new("small", 4096);
	while (!arena_spent(small))
		(void)arena_get(small, 1, 64);
	struct conf untouched = conf;
	check_err("init", conf_init(&untouched, small), ERR_MEMORY);
	assert_memory_equal(&untouched, &conf, sizeof conf);
	check_err("set", conf_set_line(&untouched, small, S("server.hostname=a.example"), NULL), ERR_MEMORY);
	arena_free(&small);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { TEST(defaults), TEST(defaults_are_valid), TEST(values),
		TEST(failure_changes_nothing), TEST(lines_read_back), TEST(no_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
