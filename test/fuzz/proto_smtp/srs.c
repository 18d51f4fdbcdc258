/* SPDX-License-Identifier: Apache-2.0 */
/* What is read and written again is the same, but for the case of the letters that we write. */
#include "fuzz.h"
#include "proto/smtp/srs.h"

#include <stdlib.h>

static uint8_t value(char c) { return (uint8_t)(c >= '2' && c <= '7' ? c - '2' + 26 : ascii_lower(c) - 'a'); }

/* The bytes that eight letters stand for. */
static void unletter(str letters, uint8_t out[SRS_SIGNATURE_BYTES])
{
	uint64_t bits = 0;
	for (size_t i = 0; i < SRS_SIGNATURE; i++)
		bits = bits << 5 | value(letters.p[i]);
	for (size_t i = 0; i < SRS_SIGNATURE_BYTES; i++)
		out[i] = (uint8_t)(bits >> (8 * (SRS_SIGNATURE_BYTES - 1 - i)));
}

static void check_again(str local)
{
	char room[100], signed_room[SRS_SIGNED_MAX];
	struct buf b = BUF_ON(room), line = BUF_ON(signed_room);
	uint8_t signature[SRS_SIGNATURE_BYTES];
	struct srs s;
	if (failed(srs_parse(local, &s)))
		return;
	unletter(s.signature, signature);
	srs_write(&s, signature, &b);
	if (b.lost || !str_eq_nocase(buf_str(&b), local) || s.forward == 0 || s.day >= SRS_DAYS)
		abort();
	srs_signed(&s, S("a@b"), &line);
	if (line.lost)
		abort();
}

static void check_sender(str address)
{
	char room[100], local[100];
	struct buf sender = BUF_ON(room), b = BUF_ON(local);
	static const uint8_t signature[SRS_SIGNATURE_BYTES];
	struct srs s = { .kind = SRS_RETURN, .forward = UINT32_MAX, .day = 7 }, back;
	srs_sender(address, s.forward, &sender);
	s.sender = buf_str(&sender);
	srs_write(&s, signature, &b);
	if (sender.lost || b.lost || b.n > 64 || failed(srs_parse(buf_str(&b), &back)) ||
		!str_eq(back.sender, s.sender))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	str text = { (const char *)p, n };
	check_again(text);
	check_sender(text);
	return 0;
}
