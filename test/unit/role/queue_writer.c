/* SPDX-License-Identifier: Apache-2.0 */
/* Which jobs share a commit, and in which order they are run in it. */
#include "role/queue/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

enum { LAZY = 1000, AT_ONCE_MOST = 128, FALLS_MOST = 10 };

static struct loop *loop;
static struct writer *writer;
static struct job lazy[LAZY], urgent;
/* What was run, in its order, until the writer's thread is gone or the loop was told of it. */
static int64_t order[LAZY + 1];
static unsigned place[LAZY + 1]; /* of equal ones, in their order of coming */
static unsigned count, in_commit, largest, urgent_at, done_count;
static bool hurries; /* somebody does, as soon as the first lazy job is run */

static void sink(void *to, enum log_event event, const struct log_field *fields)
{
	(void)to;
	(void)event;
	(void)fields;
}

static void on_waiting(void *to, uint32_t account)
{
	(void)to;
	(void)account;
}

static void on_renewed(void *to) { (void)to; }

static void post_urgent(void);

static err note(struct job *j, struct spool *spool)
{
	(void)spool;
	if (j == &urgent)
		urgent_at = count;
	else
		place[count] = (unsigned)(j - lazy);
	order[count++] = j->order;
	in_commit++;
	if (hurries)
		post_urgent();
	hurries = false;
	return OK;
}

static void end_commit(struct job *j)
{
	(void)j;
	if (in_commit > largest)
		largest = in_commit;
	in_commit = 0;
}

static void on_done(struct job *j)
{
	assert_false(failed(j->e));
	if (++done_count == LAZY + 1)
		loop_stop(loop);
}

static int begin(void **state)
{
	static char folder[64];
	(void)state;
	snprintf(folder, sizeof folder, "%s/siegel-writer-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	const struct log log = { .sink = sink };
	const struct writer_news news = { .waiting = on_waiting, .renewed = on_renewed };
	count = in_commit = largest = done_count = 0;
	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return -1;
	return failed(loop_new(&loop)) || failed(writer_start(loop, &log, &news, &writer));
}

static int finish(void **state)
{
	(void)state;
	writer_stop(&writer);
	loop_free(&loop);
	unlink("queue.db-wal");
	return unlink("queue.db");
}

/* Two jobs of each number, from the highest to the lowest. */
static void post_lazy(void)
{
	for (unsigned i = 0; i < LAZY; i++) {
		lazy[i] = (struct job){ .run = note,
			.committed = end_commit,
			.done = on_done,
			.haste = JOB_LAZY,
			.order = (LAZY - i - 1) / 2 };
		writer_post(writer, &lazy[i]);
	}
}

static void post_urgent(void)
{
	urgent = (struct job){ .run = note, .committed = end_commit, .done = on_done, .order = -1 };
	writer_post(writer, &urgent);
}

static void test_turns(void **state)
{
	(void)state;
	hurries = true;
	post_lazy();
	assert_false(failed(loop_run(loop)));
	assert_int_equal(count, LAZY + 1);
	/* Whoever hurries waits for one commit, and that is not long, however much is lazy. */
	if (largest > AT_ONCE_MOST + 1)
		fail_msg("%u jobs in one commit", largest);
	if (urgent_at > AT_ONCE_MOST)
		fail_msg("it waited for %u others", urgent_at);
}

static void test_order(void **state)
{
	(void)state;
	post_urgent();
	post_lazy();
	assert_false(failed(loop_run(loop)));
	unsigned falls = 0;
	for (unsigned i = 1; i < count; i++) {
		if (i == urgent_at || i - 1 == urgent_at)
			continue;
		falls += order[i] < order[i - 1];
		if (order[i] == order[i - 1] && place[i] < place[i - 1])
			fail_msg("number %d: the second came before the first", (int)order[i]);
	}
	/* One turn; some more, if they were posted so slowly that the first began meanwhile. */
	if (falls > FALLS_MOST)
		fail_msg("%u times a lower number came after a higher one", falls);
}

static void test_stop(void **state)
{
	(void)state;
	post_lazy();
	post_urgent();
	writer_stop(&writer);
	assert_int_equal(count, LAZY + 1);
	assert_int_equal(done_count, LAZY + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_turns, begin, finish),
		cmocka_unit_test_setup_teardown(test_order, begin, finish),
		cmocka_unit_test_setup_teardown(test_stop, begin, finish),
	};
	return cmocka_run_group_tests_name("role/queue_writer", tests, NULL, NULL);
}
