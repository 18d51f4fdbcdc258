/* SPDX-License-Identifier: Apache-2.0 */
#include "role/hasher/hasher.h"

#include "fake_service.h"
#include "role/hasher/argon.h"
#include "role/hasher/jobs.h"

#define CONVERSATION "ipc/directory_hasher.def"
#include "ipc/conversation.h"

#define SALT "c29tZXNhbHQ"
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct {
	const char *text;
	enum err_code e;
} texts[] = {
	{ "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH, ERR_NONE },
	{ "$argon2id$v=19$m=64,t=1,p=4$" SALT "$" HASH, ERR_NONE },
	{ "$argon2id$v=19$m=131073,t=1,p=1$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=4294967296,t=1,p=1$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=11,p=1$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=1,p=5$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=0,p=1$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=1,p=0$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=7,t=1,p=1$" SALT "$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=1,p=1$c29tZQ$" HASH, ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=1,p=1$" SALT "$AAAA", ERR_LIMIT },
	{ "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH HASH HASH, ERR_LIMIT },
	{ "$argon2id$v=16$m=64,t=1,p=1$" SALT "$" HASH, ERR_SYNTAX },
	{ "$argon2i$v=19$m=64,t=1,p=1$" SALT "$" HASH, ERR_SYNTAX },
	{ "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH "$", ERR_SYNTAX },
	{ "$argon2id$v=19$m=64,t=1,p=1$" SALT "AA$" HASH, ERR_SYNTAX },
	{ "$argon2id$v=19$m=-1,t=1,p=1$" SALT "$" HASH, ERR_SYNTAX },
	{ "", ERR_SYNTAX },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		bool match = true;
		check_err(texts[i].text, password_verify(S("password"), str_of(texts[i].text), &match), texts[i].e);
		assert_int_equal(match, texts[i].e != ERR_NONE);
	}
}

/* RFC 9106 has no vector for the text form; this one was made by the reference implementation's own command, argon2. */
static void test_vector(void **state)
{
	(void)state;
	bool match = false;
	str text = S("$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc");
	char room[256];
	struct buf b = BUF_ON(room);
	check_err("hash", password_hash(S("correct horse"), &b), ERR_NONE);
	check_err("verify", password_verify(S("correct horse"), buf_str(&b), &match), ERR_NONE);
	assert_true(match);
	check_err("verify", password_verify(S("Correct horse"), buf_str(&b), &match), ERR_NONE);
	assert_false(match);
	check_err("reference", password_verify(S("password"), text, &match), ERR_NONE);
	assert_true(match);
}

struct asker {
	struct fake_service fake;
	struct channel channel;
	struct frame in, out;
};

static struct asker asker;

static int start(void **state)
{
	(void)state;
	int ends[2];
	struct service *s = fake_service_start(&asker.fake);
	hasher_prepare(s);
	if (failed(hasher_start(s)) || failed(channel_pair(ends)))
		return -1;
	hasher_channel(s, S("directory"), 0, 0, ends[0]);
	asker.channel = channel_of(ends[1], &asker.in, &asker.out);
	return 0;
}

static int end(void **state)
{
	(void)state;
	channel_close(&asker.channel);
	fake_service_end(&asker.fake);
	return 0;
}

static err next(struct msg_hash_done *m)
{
	err e = FAIL(AGAIN);
	for (int i = 0; i < 200 && e.code == ERR_AGAIN; i++) {
		fake_service_turn(&asker.fake, 10);
		e = msg_expect_hash_done(&asker.channel, m);
	}
	return e;
}

static void test_service(void **state)
{
	(void)state;
	struct msg_hash_done done;
	char text[257];
	const struct msg_hash_make make = { .password = S("secret") };
	check_err("make", msg_send_hash_make(&asker.channel, 7, &make), ERR_NONE);
	check_err("made", next(&done), ERR_NONE);
	assert_int_equal(asker.in.tag, 7);
	assert_false(done.failed);
	struct buf b = BUF_ON(text);
	buf_add(&b, done.hash);

	struct msg_hash_verify verify = { .password = S("secret"), .hash = buf_str(&b) };
	check_err("right", msg_send_hash_verify(&asker.channel, 8, &verify), ERR_NONE);
	check_err("answer", next(&done), ERR_NONE);
	assert_int_equal(asker.in.tag, 8);
	assert_true(done.match && !done.failed);
	verify.password = S("Secret");
	check_err("wrong", msg_send_hash_verify(&asker.channel, 9, &verify), ERR_NONE);
	check_err("answer", next(&done), ERR_NONE);
	assert_true(!done.match && !done.failed);
	verify.hash = S("$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$AAAA");
	check_err("beyond our limits", msg_send_hash_verify(&asker.channel, 10, &verify), ERR_NONE);
	check_err("answer", next(&done), ERR_NONE);
	assert_true(!done.match && done.failed);
}

/* More jobs than places: every one is answered, those without a place as failed. */
static void test_flood(void **state)
{
	(void)state;
	struct msg_hash_done done;
	const struct msg_hash_verify verify = { .password = S("x"),
		.hash = S("$argon2id$v=19$m=64,t=1,p=1$" SALT "$" HASH) };
	bool answered[3 * JOBS_MAX] = { false };
	uint32_t sent = 0;
	for (uint32_t tag = 0; tag < 3 * JOBS_MAX; tag++, sent++)
		if (failed(msg_send_hash_verify(&asker.channel, tag, &verify)))
			break;
	assert_true(sent > JOBS_MAX);
	for (uint32_t i = 0; i < sent; i++) {
		check_err("answer", next(&done), ERR_NONE);
		assert_true(asker.in.tag < sent && !answered[asker.in.tag]);
		answered[asker.in.tag] = true;
	}
}

static void test_broken(void **state)
{
	(void)state;
	struct msg_hash_done done;
	const struct msg_hash_done answer = { .hash = S("") };
	check_err("send", msg_send_hash_done(&asker.channel, 0, &answer), ERR_NONE);
	check_err("closed", next(&done), ERR_CLOSED);
	assert_int_equal(asker.fake.events[EV_channel_broken], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_vector),
		cmocka_unit_test_setup_teardown(test_service, start, end),
		cmocka_unit_test_setup_teardown(test_flood, start, end),
		cmocka_unit_test_setup_teardown(test_broken, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
