/* SPDX-License-Identifier: Apache-2.0 */
/* The skeleton of a process, in one of its own: the test is its supervisor. Settings that come while it serves hold
 * together or not at all. */
#include "ipc/role.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CONVERSATION "ipc/supervisor_role.def"
#include "ipc/conversation.h"

enum { LIFELINE = 3, HOME = 4, PATIENCE = 60000 };

/* What the role makes known of its settings, each time that it is told of new ones. */
struct seen {
	uint64_t header_max, errors_max;
	size_t networks;
};

static struct {
	struct channel line;
	struct frame in, out;
	pid_t pid;
	int sees[2];
} world;

/* ---- the process ---- */

static void tell(struct service *s)
{
	const struct conf_smtp *c = &s->conf->smtp;
	const struct seen seen = { c->header_max, c->errors_max, c->proxy_from.count };
	if (write(world.sees[1], &seen, sizeof seen) != (ssize_t)sizeof seen)
		service_finish(s);
}

static err start(struct service *s)
{
	tell(s);
	return OK;
}

static void live(int lifeline, bool renews)
{
	char name[] = "siegel-filter", instance[] = "", newest[] = "0", optional[] = "optional", shared[] = "shared";
	char *arguments[] = { name, instance, newest, optional, shared, NULL };
	const struct role role = { .name = "filter", .start = start, .renewed = renews ? tell : NULL };
	int high = fcntl(lifeline, F_DUPFD, HOME + 1);
	world.sees[1] = fcntl(world.sees[1], F_DUPFD, HOME + 1);
	close(HOME);
	_exit(high < 0 || dup2(high, LIFELINE) != LIFELINE ? 9 : role_main(&role, 5, arguments));
}

/* ---- its supervisor ---- */

static void settings(const char *lines)
{
	char room[1000];
	struct buf b = BUF_ON(room);
	str rest = str_of(lines), line;
	while (str_word(&rest, ';', &line))
		check_err("setting", msg_add_setting(&b, &world.out, &(const struct msg_setting){ line }), ERR_NONE);
	check_err("settings", msg_send_settings(&world.line, 0, &(const struct msg_settings){ buf_str(&b) }), ERR_NONE);
}

static bool renewed(void)
{
	struct msg_renewed m = { .taken = false };
	check_err("renew", msg_send_renew(&world.line, 0, &(const struct msg_renew){ 0 }), ERR_NONE);
	check_err("answer", msg_expect_renewed(&world.line, &m), ERR_NONE);
	return m.taken;
}

static void check_seen(const char *what, uint64_t header_max, uint64_t errors_max, size_t networks)
{
	struct seen seen;
	assert_int_equal(read(world.sees[0], &seen, sizeof seen), sizeof seen);
	if (seen.header_max != header_max || seen.errors_max != errors_max || seen.networks != networks)
		fail_msg("%s: %lu, %lu, %zu networks", what, (unsigned long)seen.header_max,
			(unsigned long)seen.errors_max, seen.networks);
}

static void begin(bool renews)
{
	int ends[2];
	struct msg_running running = { .landlock = 0 };
	check_err("lifeline", channel_pair(ends), ERR_NONE);
	assert_int_equal(pipe(world.sees), 0);
	world.pid = fork();
	assert_true(world.pid >= 0);
	if (world.pid == 0)
		live(ends[1], renews);
	close(ends[1]);
	close(world.sees[1]);
	world.line = channel_waiting(ends[0], PATIENCE, &world.in, &world.out);
	settings("smtp.errors_max=7;smtp.proxy_from=192.0.2.0/24");
	check_err("go", msg_send_go(&world.line, 0, &(const struct msg_go){ 0 }), ERR_NONE);
	check_err("running", msg_expect_running(&world.line, &running), ERR_NONE);
	check_seen("at the start", 1048576, 7, 1);
}

static void end(void)
{
	int status = -1;
	check_err("stop", msg_send_stop(&world.line, 0, &(const struct msg_stop){ 0 }), ERR_NONE);
	assert_int_equal(waitpid(world.pid, &status, 0), world.pid);
	assert_int_equal(status, 0);
	channel_close(&world.line);
	close(world.sees[0]);
}

static void test_taken(void **state)
{
	(void)state;
	begin(true);
	settings("smtp.header_max=70000");
	settings("smtp.errors_max=8");
	assert_true(renewed());
	check_seen("both, and what was not said is as ever", 70000, 8, 0);
	for (unsigned i = 0; i < 300; i++) { /* those from before are gone, each time */
		settings("smtp.proxy_from=192.0.2.0/25 198.51.100.0/24");
		assert_true(renewed());
		check_seen("again", 1048576, 10, 2);
	}
	end();
}

static void test_all_or_none(void **state)
{
	static const char *const wrong[] = { "smtp.errors_max=0", "smtp.errors=1", "mail.errors_max=1",
		"smtp.errors_max", "smtp.proxy_from=somewhere" };
	(void)state;
	begin(true);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		settings("smtp.header_max=70000");
		settings(wrong[i]);
		settings("smtp.header_max=80000");
		if (renewed())
			fail_msg("%s", wrong[i]);
	}
	assert_false(renewed()); /* nothing came before it */
	settings("smtp.header_max=90000");
	assert_true(renewed());
	check_seen("the first that it was told of", 90000, 10, 0);
	end();
}

static void test_not_for_it(void **state)
{
	(void)state;
	begin(false);
	settings("smtp.header_max=70000");
	assert_false(renewed());
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_all_or_none),
		cmocka_unit_test(test_not_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
