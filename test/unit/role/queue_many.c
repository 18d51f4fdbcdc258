/* SPDX-License-Identifier: Apache-2.0 */
/* Very many messages for other servers, taken in as a receiver brings them: memory stays bounded, a restart sends at once,
 * and each is sent exactly once. 20,000 by default; QUEUE_MANY=1000000 is what `make test-long` does. */
#include "queue_talk.h"

#include <malloc.h>

#include "check.h"
#include "ipc/cause.h"
#include "os/clock.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

enum { SESSIONS = 64, SIZE = 2048, EACH_DOMAIN = 10, CREDIT = 1000, DRAINED = 5000, ROUNDS = 3 };
/* The usual number was measured at 36 MiB, each time; in use, once it was all refused 11, and once it is taken 31. */
enum {
	USUAL = 20000,
	USUAL_MAX_MIB = 64,
	MEMORY_MAX_MIB = 200,
	REFUSED_MAX_MIB = 16,
	TAKEN_MAX_MIB = 40,
	FIRST_MAX_MS = 5000
};

static unsigned many = USUAL;

static unsigned memory_mib(void)
{
	unsigned long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &pages, &resident), 2);
	fclose(f);
	return (unsigned)(resident * (unsigned long)sysconf(_SC_PAGESIZE) >> 20);
}

static void tell(unsigned n)
{
	char address[64], room[500];
	struct buf records = BUF_ON(room);
	struct number number = number_of(n);
	snprintf(address, sizeof address, "user%u@domain%u.test", n, n % (many / EACH_DOMAIN));
	MUST(msg_add_recipient(&records, &house.scratch,
		&(struct msg_recipient){ .address = str_of(address), .detail = S(""), .orcpt = S("") }));
	MUST(msg_send_envelope(&house.directory, 0,
		&(struct msg_envelope){ .transaction = number_str(&number),
			.last = true,
			.sender = S("sender@example.org"),
			.size_max = UINT32_MAX,
			.envid = S(""),
			.session = S(""),
			.client = S(""),
			.recipients = buf_str(&records) }));
}

static void bring(struct channel *session, unsigned n)
{
	static char body[SIZE];
	struct number number = number_of(n);
	memset(body, 'x', sizeof body);
	memcpy(body, "Subject: x\r\n\r\n", 14);
	MUST(msg_send_whole(session, 0,
		&(struct msg_whole){
			.transaction = number_str(&number), .trace = S(""), .bytes = str_from(body, sizeof body) }));
}

static void take_in(void)
{
	static struct channel sessions[SESSIONS];
	for (unsigned i = 0; i < SESSIONS; i++)
		sessions[i] = house_session(&house.receiver);
	for (unsigned n = 0; n < many; n += SESSIONS) {
		unsigned most = many - n < SESSIONS ? many - n : SESSIONS;
		for (unsigned i = 0; i < most; i++)
			tell(n + i);
		for (unsigned i = 0; i < most; i++)
			bring(&sessions[i], n + i);
		for (unsigned i = 0; i < most; i++)
			judge_as(false, false);
		for (unsigned i = 0; i < most; i++)
			assert_int_equal(hear_queued(&sessions[i]), 250);
	}
	for (unsigned i = 0; i < SESSIONS; i++)
		channel_close(&sessions[i]);
}

static void hear_job(struct channel *sender, struct msg_job *m)
{
	for (;;) {
		MUST(channel_receive(sender));
		if (sender->in->number == MSG_job)
			break;
		frame_drop(sender->in);
	}
	MUST(msg_get_job(sender->in, m));
	assert_int_equal(m->bytes.n, SIZE);
}

static void answer(struct channel *sender, const struct msg_job *m, const struct msg_outcome *o)
{
	char room[200];
	struct buf records = BUF_ON(room);
	MUST(msg_add_outcome(&records, &house.scratch, o));
	MUST(msg_send_result(sender, 0,
		&(struct msg_result){ .job = m->job,
			.transaction = m->transaction,
			.host = S("mx"),
			.last = true,
			.outcomes = buf_str(&records) }));
	MUST(msg_send_ready(sender, 0, &(struct msg_ready){ .jobs = 1 }));
}

/* The number of the next message sent; answered as delivered. */
static unsigned take_job(struct channel *sender)
{
	struct msg_job m;
	unsigned n;
	hear_job(sender, &m);
	memcpy(&n, m.transaction.p + 4, sizeof n);
	answer(sender, &m,
		&(struct msg_outcome){ .kind = OUTCOME_DELIVERED, .code = 250, .status = S("2.0.0"), .text = S("") });
	return n;
}

static void refuse_job(struct channel *sender)
{
	struct msg_job m;
	hear_job(sender, &m);
	MUST(msg_send_destination(sender, 0,
		&(struct msg_destination){ .destination = m.destination,
			.state = DESTINATION_UNREACHABLE,
			.cause = CAUSE_unreachable,
			.status = S("4.4.1"),
			.text = S("Connection refused"),
			.host = S("mx") }));
	answer(sender, &m,
		&(struct msg_outcome){ .kind = OUTCOME_DEFERRED,
			.cause = CAUSE_unreachable,
			.status = S("4.4.1"),
			.text = S("Connection refused") });
}

static void test_many(void **state)
{
	int64_t begin = clock_ms();
	(void)state;
	house_open(NULL);
	take_in();
	int64_t taken = clock_ms() - begin;
	unsigned memory = memory_mib();
	house_close();
	begin = clock_ms();
	house_open(NULL);
	struct channel sender = house_channel("sender", 0);
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = CREDIT }));
	bool *seen = calloc(many, sizeof *seen);
	seen[take_job(&sender)] = true;
	int64_t first = clock_ms() - begin;
	unsigned drained = many < DRAINED ? many : DRAINED;
	for (unsigned i = 1; i < drained; i++) {
		unsigned n = take_job(&sender);
		assert_in_range(n, 0, many - 1);
		if (seen[n])
			fail_msg("message %u was sent twice", n);
		seen[n] = true;
	}
	unsigned later = memory_mib();
	int64_t all = clock_ms() - begin;
	free(seen);
	channel_close(&sender);
	house_close();
	print_message("%u messages: taken in within %ld ms, %u MiB; after a restart the first was sent after %ld ms, "
		      "%u after %ld "
		      "ms, %u MiB\n",
		many, taken, memory, first, drained, all, later);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
	const unsigned most = many > USUAL ? MEMORY_MAX_MIB : USUAL_MAX_MIB;
	assert_in_range(memory, 1, most);
	assert_in_range(later, 1, most);
#endif
	assert_in_range(first, 0, FIRST_MAX_MS);
}

static void soon(struct conf *c) { c->queue.retry_first = 1; }

static unsigned in_use_mib(void) { return (unsigned)(mallinfo2().uordblks >> 20); }

static void note_memory(unsigned *most)
{
	const unsigned now = in_use_mib();
	*most = now > *most ? now : *most;
}

/* All destinations come due at the same moment, again and again, and none answers, until all do: of what waits for each only that is
 * read which may leave soon. */
static void test_none_answers(void **state)
{
	(void)state;
	house_open(soon);
	take_in();
	house_close();
	house_open(soon);
	const unsigned before = in_use_mib();
	unsigned refused = before, taken = before;
	struct channel sender = house_channel("sender", 0);
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = CREDIT }));
	for (unsigned i = 0; i < ROUNDS * (many / EACH_DOMAIN); i++) {
		refuse_job(&sender);
		if (i % CREDIT == 0)
			note_memory(&refused);
	}
	for (unsigned i = 0; i < many / 2; i++) {
		take_job(&sender);
		if (i % CREDIT == 0)
			note_memory(&taken);
	}
	channel_close(&sender);
	house_close();
	print_message("%u messages to servers that do not answer: %u MiB in use; once they do: %u; before: %u\n", many,
		refused, taken, before);
#ifndef __SANITIZE_ADDRESS__
	assert_in_range(refused - before, 0, many > USUAL ? MEMORY_MAX_MIB - USUAL_MAX_MIB : REFUSED_MAX_MIB);
	assert_in_range(taken - before, 0, many > USUAL ? MEMORY_MAX_MIB - USUAL_MAX_MIB : TAKEN_MAX_MIB);
#endif
}

int main(void)
{
	const char *wanted = getenv("QUEUE_MANY");
	uint64_t number;
	if (wanted != NULL && !failed(str_number(str_of(wanted), 10000000, &number)) && number >= SESSIONS)
		many = (unsigned)number;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_none_answers, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
