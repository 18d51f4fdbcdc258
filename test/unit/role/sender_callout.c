/* SPDX-License-Identifier: Apache-2.0 */
/* What directory is told of a recipient, whatever the server says. */
#include "sender_world.h"

#define CONVERSATION "ipc/directory_sender.def"
#include "ipc/conversation.h"
#include "ipc/callout.h"
#include "proto/smtp/reply.h"
#include "role/sender/session.h"

#define PLAIN "S 220 mx ESMTP\nH EHLO us.test\nS 250 mx.inner.test\n"
#define WITH(words) "S 220 mx ESMTP\nH EHLO us.test\nS 250-mx.inner.test\nS 250 " words "\n"
#define MAIL "H MAIL FROM:<me@far.test>\n"
#define RCPT "H RCPT TO:<a@inner.test>\n"
#define RESET "H RSET\nS 250 ok\n"
#define TAKEN "S 250 ok\n"

static struct directory {
	struct channel channel;
	struct frame in, out;
	unsigned count, tags[300];
	struct msg_told last;
	char status[17], text[401];
	unsigned doubted;
} directory;

static void connect_directory(struct world *w)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	channel_close(&directory.channel);
	directory.channel = channel_of(ends[0], &directory.in, &directory.out);
	sender_channel(&w->fake.service, S("directory"), 0, 0, ends[1]);
}

static void directory_hears(void)
{
	while (!failed(channel_receive(&directory.channel))) {
		struct msg_doubted doubted;
		if (directory.in.number == MSG_doubted && !failed(msg_get_doubted(&directory.in, &doubted))) {
			directory.doubted++;
			continue;
		}
		assert_true(directory.count < COUNT(directory.tags));
		directory.tags[directory.count++] = directory.in.tag;
		check_err("told", msg_get_told(&directory.in, &directory.last), ERR_NONE);
		snprintf(directory.status, sizeof directory.status, "%.*s", ARG(directory.last.status));
		snprintf(directory.text, sizeof directory.text, "%.*s", ARG(directory.last.text));
	}
}

static void until_told(unsigned count, int milliseconds)
{
	for (int i = 0; i < milliseconds / 5 && directory.count < count; i++) {
		turn(&world, 5, NULL);
		directory_hears();
	}
}

static void begin(const char *const *more)
{
	char route[120];
	world_open(&world, more);
	snprintf(route, sizeof route, "routes.table=inner.test/host=127.0.0.1 inner.test/port=%u other.test/tls=none",
		(unsigned)world.server.port);
	fake_service_set(&world.fake, route);
	routes_init(world.sender);
	fake_service_set(&world.fake, "edge.answer_timeout=2");
	directory = (struct directory){ .channel.fd = -1 };
	connect_directory(&world);
}

static void finish(void)
{
	channel_close(&directory.channel);
	world_close(&world);
}

static bool demanding; /* the message needs TLS on all its way */

static void ask(uint32_t tag, const char *domain, uint64_t size, bool utf8)
{
	char recipient[100];
	snprintf(recipient, sizeof recipient, "a@%s", domain);
	const struct msg_ask m = { .domain = str_of(domain),
		.sender = S("me@far.test"),
		.recipient = str_of(recipient),
		.size = size,
		.utf8 = utf8,
		.requiretls = demanding,
		.deadline = 60000 };
	check_err("ask", msg_send_ask(&directory.channel, tag, &m), ERR_NONE);
}

/* clang-format off */
static const struct row {
	const char *name, *script;
	uint64_t size; bool utf8;
	enum callout_answer answer; unsigned code; const char *status; uint64_t size_max;
} rows[] = {
	{ "taken", PLAIN MAIL TAKEN RCPT TAKEN RESET, 0, false, CALLOUT_TAKEN, 250, "2.1.5", 0 },
	{ "taken, as one group", WITH("PIPELINING") MAIL RCPT "H RSET\n" TAKEN TAKEN TAKEN, 0, false, CALLOUT_TAKEN, 250, "2.1.5", 0 },
	{ "251", PLAIN MAIL TAKEN RCPT "S 251 elsewhere\n" RESET, 0, false, CALLOUT_TAKEN, 251, "2.1.5", 0 },
	{ "size is said", WITH("SIZE 1000") "H MAIL FROM:<me@far.test> SIZE=900\n" TAKEN RCPT TAKEN RESET, 900, false, CALLOUT_TAKEN, 250, "2.1.5", 1000 },
	{ "size beyond what is announced", WITH("SIZE 1000"), 1001, false, CALLOUT_SIZE, 552, "5.3.4", 1000 },
	{ "size refused at MAIL", WITH("SIZE") "H MAIL FROM:<me@far.test> SIZE=900\nS 552 5.3.4 too big\n", 900, false, CALLOUT_SIZE, 552, "5.3.4", 0 },
	{ "size refused at RCPT", PLAIN MAIL TAKEN RCPT "S 552 5.2.3 too big for her\n" RESET, 0, false, CALLOUT_SIZE, 552, "5.2.3", 0 },
	{ "unknown", PLAIN MAIL TAKEN RCPT "S 550 5.1.1 who?\n" RESET, 0, false, CALLOUT_UNKNOWN, 550, "5.1.1", 0 },
	{ "unknown, as Exchange says it", PLAIN MAIL TAKEN RCPT "S 550 5.1.10 RESOLVER.ADR.RecipientNotFound\n" RESET, 0, false, CALLOUT_UNKNOWN, 550, "5.1.10", 0 },
	{ "unknown, without a status", PLAIN MAIL TAKEN RCPT "S 550 who?\n" RESET, 0, false, CALLOUT_UNKNOWN, 550, "5.0.0", 0 },
	{ "unknown, in lines", PLAIN MAIL TAKEN RCPT "S 550-5.1.1 who\nS 550 5.1.1 is that?\n" RESET, 0, false, CALLOUT_UNKNOWN, 550, "5.1.1", 0 },
	{ "disabled", PLAIN MAIL TAKEN RCPT "S 550 5.2.1 gone\n" RESET, 0, false, CALLOUT_REFUSED, 550, "5.2.1", 0 },
	{ "not for you", PLAIN MAIL TAKEN RCPT "S 550 5.7.1 relaying denied\n" RESET, 0, false, CALLOUT_REFUSED, 550, "5.7.1", 0 },
	{ "bad sender, said late", PLAIN MAIL TAKEN RCPT "S 550 5.1.8 your domain does not exist\n" RESET, 0, false, CALLOUT_REFUSED, 550, "5.1.8", 0 },
	{ "bad sender", PLAIN MAIL "S 550 5.1.8 your domain does not exist\n", 0, false, CALLOUT_REFUSED, 550, "5.1.8", 0 },
	{ "bad sender, as one group", WITH("PIPELINING") MAIL RCPT "H RSET\nS 550 5.7.1 no\nS 250 ok?\n" TAKEN, 0, false, CALLOUT_REFUSED, 550, "5.7.1", 0 },
	{ "full", PLAIN MAIL TAKEN RCPT "S 552 5.2.2 full\n" RESET, 0, false, CALLOUT_FULL, 552, "5.2.2", 0 },
	{ "full, without a status", PLAIN MAIL TAKEN RCPT "S 552 full\n" RESET, 0, false, CALLOUT_FULL, 552, "4.0.0", 0 },
	{ "full for now", PLAIN MAIL TAKEN RCPT "S 452 4.2.2 full\n" RESET, 0, false, CALLOUT_FULL, 452, "4.2.2", 0 },
	{ "later", PLAIN MAIL TAKEN RCPT "S 450 4.7.1 greylisted\n" RESET, 0, false, CALLOUT_LATER, 450, "4.7.1", 0 },
	{ "no room", PLAIN MAIL "S 452 4.3.1 no room\n", 0, false, CALLOUT_LATER, 452, "4.3.1", 0 },
	{ "status of another class", PLAIN MAIL TAKEN RCPT "S 550 2.1.5 fine\n" RESET, 0, false, CALLOUT_UNKNOWN, 550, "5.0.0", 0 },
	{ "beyond ASCII", WITH("SMTPUTF8") "H MAIL FROM:<me@far.test> SMTPUTF8\n" TAKEN RCPT TAKEN RESET, 0, true, CALLOUT_TAKEN, 250, "2.1.5", 0 },
	{ "beyond ASCII, not offered", PLAIN, 0, true, CALLOUT_REFUSED, 550, "5.6.7", 0 },
	/* hostile, or broken */
	{ "goes down", PLAIN MAIL TAKEN RCPT "S 421 4.3.2 going down\n", 0, false, CALLOUT_AWAY, 421, "4.3.2", 0 },
	{ "354", PLAIN MAIL TAKEN RCPT "S 354 go on\n" RESET, 0, false, CALLOUT_AWAY, 0, "4.5.0", 0 },
	{ "lines that differ", PLAIN MAIL TAKEN RCPT "S 550-no\nS 250 yes\nE\n", 0, false, CALLOUT_AWAY, 0, "4.5.0", 0 },
	{ "no reply", PLAIN MAIL TAKEN RCPT "S I am a teapot\nE\n", 0, false, CALLOUT_AWAY, 0, "4.5.0", 0 },
	{ "answers to nothing", PLAIN "W 1\nH MAIL\nR 250 ok\\r\\n250 ok\\r\\n250 ok\\r\\n\nE\n", 0, false, CALLOUT_AWAY, 0, "4.5.0", 0 },
	{ "hangs up", PLAIN MAIL TAKEN RCPT, 0, false, CALLOUT_AWAY, 0, "4.4.2", 0 },
	{ "hangs up at RSET", PLAIN MAIL TAKEN RCPT "S 550 5.1.1 who?\nH RSET\n", 0, false, CALLOUT_UNKNOWN, 550, "5.1.1", 0 },
	{ "silent", PLAIN MAIL TAKEN RCPT "W 2600\n", 0, false, CALLOUT_AWAY, 0, "4.4.2", 0 },
	{ "silent from the start", "W 2600\n", 0, false, CALLOUT_AWAY, 0, "4.4.1", 0 },
	{ "drop by drop", PLAIN MAIL TAKEN RCPT "R 2\nZ 0\n", 0, false, CALLOUT_AWAY, 0, "4.4.2", 0 },
	{ "a line without end", PLAIN MAIL TAKEN RCPT "R 250 \nZ 100000\nE\n", 0, false, CALLOUT_AWAY, 0, "4.5.0", 0 },
	{ "no mail server", "S HTTP/1.1 400 Bad Request\nE\n", 0, false, CALLOUT_AWAY, 0, "4.4.1", 0 },
	{ "wants nobody", "S 554 5.7.1 go away\nE\n", 0, false, CALLOUT_AWAY, 0, "4.4.1", 0 },
};
/* clang-format on */

static void test_answers(void **state)
{
	(void)state;
	unsigned wrong = 0;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		begin(NULL);
		world.server.script = r->script;
		pthread_create(&world.server.thread, NULL, serve, &world.server);
		ask(7, "inner.test", r->size, r->utf8);
		until_told(1, 20000);
		pthread_join(world.server.thread, NULL);
		const struct msg_told *t = &directory.last;
		if (directory.count != 1 || directory.tags[0] != 7 || t->answer != r->answer || t->code != r->code ||
			t->size_max != r->size_max || strcmp(directory.status, r->status) != 0 ||
			world.server.complaint[0] != '\0' || world.destination_state == DESTINATION_UNREACHABLE) {
			print_message("%s: told %u times, answer %u, code %u, %s, size %u; %s; heard %s\n", r->name,
				directory.count, (unsigned)t->answer, (unsigned)t->code, directory.status,
				(unsigned)t->size_max, world.server.complaint, world.server.heard);
			wrong++;
		}
		finish();
	}
	assert_int_equal(wrong, 0);
}

/* That the server is not as safe as a message demands is no reason to call it away: it is there for all other mail. */
static void test_requires_tls(void **state)
{
	(void)state;
	begin(NULL);
	demanding = true;
	world.server.script = WITH("REQUIRETLS") "E\n";
	pthread_create(&world.server.thread, NULL, serve, &world.server);
	ask(1, "inner.test", 0, false);
	until_told(1, 20000);
	pthread_join(world.server.thread, NULL);
	assert_int_equal(directory.last.answer, CALLOUT_REFUSED);
	assert_string_equal(directory.status, "5.7.10");
	demanding = false;
	finish();
}

/* One connection for one question after the other, and not more than may be. */
static void test_kept(void **state)
{
	(void)state;
	static const char *const one[] = { "edge.connections=1", NULL };
	begin(one);
	world.server.script = PLAIN MAIL TAKEN RCPT TAKEN RESET MAIL TAKEN RCPT
		"S 550 5.1.1 who?\n" RESET MAIL TAKEN RCPT TAKEN RESET;
	pthread_create(&world.server.thread, NULL, serve, &world.server);
	for (uint32_t i = 1; i <= 3; i++)
		ask(i, "inner.test", 0, false);
	until_told(3, 20000);
	pthread_join(world.server.thread, NULL);
	assert_string_equal(world.server.complaint, "");
	unsigned seen = 0;
	for (unsigned i = 0; i < 3; i++)
		seen |= 1u << directory.tags[i];
	assert_int_equal(seen, 1 << 1 | 1 << 2 | 1 << 3);
	finish();
}

/* A kept connection that was closed meanwhile is no answer: another one is made. */
static void test_closed_meanwhile(void **state)
{
	(void)state;
	begin(NULL);
	world.server.script = PLAIN MAIL TAKEN RCPT TAKEN RESET "A\n" PLAIN MAIL TAKEN RCPT TAKEN RESET;
	pthread_create(&world.server.thread, NULL, serve, &world.server);
	ask(1, "inner.test", 0, false);
	until_told(1, 20000);
	ask(2, "inner.test", 0, false);
	until_told(2, 20000);
	pthread_join(world.server.thread, NULL);
	assert_string_equal(world.server.complaint, "");
	assert_int_equal(directory.last.answer, CALLOUT_TAKEN);
	finish();
}

/* Only a route of the domain's own leads to an inner server. */
static void test_no_route(void **state)
{
	(void)state;
	static const char *const domains[] = { "other.test", "unknown.test" };
	begin(NULL);
	for (unsigned i = 0; i < COUNT(domains); i++) {
		ask(i, domains[i], 0, false);
		until_told(i + 1, 20000);
		assert_int_equal(directory.last.answer, CALLOUT_AWAY);
		assert_string_equal(directory.text, "there is no route with a host for this domain");
	}
	assert_int_equal(world.questions, 0);
	finish();
}

/* What a directory that has ended asked is not told the next one, whose question may have the same tag. */
static void test_another_directory(void **state)
{
	(void)state;
	begin(NULL);
	world.server.script =
		PLAIN MAIL TAKEN RCPT "W 300\nS 550 5.1.1 who?\n" RESET "A\n" PLAIN MAIL TAKEN RCPT TAKEN RESET;
	pthread_create(&world.server.thread, NULL, serve, &world.server);
	ask(1, "inner.test", 0, false);
	turn(&world, 100, NULL);
	connect_directory(&world);
	directory_hears();
	ask(1, "inner.test", 0, false);
	until_told(1, 20000);
	turn(&world, 500, NULL);
	directory_hears();
	assert_int_equal(directory.count, 1);
	assert_int_equal(directory.last.answer, CALLOUT_TAKEN);
	finish();
	pthread_join(world.server.thread, NULL);
}

/* More questions than can be open are answered at once. */
static void test_flood(void **state)
{
	(void)state;
	begin(NULL);
	for (uint32_t i = 0; i < 250; i++)
		ask(i, "unknown.test", 0, false);
	until_told(250, 20000);
	assert_int_equal(directory.count, 250);
	assert_int_equal(world.sender->callouts, 0);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_requires_tls),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_closed_meanwhile),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_another_directory),
		cmocka_unit_test(test_flood),
	};
	tls_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
