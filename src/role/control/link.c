/* SPDX-License-Identifier: Apache-2.0 */
/* The channels to the roles, over which nothing goes but new sessions' ends. */
#include "role/control/control.h"

#include "os/fd.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum { ROLE_NAME_MAX = 32 };

struct link {
	char role[ROLE_NAME_MAX];
	size_t length;
	struct channel channel;
	struct link *next;
};

static struct link *find(struct control *c, str role)
{
	for (struct link *l = c->links; l != NULL; l = l->next)
		if (str_eq(role, str_from(l->role, l->length)))
			return l;
	return NULL;
}

void link_connect(struct control *c, str role, int fd)
{
	struct link *l = find(c, role);
	if (l == NULL && role.n <= ROLE_NAME_MAX) {
		l = NEW(c->service->arena, struct link, 1);
		if (l != NULL) {
			*l = (struct link){ .length = role.n, .next = c->links, .channel.fd = -1 };
			memcpy(l->role, role.p, role.n);
			c->links = l;
		}
	}
	if (l == NULL) {
		fd_close(&fd);
		return;
	}
	channel_close(&l->channel);
	l->channel = channel_of(fd, c->service->in, c->service->out);
}

err link_open(struct control *c, const char *role, int *out)
{
	struct link *l = find(c, str_of(role));
	int ends[2];
	if (l == NULL || l->channel.fd < 0)
		return FAIL(ABSENT);
	TRY(channel_pair(ends));
	struct msg_session_open m = { .end = ends[1] };
	err e = msg_send_session_open(&l->channel, 0, &m);
	fd_close(&ends[1]);
	if (failed(e)) {
		fd_close(&ends[0]);
		if (e.code != ERR_BUSY) /* it is dead; the supervisor brings the channel to its successor */
			channel_close(&l->channel);
		return e.code == ERR_BUSY ? e : FAIL(ABSENT);
	}
	*out = ends[0];
	return OK;
}
