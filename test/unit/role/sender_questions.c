/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender asks before it dials: when there is no room for its questions, and when nobody answers them. */
#include "sender_world.h"

#define TAKES_MAIL                                                                   \
	"S 220 mx.remote.test ESMTP\nH EHLO us.test\nS 250 mx.remote.test\nH MAIL\n" \
	"S 250 ok\nH RCPT\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\nH QUIT\nS 221 bye\n"

enum { MANY = 600, VERY_MANY = 6000, AT_ONCE = 100, WAIT_MS = 60000 };

static struct asked {
	bool hosts[MANY], policy[MANY];
	unsigned hosts_count, policies_count;
} asked;

static void offer(const char *domain)
{
	static uint64_t number;
	char room[500];
	struct buf targets = BUF_ON(room);
	const str body = S("Subject: x\r\n\r\nhello\r\n");
	const struct msg_target one = { .address = S("a@remote.test"), .orcpt = S("") };
	check_err("target", msg_add_target(&targets, &world.scratch, &one), ERR_NONE);
	const struct msg_job m = { .job = ++number,
		.transaction = S("0123456789abcdef"),
		.destination = str_of(domain),
		.sender = S("me@us.test"),
		.size = body.n,
		.envid = S(""),
		.targets = buf_str(&targets),
		.bytes = body,
		.file = -1 };
	world.ended = false;
	check_err("job", msg_send_job(&world.queue, 0, &m), ERR_NONE);
}

static void offer_many(void)
{
	char name[40];
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "d%u.remote.test", i);
		offer(name);
		fake_service_turn(&world.fake, 1);
	}
}

static void begin(const char *const *settings)
{
	asked = (struct asked){ .hosts_count = 0 };
	world_open(&world, settings);
}

static void serve_once(void)
{
	world.server.script = TAKES_MAIL;
	pthread_create(&world.server.thread, NULL, serve, &world.server);
}

/* ---- no room ---- */

static void note_asked(str name, bool *seen, unsigned *count)
{
	uint64_t number = 0;
	check_err("number", str_number(str_slice(name, 1, str_find(name, '.')), MANY - 1, &number), ERR_NONE);
	*count += !seen[number];
	seen[number] = true;
}

static err note_lookup(struct world *w, const struct msg_lookup *m, uint32_t tag)
{
	(void)w;
	(void)tag;
	note_asked(m->name, asked.hosts, &asked.hosts_count);
	return OK;
}

static void note_policy(struct world *w, const struct msg_sts_ask *m, uint32_t tag)
{
	(void)w;
	(void)tag;
	note_asked(m->domain, asked.policy, &asked.policies_count);
}

/* The channels take only so many questions; the rest waits for room in them. Nobody fails for it, and nobody's mail goes
 * without the policy of its domain. */
static void test_more_than_a_channel_takes(void **state)
{
	static const char *const settings[] = { "sender.connections=1000", "sender.policy_timeout=60", NULL };
	(void)state;
	begin(settings);
	world.answer = note_lookup;
	world.policy = note_policy;
	offer_many();
	assert_int_equal(asked.hosts_count, 0);
	const int64_t end = clock_ms() + WAIT_MS;
	while ((asked.hosts_count < MANY || asked.policies_count < MANY) && clock_ms() < end)
		turn(&world, 5, NULL);
	assert_int_equal(asked.hosts_count, MANY);
	assert_int_equal(asked.policies_count, MANY);
	assert_int_equal(world.results, 0);
	assert_int_equal(world.destinations_told, 0);
	assert_int_equal(world.fake.events[EV_policy_not_known], 0);
	world_close(&world);
}

static err without_address(struct world *w, const struct msg_lookup *m, uint32_t tag)
{
	return m->type == DNS_MX ? answer_simply(w, m, tag) : say_answer(w, m, tag, DNS_NO_DATA, S(""));
}

static bool all_ended(const struct world *w) { return w->results >= MANY; }

/* Of a ledger that reads nothing so many are asked as its channel holds: their mail goes on without, and the log says so. The mail
 * of all others waits. */
static void test_no_room_in_time(void **state)
{
	static const char *const settings[] = { "sender.connections=1000", "sender.policy_timeout=1", NULL };
	(void)state;
	begin(settings);
	world.answer = without_address;
	int ledger = world.ledger.fd;
	world.ledger.fd = -1; /* nobody looks there */
	offer_many();
	turn(&world, WAIT_MS, all_ended);
	world.ledger.fd = ledger;
	assert_int_equal(world.results, MANY);
	assert_true(world.causes[CAUSE_local] > 0);
	assert_true(world.causes[CAUSE_unreachable] > 0);
	assert_int_equal(world.causes[CAUSE_local] + world.causes[CAUSE_unreachable], MANY);
	assert_int_equal(world.fake.events[EV_policy_not_known], world.causes[CAUSE_unreachable]);
	world.policy = note_policy;
	world_close(&world);
}

/* ---- very many ---- */

static unsigned offered;

static bool all_offered_ended(const struct world *w) { return w->results >= offered; }

/* Each destination is remembered for a while after its last mail, which is kind to a hundred of them, and 700 MiB with 100,000. */
static void test_very_many(void **state)
{
	static const char *const settings[] = { "sender.connections=1000", NULL };
	(void)state;
	begin(settings);
	world.answer = without_address;
	for (offered = 0; offered < VERY_MANY;) {
		char name[40];
		snprintf(name, sizeof name, "d%u.remote.test", offered++);
		offer(name);
		if (offered % AT_ONCE == 0)
			turn(&world, WAIT_MS, all_offered_ended);
	}
	assert_int_equal(world.results, VERY_MANY);
	assert_in_range(world.sender->destinations_count, 1, 4096);
	world_close(&world);
}

/* ---- no answer ---- */

static void say_nothing(struct world *w, const struct msg_sts_ask *m, uint32_t tag)
{
	(void)w;
	(void)tag;
	assert_true(m->deadline < 1000); /* it answers before nobody waits any more */
	asked.policies_count++;
}

static void test_silent_ledger(void **state)
{
	static const char *const settings[] = { "sender.policy_timeout=1", NULL };
	(void)state;
	begin(settings);
	world.policy = say_nothing;
	serve_once();
	offer("remote.test");
	turn(&world, WAIT_MS, job_ended);
	assert_int_equal(world.shown[0].kind, OUTCOME_DELIVERED);
	assert_int_equal(asked.policies_count, 1);
	assert_int_equal(world.fake.events[EV_policy_not_known], 1);
	pthread_join(world.server.thread, NULL);
	world_close(&world);
}

static void name_another_host(struct world *w, const struct msg_sts_ask *m, uint32_t tag)
{
	const struct msg_sts_policy enforced = { .found = true,
		.mode = MTA_STS_ENFORCE,
		.id = S("1"),
		.max_age = 86400,
		.patterns = S("mx.elsewhere.test\n"),
		.reason = S("") };
	(void)m;
	asked.policies_count++;
	check_err("policy", msg_send_sts_policy(&w->ledger, tag, &enforced), ERR_NONE);
}

static void die(struct world *w, const struct msg_sts_ask *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	asked.policies_count++;
	channel_close(&w->ledger);
}

static bool has_died(const struct world *w) { return w->ledger.fd < 0; }

/* With a ledger its answers are gone: the next one is asked for them, and nothing goes without a policy meanwhile. */
static void test_ledger_dies(void **state)
{
	(void)state;
	begin(NULL);
	world.policy = die;
	offer("remote.test");
	turn(&world, WAIT_MS, has_died);
	assert_true(has_died(&world));
	turn(&world, 100, NULL);
	assert_int_equal(world.results, 0);
	world.policy = name_another_host;
	connect_ledger(&world);
	turn(&world, WAIT_MS, job_ended);
	assert_int_equal(asked.policies_count, 2);
	assert_int_equal(world.shown[0].kind, OUTCOME_DEFERRED);
	assert_int_equal(world.shown[0].cause, CAUSE_tls);
	assert_int_equal(world.fake.events[EV_policy_not_known], 0);
	world_close(&world);
}

static err leave(struct world *w, const struct msg_lookup *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	channel_close(&w->resolver);
	return OK;
}

/* The mail of its domain is tried again later, and is not held for ever. */
static void test_resolver_dies(void **state)
{
	(void)state;
	begin(NULL);
	world.answer = leave;
	offer("remote.test");
	turn(&world, WAIT_MS, job_ended);
	assert_int_equal(world.shown[0].kind, OUTCOME_DEFERRED);
	assert_int_equal(world.shown[0].cause, CAUSE_dns);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_a_channel_takes),
		cmocka_unit_test(test_no_room_in_time),
		cmocka_unit_test(test_very_many),
		cmocka_unit_test(test_silent_ledger),
		cmocka_unit_test(test_ledger_dies),
		cmocka_unit_test(test_resolver_dies),
	};
	tls_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
