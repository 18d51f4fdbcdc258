/* SPDX-License-Identifier: Apache-2.0 */
/* keyring as those who ask it see it: what they are told, what they may have signed, and what not. */
#include "local_signer.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_service.h"
#include "os/fd.h"
#include "role/keyring/keyring.h"

#define CONVERSATION "ipc/asker_keyring.def"
#include "ipc/conversation.h"

enum { PATIENCE = 200 };

static struct local_signer made;
static char folder[] = "/tmp/siegel-keyring-XXXXXX";

struct house {
	struct fake_service fake;
	struct channel channel;
	struct frame in, out;
	uint32_t key; /* as it was told */
};
static struct house house;

/* ---- files ---- */

static void write_text(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void write_pair(const char *name, const struct local_key *k)
{
	char path[100];
	snprintf(path, sizeof path, "%s.crt", name);
	write_text(path, k->certificate.p, k->certificate.n);
	snprintf(path, sizeof path, "%s.key", name);
	FILE *f = fopen(path, "w");
	assert_int_equal(PEM_write_PrivateKey(f, k->pair, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
}

static str key_text(EVP_PKEY *key, char *room, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	int n = BIO_read(bio, room, (int)size);
	BIO_free(bio);
	return str_from(room, (size_t)n);
}

enum { P256, RSA2048, CLIENT };

static int make_keys(void **state)
{
	(void)state;
	umask(077);
	local_key_make(&made.keys[P256], EVP_EC_gen("P-256"), "DNS:mail.example.test");
	local_key_make(&made.keys[RSA2048], EVP_RSA_gen(2048), "DNS:mail.example.test");
	local_key_make(&made.keys[CLIENT], EVP_EC_gen("P-256"), "DNS:client.test");
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static int free_keys(void **state)
{
	(void)state;
	local_signer_free(&made);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

/* ---- the service ---- */

static void begin(void)
{
	struct service *s = fake_service_start(&house.fake);
	fake_service_set(&house.fake, "server.hostname=mail.example.test");
	keyring_prepare(s);
	check_err("start", keyring_start(s), ERR_NONE);
}

static void connect_as(const char *peer)
{
	int ends[2];
	channel_close(&house.channel);
	check_err("pair", channel_pair(ends), ERR_NONE);
	keyring_channel(&house.fake.service, str_of(peer), 0, 0, ends[0]);
	house.channel = channel_of(ends[1], &house.in, &house.out);
}

static int start(void **state)
{
	(void)state;
	house.channel.fd = -1;
	write_pair("tls", &made.keys[P256]);
	write_pair("client", &made.keys[CLIENT]);
	begin();
	return 0;
}

static int end(void **state)
{
	struct keyring *k = house.fake.service.state;
	static const char *const files[] = { "tls.key", "tls.crt", "client.key", "client.crt", "tls-other.test.key",
		"tls-other.test.crt" };
	(void)state;
	for (size_t i = 0; i < IDENTITIES_MAX; i++) {
		EVP_PKEY_free(k->identities.all[i].key);
		k->identities.all[i] = (struct identity){ .number = 0 };
	}
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	channel_close(&house.channel);
	while (k->askers != NULL) {
		struct asker *a = k->askers;
		k->askers = a->next;
		peer_close(&a->peer);
	}
	fake_service_end(&house.fake);
	return 0;
}

static err receive(struct channel *c)
{
	err e = FAIL(AGAIN);
	for (int i = 0; i < PATIENCE && e.code == ERR_AGAIN; i++) {
		fake_service_turn(&house.fake, 2);
		e = channel_receive(c);
	}
	return e;
}

/* What an asker hears first: tickets, certificates, the end of them. How many certificates there were. */
static size_t hear_news(struct channel *c)
{
	struct msg_identity m = { .key = 0 };
	struct msg_identities_end over;
	struct msg_tickets tickets;
	size_t count = 0;
	check_err("tickets", receive(c), ERR_NONE);
	check_err("tickets", msg_get_tickets(c->in, &tickets), ERR_NONE);
	for (;; count++) {
		check_err("news", receive(c), ERR_NONE);
		if (c->in->number == MSG_identities_end)
			break;
		check_err("identity", msg_get_identity(c->in, &m), ERR_NONE);
		assert_int_equal(m.first, count == 0);
		if (m.first)
			house.key = (uint32_t)m.key;
	}
	check_err("end", msg_get_identities_end(c->in, &over), ERR_NONE);
	return count;
}

static char transcript[48];

static struct msg_sign_verify verify_of(uint32_t key, uint16_t scheme)
{
	return (struct msg_sign_verify){ .key = key, .scheme = scheme, .transcript = { transcript, 32 } };
}

/* ---- cases ---- */

static void tells_what_there_is(void **state)
{
	(void)state;
	connect_as("receiver-smtp");
	assert_int_equal(hear_news(&house.channel), 1);
	connect_as("frontdoor-2");
	assert_int_equal(hear_news(&house.channel), 1);
	connect_as("sender");
	assert_int_equal(hear_news(&house.channel), 1);
	connect_as("greeter");
	check_err("a role that makes no connections", receive(&house.channel), ERR_CLOSED);
}

/* Checked with the public key, over the bytes of RFC 8446 4.4.3. */
static bool is_signature(EVP_PKEY *key, str signature)
{
	char room[TLS_SIGNED_MAX];
	struct buf bytes = BUF_ON(room);
	const struct tls_signed what = {
		.kind = TLS_CERTIFICATE_VERIFY, .scheme = 0x0403, .transcript = { transcript, 32 }
	};
	check_err("bytes", tls_signed_write(&what, TLS_KEY_P256, &bytes), ERR_NONE);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool is = EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestVerify(md, (const unsigned char *)signature.p, signature.n, (const unsigned char *)room,
			  bytes.n) == 1;
	EVP_MD_CTX_free(md);
	return is;
}

static void check_signed(struct channel *c, EVP_PKEY *key)
{
	struct msg_signature m;
	check_err("answer", receive(c), ERR_NONE);
	check_err("signature", msg_get_signature(c->in, &m), ERR_NONE);
	assert_true(is_signature(key, m.signature));
}

static void check_refused(const char *name, struct channel *c)
{
	struct msg_refusal m;
	check_err(name, receive(c), ERR_NONE);
	check_err(name, msg_get_refusal(c->in, &m), ERR_NONE);
}

static void signs_handshakes(void **state)
{
	(void)state;
	connect_as("frontdoor-1");
	hear_news(&house.channel);
	for (uint32_t tag = 1; tag < 4; tag++) {
		const struct msg_sign_verify m = verify_of(house.key, 0x0403);
		check_err("ask", msg_send_sign_verify(&house.channel, tag, &m), ERR_NONE);
		check_signed(&house.channel, made.keys[P256].pair);
		assert_int_equal(house.channel.in->tag, tag);
	}
}

static void refuses_all_else(void **state)
{
	static char zeros[97];
	(void)state;
	connect_as("sender");
	hear_news(&house.channel);
	const uint32_t clients_key = house.key;
	connect_as("receiver-smtp");
	hear_news(&house.channel);
	struct channel *c = &house.channel;
	const uint32_t key = house.key;
	struct msg_sign_verify verify[] = { verify_of(0, 0x0403), verify_of(key + 100, 0x0403),
		verify_of(clients_key, 0x0403), verify_of(key, 0x0804), verify_of(key, 0x0503), verify_of(key, 0x0203),
		verify_of(key, 0xffff), verify_of(key, 0x0403), verify_of(key, 0x0403), verify_of(key, 0x0403) };
	verify[7].by_client = true;
	verify[8].transcript.n = 20;
	verify[9].transcript.n = 0;
	for (size_t i = 0; i < COUNT(verify); i++) {
		check_err("ask", msg_send_sign_verify(c, 0, &verify[i]), ERR_NONE);
		check_refused("verify", c);
	}
	struct msg_sign_exchange exchange[] = {
		{ key, 0x0403, { zeros, 31 }, { zeros, 32 }, 29, { zeros, 32 }, 0 },
		{ key, 0x0403, { zeros, 32 }, { zeros, 0 }, 29, { zeros, 32 }, 0 },
		{ key, 0x0403, { zeros, 32 }, { zeros, 32 }, 29, { zeros, 33 }, 0 },
		{ key, 0x0403, { zeros, 32 }, { zeros, 32 }, 23, { zeros, 65 }, 0 },
		{ key, 0x0403, { zeros, 32 }, { zeros, 32 }, 1, { zeros, 32 }, 0 },
		{ key, 0x0401, { zeros, 32 }, { zeros, 32 }, 29, { zeros, 32 }, 0 },
		{ clients_key, 0x0403, { zeros, 32 }, { zeros, 32 }, 29, { zeros, 32 }, 0 },
	};
	for (size_t i = 0; i < COUNT(exchange); i++) {
		check_err("ask", msg_send_sign_exchange(c, 0, &exchange[i]), ERR_NONE);
		check_refused("exchange", c);
	}
	assert_int_equal(house.fake.events[EV_signature_refused], 1); /* and no more of them in a minute */
	const struct msg_sign_verify good = verify_of(key, 0x0403);
	check_err("ask", msg_send_sign_verify(c, 0, &good), ERR_NONE);
	check_signed(c, made.keys[P256].pair);
}

static void keeps_purposes_apart(void **state)
{
	(void)state;
	connect_as("sender");
	hear_news(&house.channel);
	struct msg_sign_verify m = verify_of(house.key, 0x0403);
	check_err("as a server", msg_send_sign_verify(&house.channel, 0, &m), ERR_NONE);
	check_refused("as a server", &house.channel);
	m.by_client = true;
	check_err("as a client", msg_send_sign_verify(&house.channel, 0, &m), ERR_NONE);
	check_err("answer", receive(&house.channel), ERR_NONE);
	assert_int_equal(house.in.number, MSG_signature);
}

static struct frame line_in, line_out;

static struct channel open_line(void)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	const struct msg_line_open open = { .end = ends[1] };
	check_err("open", msg_send_line_open(&house.channel, 0, &open), ERR_NONE);
	fd_close(&ends[1]);
	return channel_of(ends[0], &line_in, &line_out);
}

static void answers_on_lines(void **state)
{
	(void)state;
	connect_as("receiver-smtp");
	hear_news(&house.channel);
	struct channel line = open_line();
	const struct msg_sign_verify m = verify_of(house.key, 0x0403);
	check_err("ask", msg_send_sign_verify(&line, 0, &m), ERR_NONE);
	check_signed(&line, made.keys[P256].pair);
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	const struct msg_line_open again = { .end = ends[1] };
	check_err("a line of a line", msg_send_line_open(&line, 0, &again), ERR_NONE);
	check_err("ends it", receive(&line), ERR_CLOSED);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	channel_close(&line);
	assert_int_equal(house.fake.events[EV_channel_broken], 1);
}

static void has_so_many_lines(void **state)
{
	struct channel lines[LINES_MAX + 1];
	(void)state;
	connect_as("receiver-smtp");
	hear_news(&house.channel);
	for (size_t i = 0; i < LINES_MAX + 1; i++) {
		lines[i] = open_line();
		fake_service_turn(&house.fake, 0);
	}
	check_err("the last has no place", receive(&lines[LINES_MAX]), ERR_CLOSED);
	const struct msg_sign_verify m = verify_of(house.key, 0x0403);
	check_err("ask", msg_send_sign_verify(&lines[0], 0, &m), ERR_NONE);
	check_signed(&lines[0], made.keys[P256].pair);
	for (size_t i = 0; i < LINES_MAX + 1; i++)
		channel_close(&lines[i]);
	fake_service_turn(&house.fake, 20);
	struct channel line = open_line();
	check_err("ask", msg_send_sign_verify(&line, 0, &m), ERR_NONE);
	check_signed(&line, made.keys[P256].pair);
	channel_close(&line);
}

static void hears_no_answers(void **state)
{
	const struct msg_signature m = { .signature = S("x") };
	(void)state;
	connect_as("receiver-smtp");
	hear_news(&house.channel);
	check_err("send", msg_send_signature(&house.channel, 0, &m), ERR_NONE);
	check_err("ended", receive(&house.channel), ERR_CLOSED);
	assert_int_equal(house.fake.events[EV_channel_broken], 1);
}

static void replaces_while_it_serves(void **state)
{
	struct keyring *k = house.fake.service.state;
	char room[600], text[4096];
	struct buf reason = BUF_ON(room);
	(void)state;
	connect_as("receiver-smtp");
	hear_news(&house.channel);
	const uint32_t old = house.key;
	const struct identity_files f = { S("tls"), key_text(made.keys[RSA2048].pair, text, sizeof text),
		made.keys[RSA2048].certificate };
	check_err("install", identities_install(&k->identities, &f, "mail.example.test", &reason), ERR_NONE);
	keyring_changed(k);
	assert_int_equal(hear_news(&house.channel), 1);
	assert_int_not_equal(house.key, old);
	const struct msg_sign_verify m = verify_of(old, 0x0403);
	check_err("a handshake that had begun", msg_send_sign_verify(&house.channel, 0, &m), ERR_NONE);
	check_signed(&house.channel, made.keys[P256].pair);
	identities_forget(&k->identities, clock_ms() + 1);
	check_err("later", msg_send_sign_verify(&house.channel, 0, &m), ERR_NONE);
	check_refused("later", &house.channel);
}

static void derives_tickets(void **state)
{
	struct tickets t = { .has_earlier = false };
	struct ticket_key first, other, earlier, again;
	(void)state;
	tickets_rotate(&t);
	assert_false(t.has_earlier);
	check_err("derive", tickets_derive(&t, S("frontdoor"), &first, &earlier), ERR_NONE);
	check_err("derive", tickets_derive(&t, S("receiver-smtp"), &other, &earlier), ERR_NONE);
	assert_memory_not_equal(first.name, other.name, sizeof first.name);
	assert_memory_not_equal(first.cipher, other.cipher, sizeof first.cipher);
	assert_memory_not_equal(first.cipher, first.mac, sizeof first.mac);
	tickets_rotate(&t);
	assert_true(t.has_earlier);
	check_err("derive", tickets_derive(&t, S("frontdoor"), &again, &earlier), ERR_NONE);
	assert_memory_equal(&earlier, &first, sizeof first);
	assert_memory_not_equal(&again, &first, sizeof first);
}

static void says_what_is_damaged(void **state)
{
	(void)state;
	write_text("tls-other.test.key", "nothing", 7);
	write_text("tls-other.test.crt", "nothing", 7);
	end(NULL);
	write_pair("tls", &made.keys[P256]);
	write_text("tls-other.test.key", "nothing", 7);
	begin();
	house.channel.fd = -1;
	assert_int_equal(
		house.fake.events[EV_alarm], 2); /* that one, and the other's certificate, which expires soon */
	connect_as("receiver-smtp");
	assert_int_equal(hear_news(&house.channel), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_what_there_is, start, end),
		cmocka_unit_test_setup_teardown(signs_handshakes, start, end),
		cmocka_unit_test_setup_teardown(refuses_all_else, start, end),
		cmocka_unit_test_setup_teardown(keeps_purposes_apart, start, end),
		cmocka_unit_test_setup_teardown(answers_on_lines, start, end),
		cmocka_unit_test_setup_teardown(has_so_many_lines, start, end),
		cmocka_unit_test_setup_teardown(hears_no_answers, start, end),
		cmocka_unit_test_setup_teardown(replaces_while_it_serves, start, end),
		cmocka_unit_test(derives_tickets),
		cmocka_unit_test_setup_teardown(says_what_is_damaged, start, end),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
