/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static err fail_if(bool wanted) { return wanted ? FAIL(DISK_FULL) : OK; }

static err tries(bool wanted, int *reached)
{
	TRY(fail_if(wanted));
	*reached = 1;
	return FAIL(EXISTS);
}

static void try_leaves_with_the_failure(void **state)
{
	(void)state;
	int reached = 0;
	check_err("failure", tries(true, &reached), ERR_DISK_FULL);
	assert_int_equal(reached, 0);
	check_err("success goes on", tries(false, &reached), ERR_EXISTS);
	assert_int_equal(reached, 1);
	IGNORE(fail_if(true));
}

static void every_kind_has_a_text_and_a_fault(void **state)
{
	(void)state;
	for (enum err_code code = ERR_NONE; code < ERR_CODES; code++) {
		err e = { code };
		assert_int_equal(failed(e), code != ERR_NONE);
		if (err_text(e) == NULL || strlen(err_text(e)) < 5)
			fail_msg("code %u has no text", code);
		for (enum err_code other = ERR_NONE; other < code; other++)
			if (strcmp(err_text(e), err_text((err){ other })) == 0)
				fail_msg("codes %u and %u have the same text", other, code);
		if ((err_fault(e) == ERR_FAULT_NOBODY) != (code == ERR_NONE || code == ERR_AGAIN))
			fail_msg("code %u has the fault %u", code, err_fault(e));
	}
	assert_int_equal(err_fault(FAIL(SYNTAX)), ERR_FAULT_PEER);
	assert_int_equal(err_fault(FAIL(STORAGE)), ERR_FAULT_US);
}

static void a_code_from_nowhere_is_ours(void **state)
{
	(void)state;
	err e = { (enum err_code)(ERR_CODES + 7) };
	assert_true(failed(e));
	assert_int_equal(err_fault(e), ERR_FAULT_US);
	assert_non_null(err_text(e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(try_leaves_with_the_failure),
		cmocka_unit_test(every_kind_has_a_text_and_a_fault),
		cmocka_unit_test(a_code_from_nowhere_is_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
