/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c and expect.c share. */
#pragma once
#include <pthread.h>

#include "tls/client.h"

enum { SESSIONS = 1024 };

struct tls_client {
	SSL_CTX *context;
	bool expects; /* prepared for tls_connect_as() */
	pthread_mutex_t lock;
	/* Sessions that may be taken up; each place is that of some digests. */
	struct {
		uint8_t expectations[32];
		SSL_SESSION *session;
	} sessions[SESSIONS];
};
