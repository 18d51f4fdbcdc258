/* SPDX-License-Identifier: Apache-2.0 */
#include "role/control/control.h"

#include "os/fd.h"

#include <sys/socket.h>

static void admit(struct control *c, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		session_begin(c, fd);
}

static void on_door(void *to, uint32_t events)
{
	struct control *c = to;
	(void)events;
	admit(c, c->door);
}

static void on_ask(void *to, uint32_t events)
{
	struct control *c = to;
	(void)events;
	admit(c, c->ask);
}

static void prepare(struct service *s)
{
	static struct control control;
	control.service = s;
	control.door = control.ask = -1;
	s->state = &control;
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	(void)account;
	(void)pid;
	link_connect(s->state, peer, fd);
}

/* The socket knows who made it: the one who runs the server. */
static void listener(struct service *s, str name, int fd)
{
	struct control *c = s->state;
	struct ucred owner;
	socklen_t size = sizeof owner;
	if (str_eq(name, S("ask")) && c->ask < 0) {
		c->ask = fd;
		return;
	}
	if (!str_eq(name, S("control")) || c->door >= 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &size) != 0) {
		fd_close(&fd);
		return;
	}
	c->owner = owner.uid;
	c->door = fd;
}

static err start(struct service *s)
{
	struct control *c = s->state;
	if (c->door < 0)
		return FAIL(STATE);
	if (c->ask >= 0)
		TRY(loop_add(s->loop, &c->ask_watch, c->ask, EPOLLIN, on_ask, c));
	return loop_add(s->loop, &c->door_watch, c->door, EPOLLIN, on_door, c);
}

static const struct role role_control = {
	.name = "control", .prepare = prepare, .channel = channel, .listener = listener, .start = start
};

int main(int argc, char **argv) { return role_main(&role_control, argc, argv); }
