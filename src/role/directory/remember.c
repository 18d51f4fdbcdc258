/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/remember.h"

#include "base/openssl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "os/random.h"

enum { SLOTS = 8192, MAC = 32, KEY = 32, INPUT_MAX = 1100 };

struct slot {
	uint32_t account; /* 0: free */
	int64_t until;
	uint8_t mac[MAC];
};

struct remembered {
	uint8_t key[KEY];
	int64_t keep_ms;
	struct slot slots[SLOTS];
};

void remember_prepare(void)
{
	uint8_t mac[MAC] = { 0 };
	unsigned n = 0;
	bool is_set_up = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
	if (!is_set_up || HMAC(EVP_sha256(), mac, sizeof mac, mac, sizeof mac, mac, &n) == NULL)
		abort();
}

struct remembered *remembered_new(struct arena *a)
{
	struct remembered *r = NEW(a, struct remembered, 1);
	if (r == NULL)
		return NULL;
	random_bytes(r->key, sizeof r->key);
	return r;
}

void remembered_set_keep(struct remembered *r, int64_t keep_ms, int64_t now)
{
	r->keep_ms = keep_ms;
	for (size_t i = 0; i < SLOTS; i++)
		if (r->slots[i].account != 0 && r->slots[i].until > now + keep_ms)
			r->slots[i].until = now + keep_ms;
}

/* HMAC-SHA-256 of account and password. */
static bool compute(const struct remembered *r, uint32_t account, str password, uint8_t mac[MAC])
{
	uint8_t input[INPUT_MAX];
	unsigned n = 0;
	if (password.n > sizeof input - sizeof account)
		return false;
	memcpy(input, &account, sizeof account);
	memcpy(input + sizeof account, password.p, password.n);
	const uint8_t *done = HMAC(EVP_sha256(), r->key, KEY, input, sizeof account + password.n, mac, &n);
	wipe(input, sizeof account + password.n);
	return done != NULL && n == MAC;
}

void password_remember(struct remembered *r, uint32_t account, str password, int64_t now)
{
	struct slot *s = &r->slots[account % SLOTS];
	if (r->keep_ms == 0)
		return;
	s->account = compute(r, account, password, s->mac) ? account : 0;
	s->until = now + r->keep_ms;
}

bool password_is_remembered(const struct remembered *r, uint32_t account, str password, int64_t now)
{
	const struct slot *s = &r->slots[account % SLOTS];
	uint8_t mac[MAC];
	if (account == 0 || s->account != account || now >= s->until || !compute(r, account, password, mac))
		return false;
	return str_eq_secret(str_from((const char *)mac, MAC), str_from((const char *)s->mac, MAC));
}

void password_forget(struct remembered *r, uint32_t account)
{
	struct slot *s = &r->slots[account % SLOTS];
	if (s->account == account)
		*s = (struct slot){ .account = 0 };
}
