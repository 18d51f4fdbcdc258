/* SPDX-License-Identifier: Apache-2.0 */
/* R6 of the requirements: mail for a domain that is ours is never given to the sender, whatever it was when the mail came in. */
#include "queue_sender.h"

#include "ipc/fate.h"

static const struct envelope to_two = { 7, "anna@ours.test", 0, 0,
	{ "bob@else.test", "carl@ELSE.test", "dora@third.test" } };

static const struct envelope to_both = { 7, "anna@ours.test", 0, 0, { "bob@else.test", "carl@ELSE.test" } };

/* What directory says of the domains that are ours, one a line. */
static void tell_domains(str names)
{
	MUST(msg_send_domains(
		&house.directory, 0, &(struct msg_domains){ .first = true, .last = true, .names = names }));
}

/* Nothing comes over the sender's channel for a while; a job that is asked for back is no new one. */
static bool is_offered(void)
{
	for (;;) {
		struct channel hasty = channel_waiting(sender.fd, 300, sender.in, sender.out);
		err e = channel_receive(&hasty);
		channel_waiting(sender.fd, PATIENCE_MS, sender.in, sender.out);
		if (failed(e))
			return false;
		const bool job = sender.in->number == MSG_job;
		frame_drop(sender.in);
		if (job)
			return true;
	}
}

/* The queue's next question, answered. */
static void readdress(const char *address, enum fate fate, const char *status, const uint32_t *heirs, size_t count)
{
	char room[200];
	struct msg_readdress m;
	struct buf records = BUF_ON(room);
	MUST(msg_expect_readdress(&house.directory, &m));
	check_str("who is it", m.address, str_of(address));
	for (size_t i = 0; i < count; i++)
		MUST(msg_add_heir(&records, &house.scratch, &(struct msg_heir){ .account = heirs[i] }));
	MUST(msg_send_readdressed(&house.directory, 0,
		&(struct msg_readdressed){ .transaction = m.transaction,
			.position = m.position,
			.fate = fate,
			.detail = S("shop"),
			.status = str_of(status),
			.reason = str_of(fate == FATE_HERE ? "" : "no such mailbox"),
			.heirs = buf_str(&records) }));
}

static char seen[400];
static void see(const struct msg_deliver *d)
{
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof seen - n, "%.*s %.*s;", ARG(d->address), ARG(d->detail));
}

/* One mailbox at a time. */
static const char *delivered(uint32_t account)
{
	seen[0] = '\0';
	mailbox_open(&anna, account);
	mailbox_fetch_all(&anna, true, see);
	channel_close(&anna.channel);
	return seen;
}

/* Before the queue has heard which domains are ours it gives nothing away. */
static void test_not_known_yet(void **state)
{
	struct job j;
	(void)state;
	house_is_untold = true;
	house_open(NULL);
	house_is_untold = false;
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	assert_false(is_offered());
	tell_domains(S("ours.test\n"));
	hear_job(&j);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
}

/* What directory said last holds while it is away. */
static void test_directory_gone(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	tell_domains(S("else.test\nours.test\n"));
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_two, BODY);
	channel_close(&house.directory);
	hear_job(&j);
	check_str("the other one", str_of(j.destination), S("third.test"));
	assert_false(is_offered());
	house.directory = house_channel("directory", 0);
	tell_domains(S("else.test\nours.test\n"));
	readdress("bob@else.test", FATE_HERE, "", (const uint32_t[]){ 9 }, 1);
	channel_close(&house.directory); /* in the middle of it */
	assert_false(is_offered());
	house.directory = house_channel("directory", 0);
	tell_domains(S("else.test\nours.test\n"));
	readdress("bob@else.test", FATE_HERE, "", (const uint32_t[]){ 9 }, 1);
	readdress("carl@ELSE.test", FATE_HERE, "", (const uint32_t[]){ 9 }, 1);
	check_str("both", str_of(delivered(9)), S("bob@else.test shop;carl@ELSE.test shop;"));
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
}

/* A domain becomes ours while its mail waits, and waits for longer. */
static void test_becomes_ours(void **state)
{
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(1);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_both, BODY);
	hear_job(&j);
	say_unreachable(&j);
	house_close();
	/* Not in memory, and left alone by the store for five minutes. */
	house_is_untold = true;
	house_open(NULL);
	house_is_untold = false;
	open_sender(0);
	tell_domains(S("else.test\nours.test\n"));
	readdress("bob@else.test", FATE_HERE, "", (const uint32_t[]){ 9, 10 }, 2);
	readdress("carl@ELSE.test", FATE_LATER, "4.1.1", NULL, 0);
	check_str("one", str_of(delivered(9)), S("bob@else.test shop;"));
	check_str("and another", str_of(delivered(10)), S("bob@else.test shop;"));
	assert_int_equal(waiting(), 1);
	/* Now there is a Carl. */
	command("queue flush", NULL);
	readdress("carl@ELSE.test", FATE_HERE, "", (const uint32_t[]){ 11 }, 1);
	check_str("and Carl", str_of(delivered(11)), S("carl@ELSE.test shop;"));
	wait_for(0);
	assert_false(is_offered());
	house_close();
	assert_int_equal(house.events[EV_message_readdressed], 2);
	assert_int_equal(house.events[EV_notice_made], 0);
}

/* Mail that waits for a domain whose mailboxes are on an inner server by now goes by the route of its own, or not at all. */
static void test_becomes_inner(void **state)
{
	(void)state;
	house_is_untold = true;
	house_open(NULL);
	house_is_untold = false;
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	MUST(msg_send_domains(&house.directory, 0, &(struct msg_domains){ .first = true, .names = S("ours.test\n") }));
	MUST(msg_send_domains(
		&house.directory, 0, &(struct msg_domains){ .last = true, .inner = true, .names = S("else.test\n") }));
	struct msg_job m;
	MUST(msg_expect_job(&sender, &m));
	assert_true(m.inner);
	house_close();
}

/* The sender has it already, but has found nobody yet: it gives it back, and does not get it again. A domain that is not
 * ours after all goes its way. */
static void test_recalled(void **state)
{
	struct msg_recall recall;
	struct job j;
	(void)state;
	house_open(NULL);
	open_sender(4);
	struct channel session = house_session(&house.receiver);
	submit(&session, 1, &to_bob, BODY);
	hear_job(&j);
	tell_domains(S("else.test\nours.test\n"));
	MUST(msg_expect_recall(&sender, &recall));
	assert_int_equal(recall.job, j.number);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = j.number }));
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 1 }));
	readdress("bob@else.test", FATE_LATER, "4.3.0", NULL, 0);
	assert_false(is_offered());
	assert_int_equal(waiting(), 1);
	tell_domains(S("ours.test\n"));
	command("queue flush", NULL);
	hear_job(&j);
	answer(&j, OUTCOME_DELIVERED, CAUSE_none, 250, S("2.0.0"));
	wait_for(0);
	house_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_known_yet, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_directory_gone, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_becomes_ours, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_becomes_inner, house_enter, house_leave),
		cmocka_unit_test_setup_teardown(test_recalled, house_enter, house_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
