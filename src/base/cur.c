/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cur.h"

void cur_fail_with(struct cur *c, err e, const char *expected)
{
	if (!cur_ok(c))
		return;
	c->e = e;
	c->expected = expected;
}

void cur_fail(struct cur *c, const char *expected) { cur_fail_with(c, FAIL(SYNTAX), expected); }

bool cur_take(struct cur *c, char byte)
{
	if (cur_peek(c) != (unsigned char)byte)
		return false;
	c->at++;
	return true;
}

bool cur_take_str(struct cur *c, str text)
{
	if (!cur_ok(c) || !str_starts_nocase(cur_rest(c), text))
		return false;
	c->at += text.n;
	return true;
}

void cur_need(struct cur *c, char byte)
{
	if (!cur_take(c, byte))
		cur_fail(c, NULL);
}

void cur_need_str(struct cur *c, str text)
{
	if (!cur_take_str(c, text))
		cur_fail(c, text.p);
}

str cur_any(struct cur *c, enum char_class class)
{
	if (!cur_ok(c))
		return NO_STR;
	return cur_bytes(c, char_run(class, cur_rest(c)));
}

str cur_run(struct cur *c, enum char_class class, const char *expected)
{
	str run = cur_any(c, class);
	if (run.n == 0) {
		cur_fail(c, expected);
		return NO_STR;
	}
	return run;
}

str cur_bytes(struct cur *c, size_t n)
{
	if (!cur_ok(c))
		return NO_STR;
	if (n > c->in.n - c->at) {
		cur_fail(c, "more bytes");
		return NO_STR;
	}
	c->at += n;
	return cur_since(c, c->at - n);
}

str cur_until(struct cur *c, char byte)
{
	if (!cur_ok(c))
		return NO_STR;
	str rest = cur_rest(c);
	size_t n = str_find(rest, byte);
	return cur_bytes(c, n == STR_NONE ? rest.n : n);
}

str cur_rest(const struct cur *c) { return str_after(c->in, c->at); }

str cur_since(const struct cur *c, size_t from) { return str_slice(c->in, from, c->at); }

uint64_t cur_number(struct cur *c, uint64_t highest)
{
	uint64_t number = 0;
	str digits = cur_run(c, CH_DIGIT, "a number");
	if (!cur_ok(c))
		return 0;
	err e = str_number(digits, highest, &number);
	if (failed(e))
		cur_fail_with(c, e, "a smaller number");
	return number;
}

void cur_end(struct cur *c)
{
	if (cur_ok(c) && !cur_at_end(c))
		cur_fail(c, "the end");
}
