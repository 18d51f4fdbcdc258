/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire.h"

#include <stdio.h>

#include "check.h"
#include "ipc/open_fds.h"

#define CONVERSATION "ipc/sample.def"
#include "ipc/conversation.h"

/* What a peer sends: the bytes of a written frame, ready to be read, with descriptors of its own. */
static void arrive(struct frame *to, const struct frame *from, size_t n, size_t fds)
{
	frame_begin(to, from->number, from->tag);
	memcpy(to->bytes, from->bytes, n);
	to->n = n;
	to->at = FRAME_HEADER;
	for (to->fds_count = 0; to->fds_count < fds; to->fds_count++)
		to->fds[to->fds_count] = some_fd();
}

static struct frame written, heard, scratch;

static const char row_bytes[] = "a\0b\r\n";

static void write_all(int needed, int offered)
{
	static char room[200];
	struct buf rows = BUF_ON(room);
	struct msg_row row = { .number = 7, .bytes = str_from(row_bytes, sizeof row_bytes) };
	check_err("first row", msg_add_row(&rows, &scratch, &row), ERR_NONE);
	row.number = 8;
	check_err("second row", msg_add_row(&rows, &scratch, &row), ERR_NONE);
	struct msg_all m = { .number = 1000,
		.flag = true,
		.text = S("a text"),
		.bytes = S("\0\r\n"),
		.secret = S("geheim"),
		.rows = buf_str(&rows),
		.needed = needed,
		.offered = offered };
	check_err("write", msg_put_all(&written, 9, &m), ERR_NONE);
}

static void round_trip_test(void **state)
{
	struct msg_all m = { 0 };
	(void)state;
	unsigned before = open_fds();
	write_all(100, 101);
	arrive(&heard, &written, written.n, 2);
	check_err("read", msg_get_all(&heard, &m), ERR_NONE);
	assert_int_equal(m.number, 1000);
	assert_true(m.flag);
	check_str("text", m.text, S("a text"));
	check_str("bytes", m.bytes, S("\0\r\n"));
	check_str("secret", m.secret, S("geheim"));
	assert_true(m.needed >= 0 && m.offered >= 0 && m.needed != m.offered);
	assert_int_equal(open_fds(), before + 2);
	close(m.needed);
	close(m.offered);
	struct msg_row row = { 0 };
	err e = OK;
	unsigned rows = 0;
	while (msg_next_row(&m.rows, &scratch, &row, &e)) {
		assert_int_equal(row.number, 7 + rows++);
		check_str("row", row.bytes, str_from(row_bytes, sizeof row_bytes));
	}
	check_err("rows", e, ERR_NONE);
	assert_int_equal(rows, 2);
}

/* Every shorter frame, and one byte more, is refused, and nothing stays open. */
static void length_test(void **state)
{
	struct msg_all m = { 0 };
	(void)state;
	unsigned before = open_fds();
	write_all(100, -1);
	for (size_t n = FRAME_HEADER; n <= written.n + 1; n++) {
		arrive(&heard, &written, n, 1);
		err e = msg_get_all(&heard, &m);
		if (n == written.n) {
			check_err("whole", e, ERR_NONE);
			close(m.needed);
		} else if (e.code != ERR_SYNTAX) {
			fail_msg("%zu of %zu bytes: %s", n, written.n, err_text(e));
		}
		assert_int_equal(open_fds(), before);
	}
}

static void descriptors_test(void **state)
{
	static const struct {
		int needed, offered; /* what the bytes say */
		size_t come;
		enum err_code want;
	} cases[] = {
		{ 100, -1, 0, ERR_SYNTAX },
		{ 100, -1, 1, ERR_NONE },
		{ 100, -1, 2, ERR_SYNTAX },
		{ 100, -1, 4, ERR_SYNTAX },
		{ 100, 101, 0, ERR_SYNTAX },
		{ 100, 101, 1, ERR_SYNTAX },
		{ 100, 101, 2, ERR_NONE },
		{ 100, 101, 3, ERR_SYNTAX },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_all m = { .needed = -1, .offered = -1 };
		char name[32];
		snprintf(name, sizeof name, "case %zu", i);
		unsigned before = open_fds();
		write_all(cases[i].needed, cases[i].offered);
		arrive(&heard, &written, written.n, cases[i].come);
		check_err(name, msg_get_all(&heard, &m), cases[i].want);
		if (cases[i].want == ERR_NONE) {
			close(m.needed);
			if (m.offered >= 0)
				close(m.offered);
		}
		assert_int_equal(open_fds(), before);
	}
}

static void write_one(const struct msg_all *m, const char *name, enum err_code want)
{
	check_err(name, msg_put_all(&written, 0, m), want);
}

/* What does not fit is not sent. */
static void writer_bounds_test(void **state)
{
	static char long_rows[201];
	const struct msg_all good = { .needed = 100, .offered = -1 };
	struct msg_all m = good;
	(void)state;
	write_one(&m, "empty", ERR_NONE);
	m.number = 1001;
	write_one(&m, "number over its bound", ERR_LIMIT);
	m = good;
	m.text = S("12345678");
	write_one(&m, "longest text", ERR_NONE);
	m.text = S("123456789");
	write_one(&m, "text over its bound", ERR_LIMIT);
	m.text = S("a\nb");
	write_one(&m, "LF in a text", ERR_LIMIT);
	m = good;
	m.bytes = S("123456789");
	write_one(&m, "bytes over their bound", ERR_LIMIT);
	m = good;
	m.secret = S("123456789");
	write_one(&m, "secret over its bound", ERR_LIMIT);
	m = good;
	m.rows = str_from(long_rows, sizeof long_rows);
	write_one(&m, "records over their bound", ERR_LIMIT);
	m = good;
	m.needed = -1;
	write_one(&m, "descriptor missing", ERR_LIMIT);
	struct msg_many_fds fds = { 100, 101, 102, 103, -1, 0 };
	check_err("four descriptors", msg_put_many_fds(&written, 0, &fds), ERR_NONE);
	fds.five = 104;
	check_err("five descriptors", msg_put_many_fds(&written, 0, &fds), ERR_LIMIT);
}

static char large[FRAME_MAX];

static void frame_size_test(void **state)
{
	struct msg_long_one m = { .bytes = { large, FRAME_MAX - FRAME_HEADER - 4 } };
	(void)state;
	check_err("fills the frame", msg_put_long_one(&written, 0, &m), ERR_NONE);
	assert_int_equal(written.n, FRAME_MAX);
	m.bytes.n++;
	check_err("one byte more", msg_put_long_one(&written, 0, &m), ERR_LIMIT);
	m.bytes.n = SIZE_MAX;
	check_err("a length that overflows", msg_put_long_one(&written, 0, &m), ERR_LIMIT);
}

/* Positions in the frame of write_all(100, -1). */
enum {
	NUMBER = FRAME_HEADER,
	FLAG = NUMBER + 8,
	TEXT = FLAG + 1,
	BYTES = TEXT + 4 + 6,
	SECRET = BYTES + 4 + 3,
	RECORDS = SECRET + 4 + 6
};

/* A peer that writes whatever it likes. */
static void reader_bounds_test(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t byte;
	} cases[] = {
		{ "number 1001", NUMBER, 0xe9 },
		{ "number far above", NUMBER + 7, 0x80 },
		{ "flag 2", FLAG, 2 },
		{ "flag 255", FLAG, 255 },
		{ "NUL in a text", TEXT + 4, 0 },
		{ "CR in a text", TEXT + 5, '\r' },
		{ "LF at the end of a text", TEXT + 9, '\n' },
		{ "text of 9", TEXT, 9 },
		{ "text of 2 GiB", TEXT + 3, 0x80 },
		{ "text of 7 that shifts all", TEXT, 7 },
		{ "bytes of 9", BYTES, 9 },
		{ "bytes of 4 GiB", BYTES + 3, 0xff },
		{ "secret of 9", SECRET, 9 },
		{ "records of 201", RECORDS, 201 },
	};
	struct msg_all m = { 0 };
	(void)state;
	unsigned before = open_fds();
	write_all(100, -1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		arrive(&heard, &written, written.n, 1);
		assert_int_not_equal(heard.bytes[cases[i].at], cases[i].byte);
		heard.bytes[cases[i].at] = cases[i].byte;
		check_err(cases[i].name, msg_get_all(&heard, &m), ERR_SYNTAX);
		assert_int_equal(open_fds(), before);
	}
	for (unsigned byte = 2; byte < 256; byte++) {
		arrive(&heard, &written, written.n, 1);
		heard.bytes[written.n - 2] = (uint8_t)byte;
		check_err("does a descriptor come?", msg_get_all(&heard, &m), ERR_SYNTAX);
		assert_int_equal(open_fds(), before);
	}
}

static void untouched_test(void **state)
{
	struct msg_all m = { .number = 12345, .needed = -7 };
	(void)state;
	write_all(100, -1);
	arrive(&heard, &written, written.n - 1, 1);
	check_err("short", msg_get_all(&heard, &m), ERR_SYNTAX);
	assert_int_equal(m.number, 12345);
	assert_int_equal(m.needed, -7);
}

static void drop_test(void **state)
{
	(void)state;
	unsigned before = open_fds();
	write_all(100, -1);
	arrive(&heard, &written, written.n, FRAME_FDS);
	frame_drop(&heard);
	frame_drop(&heard);
	assert_int_equal(open_fds(), before);
}

/* ---- records ---- */

static void check_rows(const char *name, str records, unsigned want_rows, enum err_code want)
{
	struct msg_row row = { 0 };
	err e = OK;
	unsigned rows = 0;
	while (msg_next_row(&records, &scratch, &row, &e))
		rows++;
	check_err(name, e, want);
	if (rows != want_rows)
		fail_msg("%s: got %u rows, want %u", name, rows, want_rows);
}

static void records_test(void **state)
{
	static char room[200];
	struct buf rows = BUF_ON(room);
	struct msg_row row = { .number = 7, .bytes = S("xyz") };
	(void)state;
	check_rows("none", S(""), 0, ERR_NONE);
	check_err("add", msg_add_row(&rows, &scratch, &row), ERR_NONE);
	size_t one = rows.n;
	check_err("add", msg_add_row(&rows, &scratch, &row), ERR_NONE);
	check_rows("two", buf_str(&rows), 2, ERR_NONE);
	for (size_t n = 1; n < rows.n; n++)
		check_rows("cut off", str_from(room, n), n < one ? 0 : 1, n == one ? ERR_NONE : ERR_SYNTAX);
	room[0]++;
	check_rows("a length that reaches into the next", buf_str(&rows), 0, ERR_SYNTAX);
	room[0] = (char)(room[0] - 2);
	check_rows("a length that is short", buf_str(&rows), 0, ERR_SYNTAX);
	room[3] = (char)0xff;
	check_rows("a length of 4 GiB", buf_str(&rows), 0, ERR_SYNTAX);
}

static void records_room_test(void **state)
{
	char room[40];
	struct buf rows = BUF_ON(room);
	struct msg_row row = { .number = 7, .bytes = S("0123456789") };
	struct msg_row bad = { .number = 1001 };
	(void)state;
	check_err("fits", msg_add_row(&rows, &scratch, &row), ERR_NONE);
	check_err("does not fit", msg_add_row(&rows, &scratch, &row), ERR_LIMIT);
	check_err("bad row", msg_add_row(&rows, &scratch, &bad), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_test),
		cmocka_unit_test(length_test),
		cmocka_unit_test(descriptors_test),
		cmocka_unit_test(writer_bounds_test),
		cmocka_unit_test(frame_size_test),
		cmocka_unit_test(reader_bounds_test),
		cmocka_unit_test(untouched_test),
		cmocka_unit_test(drop_test),
		cmocka_unit_test(records_test),
		cmocka_unit_test(records_room_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
