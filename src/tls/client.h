/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of TLS: who connects, and wants to know to whom. Needs no file of the system's: whom to trust is said. */
#pragma once
#include "proto/tls_report/result.h"
#include "tls/tls.h"

struct tls_client;

/* trusted: PEM; certificates that are believed, be they an authority's or a server's own. ERR_SYNTAX, ERR_MEMORY. */
err tls_client_new(str trusted, enum tls_version minimum, struct tls_client **out);
/* Believes these too. Before the first connection. ERR_SYNTAX: no certificate, or a broken one. */
err tls_client_trust(struct tls_client *client, str trusted);
/* Connections that use it go on. Accepts NULL behind the pointer. */
void tls_client_free(struct tls_client **client);

/* A connection that is about to be made on fd, as tls_accept() makes one. The handshake fails unless the server shows a
 * valid certificate for that host name (RFC 9525), which leads to one that is trusted. Never NULL. */
struct tls *tls_connect(struct tls_client *client, int fd, const char *hostname);

/* What the server is to prove. */
enum tls_proof {
	TLS_PROOF_NOTHING,
	TLS_PROOF_NAME, /* a certificate for one of the names, from an authority that is trusted */
	TLS_PROOF_RECORDS, /* one that fits one of the TLSA records: with usage 3 names and dates do not matter, with usage 2
	                    * they do (RFC 7672 3.1) */
};

/* A usable TLSA record of usage 2 or 3. RFC 6698 2.1 */
struct tls_record {
	uint8_t usage, selector, matching;
	str data;
};

enum { TLS_NAMES_MAX = 4, TLS_NAME_MAX = 253 };

struct tls_expected {
	enum tls_proof proof;
	bool insists;             /* the handshake fails without the proof; otherwise tls_is_proved() tells */
	bool resumes;             /* an earlier session of the same expectations may be taken up */
	str names[TLS_NAMES_MAX]; /* the first one is asked for (SNI); names longer than TLS_NAME_MAX are none */
	size_t names_count;
	const struct tls_record *records;
	size_t records_count;
};

/* The same, with these expectations, which are only read. ERR_SYNTAX: no record is one that the library takes; nothing was
 * made. */
err tls_connect_as(struct tls_client *client, int fd, const struct tls_expected *expected, struct tls **out);
/* After the handshake: whether what was expected was proved. With TLS_PROOF_NOTHING never. */
bool tls_is_proved(const struct tls *tls);
/* Why not, in the library's words, static memory; as TLS-RPT names it (RFC 8460 4.3). */
const char *tls_doubt(const struct tls *tls);
enum tls_result_type tls_doubt_type(const struct tls *tls);
/* Also after a handshake that failed: whether something is wrong with the certificate that was shown. */
bool tls_is_doubted(const struct tls *tls);
