/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/log.h"
#include "base/utf8.h"

static void alarms_have_a_meaning_in_both_languages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LOG_EVENTS; i++) {
		enum log_event event = (enum log_event)i;
		str german = str_of(log_event_german(event));
		if ((german.p != NULL) != (log_event_level(event) == LOG_ALARM))
			fail_msg("%s: got %d, want %d", log_event_name(event), german.p != NULL, german.p == NULL);
		assert_true(str_is_utf8(german) && german.n < 200);
		assert_true(str_of(log_event_text(event)).n > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alarms_have_a_meaning_in_both_languages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
