/* SPDX-License-Identifier: Apache-2.0 */
/* siegel check --live: the running server is used as strangers and its own people use it, and tried as attackers try it. */
#pragma once
#include "conf/conf.h"
#include "role/supervisor/folders.h"
#include "tool/finding.h"
#include "tool/dial.h"

/* trusted: the certificates in keys/tls.crt, PEM. Each step and each attempt is one finding, "ok" or "error". */
void live_check(const struct folders *folders, const struct conf *conf, str trusted, struct findings *found);

/* ---- for the live_*.c ---- */

enum { LIVE_NAME_MAX = 300, LIVE_PHRASE_MAX = 128, LIVE_TOKEN = 33 };

struct live {
	const struct folders *folders;
	const struct conf *conf;
	struct findings *found;
	struct dial_to to;
	char domain[LIVE_NAME_MAX];
	char address[LIVE_NAME_MAX + 16]; /* of the mailbox for these tests */
	char phrase[LIVE_PHRASE_MAX];
	char hostname[LIVE_NAME_MAX];
};

/* Its port; 0: the service is not offered. */
uint16_t live_port(const struct live *l, const char *service);
/* One step that began at that moment. good: "ok" and what; otherwise "error", why, and what to do. */
struct live_step {
	const char *subject, *good, *advice;
	int64_t since;
};
void live_say(struct live *l, const struct live_step *step, bool good, const char *why);

extern const char live_login[];
/* Opens the mailbox for these tests to a pass phrase that is made for this once; closes it again, for mail too. */
bool live_account_open(struct live *l);
void live_account_close(struct live *l);

/* A message from outside, read back; one by a user. */
void live_deliver(struct live *l);
void live_submit(struct live *l);
/* What must be refused. */
void live_tricks(struct live *l);
