/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/dns.h"

#include <pthread.h>
#include <unistd.h>

#include "check.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum { BUDGET = 1 << 20, PATIENCE = 2000 };

static struct frame scratch;

static struct arena *fresh(void)
{
	static struct arena *arena;
	if (arena == NULL)
		arena = arena_new("test", BUDGET);
	arena_reset(arena);
	return arena;
}

/* ---- reading ---- */

static void add_mx(struct buf *to, uint64_t preference, str host)
{
	struct msg_mx m = { .preference = preference, .host = host };
	check_err("add", msg_add_mx(to, &scratch, &m), ERR_NONE);
}

static void mx_test(void **state)
{
	char room[1000];
	struct buf records = BUF_ON(room);
	const struct dns_question q = { S("Example.ORG"), DNS_MX };
	struct dns_answer answer;
	(void)state;
	add_mx(&records, 10, S("mx1.example.org"));
	add_mx(&records, 20, S(""));
	struct msg_lookup_done m = { .outcome = DNS_FOUND,
		.validating = true,
		.secure = true,
		.canonical = S("example.org"),
		.ttl = 300,
		.records = buf_str(&records) };
	check_err("read", dns_answer_read(&m, &q, &scratch, fresh(), &answer), ERR_NONE);
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.records[1].preference, 20);
	check_str("host", answer.records[0].name, S("mx1.example.org"));
	check_str("null MX", answer.records[1].name, S(""));
	assert_true(answer.secure && !answer.is_alias && answer.ttl == 300);
}

static void all_types_test(void **state)
{
	static char room[4][1000];
	struct buf a = BUF_ON(room[0]), tlsa = BUF_ON(room[1]), text = BUF_ON(room[2]), host = BUF_ON(room[3]);
	const str address = { "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16 };
	(void)state;
	check_err("a", msg_add_address(&a, &scratch, &(struct msg_address){ .bytes = address }), ERR_NONE);
	check_err("tlsa", msg_add_tlsa(&tlsa, &scratch, &(struct msg_tlsa){ 3, 1, 255, S("data"), 0 }), ERR_NONE);
	check_err("txt", msg_add_string(&text, &scratch, &(struct msg_string){ .bytes = S("v=x\r\n") }), ERR_NONE);
	check_err("host", msg_add_host(&host, &scratch, &(struct msg_host){ .name = S("b.test") }), ERR_NONE);
	const struct {
		enum dns_type type;
		str records;
	} cases[] = { { DNS_A, buf_str(&a) }, { DNS_TLSA, buf_str(&tlsa) }, { DNS_TXT, buf_str(&text) },
		{ DNS_CNAME, buf_str(&host) } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_lookup_done m = { .canonical = S("x.test"), .records = cases[i].records };
		struct dns_answer answer = { 0 };
		const struct dns_question q = { S("y.test"), cases[i].type };
		check_err("read", dns_answer_read(&m, &q, &scratch, fresh(), &answer), ERR_NONE);
		assert_int_equal(answer.count, 1);
		assert_true(answer.is_alias);
		const struct dns_record *r = answer.records;
		switch (i) {
		case 0:
			assert_memory_equal(r->address.bytes, address.p, 16);
			break;
		case 1:
			assert_true(r->tlsa.usage == 3 && r->tlsa.selector == 1 && r->tlsa.matching == 255);
			check_str("data", r->tlsa.data, S("data"));
			break;
		case 2:
			check_str("text", r->text, S("v=x\r\n"));
			break;
		default:
			check_str("name", r->name, S("b.test"));
		}
	}
}

/* What an honest resolver would not say is refused. */
static void refused_test(void **state)
{
	static char room[2][60000];
	struct buf one = BUF_ON(room[0]), many = BUF_ON(room[1]);
	(void)state;
	add_mx(&one, 10, S("mx1.test"));
	for (size_t i = 0; i <= DNS_RECORDS_MAX; i++)
		add_mx(&many, i, S("mx.test"));
	const struct {
		const char *name;
		struct msg_lookup_done m;
		enum dns_type type;
	} cases[] = {
		{ "found nothing", { .outcome = DNS_FOUND }, DNS_MX },
		{ "nothing, but here", { .outcome = DNS_NO_DATA, .records = buf_str(&one) }, DNS_MX },
		{ "secure without proof", { .outcome = DNS_FOUND, .secure = true, .records = buf_str(&one) }, DNS_MX },
		{ "bogus and secure", { .outcome = DNS_BOGUS, .validating = true, .secure = true }, DNS_MX },
		{ "records of another kind", { .outcome = DNS_FOUND, .records = buf_str(&one) }, DNS_TXT },
		{ "too many", { .outcome = DNS_FOUND, .records = buf_str(&many) }, DNS_MX },
		{ "half a record", { .outcome = DNS_FOUND, .records = str_slice(buf_str(&one), 0, 12) }, DNS_MX },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct dns_question q = { S("x.test"), cases[i].type };
		struct dns_answer answer;
		check_err(cases[i].name, dns_answer_read(&cases[i].m, &q, &scratch, fresh(), &answer), ERR_SYNTAX);
	}
	struct arena *small = arena_new("small", 1 << 10);
	struct dns_answer answer;
	const struct dns_question q = { S("x.test"), DNS_MX };
	const struct msg_lookup_done m = { .canonical = S("x.test"),
		.records = str_slice(buf_str(&many), 0, buf_str(&many).n / (DNS_RECORDS_MAX + 1) * DNS_RECORDS_MAX) };
	check_err("no memory", dns_answer_read(&m, &q, &scratch, small, &answer), ERR_MEMORY);
	arena_free(&small);
}

/* ---- asking ---- */

/* Stands for resolver: takes sessions, answers their questions the last one first. */
struct server {
	pthread_t thread;
	struct channel door;
	struct desk *desk;
	size_t sessions_to_drop; /* before the first is served */
};

static void answer_two(struct channel *session)
{
	uint32_t tags[2];
	struct msg_lookup questions[2];
	char names[2][DNS_NAME_MAX];
	for (size_t i = 0; i < 2; i++) {
		if (failed(msg_expect_lookup(session, &questions[i])))
			return;
		tags[i] = session->in->tag;
		memcpy(names[i], questions[i].name.p, questions[i].name.n);
		questions[i].name.p = names[i];
	}
	for (size_t i = 2; i-- > 0;) {
		struct msg_lookup_done m = { .outcome = DNS_NO_NAME, .canonical = questions[i].name, .ttl = i };
		check_err("answer", msg_send_lookup_done(session, tags[i], &m), ERR_NONE);
	}
}

static void *serve(void *to)
{
	struct server *s = to;
	struct msg_session_open open;
	while (!failed(msg_expect_session_open(&s->door, &open))) {
		struct channel session = channel_waiting(open.end, PATIENCE, &s->desk->in, &s->desk->out);
		if (s->sessions_to_drop > 0)
			s->sessions_to_drop--;
		else
			for (int i = 0; i < 2; i++)
				answer_two(&session);
		channel_close(&session);
	}
	return NULL;
}

static struct session_opener *start(struct server *s, size_t sessions_to_drop)
{
	static struct session_opener *o;
	int ends[2];
	if (o == NULL)
		o = session_opener_new();
	check_err("pair", channel_pair(ends), ERR_NONE);
	session_opener_connect(o, ends[0]);
	s->desk = desk_take();
	s->sessions_to_drop = sessions_to_drop;
	s->door = channel_waiting(ends[1], PATIENCE, &s->desk->in, &s->desk->out);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return o;
}

static void end(struct server *s, struct session_opener *o)
{
	session_opener_connect(o, -1);
	pthread_join(s->thread, NULL);
	channel_close(&s->door);
	desk_give(&s->desk);
}

static void ask_test(void **state)
{
	struct server server;
	const struct dns_question q[] = { { S("a.test"), DNS_A }, { S("b.test"), DNS_AAAA } };
	struct dns_answer answers[2];
	(void)state;
	for (size_t dropped = 0; dropped < 4; dropped++) {
		struct session_opener *o = start(&server, dropped);
		struct desk *desk = desk_take();
		struct dns_client c = dns_client_of(o, desk);
		for (int round = 0; round < 2; round++) {
			check_err("ask", dns_ask(&c, q, 2, PATIENCE, fresh(), answers), ERR_NONE);
			for (size_t i = 0; i < 2; i++) {
				/* One try is made again; after two, resolver is not there. */
				bool served = dropped < 2 || round > 0;
				assert_int_equal(answers[i].outcome, served ? DNS_NO_NAME : DNS_FAILED);
				check_str("name", answers[i].canonical, q[i].name);
				if (served)
					assert_int_equal(answers[i].ttl, i);
			}
		}
		dns_client_close(&c);
		end(&server, o);
		desk_give(&desk);
	}
}

static void nobody_test(void **state)
{
	struct session_opener *o;
	struct server server;
	struct dns_answer answer;
	const struct dns_question q = { S("a.test"), DNS_A };
	const struct dns_question many[DNS_QUESTIONS_MAX + 1] = { { S(""), 0 } };
	(void)state;
	o = start(&server, 0);
	end(&server, o);
	struct desk *desk = desk_take();
	struct dns_client c = dns_client_of(o, desk);
	check_err("nobody there", dns_ask(&c, &q, 1, PATIENCE, fresh(), &answer), ERR_NONE);
	assert_int_equal(answer.outcome, DNS_FAILED);
	check_err("too many", dns_ask(&c, many, COUNT(many), PATIENCE, fresh(), NULL), ERR_LIMIT);
	desk_give(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mx_test),
		cmocka_unit_test(all_types_test),
		cmocka_unit_test(refused_test),
		cmocka_unit_test(ask_test),
		cmocka_unit_test(nobody_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
