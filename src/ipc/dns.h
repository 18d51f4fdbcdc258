/* SPDX-License-Identifier: Apache-2.0 */
/* Asking `resolver`. A thread has a struct dns_client and waits; an event loop sends msg_send_lookup() itself and turns
 * what comes back into a struct dns_answer. Both get checked data only. */
#pragma once
#include "base/arena.h"
#include "ipc/desk.h"
#include "proto/dns/record.h"

#define CONVERSATION "ipc/sender_resolver.def"
#include "ipc/conversation.h"

enum dns_outcome {
	DNS_FOUND,   /* at least one record */
	DNS_NO_NAME, /* NXDOMAIN */
	DNS_NO_DATA, /* the name exists, such records do not */
	DNS_BOGUS,   /* signatures do not hold: as good as no answer, worth trying again (RFC 4035 5.5) */
	DNS_FAILED,  /* no answer in time, or none that can be used: worth trying again */
};

enum dns_validation {
	DNS_NOT_PROVED,        /* nothing could be asked yet, or there is nothing to prove it by */
	DNS_VALIDATES,         /* what should be secure is, and what should be bogus is */
	DNS_DOES_NOT_VALIDATE, /* it is not: answers come unvalidated, and never claim to be secure */
};

struct dns_question {
	str name;
	enum dns_type type;
};

/* Strings and records live in the arena that was given. */
struct dns_answer {
	enum dns_outcome outcome;
	bool validating; /* no: DANE cannot be used at the moment */
	bool secure;     /* the whole chain from the name to these records, or to their absence, was validated */
	bool is_alias;   /* canonical is another name than that asked for */
	bool alias_secure; /* A, AAAA of an alias: the first alias is validated, even where the rest is not (RFC 7672 2.2.2) */
	bool partial; /* records were left out */
	uint32_t ttl;
	str canonical, reason;
	const struct dns_record *records;
	size_t count;
};

const char *dns_outcome_name(enum dns_outcome outcome);

/* Turns an answer of the conversation into a struct. ERR_SYNTAX: it is not one to this question; ERR_MEMORY. scratch is
 * a frame for nobody else. */
err dns_answer_read(const struct msg_lookup_done *m, const struct dns_question *q, struct frame *scratch,
	struct arena *a, struct dns_answer *out);

/* One thread's line to `resolver`, opened when first needed and anew whenever it broke. */
struct dns_client {
	struct session_opener *opener; /* to resolver's process */
	struct desk *desk;
	struct channel channel; /* fd -1 at first */
	uint32_t last_tag;
};

/* What a client begins as; the desk stays the caller's and may serve other channels of the same thread in between. */
struct dns_client dns_client_of(struct session_opener *opener, struct desk *desk);
void dns_client_close(struct dns_client *c);

enum { DNS_QUESTIONS_MAX = 16 }; /* at once */

/* Asks all questions at once and waits for all answers, at most deadline milliseconds (up to 60,000) and a little. A question
 * that resolver's process cannot answer, since it has just died or is not there, gets DNS_FAILED like any other.
 * ERR_LIMIT: too many questions, or a name that is too long to be one; ERR_MEMORY. */
err dns_ask(struct dns_client *c, const struct dns_question *questions, size_t count, unsigned deadline,
	struct arena *a, struct dns_answer *out);
