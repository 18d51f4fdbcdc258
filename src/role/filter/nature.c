/* SPDX-License-Identifier: Apache-2.0 */
#include "role/filter/nature.h"

#include "proto/mime/header.h"

/* The word at the beginning of a value: parameters and comments follow behind a blank, ";" or "(". */
static str first_word(str value)
{
	size_t n = 0;
	value = str_trim(value);
	while (n < value.n && value.p[n] != ';' && value.p[n] != '(' && value.p[n] != ' ' && value.p[n] != '\t' &&
		value.p[n] != '\r' && value.p[n] != '\n')
		n++;
	return str_slice(value, 0, n);
}

static bool is_list_precedence(str word)
{
	return str_eq_nocase(word, S("bulk")) || str_eq_nocase(word, S("list")) || str_eq_nocase(word, S("junk"));
}

static void read_field(const struct mime_field *f, struct nature *out)
{
	str name = str_trim(f->name), word = first_word(f->value);
	if (str_eq_nocase(name, S("Auto-Submitted")))
		out->automatic |= !str_eq_nocase(word, S("no")); /* RFC 3834 5.1 */
	else if (str_eq_nocase(name, S("Precedence")))
		out->automatic |= is_list_precedence(word);
	else if (str_eq_nocase(name, S("List-Id")) || str_eq_nocase(name, S("List-Post")))
		out->automatic = true; /* RFC 2919 2, RFC 2369 3.4 */
	else if (str_eq_nocase(name, S("TLS-Required")))
		out->tls_optional |= str_eq_nocase(word, S("no"));
	else if (str_eq_nocase(name, S("X-Spam-Flag")))
		out->spam_flag |= str_eq_nocase(word, S("yes"));
}

struct nature nature_read(str header)
{
	struct nature out = { .automatic = false };
	struct mime_field field;
	header = str_slice(header, 0, mime_header_size(header));
	for (size_t at = 0; mime_field_next(header, &at, &field);)
		read_field(&field, &out);
	return out;
}
