/* SPDX-License-Identifier: Apache-2.0 */
/* The log: how lines look, when files change, which alarms are kept, what the commands show. */
#include "role/logger/logger.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_service.h"
#include "os/fd.h"
#include "role/logger/role.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/role_logger.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/logger_directory.def"
#include "ipc/conversation.h"

enum { DAY_MS = 86400000, HOUR_MS = 3600000 };
/* 2026-11-23T07:12:01.123Z */
static const int64_t moment = 1795417921123;

static char folder[64];
static int before;

/* Each test has a folder of its own. */
static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/siegel-logger-XXXXXX");
	before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return before >= 0 && mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	DIR *all = opendir(".");
	(void)state;
	for (const struct dirent *e; all != NULL && (e = readdir(all)) != NULL;)
		unlink(e->d_name);
	closedir(all);
	int status = fchdir(before) == 0 && rmdir(folder) == 0 ? 0 : -1;
	fd_close(&before);
	return status;
}

/* ---- lines ---- */

static void check_line(const char *name, const struct log_field *fields, const struct hash_key *key, const char *want)
{
	char room[LOG_LINE_MAX];
	struct buf line = BUF_ON(room);
	const struct log_origin origin = { S("receiver"), 42, moment, key };
	struct json j = line_begin(&line, &origin, EV_login_failed);
	for (; fields->kind != LOG_END; fields++)
		line_field(&j, &origin, str_of(fields->name), fields);
	line_end(&j);
	check_str(name, buf_str(&line), str_of(want));
}

#define HEAD                                                                                                          \
	"{\"time\":\"2026-11-23T07:12:01.123Z\",\"level\":\"info\",\"event\":\"login_failed\",\"role\":\"receiver\"," \
	"\"pid\":42"
#define FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { NULL, LOG_END, NO_STR, 0 } })

static void test_lines(void **state)
{
	const struct hash_key key = { { 1, 2 } };
	(void)state;
	check_line("fields",
		FIELDS(F_TEXT("session", S("s1")), F_ADDRESS("client", S("192.0.2.1")), F_NUMBER("size", 7)), NULL,
		HEAD ",\"session\":\"s1\",\"client\":\"192.0.2.1\",\"size\":7}\n");
	check_line("forged", FIELDS(F_TEXT("reason", S("x\"}\n{\"time\":\"\x80\x01"))), NULL,
		HEAD ",\"reason\":\"x\\\"}\\u000a{\\\"time\\\":\\\"\xef\xbf\xbd\\u0001\"}\n");
	check_line("names of our own", FIELDS(F_TEXT("time", S("1")), F_TEXT("role", S("queue")), F_NUMBER("pid", 1)),
		NULL, HEAD "}\n");
	check_line(
		"no name", FIELDS(F_TEXT("", S("1")), F_TEXT("a b", S("1")), F_TEXT("a\"b", S("1"))), NULL, HEAD "}\n");
	check_line("pseudonyms",
		FIELDS(F_ADDRESS("login", S("kx77-anna")), F_ADDRESS("client", S("kx77-anna")),
			F_ADDRESS("sender", S(""))),
		&key, HEAD ",\"login\":\"~6b951e1cd4e03985\",\"client\":\"~6b951e1cd4e03985\",\"sender\":\"\"}\n");
	check_line("words of commands",
		FIELDS(F_WORDS("words", S("login=kx77-anna name=Anna Example domain=example.org id=0123"))), &key,
		HEAD ",\"words\":\"login=~6b951e1cd4e03985 name=~1a8db79a7298e417 domain=example.org id=0123\"}\n");
	check_line("a sentence with quotes",
		FIELDS(F_QUOTING("reason", S("no \"kx77-anna\" and \"x")), F_QUOTING("x", S("y"))), &key,
		HEAD ",\"reason\":\"no \\\"~6b951e1cd4e03985\\\" and \\\"~4506d5017bb7edc6\\\"\",\"x\":\"y\"}\n");
	check_line("words of commands in full", FIELDS(F_WORDS("words", S("login=kx77-anna name=Anna Example"))), NULL,
		HEAD ",\"words\":\"login=kx77-anna name=Anna Example\"}\n");
}

/* ---- files ---- */

static const char *names_of_files(void)
{
	static char names[LOG_FILES_MAX][LOG_FILE_NAME], room[1000];
	struct buf b = BUF_ON(room);
	size_t n = log_files(names, LOG_FILES_MAX);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i > 0 ? " " : "", names[i]);
	buf_byte(&b, '\0');
	return room;
}

static err write_line(struct log_file *f, const char *line, int64_t utc_ms)
{
	str lines = str_of(line);
	return log_file_write(f, &lines, utc_ms);
}

static void test_files_change_with_the_day(void **state)
{
	struct log_file f;
	(void)state;
	check_err("open", log_file_open(&f, 2, moment), ERR_NONE);
	for (int day = 0; day < 4; day++)
		check_err("write", write_line(&f, "line\n", moment + (int64_t)day * DAY_MS), ERR_NONE);
	check_str("of two days", str_of(names_of_files()), S("siegel-2026-11-24.log siegel-2026-11-25.log siegel.log"));
	check_err("the clock goes back", write_line(&f, "line\n", moment + 2 * (int64_t)DAY_MS), ERR_NONE);
	fd_close(&f.fd);
}

static void test_files_that_are_kept_for_ever(void **state)
{
	struct log_file f;
	(void)state;
	check_err("open", log_file_open(&f, 0, moment), ERR_NONE);
	for (int day = 0; day < 4; day++)
		check_err("write", write_line(&f, "line\n", moment + (int64_t)day * DAY_MS), ERR_NONE);
	check_str("all", str_of(names_of_files()),
		S("siegel-2026-11-23.log siegel-2026-11-24.log siegel-2026-11-25.log siegel.log"));
	fd_close(&f.fd);
}

static void test_a_file_moved_away_is_begun_anew(void **state)
{
	struct log_file f;
	struct stat st;
	(void)state;
	check_err("open", log_file_open(&f, 2, moment), ERR_NONE);
	check_err("write", write_line(&f, "one\n", moment), ERR_NONE);
	assert_int_equal(rename("siegel.log", "moved"), 0);
	check_err("write", write_line(&f, "two three\n", moment + 2000), ERR_NONE);
	assert_int_equal(stat("siegel.log", &st), 0);
	assert_int_equal(st.st_size, 10);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd_close(&f.fd);
}

static void limit_files(rlim_t bytes)
{
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(const struct rlimit){ bytes, RLIM_INFINITY }), 0);
}

static void test_half_a_line_is_taken_back(void **state)
{
	struct log_file f;
	struct stat st;
	str lines = S("one\ntwo\nthree\n");
	(void)state;
	check_err("open", log_file_open(&f, 2, moment), ERR_NONE);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(10);
	check_err("no room", log_file_write(&f, &lines, moment), ERR_SYSTEM);
	check_str("left", lines, S("three\n"));
	assert_int_equal(stat("siegel.log", &st), 0);
	assert_int_equal(st.st_size, 8);
	limit_files(RLIM_INFINITY);
	check_err("room", log_file_write(&f, &lines, moment), ERR_NONE);
	assert_int_equal(lines.n, 0);
	fd_close(&f.fd);
}

/* ---- alarms ---- */

static void test_one_alarm_of_a_kind_in_an_hour(void **state)
{
	static struct alarms a, again;
	(void)state;
	memset(&a, 0, sizeof a);
	memset(&again, 0, sizeof again);
	assert_true(alarms_add(&a, EV_store_damaged, S("{\"a\":1}"), moment));
	assert_false(alarms_add(&a, EV_store_damaged, S("{\"a\":2}"), moment + HOUR_MS - 1));
	assert_true(alarms_add(&a, EV_login_forged, S("{\"b\":1}"), moment + 1));
	assert_true(alarms_add(&a, EV_store_damaged, S("{\"a\":3}"), moment + HOUR_MS));
	assert_int_equal(a.count, 3);
	check_err("save", alarms_save(&a), ERR_NONE);
	alarms_load(&again);
	assert_int_equal(again.count, 3);
	assert_int_equal(again.last_number, 3);
	assert_int_equal(again.entry[0].times, 2);
	assert_int_equal(again.entry[0].event, EV_store_damaged);
	check_str("text", str_from(again.entry[1].text, again.entry[1].length), S("{\"b\":1}"));
	assert_true(alarms_acknowledge(&again, 2));
	assert_false(alarms_acknowledge(&again, 2));
	assert_int_equal(again.count, 2);
	assert_true(alarms_acknowledge(&again, 0));
	assert_int_equal(again.count, 0);
}

static void test_the_oldest_alarm_makes_room(void **state)
{
	static struct alarms a;
	(void)state;
	memset(&a, 0, sizeof a);
	for (int i = 0; i < ALARMS_MAX + 5; i++)
		assert_true(alarms_add(&a, EV_alarm, S("{}"), moment + (int64_t)i * HOUR_MS));
	assert_int_equal(a.count, ALARMS_MAX);
	assert_int_equal(a.entry[0].number, 6);
}

/* ---- the role ---- */

static struct {
	struct fake_service fake;
	struct service *service;
	struct channel queue, control;
	struct frame in, out, scratch;
} house;

static void start_role(const char *setting)
{
	int entries[2], control[2];
	house.service = fake_service_start(&house.fake);
	if (setting != NULL)
		fake_service_set(&house.fake, setting);
	role_logger.prepare(house.service);
	check_err("pair", channel_pair(entries), ERR_NONE);
	check_err("pair", channel_pair(control), ERR_NONE);
	role_logger.channel(house.service, S("queue"), 0, 77, entries[0]);
	role_logger.channel(house.service, S("control"), 0, 0, control[0]);
	house.queue = channel_of(entries[1], &house.in, &house.out);
	house.control = channel_of(control[1], &house.in, &house.out);
	check_err("start", role_logger.start(house.service), ERR_NONE);
}

static void end_role(void)
{
	role_logger.stop(house.service);
	channel_close(&house.queue);
	channel_close(&house.control);
	fake_service_turn(&house.fake, 2);
	struct logger *logger = house.service->state;
	arena_free(&logger->sources);
	logger->free_sources = NULL;
	fake_service_end(&house.fake);
}

static void add_field(struct buf *fields, const char *name, enum log_kind kind, str text)
{
	const struct msg_log_field field = { .name = str_of(name), .kind = kind, .text = text };
	if (text.p != NULL)
		check_err("field", msg_add_log_field(fields, &house.scratch, &field), ERR_NONE);
}

static void say_of(uint64_t event, str message, str session)
{
	char room[2000];
	struct buf fields = BUF_ON(room);
	add_field(&fields, "message", LOG_TEXT, message);
	add_field(&fields, "session", LOG_TEXT, session);
	add_field(&fields, "login", LOG_ADDRESS, S("kx77-anna"));
	check_err("entry",
		msg_send_log_entry(
			&house.queue, 0, &(const struct msg_log_entry){ .event = event, .fields = buf_str(&fields) }),
		ERR_NONE);
	fake_service_turn(&house.fake, 1);
}

static void say(uint64_t event, str message) { say_of(event, message, NO_STR); }

static struct channel ask(const char *verb, const char *word)
{
	char room[200];
	struct buf words = BUF_ON(room);
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	check_err("open", msg_send_session_open(&house.control, 0, &(struct msg_session_open){ .end = ends[0] }),
		ERR_NONE);
	fd_close(&ends[0]);
	struct channel c = channel_of(ends[1], &house.in, &house.out);
	if (word != NULL)
		check_err(word, msg_add_word(&words, &house.scratch, &(const struct msg_word){ .text = str_of(word) }),
			ERR_NONE);
	const struct msg_command m = {
		.verb = str_of(verb), .words = buf_str(&words), .caller = S("root"), .secret = S("")
	};
	check_err(verb, msg_send_command(&c, 0, &m), ERR_NONE);
	fake_service_turn(&house.fake, 5);
	return c;
}

/* Lines until the end; the last one stays in last. */
static unsigned lines_of(struct channel *c, struct buf *last, bool *done)
{
	unsigned lines = 0;
	for (int idle = 0; idle < 200;) {
		struct msg_line line = { .json = NO_STR };
		struct msg_end end = { .done = false };
		err e = channel_receive(c);
		if (e.code == ERR_AGAIN) {
			idle++;
			fake_service_turn(&house.fake, 1);
			continue;
		}
		check_err("answer", e, ERR_NONE);
		if (c->in->number == MSG_end) {
			check_err("end", msg_get_end(c->in, &end), ERR_NONE);
			*done = end.done;
			return lines;
		}
		check_err("line", msg_get_line(c->in, &line), ERR_NONE);
		last->n = 0;
		buf_add(last, line.json);
		lines++;
	}
	fail_msg("no end came");
	return 0;
}

/* A message is shown with its session: how it began and ended, not what else it brought. */
static void test_a_trace_follows_the_session(void **state)
{
	char room[4000];
	struct buf last = BUF_ON(room);
	bool done;
	(void)state;
	start_role(NULL);
	say_of(EV_connection_opened, NO_STR, S("s1"));
	say_of(EV_connection_opened, NO_STR, S("s2"));
	say_of(EV_message_accepted, S("0123456789abcdef"), S("s1"));
	say_of(EV_message_accepted, S("fedcba9876543210"), S("s1"));
	say_of(EV_message_accepted, S("aaaaaaaaaaaaaaaa"), S("s2"));
	say_of(EV_message_delivered, S("0123456789abcdef"), NO_STR);
	say_of(EV_connection_closed, NO_STR, S("s1"));
	struct channel c = ask("log trace", "id=0123456789");
	assert_int_equal(lines_of(&c, &last, &done), 4);
	assert_true(done);
	assert_true(str_find_str(buf_str(&last), S("\"connection_closed\"")) != STR_NONE);
	channel_close(&c);
	end_role();
}

static void test_entries_come_back_by_trace_and_tail(void **state)
{
	char room[4000];
	struct buf last = BUF_ON(room);
	bool done;
	(void)state;
	start_role(NULL);
	for (int i = 0; i < 30; i++)
		say(EV_message_accepted, i % 3 == 0 ? S("0123456789abcdef") : S("fedcba9876543210"));
	struct channel c = ask("log trace", "id=0123456789abcdef");
	assert_int_equal(lines_of(&c, &last, &done), 10);
	assert_true(done);
	assert_true(
		str_find_str(buf_str(&last),
			S("\"role\":\"queue\",\"pid\":77,\"message\":\"0123456789abcdef\",\"login\":\"kx77-anna\"}")) !=
		STR_NONE);
	channel_close(&c);
	for (int i = 0; i < 2; i++) { /* the second finds no trace of the first */
		c = ask("log trace", "id=nowhere");
		assert_int_equal(lines_of(&c, &last, &done), 0);
		assert_false(done);
		channel_close(&c);
	}
	c = ask("log trace", "id=a b");
	assert_int_equal(lines_of(&c, &last, &done), 0);
	assert_false(done);
	channel_close(&c);
	c = ask("log tail", "lines=7");
	assert_int_equal(lines_of(&c, &last, &done), 7);
	assert_true(done);
	channel_close(&c);
	end_role();
}

static bool stands_in_log(const char *event)
{
	static char room[2 * OUTPUT_ROOM];
	size_t n = 0, got = 0;
	int fd = open("siegel.log", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n < sizeof room && !failed(fd_read(fd, room + n, sizeof room - n, &got)))
		n += got;
	fd_close(&fd);
	return str_find_str(str_from(room, n), str_of(event)) != STR_NONE;
}

/* What the disk refuses is written once it does not, and what even the room could not hold is counted. */
static void test_a_full_disk_loses_no_entry_that_finds_room(void **state)
{
	(void)state;
	assert_int_equal(symlink("/dev/full", "siegel.log"), 0);
	start_role(NULL);
	say(EV_disk_full, S("the first"));
	for (int i = 0; i < 2 * OUTPUT_ROOM / 100; i++)
		say(EV_message_accepted, S("0123456789abcdef"));
	assert_int_equal(unlink("siegel.log"), 0);
	for (int i = 0; i < 400 && !stands_in_log("entries_lost"); i++) {
		usleep(10000);
		fake_service_turn(&house.fake, 1);
	}
	assert_true(stands_in_log("\"event\":\"disk_full\""));
	assert_true(stands_in_log("\"event\":\"entries_lost\""));
	end_role();
}

static void test_followers_come_and_go(void **state)
{
	(void)state;
	start_role(NULL);
	for (int i = 0; i < 3 * FOLLOWERS_MAX; i++) { /* who has gone takes nobody's place */
		struct channel c = ask("log tail", "follow=yes");
		struct msg_line line = { .json = NO_STR };
		say(EV_message_accepted, S("0123456789abcdef"));
		while (!failed(channel_receive(&c)))
			check_err("line", msg_get_line(c.in, &line), ERR_NONE);
		say(EV_message_delivered, S("0123456789abcdef"));
		check_err("new line", msg_expect_line(&c, &line), ERR_NONE);
		assert_true(str_find_str(line.json, S("message_delivered")) != STR_NONE);
		channel_close(&c);
		fake_service_turn(&house.fake, 2);
	}
	end_role();
}

static void test_alarms_are_listed_until_acknowledged(void **state)
{
	char room[4000];
	struct buf last = BUF_ON(room);
	bool done;
	(void)state;
	start_role("log.addresses=pseudonym");
	say(EV_store_damaged, S("m1"));
	say(EV_store_damaged, S("m1"));
	struct channel c = ask("alarm list", NULL);
	assert_int_equal(lines_of(&c, &last, &done), 1);
	assert_true(str_find_str(buf_str(&last), S("\"times\":2")) != STR_NONE);
	assert_true(str_find_str(buf_str(&last), S("kx77")) == STR_NONE);
	channel_close(&c);
	c = ask("alarm ack", "number=1");
	assert_int_equal(lines_of(&c, &last, &done), 0);
	assert_true(done);
	channel_close(&c);
	c = ask("alarm list", NULL);
	assert_int_equal(lines_of(&c, &last, &done), 0);
	channel_close(&c);
	end_role();
}

static void test_alarms_are_told_to_directory(void **state)
{
	static char longer[1500];
	struct msg_alarm alarm;
	int ends[2];
	(void)state;
	start_role("log.addresses=pseudonym");
	say(EV_store_damaged, S("before anybody listens"));
	check_err("pair", channel_pair(ends), ERR_NONE);
	role_logger.channel(house.service, S("directory"), 0, 0, ends[0]);
	struct channel directory = channel_of(ends[1], &house.in, &house.out);
	say(EV_message_accepted, S("no alarm"));
	check_err("nothing to tell", msg_expect_alarm(&directory, &alarm), ERR_AGAIN);
	memset(longer, 'x', sizeof longer);
	say(EV_login_forged, str_from(longer, sizeof longer));
	check_err("told", msg_expect_alarm(&directory, &alarm), ERR_NONE);
	assert_int_equal(alarm.event, EV_login_forged);
	assert_int_equal(alarm.entry.n, 1024); /* cut */
	assert_true(str_starts(alarm.entry, S("{\"time\":")));
	assert_true(str_find_str(alarm.entry, S("kx77")) == STR_NONE);
	say(EV_login_forged, S("again"));
	check_err("once an hour", msg_expect_alarm(&directory, &alarm), ERR_AGAIN);
	/* Nobody is waited for: neither who reads nothing nor who has gone. */
	while (!failed(msg_send_alarm(&(struct channel){ .fd = ends[0], .out = &house.out }, 0,
		&(const struct msg_alarm){ .entry = S("x") })))
		;
	say(EV_relay_network, S("no room"));
	channel_close(&directory);
	say(EV_envelope_forged, S("gone"));
	bool done;
	char room[4000];
	struct buf last = BUF_ON(room);
	struct channel c = ask("alarm list", NULL);
	assert_true(lines_of(&c, &last, &done) >= 3);
	channel_close(&c);
	end_role();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test_setup_teardown(test_files_change_with_the_day, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_that_are_kept_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_moved_away_is_begun_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_a_line_is_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_alarm_of_a_kind_in_an_hour, set_up, tear_down),
		cmocka_unit_test(test_the_oldest_alarm_makes_room),
		cmocka_unit_test_setup_teardown(test_a_trace_follows_the_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_entries_come_back_by_trace_and_tail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_full_disk_loses_no_entry_that_finds_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_followers_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alarms_are_listed_until_acknowledged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alarms_are_told_to_directory, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
