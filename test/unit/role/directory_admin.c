/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands, as they come from `control`. */
#include "directory_talk.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"

static int start(void **state)
{
	(void)state;
	static const char *const settings[] = { "accounts.quota=5000", NULL };
	return house_start_with(settings);
}

static struct {
	char lines[8000];
	size_t lines_n;
	bool done;
	char reason[1024];
} answer;

static void collect(struct channel *c)
{
	struct buf lines = BUF_ON(answer.lines), reason = BUF_ON(answer.reason);
	struct msg_line line = { .json = NO_STR };
	struct msg_end end = { .done = false };
	for (int i = 0; i < 100; i++) {
		hasher_works();
		while (!failed(channel_receive(c)) && house.in.number == MSG_line) {
			check_err("line", msg_get_line(&house.in, &line), ERR_NONE);
			buf_addf(&lines, "%.*s\n", ARG(line.json));
			house.in.number = 0;
		}
		if (house.in.number == MSG_end)
			break;
	}
	check_err("end", msg_get_end(&house.in, &end), ERR_NONE);
	answer.done = end.done;
	buf_add(&reason, end.reason);
	answer.lines_n = lines.n;
	answer.reason[reason.n] = '\0';
}

/* Words are separated by "|". */
static void command(str verb, str words, str secret)
{
	int ends[2];
	static char room[8000];
	static struct frame scratch;
	struct buf records = BUF_ON(room);
	str word;
	struct channel control = peer(S("control"), 0);
	check_err("pair", channel_pair(ends), ERR_NONE);
	check_err("open", msg_send_session_open(&control, 0, &(struct msg_session_open){ .end = ends[0] }), ERR_NONE);
	fd_close(&ends[0]);
	struct channel c = channel_of(ends[1], &house.in, &house.out);
	while (str_word(&words, '|', &word))
		check_err("word", msg_add_word(&records, &scratch, &(struct msg_word){ .text = word }), ERR_NONE);
	const struct msg_command m = {
		.verb = verb, .words = buf_str(&records), .secret = secret, .caller = S("root")
	};
	check_err("command", msg_send_command(&c, 0, &m), ERR_NONE);
	collect(&c);
	channel_close(&c);
	channel_close(&control);
	turn();
}

static void expect(const char *verb, const char *words, const char *secret, const char *lines)
{
	command(str_of(verb), str_of(words), str_of(secret));
	if (!answer.done)
		fail_msg("%s %s: %s", verb, words, answer.reason);
	check_str(verb, str_from(answer.lines, answer.lines_n), str_of(lines));
}

static void expect_refusal(const char *verb, const char *words, const char *secret, const char *reason)
{
	command(str_of(verb), str_of(words), str_of(secret));
	assert_false(answer.done);
	check_str(words, str_of(answer.reason), str_of(reason));
}

static bool has(const char *part)
{
	return str_find_str(str_from(answer.lines, answer.lines_n), str_of(part)) != STR_NONE;
}

static void test_accounts(void **state)
{
	(void)state;
	struct directory_login login;
	struct msg_evict evict;
	expect("account add", "login=KX80-Dora|address=Dora@example.org|name=Dora D.|quota=2K", "a long password", "");
	check_err("login", directory_login(house.role->store, S("kx80-dora"), &login), ERR_NONE);
	assert_string_equal(login.hash, "hash:a long password");
	assert_int_equal(directory_account(house.role->store, login.account)->quota, 2048);
	command(S("account show"), S("login=kx80-dora"), S(""));
	assert_true(
		has("{\"login\":\"kx80-dora\",\"address\":[\"dora@example.org\"],\"state\":\"active\",\"account\":5,"
		    "\"name\":\"Dora D.\",\"quota\":2048,\"bytes\":0,\"messages\":0,\"created\":\"20"));
	assert_true(has("\"last_login\":null,\"braked\":null,\"language\":\"default\"}"));

	expect("account password", "login=kx80-dora", "another long one", "");
	check_err("login", directory_login(house.role->store, S("kx80-dora"), &login), ERR_NONE);
	assert_string_equal(login.hash, "hash:another long one");
	while (!failed(msg_expect_evict(&house.mailroom, &evict)))
		assert_int_equal(evict.account, 5);
	expect("account suspend", "login=kx80-dora", "", "");
	assert_int_equal(directory_account(house.role->store, 5)->state, ACCOUNT_SUSPENDED);
	check_err("evict", msg_expect_evict(&house.mailroom, &evict), ERR_NONE);
	expect("account resume", "login=kx80-dora", "", "");
	assert_int_equal(directory_account(house.role->store, 5)->state, ACCOUNT_ACTIVE);
	expect("account change", "login=kx80-dora|add-address=d.d@example.org", "", "");
	expect("account change", "login=kx80-dora|quota=default", "", "");
	command(S("account list"), S("domain=example.org"), S(""));
	assert_true(has("\"address\":[\"d.d@example.org\",\"dora@example.org\"]"));
	assert_true(has("\"quota\":5000"));
	expect("account remove", "login=kx80-dora", "", "");
	assert_int_equal(directory_account(house.role->store, 5)->state, ACCOUNT_REMOVED);
	expect_refusal("account show", "login=kx80-dora", "", "there is no account with the login \"kx80-dora\"");
	expect("account list", "domain=example.com", "", "");
}

static void test_phrase(void **state)
{
	(void)state;
	struct directory_login login;
	command(S("account add"), S("login=kx80-dora|address=dora@example.org"), S(""));
	assert_true(answer.done);
	str line = str_from(answer.lines, answer.lines_n), want = S("{\"password\":\"");
	assert_true(str_starts(line, want));
	str phrase = str_slice(line, want.n, want.n + 24);
	for (size_t i = 0; i < phrase.n; i++)
		assert_true(i % 5 == 4 ? phrase.p[i] == '-' : strchr("ilo01-", phrase.p[i]) == NULL);
	check_err("login", directory_login(house.role->store, S("kx80-dora"), &login), ERR_NONE);
	check_str("hash", str_after(str_of(login.hash), 5), phrase);
}

static void test_refusals(void **state)
{
	(void)state;
	static const char *const cases[][4] = {
		{ "account add", "login=dora|address=dora@example.org", "a long password",
			"the login is the local part of the address" },
		{ "account add", "login=kx80|address=anna@example.org", "a long password", "the address is taken" },
		{ "account add", "login=kx77-anna|address=x@example.org", "a long password", "the login is taken" },
		{ "account add", "login=kx80|address=x@example.com", "a long password",
			"its domain is not one of ours" },
		{ "account add", "login=kx80|address=x", "a long password", "\"x\" is not a mail address" },
		{ "account add", "login=kx 80|address=x@example.org", "a long password",
			"a login has 1 to 64 characters, no blanks and no control characters" },
		{ "account add", "login=kx80|address=x@example.org", "short", "a password has at least 12 characters" },
		{ "account add", "login=kx80kx80kx80|address=x@example.org", "KX80kx80kx80",
			"the password is the login" },
		{ "account add", "login=kx80|address=x@example.org|quota=viel", "a long password",
			"a quota is a number of bytes with K, M, G or T, 0 for none, or \"default\"" },
		{ "account add", "login=kx80|addr=x@example.org", "", "\"account add\" does not take addr" },
		{ "account change", "login=kx77-anna|name=A|quota=1", "",
			"\"account change\" takes a login and one thing to change" },
		{ "account change", "login=kx77-anna|remove-address=berta@example.org", "",
			"the account does not have this address" },
		{ "account suspend", "login=nobody", "", "there is no account with the login \"nobody\"" },
		{ "domain add", "domain=example.org", "", "the domain is there already" },
		{ "domain add", "domain=not a domain", "", "\"not a domain\" is not a domain" },
		{ "domain add", "domain=192.0.2.1", "", "\"192.0.2.1\" is the address of a machine, not a domain" },
		{ "domain add", "domain=b\xc3\xbc.example", "", "\"b\xc3\xbc.example\" is not a domain" },
		{ "domain remove", "domain=example.org", "", "the domain still has addresses or aliases" },
		{ "alias add", "address=x@example.org|target=anna@example.org|to=berta@example.org", "",
			"an alias needs one target" },
		{ "alias add", "address=x@example.org|target=fr\xc3\xa4ulein@elsewhere.net", "",
			"mail is forwarded to addresses of ASCII letters only" },
		{ "alias add", "address=anna@example.org|target=berta@example.org", "", "the address is taken" },
		{ "alias remove", "address=anna@example.org", "", "there is no such alias" },
		{ "nonsense", "", "", "this server does not know \"nonsense\"" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_refusal(cases[i][0], cases[i][1], cases[i][2], cases[i][3]);
	assert_int_equal(directory_account_highest(house.role->store), 4);
}

static void test_domains_and_aliases(void **state)
{
	(void)state;
	expect("domain add", "domain=Example.NET|alias-of=example.org", "", "");
	expect("domain list", "", "",
		"{\"domain\":\"example.net\",\"alias_of\":\"example.org\",\"accounts\":0,\"catch_all\":false,\"inner\":"
		"false}\n"
		"{\"domain\":\"example.org\",\"alias_of\":null,\"accounts\":3,\"catch_all\":false,\"inner\":false}\n");
	expect("domain catch-all", "domain=example.org|login=kx77-anna", "", "");
	expect("domain catch-all", "domain=example.org", "", "");
	command(S("check"), S(""), S(""));
	assert_true(has("\"level\":\"warning\",\"subject\":\"postmaster@example.org\""));
	assert_true(has("\"subject\":\"abuse@example.org\""));
	assert_true(has("\"subject\":\"root@example.org\",\"finding\":\"what cron"));
	expect("alias add", "address=postmaster@example.org|target=anna@example.org", "", "");
	expect("alias add", "address=root@example.org|target=postmaster@example.org", "", "");
	expect("check", "", "", "");
	expect("alias remove", "address=root@example.org", "", "");
	expect("alias remove", "address=postmaster@example.org", "", "");
	expect("alias remove", "address=all@example.org|target=berta@example.org", "", "");
	expect("alias remove", "address=team@example.org", "", "");
	expect("alias list", "domain=example.org", "",
		"{\"address\":\"abuse@example.org\",\"target\":\"postmaster@example.org\",\"senders\":false}\n"
		"{\"address\":\"all@example.org\",\"target\":\"anna@example.org\",\"senders\":false}\n"
		"{\"address\":\"all@example.org\",\"target\":\"info@example.org\",\"senders\":false}\n"
		"{\"address\":\"info@example.org\",\"target\":\"anna@example.org\",\"senders\":false}\n");
	expect("alias list", "domain=example.com", "", "");
	expect("domain remove", "domain=example.net", "", "");
	expect("policy networks", "", "", "");
	struct channel c = open_session(S("receiver-smtp"), "192.168.7.9", S("smtp"));
	ask_mail(&c, S("printer@example.org"), 0);
	ask_rcpt(&c, S("user@elsewhere.net"));
	channel_close(&c);
	command(S("policy networks"), S(""), S(""));
	assert_true(has("{\"network\":\"192.168.7.0/24\",\"refused\":1,\"logins\":false,"
			"\"line\":\"relay: {relay_networks: [192.168.7.0/24]}\",\"first\":\"20"));
	assert_true(has(
		"\"client\":\"192.168.7.9\",\"sender\":\"printer@example.org\",\"recipient\":\"user@elsewhere.net\"}"));
}

/* Where the mailboxes are is said by the domain, the way to them by a route; neither without the other. */
static void test_inner_domains(void **state)
{
	(void)state;
	expect("domain add", "domain=inner.test|inner=yes", "", "");
	expect_refusal("domain add", "domain=x.test|inner=yes|alias-of=example.org", "",
		"a domain is either another name of one, or has its mailboxes on an inner server");
	command(S("domain list"), S(""), S(""));
	assert_true(
		has("{\"domain\":\"inner.test\",\"alias_of\":null,\"accounts\":0,\"catch_all\":false,\"inner\":true}"));
	command(S("check"), S(""), S(""));
	assert_true(has("\"level\":\"error\",\"subject\":\"inner.test\",\"finding\":\"its mailboxes are on an inner "
			"server, and"));
	assert_false(has("postmaster@inner.test"));
	fake_service_set(&house.fake, "routes.table=Inner.test/host=192.0.2.1 example.org/tls=may");
	command(S("check"), S(""), S(""));
	assert_false(has("inner.test"));
	assert_true(has("\"level\":\"error\",\"subject\":\"example.org\",\"finding\":\"its mailboxes are here, and "
			"there is a"));
	expect("domain forget", "", "", "{\"forgotten\":0}\n");
	expect("domain forget", "domain=inner.test", "", "{\"forgotten\":0}\n");
	expect("domain remove", "domain=inner.test", "", "");
}

static const char *asked(const char *address)
{
	static struct frame scratch;
	static char room[400];
	struct buf b = { .p = room, .room = sizeof room - 1 };
	struct msg_readdressed m = { .fate = 0 };
	struct msg_heir heir;
	err e = OK;
	const struct msg_readdress ask = {
		.transaction = S("0123456789abcdef"), .position = 3, .address = str_of(address)
	};
	check_err("ask", msg_send_readdress(&house.queue, 0, &ask), ERR_NONE);
	turn();
	check_err("answer", msg_expect_readdressed(&house.queue, &m), ERR_NONE);
	check_str("transaction", m.transaction, S("0123456789abcdef"));
	assert_int_equal(m.position, 3);
	buf_addf(&b, "%u %.*s [%.*s]", (unsigned)m.fate, ARG(m.status), ARG(m.detail));
	for (str records = m.heirs; msg_next_heir(&records, &scratch, &heir, &e);)
		buf_addf(&b, " %u", (unsigned)heir.account);
	check_err("heirs", e, ERR_NONE);
	room[b.n] = '\0';
	return room;
}

/* R6 of the requirements: the queue knows at any time which domains are ours, and learns who gets mail of a new one. */
static void test_queue_is_told(void **state)
{
	(void)state;
	expect("domain add", "domain=Second.org", "", "");
	check_str("a new one", told_domains(), S("example.org second.org "));
	expect("domain add", "domain=third.org|alias-of=example.org", "", "");
	check_str("an alias", told_domains(), S("example.org second.org third.org "));
	check_str("a mailbox", str_of(asked("Anna+shop@Third.org")), S("0  [shop] 2"));
	check_str("a group", str_of(asked("all@third.org")), S("0  [] 2 3"));
	check_str("nobody", str_of(asked("nobody@second.org")), S("1 4.1.1 []"));
	check_str("none of ours", str_of(asked("anna@elsewhere.net")), S("2  []"));
	check_str("no address", str_of(asked("@")), S("1 4.1.3 []"));
	expect("account suspend", "login=kx77-anna", "", "");
	check_str("takes no mail", str_of(asked("anna@third.org")), S("1 4.2.1 []"));
	check_str("one of the group", str_of(asked("all@third.org")), S("0  [] 3"));
	expect("domain add", "domain=inside.org|inner=yes", "", "");
	check_str("an inner one", told_domains(), S("example.org second.org third.org inner:inside.org "));
	check_str("whom that server knows", str_of(asked("anna@inside.org")), S("2  []"));
	expect("domain remove", "domain=inside.org", "", "");
	check_str("gone", told_domains(), S("example.org second.org third.org "));
	expect("domain remove", "domain=third.org", "", "");
	check_str("one less", told_domains(), S("example.org second.org "));
	channel_close(&house.queue);
	turn();
	house.queue = peer(S("queue"), 0);
	check_str("who comes later", told_domains(), S("example.org second.org "));
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, start, house_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_accounts),
		IN_HOUSE(test_phrase),
		IN_HOUSE(test_refusals),
		IN_HOUSE(test_domains_and_aliases),
		IN_HOUSE(test_inner_domains),
		IN_HOUSE(test_queue_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
