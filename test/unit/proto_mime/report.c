/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back is a failure for good only where a report says so in the fields that machines read. RFC 3464 */
#include "check.h"
#include "proto/mime/report.h"

#define TOP "From: MAILER-DAEMON@elsewhere.test\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"b\"\r\n\r\n"
#define TEXT "--b\r\n\r\nNot delivered.\r\n"
#define STATUS "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\n"
#define FAILED "Final-Recipient: rfc822; x@remote.test\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no\r\n such\r\n"
#define DELAYED "Final-Recipient: rfc822; y@remote.test\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
#define REST "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nAction: failed\r\nSubject: x\r\n\r\nhello\r\n--b--\r\n"

static const struct {
	const char *name, *message;
	bool is_report, is_undelivered;
	const char *status, *diagnostic;
} cases[] = {
	{ "failed", TOP TEXT STATUS FAILED REST, true, true, "5.1.1", "smtp; 550 no\r\n such" },
	{ "delayed", TOP TEXT STATUS DELAYED REST, true, false, "", "" },
	{ "delayed and failed", TOP TEXT STATUS DELAYED "\r\n" FAILED REST, true, true, "5.1.1",
		"smtp; 550 no\r\n such" },
	{ "case and blanks", TOP STATUS "ACTION:   Failed  \r\n" REST, true, true, "", "" },
	{ "relayed", TOP STATUS "Action: relayed\r\nStatus: 5.0.0\r\n" REST, true, false, "", "" },
	{ "only the quoted message says so", TOP TEXT REST, true, false, "", "" },
	{ "cut off", TOP TEXT STATUS FAILED, true, true, "5.1.1", "smtp; 550 no\r\n such" },
	{ "many empty lines", TOP STATUS "\r\n\r\n\r\n" FAILED REST, true, true, "5.1.1", "smtp; 550 no\r\n such" },
	{ "in UTF-8", TOP "--b\r\nContent-Type: message/global-delivery-status\r\n\r\n\r\n" FAILED REST, true, true,
		"5.1.1", "smtp; 550 no\r\n such" },
	{ "another kind of report",
		"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n" STATUS
			FAILED,
		false, false, "", "" },
	{ "mixed", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" STATUS FAILED, false, false, "", "" },
	{ "plain", "Subject: x\r\n\r\nAction: failed\r\n", false, false, "", "" },
	{ "empty", "", false, false, "", "" },
};

static void test_reports(void **state)
{
	struct arena *a = arena_new("test", 1 << 20);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mime_report r;
		check_err(cases[i].name, mime_report_read(a, str_of(cases[i].message), &r), ERR_NONE);
		if (r.is_report != cases[i].is_report || r.is_undelivered != cases[i].is_undelivered)
			fail_msg("%s: got %d %d", cases[i].name, r.is_report, r.is_undelivered);
		check_str(cases[i].name, r.status, str_of(cases[i].status));
		check_str(cases[i].name, r.diagnostic, str_of(cases[i].diagnostic));
	}
	arena_free(&a);
}

static void test_no_memory(void **state)
{
	struct arena *a = arena_new("test", 64);
	struct mime_report r = { .is_report = true, .is_undelivered = true };
	(void)state;
	check_err("spent", mime_report_read(a, str_of(cases[0].message), &r), ERR_MEMORY);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
