/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/offer.h"

#include "base/chars.h"

static const str keywords[SMTP_EXTENSIONS] = {
#define EXTENSION(name, keyword, source) [SMTP_EXTENSION_##name] = { keyword, sizeof(keyword) - 1 },
#include "proto/smtp/extension.def"
#undef EXTENSION
};

/* RFC 1870 4: no number and zero mean that there is no fixed limit. */
static uint64_t number(str text)
{
	uint64_t value = 0;
	return failed(str_number(text, UINT64_MAX, &value)) ? 0 : value;
}

static unsigned mechanisms(str words)
{
	unsigned found = 0;
	str word;
	while (str_word(&words, ' ', &word)) {
		if (str_eq_nocase(word, S("PLAIN")))
			found |= SMTP_MECHANISM_PLAIN;
		else if (str_eq_nocase(word, S("LOGIN")))
			found |= SMTP_MECHANISM_LOGIN;
	}
	return found;
}

/* limit-name-value = limit-name "=" limit-value                                               RFC 9422 4 */
static void limits(str words, struct smtp_offer *o)
{
	str word;
	while (str_word(&words, ' ', &word)) {
		if (str_starts_nocase(word, S("MAILMAX=")))
			o->messages_max = number(str_after(word, 8));
		else if (str_starts_nocase(word, S("RCPTMAX=")))
			o->recipients_max = number(str_after(word, 8));
	}
}

/* ehlo-line = ehlo-keyword *( SP ehlo-param )                                                 RFC 5321 4.1.1.1 */
static void line(str text, struct smtp_offer *o)
{
	str keyword = str_slice(text, 0, char_run(CH_LDH, text)), rest = str_after(text, keyword.n);
	if (rest.n > 0 && rest.p[0] != ' ')
		return;
	for (unsigned i = 0; i < SMTP_EXTENSIONS; i++) {
		if (!str_eq_nocase(keyword, keywords[i]))
			continue;
		o->has |= 1u << i;
		if (i == SMTP_EXTENSION_SIZE)
			o->size_max = number(str_trim(rest));
		else if (i == SMTP_EXTENSION_AUTH)
			o->mechanisms |= mechanisms(rest);
		else if (i == SMTP_EXTENSION_LIMITS)
			limits(rest, o);
	}
}

void smtp_offer_read(str text, struct smtp_offer *out)
{
	struct smtp_offer o = { 0 };
	str one;
	str_word(&text, '\n', &one); /* the greeting */
	while (str_word(&text, '\n', &one))
		line(one, &o);
	*out = o;
}
