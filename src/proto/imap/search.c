/* SPDX-License-Identifier: Apache-2.0 */
/* In two steps. Reading makes a tree of what the command says; the children of a node hang in the order in which they
 * are to be asked, those that look at less of the message first. Then the tests are laid out from the end of the list to
 * its beginning, each with its two ways on: behind a test that holds, the next one of an AND; behind one that does not,
 * the next one of an OR; NOT exchanges the two. What lies behind is laid out already, so that all ways lead forward. */
#include "proto/imap/search.h"

#include <assert.h>

#include "base/utf8.h"
#include "proto/imap/astring.h"
#include "proto/imap/date.h"
#include "proto/imap/flag.h"
#include "proto/imap/more.h"

enum node_kind { TEST, AND, OR, NOT };
enum cost { ROW, HEADER, BODY, COSTS }; /* what must be looked at of a message */
enum { NONE = UINT16_MAX };

struct node {
	enum node_kind kind;
	enum cost cost;   /* of the dearest test in it */
	uint16_t test;    /* TEST */
	uint16_t child;   /* the one to be asked last */
	uint16_t sibling; /* the one to be asked before this one */
};

/* Each test may stand within that many nodes of its own. */
static_assert(IMAP_SEARCH_TESTS_MAX * (IMAP_SEARCH_DEPTH_MAX + 2) < NONE, "nodes are counted in 16 bits");

/* The children of a node that is being read, by cost; in each list the latest first. */
struct children {
	uint16_t latest[COSTS], first[COSTS];
};

struct reader {
	struct cur *c;
	struct arena *a;
	struct node *nodes;
	uint16_t node_count;
	struct imap_search_test *tests; /* as they were read */
	uint16_t test_count;
	struct imap_search_test *laid_out;
	uint16_t laid_from; /* laid out from here on */
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

static uint16_t add_node(struct reader *r, struct node node)
{
	r->nodes = imap_more(r->a, r->nodes, sizeof node, r->node_count);
	if (r->nodes == NULL)
		cur_fail_with(r->c, FAIL(MEMORY), "less memory");
	if (!cur_ok(r->c))
		return NONE;
	r->nodes[r->node_count] = node;
	return r->node_count++;
}

static enum cost cost_of(enum imap_search_key key)
{
	return key < IMAP_SEARCH_SENT ? ROW : key < IMAP_SEARCH_BODY ? HEADER : BODY;
}

static uint16_t add_test(struct reader *r, struct imap_search_test test)
{
	if (r->test_count == IMAP_SEARCH_TESTS_MAX)
		cur_fail_with(r->c, FAIL(LIMIT), "a shorter search");
	r->tests = imap_more(r->a, r->tests, sizeof test, r->test_count);
	if (r->tests == NULL)
		cur_fail_with(r->c, FAIL(MEMORY), "less memory");
	if (!cur_ok(r->c))
		return NONE;
	r->tests[r->test_count] = test;
	struct node node = { .kind = TEST, .cost = cost_of(test.key), .test = r->test_count++ };
	node.child = node.sibling = NONE;
	return add_node(r, node);
}

static struct children no_children(void) { return (struct children){ { NONE, NONE, NONE }, { NONE, NONE, NONE } }; }

static void add_child(struct reader *r, struct children *children, uint16_t child)
{
	if (!cur_ok(r->c))
		return;
	enum cost cost = r->nodes[child].cost;
	r->nodes[child].sibling = children->latest[cost];
	if (children->latest[cost] == NONE)
		children->first[cost] = child;
	children->latest[cost] = child;
}

/* A node over these children, of which there is at least one. */
static uint16_t add_parent(struct reader *r, enum node_kind kind, const struct children *children)
{
	struct node node = { .kind = kind, .child = NONE, .sibling = NONE };
	uint16_t *link = &node.child;
	for (unsigned left = COSTS; cur_ok(r->c) && left > 0; left--) {
		enum cost cost = (enum cost)(left - 1);
		if (children->latest[cost] == NONE)
			continue;
		if (node.child == NONE)
			node.cost = cost;
		*link = children->latest[cost];
		link = &r->nodes[children->first[cost]].sibling;
	}
	return add_node(r, node);
}

static uint16_t add_not(struct reader *r, uint16_t negated)
{
	struct children children = no_children();
	add_child(r, &children, negated);
	return add_parent(r, NOT, &children);
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

static uint16_t named_key(struct reader *r, str name)
{
	size_t i = 0;
	while (i < sizeof rows / sizeof *rows && !str_eq_nocase(name, rows[i].name))
		i++;
	if (i == sizeof rows / sizeof *rows) {
		cur_fail(r->c, "a search key");
		return NONE;
	}
	struct imap_search_test test = { .key = rows[i].key };
	read_argument(r, &rows[i], &test);
	uint16_t at = add_test(r, test);
	bool is_negated = rows[i].argument == TAKES_WORD && rows[i].parameter == 1;
	return is_negated ? add_not(r, at) : at;
}

static uint16_t search_key(struct reader *r, unsigned depth);

/* search-key *(SP search-key): all of them must hold */
static uint16_t all_of(struct reader *r, unsigned depth)
{
	struct children children = no_children();
	do
		add_child(r, &children, search_key(r, depth));
	while (cur_take(r->c, ' '));
	return add_parent(r, AND, &children);
}

static uint16_t either(struct reader *r, unsigned depth)
{
	struct children children = no_children();
	for (unsigned i = 0; i < 2; i++) {
		imap_space(r->c);
		add_child(r, &children, search_key(r, depth));
	}
	return add_parent(r, OR, &children);
}

static uint16_t message_set(struct reader *r)
{
	struct imap_search_test test = { .key = IMAP_SEARCH_SET };
	test.set = imap_sequence(r->c, r->a);
	return add_test(r, test);
}

/* search-key = "ALL" / … / "NOT" SP search-key / "OR" SP search-key SP search-key / sequence-set /
 * "(" search-key *(SP search-key) ")" */
static uint16_t search_key(struct reader *r, unsigned depth)
{
	int next = cur_peek(r->c);
	if (depth == IMAP_SEARCH_DEPTH_MAX)
		cur_fail_with(r->c, FAIL(LIMIT), "a search that is less deep");
	if (next == '*' || (next >= '0' && next <= '9'))
		return message_set(r);
	if (cur_take(r->c, '(')) {
		uint16_t group = all_of(r, depth + 1);
		cur_need_str(r->c, S(")"));
		return group;
	}
	str name = imap_atom(r->c, "a search key");
	if (str_eq_nocase(name, S("OR")))
		return either(r, depth + 1);
	if (!str_eq_nocase(name, S("NOT")))
		return named_key(r, name);
	imap_space(r->c);
	return add_not(r, search_key(r, depth + 1));
}

/* Lays out what belongs to a node before what is laid out already, and says where to enter it. */
static uint16_t lay_out(struct reader *r, uint16_t at, uint16_t yes, uint16_t no)
{
	const struct node *node = &r->nodes[at];
	if (node->kind == TEST) {
		struct imap_search_test *test = &r->laid_out[--r->laid_from];
		*test = r->tests[node->test];
		test->yes = yes;
		test->no = no;
		return r->laid_from;
	}
	if (node->kind == NOT)
		return lay_out(r, node->child, no, yes);
	uint16_t entry = NONE, *way_on = node->kind == AND ? &yes : &no;
	for (uint16_t child = node->child; child != NONE; child = r->nodes[child].sibling)
		*way_on = entry = lay_out(r, child, yes, no);
	return entry;
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
	uint16_t root = all_of(&r, 0);
	cur_end(c);
	r.laid_out = cur_ok(c) ? NEW(a, struct imap_search_test, r.test_count) : NULL;
	if (r.laid_out == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	TRY(c->e);
	r.laid_from = r.test_count;
	struct imap_search search = { .tests = r.laid_out, .count = r.test_count };
	search.start = lay_out(&r, root, IMAP_SEARCH_MATCH, IMAP_SEARCH_NO_MATCH);
	for (uint16_t i = 0; i < search.count; i++)
		if (search.tests[i].key > search.highest)
			search.highest = search.tests[i].key;
	*out = search;
	return OK;
}
