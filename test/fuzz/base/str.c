/* SPDX-License-Identifier: Apache-2.0 */
/* Slices, words and the cursor, each against what the bytes say when one walks through them singly. The first byte is the
 * separator. */
#include <stdlib.h>

#include "base/cur.h"
#include "fuzz.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Words and separators together are the whole text. */
static void words_add_up(str text, char separator)
{
	str rest = text, word;
	size_t words = 0, bytes = 0, separators = 0;
	for (size_t i = 0; i < text.n; i++)
		separators += text.p[i] == separator;
	while (str_word(&rest, separator, &word)) {
		check(str_find(word, separator) == STR_NONE);
		words++;
		bytes += word.n;
	}
	check(bytes + separators == text.n);
	/* A separator at the end has no word behind it. */
	bool ends_so = text.n > 0 && text.p[text.n - 1] == separator;
	check(words == (text.n > 0 ? separators + !ends_so : 0));
}

static void search_agrees(str text, str part)
{
	size_t at = str_find_str(text, part), slow = STR_NONE;
	for (size_t i = 0; slow == STR_NONE && i + part.n <= text.n; i++)
		if (str_starts(str_after(text, i), part))
			slow = i;
	check(at == slow);
	size_t nocase = str_find_str_nocase(text, part);
	check(at == STR_NONE || nocase <= at);
	check(nocase == STR_NONE || str_starts_nocase(str_after(text, nocase), part));
}

static void numbers_agree(str text)
{
	uint64_t number = 0;
	if (!failed(str_number(text, UINT64_MAX, &number))) {
		struct cur c = cur_of(text);
		check(cur_number(&c, UINT64_MAX) == number);
		cur_end(&c);
		check(cur_ok(&c));
	}
}

/* Whatever is asked of it, the cursor stays inside, never goes back, and does nothing after a failure. */
static void cursor_stays_inside(str text, str steps)
{
	struct cur c = cur_of(text);
	for (size_t i = 0; i < steps.n; i++) {
		size_t before = c.at;
		bool was_ok = cur_ok(&c);
		unsigned char step = (unsigned char)steps.p[i];
		switch (step % 8) {
		case 0:
			cur_take(&c, (char)step);
			break;
		case 1:
			cur_need(&c, (char)(step >> 1));
			break;
		case 2:
			cur_any(&c, CH_ALNUM);
			break;
		case 3:
			cur_run(&c, CH_ATOM, "an atom");
			break;
		case 4:
			cur_until(&c, ' ');
			break;
		case 5:
			cur_number(&c, step);
			break;
		case 6:
			cur_take_str(&c, S("ab"));
			break;
		default:
			cur_bytes(&c, step / 8);
			break;
		}
		check(c.at >= before && c.at <= text.n);
		check(was_ok || (!cur_ok(&c) && c.at == before));
		check(cur_rest(&c).n + c.at == text.n);
		check(str_eq(cur_since(&c, before), str_slice(text, before, c.at)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	str text = { (const char *)p + 1, n - 1 };
	char separator = (char)p[0];
	words_add_up(text, separator);
	str trimmed = str_trim(text);
	check(trimmed.n <= text.n && str_eq(str_trim(trimmed), trimmed));
	numbers_agree(trimmed);
	str rest = text, head;
	if (str_cut(&rest, separator, &head)) {
		check(head.n + 1 + rest.n == text.n);
		search_agrees(rest, head);
		cursor_stays_inside(rest, head);
		check(str_eq(head, rest) == (str_compare(head, rest) == 0));
		check(str_eq_secret(head, rest) == str_eq(head, rest));
		check(str_eq_nocase(head, rest) == (str_compare_nocase(head, rest) == 0));
	}
	return 0;
}
