/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS policies (RFC 8461) between processes: `sender` asks `ledger` by msg_send_sts_ask() and reads the answer here. */
#pragma once
#include "base/buf.h"
#include "ipc/wire.h"
#include "proto/mta_sts/policy.h"
#include "proto/tls_report/result.h"

/* What `fetcher` found. */
enum sts_outcome {
	STS_ABSENT,  /* the domain says that it has none: no record, or not one that is right */
	STS_SAME,    /* the id is the known one */
	STS_FETCHED, /* here it is */
	STS_FAILED,  /* there is one, but it could not be had, or is none */
	STS_UNKNOWN, /* the DNS gave no answer */
};

/* Why a policy cannot be had, for reports (RFC 8460 4.3.2.2); NONE: nothing failed, or it is not known that there is one. */
enum sts_failure { STS_FAILURE_NONE, STS_FAILURE_FETCH, STS_FAILURE_INVALID, STS_FAILURE_WEBPKI };
enum tls_result_type sts_failure_type(enum sts_failure f);

/* A policy's patterns as one text, a line each, and back. The strings of the policy are views of the text, its list lies in the
 * arena. ERR_SYNTAX: too many, or one that is empty or too long; ERR_MEMORY. */
void sts_patterns_write(struct buf *b, const struct mta_sts_policy *policy);
err sts_patterns_read(str text, struct arena *a, struct mta_sts_policy *policy);
