/* SPDX-License-Identifier: Apache-2.0 */
#include "data.h"
#include "base/buf.h"
#include "proto/smtp/data.h"

enum { CR = SMTP_DATA_BARE_CR, LF = SMTP_DATA_BARE_LF, HIGH = SMTP_DATA_EIGHT_BIT, NUL = SMTP_DATA_NUL };

/* clang-format off */
static const struct {
	const char *name; str in, body, behind; bool ended; unsigned marks; unsigned lines, line_max, header, received;
} cases[] = {
	{ "empty message",        S(".\r\n"),                       S(""),                 S(""),        true,  0, 0, 0, 0, 0 },
	{ "header and body",      S("A: b\r\n\r\nhi\r\n.\r\n"),     S("A: b\r\n\r\nhi\r\n"), S(""),      true,  0, 3, 4, 8, 0 },
	{ "header only",          S("A: b\r\n.\r\n"),               S("A: b\r\n"),         S(""),        true,  0, 1, 4, 6, 0 },
	{ "pipelined behind",     S("a\r\n.\r\nQUIT\r\n"),          S("a\r\n"),            S("QUIT\r\n"), true, 0, 1, 1, 3, 0 },
	{ "stuffed",              S("..a\r\n...\r\n..\r\n.\r\n"),   S(".a\r\n..\r\n.\r\n"), S(""),       true,  0, 3, 2, 11, 0 },
	{ "dot not doubled",      S(".a\r\n.\r\n"),                 S("a\r\n"),            S(""),        true,  0, 1, 1, 3, 0 },
	{ "dot inside a line",    S("a.\r\n.\r\n"),                 S("a.\r\n"),           S(""),        true,  0, 1, 2, 4, 0 },
	{ "no end yet",           S("a\r\n."),                      S("a\r\n"),            S(""),        false, 0, 1, 1, 3, 0 },
	{ "no end yet, CR",       S("a\r\n.\r"),                    S("a\r\n"),            S(""),        false, 0, 1, 1, 3, 0 },
	{ "LF.LF",                S("a\n.\nb\r\n.\r\n"),            S("a\n.\nb\r\n"),      S(""),        true,  LF, 1, 5, 7, 0 },
	{ "LF.CRLF",              S("a\n.\r\nb\r\n.\r\n"),          S("a\n.\r\nb\r\n"),    S(""),        true,  LF, 2, 3, 8, 0 },
	{ "CRLF.LF",              S("a\r\n.\nb\r\n.\r\n"),          S("a\r\n\nb\r\n"),     S(""),        true,  LF, 2, 2, 7, 0 },
	{ "CR.CR",                S("a\r.\rb\r\n.\r\n"),            S("a\r.\rb\r\n"),      S(""),        true,  CR, 1, 5, 7, 0 },
	{ "CRLF.CR",              S("a\r\n.\rb\r\n.\r\n"),          S("a\r\n\rb\r\n"),     S(""),        true,  CR, 2, 2, 7, 0 },
	{ "CRLF.CRCRLF",          S("a\r\n.\r\r\nb\r\n.\r\n"),      S("a\r\n\r\r\nb\r\n"), S(""),        true,  CR, 3, 1, 9, 0 },
	{ "CRCRLF.CRLF",          S("a\r\r\n.\r\nb"),               S("a\r\r\n"),          S("b"),       true,  CR, 1, 2, 4, 0 },
	{ "bare CR at the end",   S("a\r\n\r.\r\n.\r\n"),           S("a\r\n\r.\r\n"),     S(""),        true,  CR, 2, 2, 7, 0 },
	{ "NUL before the dot",   S("a\r\n\0.\r\n.\r\n"),           S("a\r\n\0.\r\n"),     S(""),        true,  NUL, 2, 2, 7, 0 },
	{ "8 bit",                S("\xc3\xa4\r\n.\r\n"),           S("\xc3\xa4\r\n"),     S(""),        true,  HIGH, 1, 2, 4, 0 },
	{ "loop detection",       S("Received: a\r\nX: Received: b\r\nRECEIVED:c\r\n\r\nReceived: d\r\n.\r\n"),
	  S("Received: a\r\nX: Received: b\r\nRECEIVED:c\r\n\r\nReceived: d\r\n"), S(""), true, 0, 5, 14, 43, 2 },
};
/* clang-format on */

/* Feeds the text in chunks of that size, as from a buffer that is overwritten. */
static str feed(struct smtp_data *d, str in, size_t chunk_size, struct buf *body)
{
	char room[64];
	while (in.n > 0 && !d->ended) {
		str chunk = { room, in.n < chunk_size ? in.n : chunk_size }, span;
		memcpy(room, in.p, chunk.n);
		in = str_after(in, chunk.n);
		while (smtp_data_next(d, &chunk, &span)) {
			assert_true(span.n > 0);
			buf_add(body, span);
		}
		in = (str){ in.p - chunk.n, in.n + chunk.n };
	}
	return in;
}

static void bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t chunk = 1; chunk <= 64; chunk++) {
			char room[128], name[80];
			struct buf body = BUF_ON(room);
			struct smtp_data d = smtp_data_start();
			snprintf(name, sizeof name, "%s, in chunks of %zu", cases[i].name, chunk);
			check_str(name, feed(&d, cases[i].in, chunk, &body), cases[i].behind);
			check_str(name, buf_str(&body), cases[i].body);
			if (d.ended != cases[i].ended || d.marks != cases[i].marks || d.lines != cases[i].lines ||
				d.line_max != cases[i].line_max || d.header_size != cases[i].header ||
				d.received != cases[i].received || d.size != cases[i].body.n)
				fail_msg("%s: ended %d marks %u lines %u longest %u header %u received %u", name,
					d.ended, d.marks, (unsigned)d.lines, (unsigned)d.line_max,
					(unsigned)d.header_size, d.received);
		}
}

static void binary_has_no_dots(void **state)
{
	(void)state;
	char room[64];
	struct buf body = BUF_ON(room);
	struct smtp_data d = smtp_data_start_binary();
	str in = S("..a\r\n.\r\nReceived: \r\n\0\n");
	check_str("nothing is left", feed(&d, in, 7, &body), S(""));
	check_str("as it came", buf_str(&body), in);
	assert_false(d.ended);
	assert_int_equal(d.marks, NUL | LF);
	assert_int_equal(d.lines, 3);
	assert_int_equal(d.received, 1);
}

/* ---- smuggling ---- */

/* A sequence as it stands in the file, a JSON string of ASCII. */
static str json_text(str quoted, char *room)
{
	size_t n = 0;
	for (size_t i = 0; i < quoted.n; i++) {
		if (quoted.p[i] != '\\') {
			room[n++] = quoted.p[i];
			continue;
		}
		char c = quoted.p[++i];
		room[n++] = c == 'n' ? '\n' : c == 'r' ? '\r' : '\0';
		if (c == 'u')
			i += 4;
	}
	return (str){ room, n };
}

static void smuggling(void **state)
{
	(void)state;
	str rest = data_file("smtp-smuggling/sequences.json"), line, before;
	int count = 0;
	while (str_cut(&rest, '\n', &line)) {
		char sequence_room[32], in_room[200], out_room[200];
		struct buf in = BUF_ON(in_room);
		line = str_trim(line);
		if (!str_cut(&line, '"', &before) || !str_cut(&line, '"', &before) || str_find(line, '[') != STR_NONE)
			continue;
		buf_add(&in, S("Subject: one\r\n\r\nfirst"));
		buf_add(&in, json_text(before, sequence_room));
		buf_add(&in, S("MAIL FROM:<admin@x>\r\nRCPT TO:<a@b>\r\nDATA\r\nSubject: two\r\n\r\nhello\r\n.\r\n"));
		for (size_t chunk = 1; chunk < 64; chunk++) {
			struct buf out = BUF_ON(out_room);
			struct smtp_data d = smtp_data_start();
			str behind = feed(&d, buf_str(&in), chunk, &out);
			/* One message up to the very last dot, and refused for its CR, LF or NUL. */
			if (!d.ended || behind.n > 0 || d.marks == 0)
				fail_msg("%.*s is taken for the end of a message", ARG(before));
		}
		count++;
	}
	assert_int_equal(count, 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(binary_has_no_dots),
		cmocka_unit_test(smuggling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
