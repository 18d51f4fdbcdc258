/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets. They are opened once and handed to each process that serves them, also to the next one. */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

enum { PORTS_MAX = 256 };

struct port {
	const char *service; /* of conf_services, or "control", "local", "ask" */
	struct address address;
	uint16_t number;
	int fd;
};

struct ports {
	struct port all[PORTS_MAX];
	size_t count;
};

/* Opens what the configuration asks for; of an earlier set what is still asked for is taken over, and left as fd -1 there,
 * so that no connection is lost in between. ERR_BUSY, ERR_DENIED, ERR_SYSTEM, ERR_LIMIT: nothing stays open that was not
 * before, the earlier set is complete, *reason says why. */
err ports_open(const struct conf_server *conf, struct ports *earlier, struct ports *out, struct buf *reason);
/* The local socket of the administrator's commands in that folder. */
err ports_open_control(int run, const char *door, struct ports *out, struct buf *reason);
/* The local socket for mail of this machine's users, open to whom local.submit says. ERR_ABSENT: there is no such group. */
err ports_open_submit(int run, const struct conf_local *conf, struct ports *out, struct buf *reason);
#define PORTS_SUBMIT "submit"
/* The one beside it for questions that those users may ask. */
#define PORTS_ASK "ask"
/* The name of the socket of commands in the run folder. What a command starts for itself has another door than a server: nobody else
 * is to come in by it, and find it closing. */
const char *ports_door(bool offline);
/* Whether there is a socket of one of these services, words separated by blanks. */
bool ports_have(const struct ports *p, const char *services);
void ports_close(struct ports *p);

/* "port 25 (smtp) on 192.0.2.1": for messages. */
void port_write(struct buf *b, const char *service, const struct address *address, uint16_t number);
/* The programs whose job that service usually is. */
const char *port_usual_programs(const char *service);
