/* SPDX-License-Identifier: Apache-2.0 */
/* A store that turns out to be damaged while it is in use: what was under way then comes to its end, and all that could be
 * read of it goes on, each message once. */
#include "queue_files.h"
#include "queue_sender.h"

#include "store/spool/internal.h"
#include "store/spool/salvage.h"

enum { ANNA = 7, BERT = 8, OTHERS = 9, FIRST = 100 };
static struct mailbox bert;

/* ---- the store ---- */

static void add_row(struct spool *spool, unsigned n, str from, struct spool_recipient to)
{
	const struct number number = number_of(n);
	struct spool_message m = { .sender = from, .received = clock_utc_ms(), .size = BODY.n, .account = ANNA };
	memcpy(m.number, number.bytes, sizeof m.number);
	MUST(spool_add(spool, &m, BODY));
	MUST(spool_add_recipient(spool, m.id, &to));
}

/* One message for anna, one for another server, and one for bert that cannot be read; before them many for others. */
static void lay_store(unsigned many)
{
	struct spool *spool;
	bool damaged;
	MUST(spool_open(0, &spool, &damaged));
	MUST(spool_begin(spool));
	for (unsigned i = 0; i < many; i++)
		add_row(spool, FIRST + i, S("sender@example.org"),
			(struct spool_recipient){ .account = OTHERS, .address = S("o@ours.test") });
	add_row(spool, 1, S("sender@example.org"),
		(struct spool_recipient){ .account = ANNA, .address = S("a@ours.test") });
	add_row(spool, 2, S("anna@ours.test"),
		(struct spool_recipient){
			.state = SPOOL_REMOTE, .domain = S("else.test"), .address = S("bob@else.test") });
	add_row(spool, 3, S("no\nsender"), (struct spool_recipient){ .account = BERT, .address = S("b@ours.test") });
	MUST(spool_commit(spool));
	spool_close(&spool);
}

static void wait_for_event(enum log_event event)
{
	for (int64_t end = clock_ms() + PATIENCE_MS; house.events[event] == 0; usleep(1000))
		if (clock_ms() > end)
			fail_msg("%s does not come", log_event_name(event));
}

/* His mail is read, and the store found damaged. */
static void find_damage(void)
{
	struct msg_mail_waiting waiting;
	mailbox_open(&bert, BERT);
	MUST(msg_expect_mail_waiting(&bert.channel, &waiting));
	MUST(msg_send_fetch(&bert.channel, 0, &(struct msg_fetch){ .most = 64 }));
	wait_for_event(EV_store_damaged);
}

static void leave_house(void)
{
	house_close();
	channel_close(&bert.channel);
	assert_int_equal(house.events[EV_store_recovered], 1);
}

/* ---- what was under way ---- */

/* A mailbox knows what it has, and says so once more. */
static void deliver_again(void)
{
	struct channel hasty = channel_waiting(anna.channel.fd, 20, anna.channel.in, anna.channel.out);
	struct msg_deliver d;
	if (failed(channel_receive(&hasty)))
		return;
	MUST(msg_get_deliver(hasty.in, &d));
	take_delivery(&anna, &d);
	confirm(&anna, &d);
}

/* The mailbox has it, and its row is about to be removed when all rows move into another store. */
static void test_delivered_before(void **state)
{
	(void)state;
	lay_store(0);
	house_open(NULL);
	mailbox_open(&anna, ANNA);
	mailbox_fetch_all(&anna, true, NULL);
	MUST(msg_send_fetch(&anna.channel, 0, &(struct msg_fetch){ .most = 64, .waits = true }));
	find_damage();
	for (int64_t end = clock_ms() + PATIENCE_MS; house.events[EV_store_recovered] == 0 || waiting() > 1;) {
		if (clock_ms() > end)
			fail_msg("a message that was delivered waits for ever");
		deliver_again();
	}
	channel_close(&anna.channel);
	leave_house();
}

/* The result of a job comes when its row is still in the damaged store. */
static void sent_before(unsigned many)
{
	struct job j;
	lay_store(many);
	house_open(NULL);
	open_sender(4);
	hear_job(&j);
	find_damage();
	if (many == 0)
		wait_for_event(EV_store_recovered);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	assert_true(is_noted(j.number));
	wait_for_event(EV_store_recovered);
	wait_for(many + 1);
	if (is_told(&sender, 300))
		fail_msg("a message is sent twice");
	leave_house();
}

static void test_sent_before(void **state)
{
	(void)state;
	sent_before(0);
}

static void test_result_comes_before_its_row(void **state)
{
	(void)state;
	sent_before(3000);
}

/* The new store has nothing for that server when the sender asks for work. */
static void test_not_yet_sent(void **state)
{
	struct job j;
	(void)state;
	lay_store(3000);
	house_open(NULL);
	open_sender(0);
	find_damage();
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 1 }));
	hear_job(&j);
	wait_for_event(EV_store_recovered);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	leave_house();
}

/* ---- ids ---- */

static int64_t id_of(struct spool *spool, unsigned n)
{
	const struct number number = number_of(n);
	struct spool_message m;
	MUST(spool_find(spool, (const uint8_t *)number.bytes, house.arena, &m));
	return m.id;
}

static err no_row(void *to, uint32_t account, uint64_t count)
{
	(void)to;
	(void)account;
	(void)count;
	return OK;
}

/* Who came first stays before the others, but a message that came in meanwhile keeps its place. */
static void test_ids_stay(void **state)
{
	struct spool *spool;
	struct salvage *salvage;
	bool damaged, more = true;
	(void)state;
	house.arena = arena_new("house", 1 << 20);
	lay_store(2);
	MUST(spool_open(0, &spool, &damaged));
	const int64_t first = id_of(spool, FIRST), anna_was = id_of(spool, 1);
	MUST(spool_set_aside(&spool));
	spool_close(&spool);
	MUST(spool_open(
		first, &spool, &damaged)); /* as after a restart: the next one gets an id that was given before */
	MUST(spool_begin(spool));
	add_row(spool, 50, S("new@example.org"),
		(struct spool_recipient){ .account = ANNA, .address = S("a@ours.test") });
	MUST(spool_commit(spool));
	const int64_t taken = id_of(spool, 50);
	assert_int_equal(taken, first + 1);
	MUST(salvage_open(&salvage));
	while (more)
		MUST(salvage_some(salvage, spool, 1, &(struct spool_account_rows){ no_row, NULL }, &more));
	assert_int_equal(salvage_taken(salvage), 4);
	salvage_close(&salvage, true);
	assert_int_equal(id_of(spool, FIRST), first);
	assert_int_equal(id_of(spool, 50), taken);
	assert_true(id_of(spool, FIRST + 1) > taken);
	assert_true(id_of(spool, 1) > taken && anna_was > taken);
	spool_close(&spool);
	arena_free(&house.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delivered_before, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_sent_before, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_result_comes_before_its_row, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_not_yet_sent, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_ids_stay, house_enter, house_leave),
	};
	return cmocka_run_group_tests_name("role/queue_salvage", tests, NULL, NULL);
}
