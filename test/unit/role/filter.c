/* SPDX-License-Identifier: Apache-2.0 */
/* Who may submit what: the header decides what is asked, directory decides whose it is. */
#include <sys/mman.h>
#include <unistd.h>

#include "fake_service.h"
#include "os/fd.h"
#include "role/filter/author.h"
#include "role/filter/marks.h"
#include "role/filter/nature.h"
#include "role/filter/role.h"

#define CONVERSATION "ipc/queue_filter.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/filter_directory.def"
#include "ipc/conversation.h"

#define TAIL "Subject: x\r\n\r\nFrom: body@example.org\r\n"

static const struct {
	const char *name, *message, *status, *addresses;
} cases[] = {
	{ "plain", "From: Anna <anna@example.org>\r\n" TAIL, NULL, "anna@example.org" },
	{ "two authors", "From: a@b.test, C <c@d.test>\r\nSender: c@d.test\r\n" TAIL, NULL,
		"a@b.test c@d.test c@d.test" },
	{ "a sender", "Sender: s@b.test\r\nfrom : a@b.test\r\n" TAIL, NULL, "a@b.test s@b.test" },
	{ "folded", "From:\r\n Anna\r\n <a@b.test>\r\n" TAIL, NULL, "a@b.test" },
	{ "an address as name", "From: \"boss@b.test\" <a@b.test>\r\n" TAIL, NULL, "a@b.test" },
	{ "no From", TAIL, "5.6.0", "" },
	{ "empty", "", "5.6.0", "" },
	{ "two From", "From: a@b.test\r\nFROM: c@d.test\r\n" TAIL, "5.6.0", "" },
	{ "two From, a blank", "From: a@b.test\r\nFrom : c@d.test\r\n" TAIL, "5.6.0", "" },
	{ "two Sender", "From: a@b.test\r\nSender: a@b.test\r\nSender: a@b.test\r\n" TAIL, "5.6.0", "" },
	{ "Sender with two", "From: a@b.test\r\nSender: a@b.test, c@d.test\r\n" TAIL, "5.6.0", "" },
	{ "no address", "From: Anna\r\n" TAIL, "5.6.0", "" },
	{ "empty From", "From:\r\n" TAIL, "5.6.0", "" },
	{ "a group", "From: friends: a@b.test;\r\n" TAIL, "5.6.0", "" },
	{ "no comma", "From: a@b.test c@d.test\r\n" TAIL, "5.6.0", "" },
	{ "a bare CR", "From: a@b.test\r\nX: y\rFrom: c@d.test\r\n" TAIL, "5.6.0", "" },
};

static void test_authors(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[200];
		struct buf got = BUF_ON(room);
		struct authors authors = { .count = 0 };
		struct refusal r = authors_read(str_of(cases[i].message), a, &authors);
		for (size_t k = 0; k < authors.count; k++)
			buf_addf(&got, "%s%.*s", k > 0 ? " " : "", ARG(authors.addresses[k]));
		check_str(cases[i].name, str_of(r.status), str_of(cases[i].status));
		check_str(cases[i].name, buf_str(&got), str_of(cases[i].addresses));
	}
	arena_free(&a);
}

static void test_nature(void **state)
{
	static const struct {
		const char *header;
		bool automatic, tls_optional, spam_flag;
	} natures[] = {
		{ "X-Spam-Flag: YES\r\n", false, false, true },
		{ "x-spam-flag:\r\n yes (score 9)\r\n", false, false, true },
		{ "X-Spam-Flag: NO\r\nX-Spam-Status: Yes\r\n", false, false, false },
		{ "X-Spam-Flag: YES\r\nX-Spam-Flag: NO\r\n", false, false, true },
		{ "Subject: x\r\n\r\nX-Spam-Flag: YES\r\n", false, false, false },
		{ "Subject: x\r\n\r\nAuto-Submitted: auto-replied\r\n", false, false },
		{ "Auto-Submitted: no\r\n", false, false },
		{ "Auto-Submitted: no (really)\r\n", false, false },
		{ "auto-submitted : auto-generated; owner=x\r\n", true, false },
		{ "Auto-Submitted:\r\n auto-replied\r\n", true, false },
		{ "Precedence: first-class\r\n", false, false },
		{ "Precedence: Bulk\r\n", true, false },
		{ "List-Id: <x.example.org>\r\n", true, false },
		{ "List-Post: NO\r\n", true, false },
		{ "TLS-Required: No\r\nSubject: x\r\n", false, true },
		{ "TLS-Required: Yes\r\n", false, false },
		{ "", false, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(natures); i++) {
		struct nature n = nature_read(str_of(natures[i].header));
		if (n.automatic != natures[i].automatic || n.tls_optional != natures[i].tls_optional ||
			n.spam_flag != natures[i].spam_flag)
			fail_msg("%s: got %d %d %d", natures[i].header, n.automatic, n.tls_optional, n.spam_flag);
	}
}

static void test_marks(void **state)
{
	static const struct {
		const char *header, *marks, *found;
	} headers[] = {
		{ "Siegel-Forward: AAAAAAAA\r\nSubject: x\r\n", "AAAAAAAA", "" },
		{ "Siegel-Forward: BBBBBBBB\r\nSiegel-Forward: AAAAAAAA\r\n", "AAAAAAAA", "AAAAAAAA" },
		{ "Siegel-Forward: X\r\nsiegel-forward:\r\n C\r\n\tA  B\r\n", "A B", "A B" },
		{ "Siegel-Forward: X\r\nSiegel-Forward: A A a\r\n", "A B", "A" },
		{ "Siegel-Forward: X\r\nSiegel-Forward: AB\r\n", "A B", "" },
		{ "Siegel-Forward: X\r\n\r\nSiegel-Forward: A\r\n", "A", "" },
		{ "Siegel-Forward: X\r\nSiegel-Forward: A\r\n", "", "" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		char room[100];
		struct buf found = BUF_ON(room);
		marks_find(str_of(headers[i].header), str_of(headers[i].marks), &found);
		check_str(headers[i].header, buf_str(&found), str_of(headers[i].found));
	}
}

static struct fake_service fake;
static struct frame in, out;
static struct channel queue, directory;

static struct channel attach(const char *peer)
{
	int ends[2];
	check_err(peer, channel_pair(ends), ERR_NONE);
	role_filter.channel(&fake.service, str_of(peer), 0, 0, ends[1]);
	return channel_of(ends[0], &in, &out);
}

static void start(void)
{
	fake_service_start(&fake);
	check_err("start", role_filter.start(&fake.service), ERR_NONE);
	queue = attach("queue");
	directory = attach("directory");
}

static void end(void)
{
	role_filter.stop(&fake.service);
	channel_close(&queue);
	channel_close(&directory);
	fake_service_end(&fake);
}

/* A small message goes in the frame or as a descriptor, in turns. */
static int descriptor_for(uint32_t tag, str message)
{
	if (tag % 2 == 0 && message.n <= 45056)
		return -1;
	int fd = memfd_create("message", MFD_CLOEXEC);
	assert_int_equal(write(fd, message.p, message.n), message.n);
	return fd;
}

static void ask(uint32_t tag, const char *message)
{
	str text = str_of(message);
	struct msg_judge m = {
		.body = descriptor_for(tag, text), .size = text.n, .sender = S("a@b.test"), .account = 9
	};
	if (m.body < 0)
		m.bytes = text;
	check_err("judge", msg_send_judge(&queue, tag, &m), ERR_NONE);
	fd_close(&m.body);
	fake_service_turn(&fake, 5);
}

static void check_judged(const char *name, uint32_t tag, unsigned code)
{
	struct msg_judged judged;
	fake_service_turn(&fake, 5);
	check_err(name, msg_expect_judged(&queue, &judged), ERR_NONE);
	if (judged.code != code || queue.in->tag != tag)
		fail_msg("%s: got %u for %u, want %u for %u", name, (unsigned)judged.code, queue.in->tag, code, tag);
}

static uint32_t hear_question(const char *address)
{
	struct msg_owns owns;
	check_err(address, msg_expect_owns(&directory, &owns), ERR_NONE);
	check_str("asked", owns.address, str_of(address));
	assert_int_equal(owns.account, 9);
	return directory.in->tag;
}

static void answer(uint32_t tag, bool owned)
{
	check_err("owned", msg_send_owned(&directory, tag, &(struct msg_owned){ .owned = owned }), ERR_NONE);
}

static void test_judgements(void **state)
{
	(void)state;
	start();
	ask(1, "From: a@b.test, c@d.test\r\n\r\n");
	ask(2, "From: e@f.test\r\n\r\n");
	ask(3, "Subject: none\r\n\r\n");
	check_judged("no From", 3, 550);
	uint32_t first = hear_question("a@b.test");
	assert_int_equal(hear_question("c@d.test"), first);
	uint32_t second = hear_question("e@f.test");
	answer(second, true);
	check_judged("own", 2, 250);
	answer(first, true);
	answer(first, false);
	check_judged("one is not theirs", 1, 550);
	answer(first, true); /* nobody asked any more */
	ask(4, "From: a@b.test\r\n\r\n");
	channel_close(&directory);
	check_judged("directory has gone", 4, 451);
	ask(5, "From: a@b.test\r\n\r\n");
	check_judged("directory is away", 5, 451);
	end();
}

static void test_size_is_a_lie(void **state)
{
	(void)state;
	start();
	const struct msg_judge m = {
		.body = -1, .bytes = S("From: a@b.test\r\n\r\n"), .size = 100, .sender = S("a@b.test"), .account = 9
	};
	check_err("judge", msg_send_judge(&queue, 1, &m), ERR_NONE);
	fake_service_turn(&fake, 5);
	check_judged("less than it says", 1, 451);
	end();
}

static void test_long_header(void **state)
{
	(void)state;
	static char message[2 << 20];
	start();
	memset(message, 'x', sizeof message - 1);
	memcpy(message, "From: a@b.test\r\nX: ", 19);
	ask(1, message);
	check_judged("no end of the header in sight", 1, 550);
	memcpy(message + 1000, "\r\n\r\n", 4);
	ask(2, message);
	hear_question("a@b.test");
	end();
}

#define REPORT                                                                                                      \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n" \
	"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: "      \
	"5.1.1\r\n"                                                                                                 \
	"Diagnostic-Code: smtp; 550 \x07no\r\n\r\n--b--\r\n"

/* Nobody logged in: nothing is asked of directory, and what the question wants is said. */
static void test_of_strangers(void **state)
{
	static const struct {
		const char *name, *message;
		bool gateway, returns, spam, undelivered;
		const char *report;
	} strangers[] = {
		{ "spam of a gateway", "X-Spam-Flag: YES\r\n\r\n", true, false, true, false, "" },
		{ "of anybody", "X-Spam-Flag: YES\r\n\r\n", false, false, false, false, "" },
		{ "a report", REPORT, false, true, false, true, "5.1.1 smtp; 550  no" },
		{ "a report that nobody wants", REPORT, false, false, false, false, "" },
	};
	(void)state;
	start();
	for (uint32_t i = 0; i < COUNT(strangers); i++) {
		str text = str_of(strangers[i].message);
		struct msg_judge m = { .body = descriptor_for(i, text),
			.size = text.n,
			.sender = S(""),
			.gateway = strangers[i].gateway,
			.returns = strangers[i].returns,
			.marks = S("") };
		if (m.body < 0)
			m.bytes = text;
		check_err("judge", msg_send_judge(&queue, i, &m), ERR_NONE);
		fd_close(&m.body);
		struct msg_judged judged = { .code = 0 };
		fake_service_turn(&fake, 5);
		check_err(strangers[i].name, msg_expect_judged(&queue, &judged), ERR_NONE);
		assert_int_equal(judged.code, 250);
		check_str(strangers[i].name, judged.report, str_of(strangers[i].report));
		if (judged.spam != strangers[i].spam || judged.undelivered != strangers[i].undelivered)
			fail_msg("%s: got %d %d", strangers[i].name, judged.spam, judged.undelivered);
	}
	end();
}

/* The report is read in the memory in which the authors stood: they are asked for first. */
static void test_report_of_an_account(void **state)
{
	static const char message[] = "From: a@b.test\r\n" REPORT;
	struct msg_judged judged = { .code = 0 };
	(void)state;
	start();
	int fd = memfd_create("message", MFD_CLOEXEC);
	assert_int_equal(write(fd, message, sizeof message - 1), sizeof message - 1);
	const struct msg_judge m = {
		.body = fd, .size = sizeof message - 1, .sender = S(""), .account = 9, .returns = true, .marks = S("")
	};
	check_err("judge", msg_send_judge(&queue, 1, &m), ERR_NONE);
	close(fd);
	fake_service_turn(&fake, 5);
	answer(hear_question("a@b.test"), true);
	fake_service_turn(&fake, 5);
	check_err("judged", msg_expect_judged(&queue, &judged), ERR_NONE);
	assert_int_equal(judged.code, 250);
	assert_true(judged.undelivered);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authors),
		cmocka_unit_test(test_nature),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_judgements),
		cmocka_unit_test(test_size_is_a_lie),
		cmocka_unit_test(test_long_header),
		cmocka_unit_test(test_of_strangers),
		cmocka_unit_test(test_report_of_an_account),
	};
	return cmocka_run_group_tests_name("role/filter", tests, NULL, NULL);
}
