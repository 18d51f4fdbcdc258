/* SPDX-License-Identifier: Apache-2.0 */
#include "role/hasher/argon.h"

#include <argon2.h>

#include "base/base64.h"
#include "base/cur.h"
#include "os/random.h"

enum { VERSION = 19, TEXT_MAX = 256, UNPADDED_MAX = (ARGON_HASH_MAX * 4 + 2) / 3 };

err password_hash(str password, struct buf *out)
{
	char salt[ARGON_SALT], text[TEXT_MAX];
	random_bytes(salt, sizeof salt);
	int rc = argon2id_hash_encoded(ARGON_PASSES, ARGON_KIB, ARGON_LANES, password.p, password.n, salt, sizeof salt,
		ARGON_HASH, text, sizeof text);
	if (rc == ARGON2_MEMORY_ALLOCATION_ERROR)
		return FAIL(MEMORY);
	if (rc != ARGON2_OK)
		return FAIL(SYSTEM);
	buf_add(out, str_of(text));
	return out->lost ? FAIL(LIMIT) : OK;
}

struct parameters {
	uint64_t kib, passes, lanes;
	uint8_t salt[ARGON_SALT_MAX], hash[ARGON_HASH_MAX];
	size_t salt_n, hash_n;
};

/* Base 64 without its padding. */
static size_t unpadded(struct cur *c, void *room, size_t size)
{
	static const char padding[][4] = { "", "", "==", "=" };
	char text[UNPADDED_MAX + 2];
	struct buf padded = BUF_ON(text), bytes = { .p = room, .room = size };
	str run = cur_run(c, CH_BASE64, "base 64");
	buf_add(&padded, run);
	buf_add(&padded, str_of(padding[run.n % 4]));
	if (cur_ok(c) && padded.lost)
		cur_fail_with(c, FAIL(LIMIT), "fewer bytes");
	if (!cur_ok(c))
		return 0;
	err e = base64_decode(&bytes, buf_str(&padded));
	if (failed(e))
		cur_fail_with(c, e, "base 64");
	return bytes.n;
}

static err parse(str text, struct parameters *p)
{
	struct cur c = cur_of(text);
	cur_need_str(&c, S("$argon2id$v=19$m="));
	p->kib = cur_number(&c, ARGON_KIB_MAX);
	cur_need_str(&c, S(",t="));
	p->passes = cur_number(&c, ARGON_PASSES_MAX);
	cur_need_str(&c, S(",p="));
	p->lanes = cur_number(&c, ARGON_LANES_MAX);
	cur_need(&c, '$');
	p->salt_n = unpadded(&c, p->salt, sizeof p->salt);
	cur_need(&c, '$');
	p->hash_n = unpadded(&c, p->hash, sizeof p->hash);
	cur_end(&c);
	TRY(c.e);
	bool enough = p->passes >= 1 && p->lanes >= 1 && p->kib >= 8 * p->lanes && p->salt_n >= 8 && p->hash_n >= 16;
	return enough ? OK : FAIL(LIMIT);
}

err password_verify(str password, str text, bool *match)
{
	struct parameters p = { 0 };
	uint8_t hash[ARGON_HASH_MAX];
	TRY(parse(text, &p));
	int rc = argon2_hash((uint32_t)p.passes, (uint32_t)p.kib, (uint32_t)p.lanes, password.p, password.n, p.salt,
		p.salt_n, hash, p.hash_n, NULL, 0, Argon2_id, VERSION);
	if (rc == ARGON2_MEMORY_ALLOCATION_ERROR)
		return FAIL(MEMORY);
	if (rc != ARGON2_OK)
		return FAIL(SYSTEM);
	*match = str_eq_secret(str_from((char *)hash, p.hash_n), str_from((char *)p.hash, p.hash_n));
	return OK;
}
