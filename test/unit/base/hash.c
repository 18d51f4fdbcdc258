/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "base/hash.h"

/* The reference vectors: key 00 01 .. 0f, message 00 01 .. of each length. */
static const uint64_t want[] = { 0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462,
	0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90,
	0xf723ca908e7af2ee, 0xa129ca6149be45e5 };

static void reference_vectors(void **state)
{
	(void)state;
	const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	char message[COUNT(want)];
	for (size_t n = 0; n < COUNT(want); n++) {
		message[n] = (char)n;
		uint64_t got = hash_of(&key, (str){ message, n });
		if (got != want[n])
			fail_msg("%zu bytes: got %016llx, want %016llx", n, (unsigned long long)got,
				(unsigned long long)want[n]);
	}
}

static void key_matters(void **state)
{
	(void)state;
	const struct hash_key a = { { 1, 2 } }, b = { { 1, 3 } };
	assert_true(hash_of(&a, S("x")) != hash_of(&b, S("x")));
	assert_true(hash_of(&a, NO_STR) == hash_of(&a, S("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reference_vectors), cmocka_unit_test(key_matters) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
