/* SPDX-License-Identifier: Apache-2.0 */
/* A mail server that is this one: mail that is brought there comes back (RFC 5321 5.1, R6 of the requirements). Its name in the DNS
 * and in its greeting are looked at where those are known; here it is the socket that says so, whatever the name. */
#include "os/peer.h"
#include "role/sender/sender.h"

static const struct {
	str service;
	uint16_t port;
} doors[] = { { { "smtp", 4 }, 25 }, { { "submission", 10 }, 587 }, { { "submissions", 11 }, 465 },
	{ { "lmtp", 4 }, 24 } };

static bool has_word(const struct conf_list *list, str word)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->items[i], word))
			return true;
	return false;
}

static bool is_own_port(const struct conf *conf, uint16_t port)
{
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		if (doors[i].port + conf->server.port_offset == port &&
			has_word(&conf->server.services, doors[i].service))
			return true;
	return false;
}

static bool is_same(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_listened_on(const struct conf *conf, const struct address *to)
{
	struct address own;
	for (size_t i = 0; i < conf->server.listen.count; i++)
		if (!failed(address_parse(conf->server.listen.items[i], &own)) && is_same(&own, to))
			return true;
	return false;
}

bool own_address(int fd, struct address *out)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof from;
	unsigned port;
	return getsockname(fd, (struct sockaddr *)&from, &n) == 0 && !failed(peer_of(&from, out, &port));
}

/* An address of this machine is reached from itself. */
static bool is_same_on_both_ends(int fd, const struct address *to)
{
	struct address own;
	return own_address(fd, &own) && is_same(&own, to);
}

bool leads_to_ourselves(const struct sender *s, int fd, const struct address *to, uint16_t port)
{
	return is_own_port(s->conf, port) && (is_listened_on(s->conf, to) || is_same_on_both_ends(fd, to));
}
