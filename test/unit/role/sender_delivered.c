/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender that is killed leaves to the next one, and what comes of it when that is rubbish. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_service.h"
#include "os/random.h"
#include "role/sender/delivered.h"

enum { BYTES = 16 << 10, JOBS = 100 };

static struct fake_service fake;
static struct sender sender;
static int memory = -1;

static struct sender *begin_without(void)
{
	sender = (struct sender){ .service = fake_service_start(&fake) };
	pthread_mutex_init(&sender.lock, NULL);
	return &sender;
}

/* A process begins: it has nothing but that memory. */
static struct sender *begin(void)
{
	struct sender *s = begin_without();
	delivered_open(s, fcntl(memory, F_DUPFD_CLOEXEC, 0));
	return s;
}

/* It is killed: what it knew is gone. */
static void end(void)
{
	for (struct job *j = sender.jobs, *next; j != NULL; j = next) {
		struct arena *a = j->arena;
		next = j->next_all;
		arena_free(&a);
	}
	pthread_mutex_destroy(&sender.lock);
	fake_service_end(&fake);
}

static struct job *job_new(struct sender *s, uint64_t number)
{
	static const char transaction[16] = "transaction 0123";
	struct job *j = NEW(s->service->arena, struct job, 1);
	*j = (struct job){ .sender = s,
		.arena = s->service->arena,
		.number = number,
		.count = 3,
		.file = -1,
		.host = "mx.remote.test" };
	memcpy(j->transaction, transaction, sizeof j->transaction);
	j->targets = NEW(j->arena, struct target, j->count);
	for (unsigned i = 0; i < j->count; i++)
		j->targets[i] = (struct target){ .recipient = 7 + i };
	return j;
}

static void deliver(struct job *j, size_t which, bool dsn, bool final)
{
	const struct outcome o = { .kind = OUTCOME_DELIVERED, .dsn = dsn, .final = final, .code = 250 };
	job_answer(j, &j->targets[which], &o);
	delivered_note(j, &j->targets[which]);
}

static unsigned left(const struct sender *s)
{
	unsigned count = 0;
	for (const struct job *j = s->jobs; j != NULL; j = j->next_all)
		count++;
	return count;
}

static int setup(void **state)
{
	(void)state;
	memory = memfd_create("delivered", MFD_CLOEXEC);
	return ftruncate(memory, BYTES);
}

static int teardown(void **state)
{
	(void)state;
	return close(memory);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_int_equal(left(begin()), 0);
	end();
	/* And no memory at all. */
	struct sender *s = begin_without();
	struct job *j = job_new(s, 1);
	deliver(j, 0, false, false);
	delivered_forget(j);
	assert_null(j->slot);
	end();
}

static void test_left_behind(void **state)
{
	(void)state;
	struct sender *s = begin();
	struct job *told = job_new(s, 1), *untold = job_new(s, 2), *untouched = job_new(s, 3);
	deliver(told, 0, false, false);
	deliver(untold, 2, true, false);
	deliver(untold, 0, false, true);
	assert_null(untouched->slot);
	delivered_forget(told);
	end();

	s = begin();
	assert_int_equal(left(s), 1);
	const struct job *j = s->jobs;
	assert_int_equal(j->number, 2);
	assert_int_equal(j->state, JOB_DONE);
	assert_memory_equal(j->transaction, "transaction 0123", 16);
	assert_string_equal(j->host, "mx.remote.test");
	assert_int_equal(j->count, 2);
	assert_int_equal(j->targets[0].recipient, 9);
	assert_int_equal(j->targets[1].recipient, 7);
	for (size_t i = 0; i < j->count; i++) {
		const struct outcome *o = &j->targets[i].outcome;
		assert_true(j->targets[i].answered && o->kind == OUTCOME_DELIVERED && o->code == 250);
		assert_true(o->dsn == (i == 0) && o->final == (i == 1));
	}
	/* It stays until it is stored, however many die. */
	end();
	s = begin();
	assert_int_equal(left(s), 1);
	delivered_forget(s->jobs);
	end();
	assert_int_equal(left(begin()), 0);
	end();
}

static void test_more_than_there_is_room_for(void **state)
{
	struct job *jobs[JOBS];
	unsigned kept = 0;
	(void)state;
	struct sender *s = begin();
	for (unsigned round = 0; round < 2; round++) {
		unsigned before = kept;
		kept = 0;
		for (unsigned i = 0; i < JOBS; i++) {
			jobs[i] = job_new(s, i);
			deliver(jobs[i], 0, false, false);
			kept += jobs[i]->slot != NULL;
		}
		assert_in_range(kept, 1, JOBS - 1);
		assert_true(round == 0 || kept == before);
		for (unsigned i = 0; i < JOBS && round == 0; i++)
			delivered_forget(jobs[i]);
	}
	end();
	assert_int_equal(left(begin()), kept);
	end();
}

/* A process that was taken over may have written anything. What is believed keeps within its bounds. */
static void test_rubbish(void **state)
{
	static char bytes[BYTES];
	(void)state;
	for (unsigned round = 0; round < 16; round++) {
		random_bytes(bytes, sizeof bytes);
		for (size_t i = 0; round % 2 == 1 && i + 4 <= sizeof bytes; i += 4) /* small numbers now and then */
			if (bytes[i] % 3 != 0)
				memset(bytes + i + 1, 0, 3);
		assert_int_equal(pwrite(memory, bytes, sizeof bytes, 0), sizeof bytes);
		struct sender *s = begin();
		for (const struct job *j = s->jobs; j != NULL; j = j->next_all) {
			assert_in_range(j->count, 1, TARGETS_MAX);
			assert_true(str_is(CH_PRINT, str_of(j->host)));
			for (size_t i = 0; i < j->count; i++)
				assert_true(j->targets[i].recipient <= UINT16_MAX && j->targets[i].answered);
		}
		for (struct job *j = s->jobs; j != NULL; j = j->next_all)
			delivered_forget(j);
		end();
		assert_int_equal(left(begin()), 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rubbish, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
