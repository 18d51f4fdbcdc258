/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue with servers that are right, odd, broken and hostile. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "sender_world.h"

#define HELLO "S 220 mx.remote.test ESMTP\nH EHLO us.test\n"
#define PLAIN HELLO "S 250 mx.remote.test\n"
#define WITH(words) HELLO "S 250-mx.remote.test\nS 250 " words "\n"
#define TO_A "<a@remote.test>"
#define MAILED "H MAIL FROM:<me@us.test>\nS 250 ok\nH RCPT TO:" TO_A "\nS 250 ok\n"
#define GONE "H QUIT\nS 221 bye\n"
#define TLS_ONLY "routes.table=remote.test/tls=encrypt"

/* What is sent; zero: the usual. */
struct wish {
	const char *from, *body, *envid;
	unsigned targets, eight_bit, notify, ret;
	bool utf8, requires_tls, optional, inner;
	unsigned long size;
};

/* clang-format off */
static const struct row {
	const char *name, *settings[3], *script;
	struct wish wish;
	enum outcome_kind kind; enum cause cause; unsigned code; const char *status;
	const char *body;     /* what the server must have got; NULL: whatever */
	int state;            /* what queue is told of the destination; -1: nothing */
	const char *second;   /* status of a second recipient */
	enum tls_result_type noted; /* how TLS failed; 0: whether it did does not matter here */
} rows[] = {
	{ "plain", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 2.6.0 taken\n" GONE, { 0 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.6.0", "Subject: x\n\nhello\n", DESTINATION_REACHABLE, NULL },
	{ "dots and line ends", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, { .body = "A: b\r\n\r\n.x\r\n.\r\nb\rc\n.\r\nend" },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", "A: b\n\n..x\n..\nb c .\nend\n", DESTINATION_REACHABLE, NULL },
	{ "HELO", { 0 }, HELLO "S 502 what?\nH HELO us.test\nS 250 hi\n" MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "pipelining", { 0 }, WITH("PIPELINING") "H MAIL FROM:<me@us.test>\nH RCPT TO:" TO_A "\nH RCPT TO:<b@remote.test>\nH DATA\n"
	  "S 250 ok\nS 250 ok\nS 550 5.1.1 nobody\nS 354 go\nB\nS 250 ok\n" GONE, { .targets = 2 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", "Subject: x\n\nhello\n", DESTINATION_REACHABLE, "5.1.1" },
	{ "pipelining, nobody taken, 354 all the same", { 0 }, WITH("PIPELINING") "H MAIL\nH RCPT\nH DATA\nS 250 ok\nS 550 no\nS 354 go\nH .\nS 554 none\nH RSET\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_FAILED, CAUSE_recipient, 550, "5.0.0", "", DESTINATION_REACHABLE, NULL },
	{ "pipelining, MAIL refused", { 0 }, WITH("PIPELINING") "H MAIL\nH RCPT\nH DATA\nS 550 5.7.1 not you\nS 503 no\nS 503 no\n" GONE, { 0 },
	  OUTCOME_FAILED, CAUSE_sender, 550, "5.7.1", "", DESTINATION_REACHABLE, NULL },
	{ "recipient later", { 0 }, PLAIN "H MAIL\nS 250 ok\nH RCPT\nS 450 4.2.1 later\nH RSET\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DEFERRED, CAUSE_busy, 450, "4.2.1", NULL, DESTINATION_REACHABLE, NULL },
	{ "mailbox full", { 0 }, PLAIN "H MAIL\nS 250 ok\nH RCPT\nS 552 5.2.2 full\nH RSET\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_FAILED, CAUSE_full, 552, "5.2.2", NULL, DESTINATION_REACHABLE, NULL },
	{ "too many recipients", { 0 }, PLAIN "H MAIL\nS 250 ok\nH RCPT\nS 552 too many\nH RSET\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DEFERRED, CAUSE_size, 552, "4.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "content refused", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 554 5.7.1 spam\n" GONE, { 0 },
	  OUTCOME_FAILED, CAUSE_content, 554, "5.7.1", NULL, DESTINATION_REACHABLE, NULL },
	{ "421 in the middle", { 0 }, PLAIN "H MAIL\nS 250 ok\nH RCPT\nS 421 4.3.2 going down\nE\n", { .targets = 2 },
	  OUTCOME_DEFERRED, CAUSE_busy, 421, "4.3.2", NULL, DESTINATION_BUSY, "4.3.2" },
	{ "closed after the message", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_unreachable, 0, "4.4.2", NULL, DESTINATION_REACHABLE, NULL },
	{ "closed at EHLO", { 0 }, "S 220 hi\nH EHLO\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_unreachable, 0, "4.4.2", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "closed at once", { 0 }, "", { 0 },
	  OUTCOME_DEFERRED, CAUSE_unreachable, 0, "4.4.2", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "no service", { 0 }, "S 554 5.7.1 go away\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_sender, 554, "4.0.0", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "busy", { 0 }, "S 421 4.3.2 too many\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_busy, 421, "4.3.2", NULL, DESTINATION_BUSY, NULL },
	{ "silent from the start", { 0 }, "W 2600\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_timeout, 0, "4.4.2", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "silent later", { 0 }, "S 220 hi\nH EHLO\nW 2600\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_timeout, 0, "4.4.2", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "drop by drop", { 0 }, "R 2\nZ 0\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_timeout, 0, "4.4.2", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "a line without end", { 0 }, "R 220 \nZ 100000\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "codes that differ", { 0 }, "S 220-hi\nS 250 there\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "another protocol", { 0 }, "S HTTP/1.1 400 Bad Request\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "bare LF in a reply", { 0 }, "R 220 hi\\n\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "two greetings", { 0 }, "R 220 hi\\r\\n250 hello\\r\\n\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "replies ahead of commands", { 0 }, PLAIN "H MAIL\nR 250 ok\\r\\n250 ok\\r\\n354 go\\r\\n250 done\\r\\n\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "250 in place of 354", { 0 }, PLAIN MAILED "H DATA\nS 250 done\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", "", DESTINATION_REACHABLE, NULL },
	{ "ourselves", { 0 }, HELLO "S 250 us.test\n" GONE, { 0 },
	  OUTCOME_FAILED, CAUSE_loop, 0, "5.4.6", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "STARTTLS stripped, nobody minds", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL, TLS_RESULT_STARTTLS_NOT_SUPPORTED },
	{ "STARTTLS stripped", { TLS_ONLY }, PLAIN GONE, { 0 },
	  OUTCOME_DEFERRED, CAUSE_tls, 0, "4.7.5", NULL, DESTINATION_UNREACHABLE, NULL, TLS_RESULT_STARTTLS_NOT_SUPPORTED },
	{ "STARTTLS refused, nobody minds", { 0 }, WITH("STARTTLS") "H STARTTLS\nS 454 4.7.0 no\n" MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL, TLS_RESULT_VALIDATION_FAILURE },
	{ "STARTTLS refused", { TLS_ONLY }, WITH("STARTTLS") "H STARTTLS\nS 454 no\n" GONE, { 0 },
	  OUTCOME_DEFERRED, CAUSE_tls, 0, "4.7.5", NULL, DESTINATION_UNREACHABLE, NULL, TLS_RESULT_VALIDATION_FAILURE },
	{ "STARTTLS unknown, though offered", { TLS_ONLY }, WITH("STARTTLS") "H STARTTLS\nS 502 what?\n" GONE, { 0 },
	  OUTCOME_DEFERRED, CAUSE_tls, 0, "4.7.5", NULL, DESTINATION_UNREACHABLE, NULL, TLS_RESULT_VALIDATION_FAILURE },
	{ "STARTTLS injected", { TLS_ONLY }, WITH("STARTTLS") "H STARTTLS\nR 220 go\\r\\n250 evil\\r\\n\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL, TLS_RESULT_VALIDATION_FAILURE },
	{ "STARTTLS injected, nobody minds TLS", { 0 }, WITH("STARTTLS") "H STARTTLS\nR 220 go\\r\\n250 evil\\r\\n\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_protocol, 0, "4.5.0", NULL, DESTINATION_UNREACHABLE, NULL, TLS_RESULT_VALIDATION_FAILURE },
	{ "a broken handshake, then plaintext", { 0 }, WITH("STARTTLS") "H STARTTLS\nS 220 go\nR nonsense, not TLS, but long enough to be looked at\\r\\n\nD 1\nW 50\nA\n"
	  WITH("STARTTLS") MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "a broken handshake where TLS is needed", { TLS_ONLY }, WITH("STARTTLS") "H STARTTLS\nS 220 go\nR nonsense, not TLS, but long enough to be looked at\\r\\n\nE\n", { 0 },
	  OUTCOME_DEFERRED, CAUSE_tls, 0, "4.7.5", NULL, DESTINATION_UNREACHABLE, NULL },
	{ "chunking", { 0 }, WITH("CHUNKING") MAILED "H BDAT 22 LAST\nD 22\nS 250 ok\n" GONE, { .body = "Subject: x\r\n\r\n.hello" },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "chunking, refused", { 0 }, WITH("CHUNKING") MAILED "H BDAT 22 LAST\nD 22\nS 554 5.7.1 spam\nH RSET\nS 250 ok\n" GONE, { .body = "Subject: x\r\n\r\n.hello" },
	  OUTCOME_FAILED, CAUSE_content, 554, "5.7.1", NULL, DESTINATION_REACHABLE, NULL },
	{ "chunking and pipelining", { 0 }, HELLO "S 250-mx\nS 250-PIPELINING\nS 250 CHUNKING\nH MAIL FROM:<me@us.test>\nH RCPT TO:" TO_A "\nH RCPT TO:<b@remote.test>\nH BDAT 22 LAST\nD 22\n"
	  "S 250 ok\nS 250 ok\nS 550 5.1.1 nobody\nS 250 2.6.0 taken\n" GONE, { .targets = 2, .body = "Subject: x\r\n\r\n.hello" },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.6.0", "Subject: x\r\n\r\n.hello\r\n", DESTINATION_REACHABLE, "5.1.1" },
	{ "chunking and pipelining, nobody taken", { 0 }, HELLO "S 250-mx\nS 250-PIPELINING\nS 250 CHUNKING\nH MAIL\nH RCPT\nH BDAT\nD 22\n"
	  "S 250 ok\nS 550 5.1.1 nobody\nS 503 no recipients\nH RSET\nS 250 ok\n" GONE, { .body = "Subject: x\r\n\r\n.hello" },
	  OUTCOME_FAILED, CAUSE_recipient, 550, "5.1.1", NULL, DESTINATION_REACHABLE, NULL },
	{ "chunking and pipelining, MAIL refused", { 0 }, HELLO "S 250-mx\nS 250-PIPELINING\nS 250 CHUNKING\nH MAIL\nH RCPT\nH BDAT\nD 22\n"
	  "S 451 4.7.1 not now\nS 503 no\nS 503 no\nH RSET\nS 250 ok\n" GONE, { .body = "Subject: x\r\n\r\n.hello" },
	  OUTCOME_DEFERRED, CAUSE_busy, 451, "4.7.1", NULL, DESTINATION_REACHABLE, NULL },
	{ "chunking and pipelining, refused", { 0 }, HELLO "S 250-mx\nS 250-PIPELINING\nS 250 CHUNKING\nH MAIL\nH RCPT\nH BDAT\nD 22\n"
	  "S 250 ok\nS 250 ok\nS 554 5.7.1 spam\nH RSET\nS 250 ok\n" GONE, { .body = "Subject: x\r\n\r\n.hello" },
	  OUTCOME_FAILED, CAUSE_content, 554, "5.7.1", NULL, DESTINATION_REACHABLE, NULL },
	{ "size", { 0 }, WITH("SIZE 1000") "H MAIL FROM:<me@us.test> SIZE=21\nS 250 ok\nH RCPT\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\n" GONE, { 0 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "too large", { 0 }, WITH("SIZE 10") GONE, { 0 },
	  OUTCOME_FAILED, CAUSE_size, 0, "5.3.4", NULL, -1, NULL },
	{ "8-bit offered", { 0 }, WITH("8BITMIME") "H MAIL FROM:<me@us.test> BODY=8BITMIME\nS 250 ok\nH RCPT\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\n" GONE,
	  { .eight_bit = 1, .body = "A: b\r\n\r\nsch\xf6n, this is text\r\n" },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", "A: b\n\nsch\xf6n, this is text\n", DESTINATION_REACHABLE, NULL },
	{ "8-bit, of which nobody said it", { 0 }, WITH("8BITMIME") "H MAIL FROM:<me@us.test> BODY=8BITMIME\nS 250 ok\nH RCPT\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\n" GONE,
	  { .body = "A: b\r\n\r\nsch\xf6n, this is text\r\n" },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", "A: b\n\nsch\xf6n, this is text\n", DESTINATION_REACHABLE, NULL },
	{ "8-bit not offered", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE,
	  { .eight_bit = 1, .body = "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nsch\xf6n, this is text\r\n" },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nsch=F6n, this is text\n", DESTINATION_REACHABLE, NULL },
	{ "SMTPUTF8 offered", { 0 }, WITH("SMTPUTF8") "H MAIL FROM:<me@us.test> SMTPUTF8\nS 250 ok\nH RCPT\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\n" GONE, { .utf8 = true },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "SMTPUTF8 not offered", { 0 }, PLAIN GONE, { .utf8 = true },
	  OUTCOME_FAILED, CAUSE_capability, 0, "5.6.7", NULL, -1, NULL },
	{ "DSN", { 0 }, WITH("DSN") "H MAIL FROM:<me@us.test> RET=HDRS ENVID=QQ+2B314159\nS 250 ok\nH RCPT TO:" TO_A " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@old.test\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\n" GONE,
	  { .ret = SMTP_RETURN_HEADERS, .envid = "QQ+314159", .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "DSN not offered", { 0 }, PLAIN "H MAIL FROM:<me@us.test>\nS 250 ok\nH RCPT TO:" TO_A "\nS 250 ok\nH DATA\nS 354 go\nB\nS 250 ok\n" GONE,
	  { .ret = SMTP_RETURN_HEADERS, .envid = "QQ+314159", .notify = SMTP_NOTIFY_SUCCESS },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
	{ "limit of recipients", { 0 }, WITH("LIMITS RCPTMAX=1") MAILED "H DATA\nS 354 go\nB\nS 250 ok\nH MAIL\nS 250 ok\nH RCPT TO:<b@\nS 250 ok\nH DATA\nS 354 go\nB\nS 452 4.2.2 full\n" GONE, { .targets = 2 },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, "4.2.2" },
	{ "REQUIRETLS, no TLS", { 0 }, WITH("REQUIRETLS") GONE, { .requires_tls = true },
	  OUTCOME_FAILED, CAUSE_tls, 0, "5.7.10", NULL, -1, NULL },
	{ "TLS-Required: No", { 0 }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, { .optional = true },
	  OUTCOME_DELIVERED, CAUSE_none, 250, "2.0.0", NULL, DESTINATION_REACHABLE, NULL },
};
/* clang-format on */

static void add_targets(struct world *w, const struct wish *wish, struct buf *records)
{
	static const str addresses[] = { { "a@remote.test", 13 }, { "b@remote.test", 13 } };
	for (unsigned i = 0; i < (wish->targets > 0 ? wish->targets : 1); i++) {
		const struct msg_target t = { .recipient = i,
			.address = addresses[i],
			.notify = wish->notify,
			.orcpt = wish->notify != 0 ? S("rfc822;a@old.test") : S("") };
		check_err("target", msg_add_target(records, &w->scratch, &t), ERR_NONE);
	}
}

static uint64_t offer(struct world *w, const char *destination, const struct wish *wish)
{
	static uint64_t number;
	char room[2000];
	struct buf records = BUF_ON(room);
	str body = str_of(wish->body != NULL ? wish->body : "Subject: x\r\n\r\nhello\r\n");
	add_targets(w, wish, &records);
	const struct msg_job m = { .job = ++number,
		.transaction = S("0123456789abcdef"),
		.destination = str_of(destination),
		.sender = str_of(wish->from != NULL ? wish->from : "me@us.test"),
		.size = body.n,
		.body = wish->eight_bit ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT,
		.ret = wish->ret,
		.envid = str_of(wish->envid != NULL ? wish->envid : ""),
		.utf8 = wish->utf8,
		.requiretls = wish->requires_tls,
		.tls_optional = wish->optional,
		.inner = wish->inner,
		.targets = buf_str(&records),
		.bytes = body,
		.file = -1 };
	w->ended = false;
	check_err("job", msg_send_job(&w->queue, 0, &m), ERR_NONE);
	return number;
}

static unsigned complaints;
#define complain(...) (print_message(__VA_ARGS__), print_message("\n"), (void)complaints++)

static void same(const char *name, str got, str want)
{
	if (!str_eq(got, want))
		complain("%s: got \"%.*s\", want \"%.*s\"", name, ARG(got), ARG(want));
}

static bool tls_is_noted(const struct world *w)
{
	unsigned failures = 0;
	for (unsigned i = 0; i < TLS_RESULT_TYPES; i++)
		failures += w->tls_results[i];
	return failures > 0;
}

/* Once, and as nothing else. */
static void check_noted(const struct row *r)
{
	for (unsigned i = 0; i < TLS_RESULT_TYPES; i++)
		if (world.tls_results[i] != (i == r->noted))
			complain("%s: TLS \"%s\" was counted %u times", r->name,
				tls_result_name((enum tls_result_type)i), world.tls_results[i]);
}

static void check_row(const struct row *r)
{
	const struct world *w = &world;
	const struct shown *s = &w->shown[0];
	if (!w->ended)
		complain("%s: no result; heard %s", r->name, w->server.heard);
	if (w->server.complaint[0] != '\0')
		complain("%s: %s", r->name, w->server.complaint);
	if (!s->has || s->kind != r->kind || s->cause != r->cause || s->code != r->code)
		complain("%s: got kind %u, cause %.*s, code %u, \"%s\"; heard %s", r->name, s->kind,
			ARG(cause_word(s->cause)), s->code, s->text, w->server.heard);
	same(r->name, str_of(s->status), str_of(r->status));
	if (r->body != NULL)
		same(r->name, str_from(w->server.body, w->server.body_n), str_of(r->body));
	if (r->second != NULL)
		same(r->name, str_of(w->shown[1].status), str_of(r->second));
	if (r->state < 0 ? w->destinations_told > 0
			 : (int)w->destination_state != r->state || w->destinations_told == 0)
		fail_msg(
			"%s: destination told %u times, state %u", r->name, w->destinations_told, w->destination_state);
}

static void test_dialogues(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		world_open(&world, rows[i].settings);
		world.server.script = rows[i].script;
		pthread_create(&world.server.thread, NULL, serve, &world.server);
		turn(&world, 50, NULL);
		assert_int_equal(world.credit, world.fake.conf.sender.connections);
		offer(&world, "remote.test", &rows[i].wish);
		turn(&world, 8000, job_ended);
		turn(&world, 30, NULL);
		assert_int_equal(world.credit, world.fake.conf.sender.connections + 1);
		pthread_join(world.server.thread, NULL);
		check_row(&rows[i]);
		if (rows[i].noted != TLS_RESULT_SUCCESS) {
			turn(&world, 8000, tls_is_noted);
			check_noted(&rows[i]);
		}
		world_close(&world);
	}
	assert_int_equal(complaints, 0);
}

static const char *logins; /* what stands in route-logins */

static void give_logins(struct service *s)
{
	int fd = memfd_create("route-logins", MFD_CLOEXEC);
	assert_true(fd >= 0 && fchmod(fd, 0600) == 0);
	assert_int_equal(write(fd, logins, strlen(logins)), strlen(logins));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	sender_file(s, S("logins"), fd);
}

/* A route that wants a login: without one nothing is said that would be taken for a stranger's. */
static void test_logins(void **state)
{
	static const struct wish usual = { 0 };
	static const char *const settings[] = {
		"routes.table=remote.test/host=mx.remote.test remote.test/auth=inner remote.test/tls=none", NULL
	};
	static const struct {
		const char *logins, *script;
		enum outcome_kind kind;
		enum cause cause;
		unsigned alarms;
	} cases[] = {
		{ "", WITH("AUTH PLAIN") GONE, OUTCOME_DEFERRED, CAUSE_route, 1 },
		{ "outer me secret\ninner me\n# inner me secret\n", WITH("AUTH PLAIN") GONE, OUTCOME_DEFERRED,
			CAUSE_route, 1 },
		{ "outer me secret\n inner me  a b\n",
			WITH("AUTH PLAIN LOGIN") "H AUTH PLAIN AG1lACBhIGI=\nS 235 ok\n" MAILED
						 "H DATA\nS 354 go\nB\nS 250 ok\n" GONE,
			OUTCOME_DELIVERED, CAUSE_none, 0 },
		{ "inner me secret\n",
			WITH("AUTH LOGIN") "H AUTH LOGIN\nS 334 VXNlcm5hbWU6\nH bWU=\nS 334 UGFzc3dvcmQ6\nH c2VjcmV0\n"
					   "S 235 ok\n" MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE,
			OUTCOME_DELIVERED, CAUSE_none, 0 },
		{ "inner me wrong\n", WITH("AUTH PLAIN") "H AUTH PLAIN\nS 535 5.7.8 no\n" GONE, OUTCOME_DEFERRED,
			CAUSE_route, 0 },
		{ "inner me secret\n", WITH("AUTH CRAM-MD5") GONE, OUTCOME_DEFERRED, CAUSE_route, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		logins = cases[i].logins;
		before_start = give_logins;
		world_open(&world, settings);
		world.server.script = cases[i].script;
		pthread_create(&world.server.thread, NULL, serve, &world.server);
		turn(&world, 50, NULL);
		offer(&world, "remote.test", &usual);
		turn(&world, 8000, job_ended);
		pthread_join(world.server.thread, NULL);
		if (world.server.complaint[0] != '\0' || world.shown[0].kind != cases[i].kind ||
			world.shown[0].cause != cases[i].cause)
			fail_msg("%zu: %s; got kind %u, cause %u, %s", i, world.server.complaint, world.shown[0].kind,
				world.shown[0].cause, world.shown[0].text);
		assert_int_equal(world.fake.events[EV_alarm], cases[i].alarms);
		world_close(&world);
	}
	before_start = NULL;
}

/* There are records that nobody can use: TLS is needed (RFC 7672 2.2). */
static err answer_with_records(struct world *w, const struct msg_lookup *m, uint32_t tag)
{
	char room[100];
	struct buf records = BUF_ON(room);
	if (m->type != DNS_TLSA)
		return answer_simply(w, m, tag);
	const struct msg_tlsa unusable = { .data = S("x") };
	check_err("records", msg_add_tlsa(&records, &w->scratch, &unusable), ERR_NONE);
	return say_answer(w, m, tag, DNS_FOUND, buf_str(&records));
}

/* "TLS-Required: No" speaks of what the recipient's domain has published. Where the domain is ours the mail has reached it, and the
 * way inward is the administrator's. */
static void test_inward(void **state)
{
	static const struct {
		struct wish wish;
		const char *script;
		enum outcome_kind kind;
	} cases[] = {
		{ { .optional = true }, PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE, OUTCOME_DELIVERED },
		{ { .optional = true, .inner = true }, PLAIN GONE, OUTCOME_DEFERRED },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char route[120];
		world_open(&world, NULL);
		world.answer = answer_with_records;
		snprintf(route, sizeof route, "routes.table=remote.test/host=mx.remote.test remote.test/port=%u",
			(unsigned)world.server.port);
		fake_service_set(&world.fake, route);
		routes_init(world.sender);
		world.server.script = cases[i].script;
		pthread_create(&world.server.thread, NULL, serve, &world.server);
		turn(&world, 50, NULL);
		offer(&world, "remote.test", &cases[i].wish);
		turn(&world, 8000, job_ended);
		pthread_join(world.server.thread, NULL);
		if (world.server.complaint[0] != '\0' || world.shown[0].kind != cases[i].kind)
			fail_msg("%zu: %s; got kind %u, %s", i, world.server.complaint, world.shown[0].kind,
				world.shown[0].text);
		world_close(&world);
	}
}

/* Whatever the DNS calls the host: where this machine's own port answers nothing is said, and nobody behind it is asked. */
static void test_leads_back(void **state)
{
	static const struct wish usual = { 0 };
	static const struct {
		const char *services, *listen;
		enum outcome_kind kind;
		const char *status;
	} cases[] = {
		{ "server.services=imaps", "", OUTCOME_DELIVERED, "2.0.0" },
		{ "server.services=smtp imaps", "", OUTCOME_FAILED, "5.4.6" },
		{ "server.services=smtp imaps", "server.listen=127.0.0.1", OUTCOME_FAILED, "5.4.6" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		world_open(&world, NULL);
		world.fake.conf.server.port_offset = world.server.port - 25u; /* may be above what a person may set */
		fake_service_set(&world.fake, cases[i].services);
		if (*cases[i].listen != '\0')
			fake_service_set(&world.fake, cases[i].listen);
		world.server.script = PLAIN MAILED "H DATA\nS 354 go\nB\nS 250 ok\n" GONE;
		if (cases[i].kind == OUTCOME_DELIVERED)
			pthread_create(&world.server.thread, NULL, serve, &world.server);
		turn(&world, 50, NULL);
		offer(&world, "remote.test", &usual);
		turn(&world, 8000, job_ended);
		if (world.shown[0].kind != cases[i].kind)
			fail_msg("%zu: %s", i, world.shown[0].text);
		check_str("status", str_of(world.shown[0].status), str_of(cases[i].status));
		if (cases[i].kind == OUTCOME_DELIVERED)
			pthread_join(world.server.thread, NULL);
		world_close(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_inward),
		cmocka_unit_test(test_leads_back),
	};
	tls_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
