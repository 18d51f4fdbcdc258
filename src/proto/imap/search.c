/* SPDX-License-Identifier: Apache-2.0 */
/* In two steps. Reading makes a list of nodes, each followed by what belongs to it, and a list of tests in the order in
 * which they stand in the command. Then the nodes tell each test where to go on: after a test that holds, the next one
 * of an AND; after one that does not, the next one of an OR; NOT exchanges the two. All of these lie further on. */
#include "proto/imap/search.h"

#include <assert.h>

#include "base/utf8.h"
#include "proto/imap/astring.h"
#include "proto/imap/date.h"
#include "proto/imap/flag.h"
#include "proto/imap/more.h"

enum node_kind { TEST, AND, OR, NOT };

struct node {
	enum node_kind kind;
	uint16_t first; /* the first test in it */
	uint16_t end;   /* the first node behind it */
};

/* Each test may stand within that many nodes of its own. */
static_assert(IMAP_SEARCH_TESTS_MAX * (IMAP_SEARCH_DEPTH_MAX + 2) <= UINT16_MAX, "nodes are counted in 16 bits");

struct reader {
	struct cur *c;
	struct arena *a;
	struct node *nodes;
	uint16_t node_count;
	struct imap_search_test *tests;
	uint16_t test_count;
};

enum argument { TAKES_NOTHING, TAKES_TEXT, TAKES_FIELD, TAKES_WORD, TAKES_DATE, TAKES_SIZE, TAKES_SET };
enum side { SIDE_BELOW, SIDE_ON, SIDE_ABOVE };
enum field { FIELD_BCC, FIELD_CC, FIELD_FROM, FIELD_SUBJECT, FIELD_TO };

#define ON(flag) ((IMAP_FLAG_##flag) << 8 | (IMAP_FLAG_##flag))
#define OFF(flag) ((IMAP_FLAG_##flag) << 8)

struct row {
	str name;
	enum imap_search_key key;
	enum argument argument;
	unsigned parameter; /* as the argument or the key needs: ON and OFF flags, a side, a field, 1 for negated */
};

static const struct row rows[] = {
#define IMAP_SEARCH(name, key, argument, parameter) { S(name), IMAP_SEARCH_##key, TAKES_##argument, (parameter) },
#include "proto/imap/search.def"
#undef IMAP_SEARCH
};

static const str fields[] = {
	[FIELD_BCC] = S("Bcc"),
	[FIELD_CC] = S("Cc"),
	[FIELD_FROM] = S("From"),
	[FIELD_SUBJECT] = S("Subject"),
	[FIELD_TO] = S("To"),
};

static uint16_t open_node(struct reader *r, enum node_kind kind)
{
	if (r->test_count == IMAP_SEARCH_TESTS_MAX)
		cur_fail_with(r->c, FAIL(LIMIT), "a shorter search");
	r->nodes = imap_more(r->a, r->nodes, sizeof *r->nodes, r->node_count);
	if (r->nodes == NULL)
		cur_fail_with(r->c, FAIL(MEMORY), "less memory");
	if (!cur_ok(r->c))
		return 0;
	r->nodes[r->node_count] = (struct node){ .kind = kind, .first = r->test_count };
	return r->node_count++;
}

static void close_node(struct reader *r, uint16_t at)
{
	if (cur_ok(r->c))
		r->nodes[at].end = r->node_count;
}

static void add_test(struct reader *r, struct imap_search_test test)
{
	uint16_t at = open_node(r, TEST);
	r->tests = imap_more(r->a, r->tests, sizeof test, r->test_count);
	if (r->tests == NULL)
		cur_fail_with(r->c, FAIL(MEMORY), "less memory");
	if (cur_ok(r->c))
		r->tests[r->test_count++] = test;
	close_node(r, at);
}

static str search_text(struct reader *r)
{
	str text = imap_astring(r->c, r->a);
	if (!str_is_utf8(text))
		cur_fail(r->c, "UTF-8 text");
	return text;
}

static void date_range(struct imap_search_test *test, unsigned side, int32_t day)
{
	test->low = side == SIDE_BELOW ? INT64_MIN : day;
	test->high = side == SIDE_BELOW ? day - 1 : side == SIDE_ON ? day : INT64_MAX;
}

static void size_range(struct imap_search_test *test, unsigned side, uint64_t size)
{
	test->low = side == SIDE_ABOVE ? (int64_t)size + 1 : 0;
	test->high = side == SIDE_BELOW ? (int64_t)size - 1 : INT64_MAX;
}

static void read_argument(struct reader *r, const struct row *row, struct imap_search_test *test)
{
	if (row->argument != TAKES_NOTHING)
		imap_space(r->c);
	switch (row->argument) {
	case TAKES_NOTHING:
		test->mask = row->parameter >> 8;
		test->flags = row->parameter & 0xff;
		break;
	case TAKES_FIELD:
		test->field = search_text(r);
		imap_space(r->c);
		test->text = search_text(r);
		break;
	case TAKES_TEXT:
		if (row->key == IMAP_SEARCH_ADDRESS || row->key == IMAP_SEARCH_HEADER)
			test->field = fields[row->parameter];
		test->text = search_text(r);
		break;
	case TAKES_WORD:
		test->text = imap_keyword(r->c);
		break;
	case TAKES_DATE:
		date_range(test, row->parameter, imap_date(r->c));
		break;
	case TAKES_SIZE:
		size_range(test, row->parameter, cur_number(r->c, INT64_MAX - 1));
		break;
	case TAKES_SET:
		test->set = imap_sequence(r->c, r->a);
		break;
	}
}

/* A search key by its name; false when it is none of the table. */
static bool named_key(struct reader *r, str name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!str_eq_nocase(name, rows[i].name))
			continue;
		bool is_negated = rows[i].argument == TAKES_WORD && rows[i].parameter == 1;
		uint16_t around = is_negated ? open_node(r, NOT) : 0;
		struct imap_search_test test = { .key = rows[i].key };
		read_argument(r, &rows[i], &test);
		add_test(r, test);
		if (is_negated)
			close_node(r, around);
		return true;
	}
	return false;
}

static void search_key(struct reader *r, unsigned depth);

/* search-key *(SP search-key): all of them must hold */
static void all_of(struct reader *r, unsigned depth)
{
	uint16_t at = open_node(r, AND);
	do
		search_key(r, depth);
	while (cur_take(r->c, ' '));
	close_node(r, at);
}

static void not(struct reader * r, unsigned depth)
{
	uint16_t at = open_node(r, NOT);
	imap_space(r->c);
	search_key(r, depth);
	close_node(r, at);
}

static void either(struct reader *r, unsigned depth)
{
	uint16_t at = open_node(r, OR);
	imap_space(r->c);
	search_key(r, depth);
	imap_space(r->c);
	search_key(r, depth);
	close_node(r, at);
}

static void message_set(struct reader *r)
{
	struct imap_search_test test = { .key = IMAP_SEARCH_SET };
	test.set = imap_sequence(r->c, r->a);
	add_test(r, test);
}

/* search-key = "ALL" / … / "NOT" SP search-key / "OR" SP search-key SP search-key / sequence-set /
 * "(" search-key *(SP search-key) ")" */
static void search_key(struct reader *r, unsigned depth)
{
	int next = cur_peek(r->c);
	if (depth == IMAP_SEARCH_DEPTH_MAX)
		cur_fail_with(r->c, FAIL(LIMIT), "a search that is less deep");
	if (next == '*' || (next >= '0' && next <= '9')) {
		message_set(r);
		return;
	}
	if (cur_take(r->c, '(')) {
		all_of(r, depth + 1);
		cur_need_str(r->c, S(")"));
		return;
	}
	str name = imap_atom(r->c, "a search key");
	if (str_eq_nocase(name, S("NOT")))
		not(r, depth + 1);
	else if (str_eq_nocase(name, S("OR")))
		either(r, depth + 1);
	else if (!named_key(r, name))
		cur_fail(r->c, "a search key");
}

/* Children of an AND or an OR: one that does not decide leads to the first test of the next. */
static void lead(struct reader *r, uint16_t at, uint16_t yes, uint16_t no)
{
	struct node *node = &r->nodes[at];
	if (node->kind == TEST) {
		r->tests[node->first].yes = yes;
		r->tests[node->first].no = no;
		return;
	}
	if (node->kind == NOT) {
		lead(r, (uint16_t)(at + 1), no, yes);
		return;
	}
	for (uint16_t child = (uint16_t)(at + 1); child < node->end; child = r->nodes[child].end) {
		uint16_t behind = r->nodes[child].end;
		bool is_last = behind >= node->end;
		uint16_t next = is_last ? 0 : r->nodes[behind].first;
		if (node->kind == AND)
			lead(r, child, is_last ? yes : next, no);
		else
			lead(r, child, yes, is_last ? no : next);
	}
}

static void charset(struct reader *r)
{
	if (!imap_take_word(r->c, S("CHARSET")))
		return;
	imap_space(r->c);
	str name = imap_astring(r->c, r->a);
	if (cur_ok(r->c) && !str_eq_nocase(name, S("UTF-8")) && !str_eq_nocase(name, S("US-ASCII")))
		cur_fail_with(r->c, FAIL(UNSUPPORTED), "UTF-8 or US-ASCII");
	imap_space(r->c);
}

/* search = "SEARCH" [SP "CHARSET" SP astring] 1*(SP search-key) */
err imap_search_parse(struct cur *c, struct arena *a, struct imap_search *out)
{
	struct reader r = { .c = c, .a = a };
	charset(&r);
	all_of(&r, 0);
	cur_end(c);
	TRY(c->e);
	lead(&r, 0, IMAP_SEARCH_MATCH, IMAP_SEARCH_NO_MATCH);
	struct imap_search search = { .tests = r.tests, .count = r.test_count };
	for (uint16_t i = 0; i < r.test_count; i++)
		if (r.tests[i].key > search.highest)
			search.highest = r.tests[i].key;
	*out = search;
	return OK;
}
