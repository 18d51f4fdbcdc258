/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/show.h"

#include "base/buf.h"
#include "tool/fields.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 16, ROWS_HELD = 500, LINE_BUDGET = 16 << 20, ROWS_BUDGET = 64 << 20, GAP = 2 };

struct line {
	str cells[COLUMNS_MAX];
};

struct show {
	const struct call *call;
	str style;
	str columns[COLUMNS_MAX];
	size_t columns_count;
	size_t width[COLUMNS_MAX];
	struct line *rows;
	size_t rows_count;
	bool streams;    /* the widths are settled */
	bool has_fields; /* of an object before */
	struct arena *line_arena, *rows_arena;
};

struct show *show_begin(const struct call *call)
{
	struct show *s = NEW(call->arena, struct show, 1);
	str rest = str_of(call->command->shows);
	s->call = call;
	s->line_arena = arena_new("line", LINE_BUDGET);
	s->rows_arena = arena_new("table", ROWS_BUDGET);
	s->rows = NEW(s->rows_arena, struct line, ROWS_HELD);
	(void)str_word(&rest, ' ', &s->style);
	while (s->columns_count < COLUMNS_MAX && str_word(&rest, ' ', &s->columns[s->columns_count]))
		s->columns_count++;
	for (size_t i = 0; i < s->columns_count; i++)
		s->width[i] = s->columns[i].n;
	return s;
}

/* Control characters, also those that UTF-8 writes as two bytes (U+0080 to U+009F), become question marks. */
static void print(str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i], next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;
		if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			putchar('?');
			i++;
		} else {
			putchar(c < ' ' || c == 0x7f ? '?' : c);
		}
	}
}

/* Characters on the screen, near enough: bytes that do not continue one. */
static size_t length_of(str text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

static void print_row(const struct show *s, const str *cells)
{
	for (size_t i = 0; i < s->columns_count; i++) {
		size_t n = length_of(cells[i]);
		print(cells[i]);
		for (size_t k = n; i + 1 < s->columns_count && k < s->width[i] + GAP; k++)
			putchar(' ');
	}
	putchar('\n');
}

static void print_held(struct show *s)
{
	if (!s->streams && s->rows_count > 0)
		print_row(s, s->columns);
	for (size_t i = 0; i < s->rows_count; i++)
		print_row(s, s->rows[i].cells);
	s->rows_count = 0;
	s->streams = true;
}

/* What an entry of the log says beside what stands in every one. */
static str entry_of(struct show *s, str json)
{
	static const char *const common[] = { "time", "level", "event", "role", "pid" };
	struct fields f;
	if (failed(fields_parse(json, s->line_arena, &f)))
		return json;
	struct buf b = buf_in(s->line_arena, 2 * json.n + 1); /* no longer than it was, but for blanks */
	for (size_t i = 0; i < f.count; i++) {
		bool is_common = false;
		for (size_t k = 0; k < sizeof common / sizeof *common; k++)
			is_common = is_common || str_eq(f.all[i].name, str_of(common[k]));
		if (is_common)
			continue;
		buf_addf(&b, "%s%.*s: %.*s", b.n > 0 ? "; " : "", ARG(f.all[i].name), ARG(f.all[i].value));
	}
	return b.lost ? json : buf_str(&b);
}

/* "pss_kib" or "rss_kib", whichever came, stands under "memory". */
static str cell_of(struct show *s, const struct fields *f, str column)
{
	if (str_eq(column, S("entry")))
		return entry_of(s, fields_get(f, column));
	if (!str_eq(column, S("memory")))
		return fields_get(f, column);
	str pss = fields_get(f, S("pss_kib")), kib = pss.p != NULL ? pss : fields_get(f, S("rss_kib"));
	char room[48];
	int n = kib.p == NULL ? 0 : snprintf(room, sizeof room, "%.*s KiB%s", ARG(kib), pss.p != NULL ? "" : " (RSS)");
	return arena_copy(s->rows_arena, str_from(room, (size_t)(n > 0 ? n : 0)));
}

static void add_row(struct show *s, const struct fields *f)
{
	if (s->rows_count == ROWS_HELD)
		print_held(s);
	struct line row = { { NO_STR } };
	for (size_t i = 0; i < s->columns_count; i++) {
		row.cells[i] = cell_of(s, f, s->columns[i]);
		if (s->streams)
			continue;
		row.cells[i] = arena_copy(s->rows_arena, row.cells[i]);
		size_t n = length_of(row.cells[i]);
		if (n > s->width[i])
			s->width[i] = n;
	}
	if (s->streams)
		print_row(s, row.cells);
	else
		s->rows[s->rows_count++] = row;
}

/* An empty line stands between two objects. */
static void print_fields(struct show *s, const struct fields *f)
{
	if (s->has_fields)
		putchar('\n');
	s->has_fields = true;
	for (size_t i = 0; i < f->count; i++) {
		print(f->all[i].name);
		fputs(": ", stdout);
		print(f->all[i].value);
		putchar('\n');
	}
}

void show_line(struct show *s, str json)
{
	struct fields fields;
	arena_reset(s->line_arena);
	if (s->call->json || str_eq(s->style, S("lines")) || failed(fields_parse(json, s->line_arena, &fields))) {
		print(json);
		putchar('\n');
		fflush(stdout);
	} else if (str_eq(s->style, S("list"))) {
		add_row(s, &fields);
	} else if (str_eq(s->style, S("value"))) {
		print(fields_get(&fields, s->columns[0]));
		putchar('\n');
	} else if (s->style.n > 0) {
		print_fields(s, &fields);
	}
}

void show_end(struct show *s)
{
	print_held(s);
	fflush(stdout);
	arena_free(&s->line_arena);
	arena_free(&s->rows_arena);
}
