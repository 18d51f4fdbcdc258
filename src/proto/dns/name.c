/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/name.h"

#include "proto/dns/record.h"

enum { LABEL_MAX = 63 };

static err add_label(struct buf *b, size_t begin, str label)
{
	if (label.n == 0 || !str_is(CH_DNS_NAME, label))
		return FAIL(SYNTAX);
	if (label.n > LABEL_MAX)
		return FAIL(LIMIT);
	if (b->n > begin)
		buf_byte(b, '.');
	for (size_t i = 0; i < label.n; i++)
		buf_byte(b, ascii_lower(label.p[i]));
	return b->lost || b->n - begin > DNS_NAME_MAX ? FAIL(LIMIT) : OK;
}

void dns_name_take(struct cur *wire, struct buf *out)
{
	size_t begin = out->n;
	while (cur_ok(wire)) {
		str length = cur_bytes(wire, 1);
		if (!cur_ok(wire) || length.p[0] == 0)
			return;
		if ((unsigned char)length.p[0] > LABEL_MAX) { /* a pointer, which this form does not have */
			cur_fail(wire, "a label");
			return;
		}
		str label = cur_bytes(wire, (unsigned char)length.p[0]);
		err e = cur_ok(wire) ? add_label(out, begin, label) : OK;
		if (failed(e))
			cur_fail_with(wire, e, "a name of usual characters");
	}
}

err dns_name_parse(str text, struct buf *out)
{
	char room[DNS_NAME_MAX + 1];
	struct buf name = BUF_ON(room);
	str label;
	if (text.n == 0)
		return FAIL(SYNTAX);
	if (str_ends(text, S(".")))
		text.n--;
	if (str_ends(text, S(".")))
		return FAIL(SYNTAX);
	while (str_word(&text, '.', &label))
		TRY(add_label(&name, 0, label));
	buf_add(out, buf_str(&name));
	return out->lost ? FAIL(LIMIT) : OK;
}
