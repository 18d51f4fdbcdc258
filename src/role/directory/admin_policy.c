/* SPDX-License-Identifier: Apache-2.0 */
/* policy networks: whose refused attempts to relay may have been meant well. */
#include "role/directory/verbs.h"
#include "role/directory/words.h"

enum { LINE_ROOM = 4096 };

struct listing {
	struct admin *admin;
	err e;
};

static err send_network(struct admin *a, const struct directory_network *n)
{
	char line[LINE_ROOM], room[200];
	struct buf b = BUF_ON(line), setting = BUF_ON(room);
	buf_addf(&setting, "relay: {relay_networks: [%.*s]}", ARG(n->name));
	struct json j = json_begin(&b);
	json_text(&j, "network", n->name);
	json_number(&j, "refused", n->refused);
	json_flag(&j, "logins", n->logged_in != 0);
	json_text(&j, "line", buf_str(&setting));
	json_moment(&j, "first", n->first_refused);
	json_moment(&j, "last", n->last_refused);
	json_text(&j, "client", n->client);
	json_text(&j, "sender", n->sender);
	json_text(&j, "recipient", n->recipient);
	json_end(&j);
	return b.lost ? FAIL(LIMIT) : admin_line(a, buf_str(&b));
}

static void list_network(void *to, const struct directory_network *n)
{
	struct listing *l = to;
	if (!failed(l->e))
		l->e = send_network(l->admin, n);
}

void verb_policy_networks(struct admin *a)
{
	static const char *const known[] = { NULL };
	struct listing l = { .admin = a, .e = OK };
	if (admin_refused_words(a, known))
		return;
	networks_flush(role_of(a)->networks);
	err e = directory_each_network(role_of(a)->store, list_network, &l);
	command_end_list(a, failed(e) ? e : l.e);
}
