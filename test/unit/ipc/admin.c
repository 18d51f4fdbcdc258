/* SPDX-License-Identifier: Apache-2.0 */
/* A role's door for commands, over the channels that `control` would have. */
#include "ipc/admin.h"

#include <stdio.h>

#include "check.h"
#include "ipc/open_fds.h"
#include "role/fake_service.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum { TURN = 20, FLOOD = 1000 };

static struct frame in, out, scratch;
static struct fake_service fake;
static struct admin *kept;
static unsigned runs;

static void echo(struct admin *a)
{
	char room[200];
	struct buf b = BUF_ON(room);
	uint64_t number = 0;
	static const char *const known[] = { "name", "number", NULL };
	runs++;
	if (admin_refused_words(a, known))
		return;
	struct json j = json_begin(&b);
	json_text(&j, "name", admin_word(a, S("name")));
	json_text(&j, "caller", a->caller);
	json_text(&j, "secret", a->secret);
	err e = admin_number(a, S("number"), 99, &number);
	json_number(&j, "number", failed(e) ? 1000 + (uint64_t)e.code : number);
	json_end(&j);
	check_err("line", admin_line(a, buf_str(&b)), ERR_NONE);
	admin_done(a);
}

static void keep(struct admin *a) { kept = a; }

static void flood(struct admin *a)
{
	static char line[30000];
	err e = OK;
	unsigned lines = 0;
	memset(line, 'x', sizeof line);
	while (lines < FLOOD && !failed(e = admin_line(a, str_from(line, sizeof line))))
		lines++;
	assert_true(lines < FLOOD);
	check_err("nobody reads", e, ERR_LIMIT);
	check_err("and nothing is left out in the middle", admin_line(a, S("{}")), ERR_LIMIT);
	admin_done(a);
}

static void refuse(struct admin *a) { admin_refuse(a, "not %s", "today\nnor tomorrow"); }

static const struct admin_verb verbs[] = {
	{ "echo", echo },
	{ "keep", keep },
	{ "flood", flood },
	{ "refuse", refuse },
	{ NULL, NULL },
};

static struct admin_door *door;
static unsigned open_before;

static int start(void **state)
{
	(void)state;
	open_before = open_fds();
	runs = 0;
	door = admin_door_new(fake_service_start(&fake), verbs, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fake_service_end(&fake);
	assert_int_equal(open_fds(), open_before);
	return 0;
}

static struct channel new_session(void)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	admin_door_open(door, ends[0]);
	return channel_of(ends[1], &in, &out);
}

static str words_of(const char *const *words)
{
	static char room[32768];
	struct buf b = BUF_ON(room);
	for (; *words != NULL; words++) {
		struct msg_word word = { .text = str_of(*words) };
		check_err(*words, msg_add_word(&b, &scratch, &word), ERR_NONE);
	}
	return buf_str(&b);
}

static void ask(struct channel *c, const char *verb, const char *const *words)
{
	struct msg_command m = {
		.verb = str_of(verb), .words = words_of(words), .secret = S("s3"), .caller = S("root")
	};
	check_err("ask", msg_send_command(c, 0, &m), ERR_NONE);
	fake_service_turn(&fake, TURN);
}

static void check_end(struct channel *c, bool done, const char *reason)
{
	struct msg_end end_message = { 0 };
	check_err("end", msg_expect_end(c, &end_message), ERR_NONE);
	assert_int_equal(end_message.done, done);
	check_str("reason", end_message.reason, str_of(reason));
	check_err("closed", channel_receive(c), ERR_CLOSED);
	channel_close(c);
}

static const char *const nothing[] = { NULL };

static void command_test(void **state)
{
	static const char *const words[] = { "name=a=b c", "number=42", NULL };
	struct msg_line line;
	(void)state;
	struct channel c = new_session();
	ask(&c, "echo", words);
	check_err("line", msg_expect_line(&c, &line), ERR_NONE);
	check_str("line", line.json, S("{\"name\":\"a=b c\",\"caller\":\"root\",\"secret\":\"s3\",\"number\":42}"));
	check_end(&c, true, "");
}

static void words_test(void **state)
{
	static const char *const none[] = { NULL }, *const high[] = { "number=100", NULL },
				 *const odd[] = { "number=4x", NULL };
	static const struct {
		const char *const *words;
		enum err_code want;
	} cases[] = { { none, ERR_ABSENT }, { high, ERR_LIMIT }, { odd, ERR_SYNTAX } };
	struct msg_line line;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char want[100];
		snprintf(want, sizeof want, "\"number\":%d}", 1000 + (int)cases[i].want);
		struct channel c = new_session();
		ask(&c, "echo", cases[i].words);
		check_err("line", msg_expect_line(&c, &line), ERR_NONE);
		if (!str_ends(line.json, str_of(want)))
			fail_msg("got %.*s, want %s", ARG(line.json), want);
		check_end(&c, true, "");
	}
}

static void refused_test(void **state)
{
	static const char *const unknown[] = { "name=a", "colour=red", NULL };
	(void)state;
	struct channel c = new_session();
	ask(&c, "dance", nothing);
	check_end(&c, false, "this server does not know \"dance\"");
	c = new_session();
	ask(&c, "echo", unknown);
	check_end(&c, false, "\"echo\" does not take colour");
	c = new_session();
	ask(&c, "refuse", nothing);
	check_end(&c, false, "not today?nor tomorrow");
	assert_int_equal(fake.events[EV_command_refused], 3);
}

/* What is not a command ends the channel without a word. */
static void malformed_test(void **state)
{
	static const char *const no_value[] = { "name", NULL };
	static const char *many[ADMIN_WORDS_MAX + 2];
	struct msg_line line = { .json = S("{}") };
	(void)state;
	for (size_t i = 0; i <= ADMIN_WORDS_MAX; i++)
		many[i] = "a=b";
	struct channel c = new_session();
	ask(&c, "echo", no_value);
	check_err("a word without a value", channel_receive(&c), ERR_CLOSED);
	channel_close(&c);
	c = new_session();
	ask(&c, "echo", many);
	check_err("too many words", channel_receive(&c), ERR_CLOSED);
	channel_close(&c);
	c = new_session();
	check_err("send", msg_send_line(&c, 0, &line), ERR_NONE);
	fake_service_turn(&fake, TURN);
	check_err("our own words", channel_receive(&c), ERR_CLOSED);
	channel_close(&c);
	assert_int_equal(runs, 0);
}

/* A command that takes its time is finished though its caller has gone. */
static void caller_gone_test(void **state)
{
	(void)state;
	struct channel c = new_session();
	ask(&c, "keep", nothing);
	assert_non_null(kept);
	channel_close(&c);
	fake_service_turn(&fake, TURN);
	check_err("line", admin_line(kept, S("{}")), ERR_CLOSED);
	admin_done(kept);
	fake_service_turn(&fake, TURN);
}

static void one_command_test(void **state)
{
	struct msg_command second = { .verb = S("echo"), .caller = S("root") };
	(void)state;
	struct channel c = new_session();
	ask(&c, "keep", nothing);
	check_err("second", msg_send_command(&c, 0, &second), ERR_NONE);
	fake_service_turn(&fake, TURN);
	assert_int_equal(runs, 0);
	admin_done(kept);
	channel_close(&c);
}

static void flood_test(void **state)
{
	(void)state;
	struct channel c = new_session();
	ask(&c, "flood", nothing);
	channel_close(&c);
	fake_service_turn(&fake, TURN);
}

static void full_test(void **state)
{
	struct channel all[ADMIN_SESSIONS_MAX];
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		all[i] = new_session();
	struct channel c = new_session();
	check_err("one too many", channel_receive(&c), ERR_CLOSED);
	channel_close(&c);
	for (size_t i = 0; i < COUNT(all); i++)
		channel_close(&all[i]);
	fake_service_turn(&fake, TURN);
	c = new_session();
	ask(&c, "dance", nothing);
	check_end(&c, false, "this server does not know \"dance\"");
}

static void over_control_test(void **state)
{
	int control[2], session[2];
	(void)state;
	check_err("pair", channel_pair(control), ERR_NONE);
	check_err("pair", channel_pair(session), ERR_NONE);
	admin_door_connect(door, control[0]);
	struct channel to_door = channel_of(control[1], &in, &out), c = channel_of(session[1], &in, &out);
	struct msg_session_open open = { .end = session[0] };
	check_err("open", msg_send_session_open(&to_door, 0, &open), ERR_NONE);
	close(session[0]);
	fake_service_turn(&fake, TURN);
	ask(&c, "dance", nothing);
	check_end(&c, false, "this server does not know \"dance\"");
	struct msg_end nonsense = { 0 };
	check_err("nonsense", msg_send_end(&to_door, 0, &nonsense), ERR_NONE);
	fake_service_turn(&fake, TURN);
	assert_int_equal(fake.events[EV_channel_broken], 1);
	check_err("ended", channel_receive(&to_door), ERR_CLOSED);
	channel_close(&to_door);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(command_test),
		TEST(words_test),
		TEST(refused_test),
		TEST(malformed_test),
		TEST(caller_gone_test),
		TEST(one_command_test),
		TEST(flood_test),
		TEST(full_test),
		TEST(over_control_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
