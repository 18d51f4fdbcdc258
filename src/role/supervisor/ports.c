/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/ports.h"

#include "conf/check.h"
#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, LOCAL_BACKLOG = 64, GROUP_ENTRY_MAX = 65536, WAY = 0011 };

static const struct address any_v4 = { { [10] = 0xff, [11] = 0xff } };
static const struct address any_v6 = { { 0 } };

const char *port_usual_programs(const char *service)
{
	return str_starts(str_of(service), S("imap")) ? "Dovecot, Cyrus or Courier"
	       : str_eq(str_of(service), S("lmtp"))   ? "Dovecot or Cyrus"
						      : "Postfix, Exim or Sendmail";
}

void port_write(struct buf *b, const char *service, const struct address *address, uint16_t number)
{
	buf_addf(b, "port %u (%s) on ", number, service);
	address_write(b, address);
}

static err why(const struct port *p, struct buf *reason)
{
	int number = errno;
	buf_add(reason, S("cannot listen on "));
	port_write(reason, p->service, &p->address, p->number);
	switch (number) {
	case EADDRINUSE:
		buf_addf(reason, ": another program does, usually %s; stop it, or set server.port_offset",
			port_usual_programs(p->service));
		return FAIL(BUSY);
	case EACCES:
		buf_add(reason, S(": ports below 1024 are for root; start as root, or set server.port_offset"));
		return FAIL(DENIED);
	case EADDRNOTAVAIL:
		buf_add(reason, S(": this machine does not have that address (server.listen)"));
		return FAIL(ABSENT);
	default:
		buf_addf(reason, ": %s", strerror(number));
		return FAIL(SYSTEM);
	}
}

static int bind_socket(int fd, const struct port *p)
{
	if (address_is_v4(&p->address)) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(p->number) };
		memcpy(&to.sin_addr, p->address.bytes + 12, 4);
		return bind(fd, (const struct sockaddr *)&to, sizeof to);
	}
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(p->number) };
	memcpy(&to.sin6_addr, p->address.bytes, 16);
	return bind(fd, (const struct sockaddr *)&to, sizeof to);
}

static err listen_on(struct port *p, struct buf *reason)
{
	const int on = 1;
	bool v4 = address_is_v4(&p->address);
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return why(p, reason);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Accepted sockets inherit these two: what is written leaves in one piece already, and who vanished is noticed. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	if (!v4)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind_socket(fd, p) != 0 || listen(fd, BACKLOG) != 0) {
		err e = why(p, reason);
		close(fd);
		return e;
	}
	p->fd = fd;
	return OK;
}

/* The socket of an earlier set, which gives it away. */
static bool take_over(struct ports *earlier, struct port *p)
{
	for (size_t i = 0; earlier != NULL && i < earlier->count; i++) {
		struct port *old = &earlier->all[i];
		if (old->fd >= 0 && old->number == p->number && str_eq(str_of(old->service), str_of(p->service)) &&
			address_eq(&old->address, &p->address)) {
			p->fd = old->fd;
			old->fd = -1;
			return true;
		}
	}
	return false;
}

static void give_back(struct ports *earlier, struct ports *taken)
{
	for (size_t k = 0; k < taken->count; k++)
		for (size_t i = 0; earlier != NULL && i < earlier->count; i++) {
			struct port *old = &earlier->all[i], *p = &taken->all[k];
			if (old->fd < 0 && p->fd >= 0 && old->number == p->number && old->service == p->service &&
				address_eq(&old->address, &p->address)) {
				old->fd = p->fd;
				p->fd = -1;
			}
		}
	ports_close(taken);
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static size_t addresses_of(const struct conf_server *conf, struct address *out, size_t most)
{
	size_t n = 0;
	for (size_t i = 0; i < conf->listen.count && n < most; i++)
		if (!failed(address_parse(conf->listen.items[i], &out[n])))
			n++;
	if (conf->listen.count > 0)
		return n;
	out[n++] = any_v4;
	if (has_ipv6())
		out[n++] = any_v6;
	return n;
}

err ports_open(const struct conf_server *conf, struct ports *earlier, struct ports *out, struct buf *reason)
{
	struct address addresses[32];
	size_t count = addresses_of(conf, addresses, 32);
	struct ports ports = { .count = 0 };
	for (size_t i = 0; i < conf->services.count; i++) {
		const struct conf_service *service = conf_service_find(conf->services.items[i]);
		for (size_t k = 0; service != NULL && k < count; k++) {
			struct port *p = &ports.all[ports.count];
			*p = (struct port){ service->name, addresses[k], (uint16_t)(service->port + conf->port_offset),
				-1 };
			err e = ports.count == PORTS_MAX - 1 ? FAIL(LIMIT)
				: take_over(earlier, p)      ? OK
							     : listen_on(p, reason);
			if (failed(e)) {
				give_back(earlier, &ports);
				return e;
			}
			ports.count++;
		}
	}
	*out = ports;
	return OK;
}

const char *ports_door(bool offline) { return offline ? "command" : "control"; }

/* A socket in the run folder that nobody else can reach as yet. */
static err open_local(int run, const char *name, int type, int *out)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* By descriptor, since a path may be longer than such an address. */
	snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", run, name);
	unlinkat(run, name, 0); /* of a server that was killed: the lock is ours */
	mode_t before = umask(0177);
	bool bound =
		fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof to) == 0 && listen(fd, LOCAL_BACKLOG) == 0;
	umask(before);
	if (!bound) {
		fd_close(&fd);
		return FAIL(SYSTEM);
	}
	*out = fd;
	return OK;
}

err ports_open_control(int run, const char *door, struct ports *out, struct buf *reason)
{
	int fd;
	err e = open_local(run, door, SOCK_SEQPACKET, &fd);
	if (failed(e))
		buf_addf(reason, "cannot make the socket for commands: %s", strerror(errno));
	else
		out->all[out->count++] = (struct port){ "control", any_v6, 0, fd };
	return e;
}

/* A folder that was made for the server alone is opened as far as a way through it takes. */
static bool let_through(int run)
{
	struct stat st;
	return fstat(run, &st) == 0 && ((st.st_mode & WAY) == WAY || fchmod(run, (st.st_mode & 07777) | WAY) == 0);
}

/* Who may reach it: everybody, or its group. */
static err open_to(int run, const char *name, str whom, struct buf *reason)
{
	struct group entry, *group = NULL;
	static char room[GROUP_ENTRY_MAX];
	if (str_eq(whom, S("all"))) {
		if (let_through(run) && fchmodat(run, name, 0666, 0) == 0)
			return OK;
	} else if (getgrnam_r(whom.p, &entry, room, sizeof room, &group) != 0 || group == NULL) {
		buf_addf(reason, "local.submit: there is no group \"%.*s\"", ARG(whom));
		return FAIL(ABSENT);
	} else if (let_through(run) && fchownat(run, name, (uid_t)-1, group->gr_gid, 0) == 0 &&
		   fchmodat(run, name, 0660, 0) == 0) {
		return OK;
	}
	buf_addf(reason, "cannot open the socket for local mail to %.*s: %s", ARG(whom), strerror(errno));
	return FAIL(SYSTEM);
}

err ports_open_submit(int run, const struct conf_local *conf, struct ports *out, struct buf *reason)
{
	int fd;
	unlinkat(run, PORTS_SUBMIT, 0);
	unlinkat(run, PORTS_ASK, 0);
	if (str_eq(conf->submit, S("none")))
		return OK;
	err e = open_local(run, PORTS_SUBMIT, SOCK_STREAM, &fd);
	if (!failed(e)) {
		out->all[out->count++] = (struct port){ "local", any_v6, 0, fd };
		e = open_local(run, PORTS_ASK, SOCK_SEQPACKET, &fd);
	}
	if (failed(e)) {
		buf_addf(reason, "cannot make the sockets for local mail: %s", strerror(errno));
		return e;
	}
	out->all[out->count++] = (struct port){ "ask", any_v6, 0, fd };
	TRY(open_to(run, PORTS_SUBMIT, conf->submit, reason));
	return open_to(run, PORTS_ASK, conf->submit, reason);
}

bool ports_have(const struct ports *p, const char *services)
{
	str rest = str_of(services), service;
	while (str_word(&rest, ' ', &service))
		for (size_t i = 0; i < p->count; i++)
			if (str_eq(service, str_of(p->all[i].service)))
				return true;
	return false;
}

void ports_close(struct ports *p)
{
	for (size_t i = 0; i < p->count; i++)
		fd_close(&p->all[i].fd);
	p->count = 0;
}
