/* SPDX-License-Identifier: Apache-2.0 */
#include "role/sender/sender.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "role/sender/delivered.h"

enum { AUTHORITIES_MAX = 4 << 20, OTHERS_ANY = 0077 };
static const char authorities_file[] = "/etc/ssl/certs/ca-certificates.crt";

/* The authorities of the system, read before the confinement. Without that file only ca_extra is believed. */
static struct tls_client *read_authorities(void)
{
	struct tls_client *client = NULL;
	struct arena *a = arena_new("authorities", AUTHORITIES_MAX + 4096);
	char *room = NEW(a, char, AUTHORITIES_MAX);
	int fd = open(authorities_file, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 1;
	while (fd >= 0 && room != NULL && n < AUTHORITIES_MAX && (got = read(fd, room + n, AUTHORITIES_MAX - n)) > 0)
		n += (size_t)got;
	fd_close(&fd);
	if (failed(tls_client_new(str_from(room, n), TLS_1_2, &client)) &&
		failed(tls_client_new(NO_STR, TLS_1_2, &client)))
		abort(); /* no memory, as in tls.c */
	arena_free(&a);
	return client;
}

void sender_prepare(struct service *s)
{
	static struct sender sender;
	static struct frame scratch;
	sender = (struct sender){ .service = s, .conf = s->conf, .scratch = &scratch, .wake = -1, .wake_watch.fd = -1 };
	pthread_mutex_init(&sender.lock, NULL);
	pthread_cond_init(&sender.greeted, NULL);
	tls_prepare();
	sender.trust = read_authorities();
	destinations_init(&sender);
	jobs_init(&sender);
	lookups_init(&sender);
	policies_init(&sender);
	callouts_init(&sender);
	probes_init(&sender);
	results_init(&sender);
	s->state = &sender;
}

void sender_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct sender *sender = s->state;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("queue")))
		jobs_attach(sender, fd);
	else if (str_eq(peer, S("directory")))
		callouts_attach(sender, fd);
	else if (str_eq(peer, S("resolver")))
		lookups_attach(sender, fd);
	else if (str_eq(peer, S("ledger")))
		policies_attach(sender, fd);
	else if (str_eq(peer, S("control")))
		probes_attach(sender, fd);
	else
		fd_close(&fd);
}

/* The whole file, at most room bytes; absent when it cannot be read. */
static str read_file(int fd, char *room, size_t size)
{
	size_t n = 0;
	ssize_t got = 1;
	while (n < size && (got = read(fd, room + n, size - n)) > 0)
		n += (size_t)got;
	return got < 0 ? NO_STR : str_from(room, n);
}

/* Passwords that others could read are not used: somebody would rely on them being secret. */
static void take_logins(struct sender *s, int fd, char *room, size_t size)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || (st.st_mode & OTHERS_ANY) != 0) {
		LOG(&s->service->log, alarm,
			F_TEXT("reason", S("route-logins can be read by others: nobody logs in by it")),
			F_TEXT("advice", S("chmod 600 route-logins, beside siegel.yaml, and start the server anew")));
		return;
	}
	if (s->routes == NULL)
		routes_init(s);
	routes_logins(s, read_file(fd, room, size));
}

void sender_file(struct service *s, str name, int fd)
{
	struct sender *sender = s->state;
	if (str_eq(name, S("delivered"))) {
		delivered_open(sender, fd);
		return;
	}
	struct arena *a = arena_new("file", AUTHORITIES_MAX + 4096);
	char *room = NEW(a, char, AUTHORITIES_MAX);
	sender->has_authorities = sender->has_authorities || str_eq(name, S("authorities"));
	if (str_eq(name, S("logins")))
		take_logins(sender, fd, room, AUTHORITIES_MAX);
	else if (str_eq(name, S("authorities")) &&
		 failed(tls_client_trust(sender->trust, read_file(fd, room, AUTHORITIES_MAX))))
		LOG(&s->log, alarm, F_TEXT("reason", S("sender.ca_extra holds no certificate that can be read")));
	fd_close(&fd);
	arena_free(&a);
}

err sender_start(struct service *s)
{
	struct sender *sender = s->state;
	sender->helo = s->conf->sender.helo.n > 0 ? s->conf->sender.helo : s->conf->server.hostname;
	if (s->conf->sender.ca_extra.n > 0 && !sender->has_authorities)
		LOG(&s->log, alarm, F_TEXT("reason", S("there is no such file as sender.ca_extra names")));
	if (sender->routes == NULL)
		routes_init(sender);
	routes_check_logins(sender);
	return threads_init(sender);
}

static bool has_open_jobs(const struct sender *s)
{
	for (const struct job *j = s->jobs; j != NULL; j = j->next_all)
		if (j->state != JOB_DONE || !j->told)
			return true;
	return false;
}

void sender_check_retired(struct sender *s)
{
	if (!s->retiring || has_open_jobs(s))
		return;
	results_send(s);
	service_finish(s->service);
}

void sender_retire(struct service *s)
{
	struct sender *sender = s->state;
	pthread_mutex_lock(&sender->lock);
	sender->retiring = true;
	for (size_t i = 0; i < SENDER_BUCKETS; i++)
		for (struct destination *d = sender->destinations[i]; d != NULL; d = d->next_bucket)
			for (struct connection *c = d->connections; c != NULL; c = c->next)
				pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&sender->lock);
	jobs_return_waiting(sender);
	sender_check_retired(sender);
}
