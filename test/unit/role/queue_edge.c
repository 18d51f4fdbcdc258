/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for an inner server: what that refuses after all is kept for a person, and nobody outside is told. */
#include "queue_sender.h"

static const struct envelope inward = { 0, "stranger@other.test", 0, 0, { "bob@inner.test", NULL }, .inner = true };
static const struct envelope from_anna = { 7, "anna@ours.test", 0, 0, { "bob@inner.test", NULL }, .inner = true };

static void expire_soon(struct conf *conf)
{
	soon(conf);
	conf->queue.expire = 2;
}

static void test_refused(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &inward, BODY);
	hear_job(&j);
	assert_true(j.inner);
	answer(&j, OUTCOME_FAILED, CAUSE_content, 554, S("5.7.1"));
	assert_true(is_noted(j.number));
	assert_int_equal(waiting(), 1);
	assert_int_equal(house.events[EV_message_failed], 1);
	assert_int_equal(house.events[EV_alarm], 1);
	/* It outlives a restart, and goes on when it is told to. */
	house_close();
	channel_close(&sender);
	house_open(NULL);
	open_sender(4);
	if (is_told(&sender, 300))
		fail_msg("what is held was sent");
	assert_int_equal(command("queue release", "domain=inner.test"), 1);
	hear_job(&j);
	assert_true(j.inner);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	assert_int_equal(house.events[EV_notice_made], 0);
	house_close();
}

static void test_expired(void **state)
{
	struct job j;
	(void)state;
	house_open(expire_soon);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	int64_t begin = clock_ms();
	submit(&session, 1, &inward, BODY);
	hear_job(&j);
	while (clock_ms() - begin < 2200)
		usleep(20000);
	answer(&j, OUTCOME_DEFERRED, CAUSE_busy, 451, S("4.7.1"));
	assert_true(is_noted(j.number));
	assert_int_equal(waiting(), 1);
	assert_int_equal(house.events[EV_alarm], 1);
	assert_int_equal(house.events[EV_notice_made], 0);
	house_close();
}

/* Whoever logged in may be told, and then nothing is kept. */
static void test_local_sender(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	mailbox_open(&anna, 7);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &from_anna, BODY);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	assert_true(is_noted(j.number));
	assert_int_equal(house.events[EV_notice_made], 1);
	assert_int_equal(house.events[EV_alarm], 0);
	assert_int_equal(waiting(), 1); /* the notice */
	house_close();
}

/* A sender whose mailbox is on the inner server is told there, of what another server refused; a machine is not. */
static void test_inside(void **state)
{
	static const struct envelope out = { 0, "anna@inner.test", 0, 0, { "bob@else.test", NULL }, .inside = true };
	static const struct envelope machine = { 0, "anna@inner.test", 0, 0, { "bob@else.test", NULL }, .inside = true,
		.automatic = true };
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &out, BODY);
	hear_job(&j);
	assert_false(j.inner);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	hear_job(&j);
	assert_true(j.inner);
	check_str("destination", str_of(j.destination), S("inner.test"));
	check_str("address", str_of(j.address), S("anna@inner.test"));
	assert_int_equal(house.events[EV_notice_made], 1);
	/* Whatever becomes of the notice, it is the last word. */
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	wait_for(0);
	submit(&session, 2, &machine, BODY);
	hear_job(&j);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	wait_for(0);
	assert_int_equal(house.events[EV_notice_made], 1);
	assert_int_equal(house.events[EV_alarm], 0);
	house_close();
}

/* Other mail of strangers' that cannot be delivered is given up as ever, and so is an alarm that nobody wants. */
static void test_others(void **state)
{
	struct job j;
	struct number number = number_of(2);
	char room[1000];
	struct buf records = BUF_ON(room);
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &from_nobody, BODY);
	hear_job(&j);
	assert_false(j.inner);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	assert_true(is_noted(j.number));
	MUST(msg_add_recipient(&records, &house.scratch,
		&(struct msg_recipient){
			.inner = true, .address = S("admin@inner.test"), .detail = S(""), .orcpt = S("") }));
	MUST(msg_send_envelope(&house.directory, 0,
		&(struct msg_envelope){ .transaction = number_str(&number),
			.last = true,
			.sender = S(""),
			.size_max = UINT32_MAX,
			.envid = S(""),
			.recipients = buf_str(&records) }));
	MUST(msg_send_own(&house.directory, 0, &(struct msg_own){ .transaction = number_str(&number), .text = BODY }));
	hear_job(&j);
	assert_true(j.inner);
	answer(&j, OUTCOME_FAILED, CAUSE_recipient, 550, S("5.1.1"));
	assert_true(is_noted(j.number));
	assert_int_equal(waiting(), 0);
	assert_int_equal(house.events[EV_alarm], 1); /* of the first; one of our own raises no other */
	house_close();
}

/* What the inner server announced as its limit is ours for its mail, to the byte as it will be sent. */
static void test_size(void **state)
{
	static char large[3000];
	struct job j;
	(void)state;
	memset(large, 'x', sizeof large);
	memcpy(large, "A: b\r\n\r\n", 8);
	const size_t trace = S("Received: x\r\n").n;
	struct envelope limited = inward;
	limited.inner_max = 1000;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	assert_int_equal(try_submit(&session, 1, &limited, str_from(large, sizeof large)), 552);
	assert_int_equal(try_submit(&session, 2, &limited, str_from(large, 1000 - trace + 1)), 552);
	assert_int_equal(try_submit(&session, 3, &limited, str_from(large, 1000 - trace)), 250);
	hear_job(&j);
	assert_int_equal(j.size, 1000);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_expired, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_local_sender, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_inside, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_others, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_size, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
