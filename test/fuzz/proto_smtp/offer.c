/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from an answer does not depend on the order of its lines, and mechanisms or limits come only with their
 * keyword. */
#include "fuzz.h"
#include "base/buf.h"
#include "proto/smtp/offer.h"

#include <stdlib.h>

enum { TEXT_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char room[TEXT_MAX + 16];
	if (n > TEXT_MAX)
		return 0;
	struct buf b = BUF_ON(room);
	struct smtp_offer o, twice;
	str text = { (const char *)p, n }, line;
	smtp_offer_read(text, &o);
	if (o.has >> SMTP_EXTENSIONS != 0)
		abort();
	if ((o.size_max > 0 && !smtp_offers(&o, SMTP_EXTENSION_SIZE)) ||
		(o.mechanisms != 0 && !smtp_offers(&o, SMTP_EXTENSION_AUTH)) ||
		(o.messages_max + o.recipients_max > 0 && !smtp_offers(&o, SMTP_EXTENSION_LIMITS)))
		abort();
	/* Without the greeting's line in front, everything counts that counted before. */
	str_word(&text, '\n', &line);
	buf_add(&b, S("mx\nDSN\n"));
	buf_add(&b, text);
	smtp_offer_read(buf_str(&b), &twice);
	if (twice.has != (o.has | 1u << SMTP_EXTENSION_DSN) || twice.size_max != o.size_max)
		abort();
	return 0;
}
