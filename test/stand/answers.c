/* SPDX-License-Identifier: Apache-2.0 */
/* A stand for resolver and ledger: plays their supervisor and those who ask, who ask very much before they read anything.
 *
 *	stand_answers PROGRAM FOLDER resolver|ledger COUNT [SECTION.NAME=VALUE ...]
 *
 * Prints how many questions found their way, and then how many answers came, of which each had to be what was to be said. For
 * ledger it plays fetcher, too, which has a policy of each domain. The resolver is asked for names that it refuses by itself. */
#include "ipc/dns.h"
#include "ipc/sts.h"
#include "os/clock.h"
#include "stand.h"

#define CONVERSATION "ipc/sender_ledger.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/ledger_fetcher.def"
#include "ipc/conversation.h"

enum { PATIENCE_MS = 60000, TURN_MS = 50, COUNT_MAX = 4000 };

static struct channel asker, fetcher, logger;
static uint32_t count, asked, answered;
static bool seen[COUNT_MAX + 1];

static void refuse(const char *what, uint32_t tag)
{
	fprintf(stderr, "stand: %s, of question %u\n", what, (unsigned)tag);
	exit(1);
}

static void note(uint32_t tag, bool right)
{
	if (tag == 0 || tag > asked || seen[tag] || !right)
		refuse(right ? "an answer that is none" : "a wrong answer", tag);
	seen[tag] = true;
	answered++;
}

/* ---- a resolver ---- */

static err ask_resolver(uint32_t tag)
{
	const struct msg_lookup m = { .name = S("no name"), .type = DNS_A, .deadline = PATIENCE_MS };
	return msg_send_lookup(&asker, tag, &m);
}

static void hear_resolver(void)
{
	struct msg_lookup_done m = { .outcome = DNS_FOUND };
	if (heard.number == MSG_validation) {
		frame_drop(&heard);
		return;
	}
	const uint32_t tag = heard.tag;
	must(msg_get_lookup_done(&heard, &m), "lookup_done");
	note(tag, m.outcome == DNS_FAILED);
}

/* ---- a ledger ---- */

static err ask_ledger(uint32_t tag)
{
	char room[40];
	snprintf(room, sizeof room, "d%u.test", (unsigned)tag);
	const struct msg_sts_ask m = { .domain = str_of(room), .deadline = PATIENCE_MS };
	return msg_send_sts_ask(&asker, tag, &m);
}

static void hear_ledger(void)
{
	struct msg_sts_policy m = { .found = false };
	char room[40];
	const uint32_t tag = heard.tag;
	must(msg_get_sts_policy(&heard, &m), "sts_policy");
	snprintf(room, sizeof room, "mx.d%u.test\n", (unsigned)tag);
	note(tag, m.found && m.mode == MTA_STS_ENFORCE && str_eq(m.patterns, str_of(room)));
}

static void play_fetcher(void)
{
	struct msg_sts_fetch ask = { .domain = NO_STR };
	char room[40];
	while (fetcher.fd >= 0 && !failed(channel_receive(&fetcher))) {
		const uint32_t tag = heard.tag;
		must(msg_get_sts_fetch(&heard, &ask), "sts_fetch");
		snprintf(room, sizeof room, "mx.%.*s\n", ARG(ask.domain));
		const struct msg_sts_fetched m = { .outcome = STS_FETCHED,
			.id = S("1"),
			.mode = MTA_STS_ENFORCE,
			.max_age = 86400,
			.patterns = str_of(room),
			.reason = S("") };
		struct pollfd p = { .fd = fetcher.fd, .events = POLLOUT };
		err e;
		while ((e = msg_send_sts_fetched(&fetcher, tag, &m)).code == ERR_BUSY)
			poll(&p, 1, PATIENCE_MS);
		must(e, "sts_fetched");
	}
}

/* ---- both ---- */

static void listen_to_log(void)
{
	while (!failed(channel_receive(&logger)))
		frame_drop(&heard);
}

/* Whatever there is to do for others; then until there is more of it, or room for a question. */
static void play_others(bool asks)
{
	play_fetcher();
	listen_to_log();
	struct pollfd polls[] = { { asker.fd, asks ? POLLOUT : POLLIN, 0 }, { fetcher.fd, POLLIN, 0 },
		{ logger.fd, POLLIN, 0 } };
	poll(polls, 3, TURN_MS);
}

int main(int argc, char **argv)
{
	if (argc < 5 || (count = (uint32_t)strtoul(argv[4], NULL, 10)) > COUNT_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	const bool is_resolver = strcmp(argv[3], "resolver") == 0;
	pid_t child = stand_start(argv[1], is_resolver ? "siegel-resolver" : "siegel-ledger", "", argv[2]);
	stand_settings(argv + 5);
	logger = give_channel("logger", 0);
	asker = give_channel("sender", 0);
	fetcher.fd = -1;
	if (!is_resolver)
		fetcher = give_channel("fetcher", 0);
	stand_go();
	int64_t end = clock_ms() + PATIENCE_MS;
	while (asked < count && clock_ms() < end) {
		err e = is_resolver ? ask_resolver(asked + 1) : ask_ledger(asked + 1);
		if (e.code == ERR_BUSY)
			play_others(true);
		else
			must(e, "question");
		asked += !failed(e);
	}
	printf("asked %u\n", (unsigned)asked);
	end = clock_ms() + PATIENCE_MS;
	while (answered < asked && clock_ms() < end) {
		while (!failed(channel_receive(&asker)))
			(is_resolver ? hear_resolver : hear_ledger)();
		play_others(false);
	}
	printf("answered %u\n", (unsigned)answered);
	return stand_end(child);
}
