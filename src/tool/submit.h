/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the server's socket for local mail: SMTP, without a login, since the kernel says who we are. */
#pragma once
#include "base/buf.h"
#include "os/io.h"

enum { SUBMIT_TEXT_MAX = 1024, SUBMIT_DOMAIN_MAX = 256 };

struct submit {
	struct io *io;                  /* NULL: not connected */
	int code;                       /* of the last reply; 0: the connection is over */
	char text[SUBMIT_TEXT_MAX];     /* what it said, with its status, or why there is no connection */
	char domain[SUBMIT_DOMAIN_MAX]; /* of local users' addresses, once greeted */
};

/* Connects to the socket of that path, of any length. A descriptor that is the caller's, or -1: s->text says why not. */
int submit_connect(struct submit *s, const char *path);
/* Connects and says hello. False: s->code and s->text say why. */
bool submit_begin(struct submit *s, const char *path);
/* One command without its CRLF, and its reply: the code. What does not fit is not sent, and the code is 0. */
int submit_say(struct submit *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The message, whose lines may end in LF alone, and the end of data. The code. */
int submit_message(struct submit *s, const str *parts, size_t count);
void submit_end(struct submit *s);
