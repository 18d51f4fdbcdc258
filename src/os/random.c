/* SPDX-License-Identifier: Apache-2.0 */
#include "os/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "os/clock.h"

enum { TIME_BYTES = 6, BYTE_BITS = 8 };

void random_bytes(void *p, size_t n)
{
	unsigned char *at = p;
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

uint64_t random_number(void)
{
	uint64_t number;
	random_bytes(&number, sizeof number);
	return number;
}

uint64_t random_below(uint64_t below)
{
	/* The lowest 2^64 mod below numbers would make small results likelier: draw again. */
	uint64_t surplus = -below % below, number;
	do
		number = random_number();
	while (number < surplus);
	return number % below;
}

void random_name(uint8_t name[static RANDOM_NAME])
{
	uint64_t time = (uint64_t)clock_utc_ms();
	random_bytes(name + TIME_BYTES, RANDOM_NAME - TIME_BYTES);
	for (unsigned i = TIME_BYTES; i-- > 0; time >>= BYTE_BITS)
		name[i] = (uint8_t)time;
}
