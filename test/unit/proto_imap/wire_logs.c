/* SPDX-License-Identifier: Apache-2.0 */
/* Replays what real clients sent. Everything must be understood but what belongs to extensions that we do not offer. */
#include "imap.h"

#include "../../imap_any.h"
#include "proto/imap/frame.h"
#include "proto/imap/idle.h"

/* clang-format off */
static const struct { const char *log; size_t commands; } logs[] = {
	{ "aerc",        12 },
	{ "imapflow",    13 },
	{ "mbsync",      21 },
	{ "mutt",        7  },
	{ "roundcube",   52 },
	{ "thunderbird", 10 },
};

/* A client that had seen our capabilities would not have sent these. */
static const struct { const char *log, *command; } not_offered[] = {
	{ "imapflow", "C FETCH 1:* (FLAGS BODYSTRUCTURE ENVELOPE MODSEQ UID)" },
};
/* clang-format on */

struct replay {
	const char *log;
	str left;
	size_t commands;
	struct arena *arena;
	bool is_authenticating, is_idling;
};

static bool is_offered(const struct replay *r, str text)
{
	for (size_t i = 0; i < COUNT(not_offered); i++)
		if (str_eq(str_of(r->log), str_of(not_offered[i].log)) && str_eq(text, str_of(not_offered[i].command)))
			return false;
	return true;
}

static void understand(struct replay *r, str text)
{
	char name[TEXT_MAX];
	struct imap_command command;
	union imap_any any = { .authenticate = { .has_response = false } };
	snprintf(name, sizeof name, "%s: %.*s", r->log, ARG(text));
	check_err(name, imap_command_parse(text, &command), ERR_NONE);
	if (command.id == IMAP_UNKNOWN)
		fail_msg("%s: an unknown command", name);
	struct cur c = cur_of(command.args);
	err e = imap_any_parse(&command, &c, r->arena, &any);
	if (failed(e) && is_offered(r, text))
		fail_msg("%s: %s, expected %s", name, err_text(e), c.expected);
	if (!failed(e) && !is_offered(r, text))
		fail_msg("%s: is understood after all", name);
	r->is_idling = command.id == IMAP_IDLE;
	r->is_authenticating = command.id == IMAP_AUTHENTICATE && !failed(e) && !any.authenticate.has_response;
	r->commands++;
}

static str next_line(struct replay *r)
{
	str line = NO_STR;
	assert_true(str_word(&r->left, '\n', &line));
	assert_true(str_ends(line, S("\r")));
	return str_slice(line, 0, line.n - 1);
}

static str take(struct replay *r, uint64_t size)
{
	str bytes = str_slice(r->left, 0, (size_t)size);
	assert_int_equal(bytes.n, size);
	r->left = str_after(r->left, bytes.n);
	return bytes;
}

static void one_step(struct replay *r, struct imap_frame *f)
{
	str line = next_line(r), response;
	struct imap_frame_step step;
	if (r->is_authenticating) {
		r->is_authenticating = false;
		check_err(r->log, imap_authenticate_line(line, &response), ERR_NONE);
		return;
	}
	if (r->is_idling && imap_is_done(line)) {
		r->is_idling = false;
		return;
	}
	check_err(r->log, imap_frame_line(f, line, &step), ERR_NONE);
	if (step.kind == IMAP_FRAME_COMMAND || step.kind == IMAP_FRAME_APPEND)
		understand(r, step.text);
	else if (step.kind == IMAP_FRAME_LITERAL)
		memcpy(step.into, take(r, step.literal.size).p, (size_t)step.literal.size);
	else
		fail_msg("%s: a command was refused: %.*s", r->log, ARG(line));
	if (step.kind == IMAP_FRAME_APPEND) {
		take(r, step.literal.size);
		check_str("behind the message", next_line(r), S(""));
	}
}

static void replay(const char *log, str text, size_t commands)
{
	struct replay r = { .log = log, .left = text, .arena = arena_new("test", 4 << 20) };
	struct imap_frame f = { .arena = r.arena,
		.command_max = IMAP_COMMAND_MAX,
		.unasked_max = IMAP_UNASKED_MAX,
		.is_streamed = imap_append_is_ready };
	while (r.left.n > 0)
		one_step(&r, &f);
	if (r.commands != commands)
		fail_msg("%s: %zu commands, want %zu", log, r.commands, commands);
	arena_free(&r.arena);
}

static void all_logs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(logs); i++) {
		static char text[64 << 10];
		char path[TEXT_MAX];
		snprintf(path, sizeof path, WIRE_LOGS "/wire_log.%s", logs[i].log);
		FILE *file = fopen(path, "rb");
		if (file == NULL)
			fail_msg("%s cannot be read", path);
		size_t n = fread(text, 1, sizeof text, file);
		fclose(file);
		replay(logs[i].log, str_from(text, n), logs[i].commands);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_logs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
