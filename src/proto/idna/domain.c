/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/idna/domain.h"

#include <idn2.h>

#include "base/chars.h"

bool idna_needed(str domain)
{
	for (size_t i = 0; i < domain.n; i++)
		if ((domain.p[i] & 0x80) != 0)
			return true;
	return false;
}

/* The mapping makes "@" of a wide one, and nothing of what cannot be seen. */
static bool is_domain(str text)
{
	str label;
	if (text.n == 0 || text.n > IDNA_DOMAIN_MAX || str_ends(text, S(".")))
		return false;
	while (str_word(&text, '.', &label))
		if (label.n == 0 || !str_is(CH_LDH, label))
			return false;
	return true;
}

err idna_domain(str domain, struct buf *out)
{
	char text[IDNA_DOMAIN_MAX + 1], *labels = NULL;
	struct buf b = BUF_ON(text);
	err e = FAIL(SYNTAX);
	if (!idna_needed(domain)) {
		if (out->lost || domain.n > out->room - out->n)
			return FAIL(LIMIT);
		buf_add(out, domain);
		return OK;
	}
	buf_add(&b, domain);
	buf_byte(&b, '\0');
	if (b.lost)
		return FAIL(LIMIT);
	if (str_find(domain, '\0') == STR_NONE &&
		idn2_to_ascii_8z(text, &labels, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
		is_domain(str_of(labels)))
		e = !out->lost && strlen(labels) <= out->room - out->n ? OK : FAIL(LIMIT);
	if (!failed(e))
		buf_add(out, str_of(labels));
	idn2_free(labels);
	return e;
}

err idna_address(str address, struct buf *out)
{
	size_t at = str_find_last(address, '@'), from = at == STR_NONE ? 0 : at + 1, before = out->n;
	if (out->lost || from > out->room - out->n)
		return FAIL(LIMIT);
	buf_add(out, str_slice(address, 0, from));
	err e = idna_domain(str_after(address, from), out);
	if (failed(e))
		out->n = before;
	return e;
}
