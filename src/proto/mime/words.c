/* SPDX-License-Identifier: Apache-2.0 */
/* encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="     RFC 2047 2, RFC 2231 5
 * Words of one character set that follow each other are one text, since programs split characters between them. A "?"
 * in the text ends it, so no attempt to read a word looks further than four question marks. */
#include "base/cur.h"
#include "proto/mime/decode.h"
#include "proto/mime/header.h"
#include "proto/mime/lex.h"

struct word {
	str charset, text;
	enum mime_encoding encoding;
};

static bool word_read(struct cur *c, struct word *out)
{
	size_t start = c->at;
	struct word w = { .encoding = MIME_ENCODING_BASE64 };
	cur_need_str(c, S("=?"));
	w.charset = cur_until(c, '?');
	cur_need(c, '?');
	if (cur_take_str(c, S("Q")))
		w.encoding = MIME_ENCODING_QUOTED_PRINTABLE;
	else
		cur_need_str(c, S("B"));
	cur_need(c, '?');
	w.text = cur_until(c, '?');
	cur_need_str(c, S("?="));
	if (!cur_ok(c) || w.charset.n == 0) {
		*c = (struct cur){ .in = c->in, .at = start };
		return false;
	}
	w.charset = str_slice(w.charset, 0, str_find(w.charset, '*')); /* what follows is the language */
	*out = w;
	return true;
}

struct writer {
	struct buf *out;
	struct mime_converter converter; /* charset NULL: text outside of words, read as UTF-8 */
};

/* Where the character set changes, a character that was begun stays incomplete. */
static void switch_to(struct writer *w, const struct mime_charset *charset)
{
	str none = S("");
	if (w->converter.charset == charset)
		return;
	mime_convert(&w->converter, &none, true, w->out);
	w->converter = (struct mime_converter){ .charset = charset };
}

/* RFC 2047 4.2: "_" is a blank in the Q encoding. */
static void blanks_put(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '_')
			p[i] = ' ';
}

static void word_write(struct writer *w, const struct word *word)
{
	struct mime_decoder decoder = { .encoding = word->encoding };
	char coded[128], decoded[sizeof coded + 8];
	const struct mime_charset *charset = mime_charset_find(word->charset);
	switch_to(w, charset != NULL ? charset : mime_charset_find(NO_STR));
	for (str rest = word->text; rest.n > 0;) {
		struct buf b = BUF_ON(decoded);
		str piece = { coded, rest.n < sizeof coded ? rest.n : sizeof coded };
		memcpy(coded, rest.p, piece.n);
		rest = str_after(rest, piece.n);
		if (word->encoding == MIME_ENCODING_QUOTED_PRINTABLE)
			blanks_put(coded, piece.n);
		mime_decode(&decoder, &piece, rest.n == 0, &b);
		str text = buf_str(&b);
		mime_convert(&w->converter, &text, false, w->out);
	}
}

static void all_write(struct cur *c, struct writer *w)
{
	bool after_word = false;
	while (!cur_at_end(c)) {
		struct word word;
		size_t from = c->at;
		while (after_word && !cur_at_end(c) && lex_blank(c->in.p[c->at]))
			c->at++;
		if (str_starts(cur_rest(c), S("=?")) && word_read(c, &word)) {
			/* The blanks between two words are not shown (RFC 2047 6.2). */
			word_write(w, &word);
			after_word = true;
			continue;
		}
		do
			c->at++;
		while (c->at < c->in.n && c->in.p[c->at] != '=');
		str text = str_slice(c->in, from, c->at);
		switch_to(w, NULL);
		mime_convert(&w->converter, &text, false, w->out);
		after_word = false;
	}
	str none = S("");
	mime_convert(&w->converter, &none, true, w->out);
}

str mime_decode_words(struct arena *a, str value)
{
	str line = mime_unfold(a, value);
	bool plain = true;
	for (size_t i = 0; i < line.n && plain; i++)
		plain = (line.p[i] & 0x80) == 0 && !(line.p[i] == '?' && i > 0 && line.p[i - 1] == '=');
	if (plain)
		return line;
	struct cur c = cur_of(line);
	/* A byte becomes one character of at most three bytes. */
	struct buf b = buf_in(a, 3 * line.n + 8);
	struct writer w = { .out = &b };
	all_write(&c, &w);
	return b.lost ? NO_STR : buf_str(&b);
}
