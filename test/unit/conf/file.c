/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "conf/file.h"

static char told_room[65536];
static struct buf told;

static void tell(void *to, str text)
{
	struct buf *b = to;
	buf_add(b, text);
	buf_byte(b, '\n');
}

static err read_with(struct arena *a, str text, const char *override, struct conf *out)
{
	str overrides[] = { str_of(override) };
	told = BUF_ON(told_room);
	struct conf_source source = { text, S("f"), overrides, override != NULL, false, tell, &told };
	return conf_read(&source, a, out);
}

#define HOST "server: {hostname: a.example}\n"

/* clang-format off */
static const struct {
	const char *text, *override, *want;
} cases[] = {
	{ HOST, NULL, "" },
	{ HOST "smtp:\n  message_max: 50M\nlog:\n", NULL, "" },
	{ HOST "relay:\n  relay_networks:\n    - 192.0.2.0/24\n    - ::1\n", NULL, "" },
	{ HOST "relay:\n  relay_networks:\n", NULL, "" },
	{ HOST "resolver:\n  stub:\n    a.test: [127.0.0.1@53, 2001:db8::1]\n    b.test: ::1\n  forward: [2001:db8::1]\n", NULL, "" },
	{ HOST "resolver:\n  stub: {}\n", NULL, "" },
	{ HOST "routes: {a.test: {auth: x, port: 26}, b.test: {host: c.test, port: 25, protocol: lmtp}, d.test: {host: e.test, port: 25, auth: x}}\n", NULL,
		"f:2: routes.table: a.test: auth needs a host, or whoever the DNS names would get the password\n"
		"f:2: routes.table: a.test: port needs a host\n"
		"f:2: routes.table: b.test: LMTP is not spoken at port 25 (RFC 2033 5)\n" },
	{ HOST "routes: {remote.test: {host: 192.0.2.1, port: 24, protocol: lmtp, tls: none, auth: x}, '*': {host: smart.test}}\n", NULL, "" },
	{ HOST "routes:\n  a.test: {tls: encrypt, rate: 60}\n", NULL, "" },
	{ HOST "routes: {a.test: {rate: 0}, b.test: {rate: 60000}, c.test: {rate: 60001}, d.test: {rate: x}}\n", NULL,
		"f:2: routes.table: a.test: rate is a number from 1 to 60000\n"
		"f:2: routes.table: c.test: rate is a number from 1 to 60000\n"
		"f:2: routes.table: d.test: rate is a number from 1 to 60000\n" },
	{ HOST "routes: {a.test: {hosts: x, port: 0, tls: yes}, b.test: {protocol: lmtp}}\n", NULL,
		"f:2: routes.table: a.test: a route has host, port, protocol, tls, auth, helo, bind and rate\n"
		"f:2: routes.table: a.test: port is a number up to 65535\n"
		"f:2: routes.table: a.test: tls is none, may, encrypt, verify or dane\n"
		"f:2: routes.table: b.test: LMTP needs a host\n" },
	{ HOST "resolver:\n  stub:\n", NULL, "" },
	{ HOST "resolver: {stub: {a: [2001:db8::1, 2001::g], b: {c: x}, d: '127.0.0.1@x'}}\n", NULL,
		"f:2: resolver.stub: \"2001::g\" is not an IP address, or one with a port as 127.0.0.1@5300\n"
		"f:2: resolver.stub: b: a zone has a list of servers and nothing else\n"
		"f:2: resolver.stub: \"x\" is not an IP address, or one with a port as 127.0.0.1@5300\n"
		"f:2: resolver.stub: \"127.0.0.1@x\" is not an IP address, or one with a port as 127.0.0.1@5300\n" },
	{ HOST "resolver:\n  stub:\n    a/b: ::1\n    c: [[1]]\n    d: {e: '1 2'}\n    ? [1]\n    : 2\n", NULL,
		"f:4: resolver.stub: \"a/b\" is not a name\n"
		"f:5: resolver.stub: an item of the list is not a word\n"
		"f:6: resolver.stub: \"1 2\" is not one word\n"
		"f:7: resolver.stub: an item of the list is not a word\n" },
	{ "server:\n  hostname: a.example\n  listen: 127.0.0.1\n  services: [smtp, imaps]\n", NULL, "" },
	{ "", "server.hostname=a.example", "" },
	{ "{}", NULL,
		"f: server.hostname must be set: Name of this server: in greetings, Received fields and "
		"certificates.\n" },
	{ "# nothing\n", NULL,
		"f: server.hostname must be set: Name of this server: in greetings, Received fields and "
		"certificates.\n" },
	/* several mistakes of all kinds, all told */
	{ HOST "qmtp:\n  x: 1\nsmtp:\n  mesage_max: 1\n  errors_max: many\n  errors_max: 5\n  idle_timeout: "
	       "5\n",
		NULL,
		"f:2: there is no section \"qmtp\"; did you mean \"smtp\"?\n"
		"f:5: smtp has no setting \"mesage_max\"; did you mean \"message_max\"?\n"
		"f:6: smtp.errors_max: \"many\" is not a number from 1 to 1000\n"
		"f:7: smtp.errors_max is set a second time; the first is in line 6\n"
		"f:8: smtp has no setting \"idle_timeout\"; did you mean imap.idle_timeout?\n" },
	{ HOST "zzzzzz: 1\nlog: 5\nsmtp: [a]\n", NULL,
		"f:2: there is no section \"zzzzzz\"\n"
		"f:3: section log must hold lines \"name: value\", indented\n"
		"f:4: section smtp must hold lines \"name: value\", indented\n" },
	{ HOST "relay:\n  relay_networks:\n    - 192.0.2.1/24\n    - [1]\n    - '1 2'\n", NULL,
		"f:4: relay.relay_networks: \"192.0.2.1/24\" is not a network (as 192.0.2.0/24 or "
		"2001:db8::/32) without bits "
		"below its mask\n"
		"f:5: relay.relay_networks: an item of the list is not a word\n"
		"f:6: relay.relay_networks: \"1 2\" is not a network (as 192.0.2.0/24 or 2001:db8::/32) "
		"without bits below its "
		"mask\n" },
	{ HOST "smtp:\n  errors_max: [1]\n  received_max:\n", NULL,
		"f:3: smtp.errors_max takes a single value\n"
		"f:4: smtp.received_max: \"\" is not a number from 10 to 200\n" },
	{ "- a\n", "server.hostname=a", "f:1: sections were expected here, as \"server:\"\n" },
	{ HOST "? [a]\n: b\n", NULL, "f:2: a name was expected here\n" },
	{ HOST "smtp: {errors_max: 1\n", NULL,
		"f:3: this is not YAML: did not find expected ',' or '}'\n" },
	{ HOST "relay: {relay_networks: [0.0.0.0/1, 10.0.0.0/8, '2000::/3', 'fc00::/7']}\n", NULL,
		"f:2: relay.relay_networks: 0.0.0.0/1 is so large that the server would be an open relay; name the "
		"devices that need it\n"
		"f:2: relay.relay_networks: 2000::/3 is so large that the server would be an open relay; name the "
		"devices that need it\n" },
	{ HOST "---\nsmtp:\n", NULL, "f: there is a second YAML document in the file\n" },
	{ HOST, "smtp.errors_max=x", "--set: smtp.errors_max: \"x\" is not a number from 1 to 1000\n" },
	{ HOST, "smtp.erors_max=1",
		"--set: smtp has no setting \"erors_max\"; did you mean \"errors_max\"?\n" },
	{ HOST, "errors_max=1", "--set: \"errors_max=1\" is not SECTION.NAME=VALUE\n" },
	/* contradictions, each at its line */
	{ "server:\n  hostname: -a.example\n  services: [qmtp, imap, imap]\n  listen: [localhost]\n  "
	  "administrator: root\n",
		NULL,
		"f:2: server.hostname: \"-a.example\" is not a host name\n"
		"f:3: server.services: there is no service \"qmtp\"; did you mean \"smtp\"?\n"
		"f:3: server.services: \"imap\" stands there twice\n"
		"f:4: server.listen: \"localhost\" is not an IP address\n"
		"f:5: server.administrator: \"root\" is not a mail address\n" },
	/* whatever finds them: in the order of the lines, what stands in none behind */
	{ "server:\n  listen: [localhost]\nsmtp:\n  errors_max: many\n", "log.x=1",
		"f:2: server.listen: \"localhost\" is not an IP address\n"
		"f:4: smtp.errors_max: \"many\" is not a number from 1 to 1000\n"
		"--set: log has no setting \"x\"\n"
		"f: server.hostname must be set: Name of this server: in greetings, Received fields and "
		"certificates.\n" },
	{ HOST "smtp:\n\terrors_max: 1\n", NULL,
		"f:3: this is not YAML: tabs are not allowed for indentation; use spaces\n" },
	{ HOST "smtp:\n  errors_max: 1\n  \treceived_max: 20\n", NULL,
		"f:4: this is not YAML: tabs are not allowed for indentation; use spaces\n" },
	{ HOST "smtp: @\n", NULL, "f:2: this is not YAML: found character that cannot start any token\n" },
	{ HOST "accounts:\n  uids: 5-3\n  subaddress_separator: \"@\"\n", NULL,
		"f:3: accounts.uids: \"5-3\" is not a range of user numbers from 1000 on, as 200000-299999\n"
		"f:4: accounts.subaddress_separator: \"@\" cannot separate; it may be + - = _ or #\n" },
	{ HOST "queue: {retry_first: 5h}\n", NULL,
		"f:2: queue.retry_first: is longer than queue.retry_max\n" },
};
/* clang-format on */

static void mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", 1 << 20);
		struct conf out = { 0 };
		err e = read_with(a, str_of(cases[i].text), cases[i].override, &out);
		check_str(cases[i].text, buf_str(&told), str_of(cases[i].want));
		check_err(cases[i].text, e, *cases[i].want == '\0' ? ERR_NONE : ERR_SYNTAX);
		assert_true(failed(e) ? out.server.hostname.p == NULL : out.server.hostname.n > 0);
		arena_free(&a);
	}
}

static void values_arrive(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	struct conf out;
	str text = S("server:\n  hostname: \"a.example\"\n  port_offset: 21000\nrelay:\n  relay_networks: "
		     "[192.0.2.0/24, '::1']\n"
		     "smtp:\n  message_max: 3M\n  errors_max: 5\n");
	check_err("read", read_with(a, text, "smtp.errors_max=7", &out), ERR_NONE);
	check_str("hostname", out.server.hostname, S("a.example"));
	assert_int_equal(out.server.port_offset, 21000);
	assert_int_equal(out.relay.relay_networks.count, 2);
	assert_int_equal(out.smtp.message_max, 3 << 20);
	assert_int_equal(out.smtp.errors_max, 7);
	assert_int_equal(out.smtp.recipients_max, 100);
	arena_free(&a);
}

static void many_mistakes_are_cut_short(void **state)
{
	(void)state;
	static char text[40000];
	struct buf b = BUF_ON(text);
	struct arena *a = arena_new("test", 1 << 20);
	struct conf out;
	buf_add(&b, S(HOST));
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "qqqqqq%d: 1\n", i);
	check_err("read", read_with(a, buf_str(&b), NULL, &out), ERR_SYNTAX);
	size_t lines = 0;
	for (size_t i = 0; i < told.n; i++)
		lines += told.p[i] == '\n';
	assert_int_equal(lines, CONF_MISTAKES_MAX + 1);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(mistakes), cmocka_unit_test(values_arrive),
		cmocka_unit_test(many_mistakes_are_cut_short) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
