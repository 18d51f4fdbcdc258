/* SPDX-License-Identifier: Apache-2.0 */
/* How secure the way to one host must be: DANE, MTA-STS, the administrator's word and the message's own wish put together.
 * Pure: facts in, decision out. */
#pragma once
#include "trust/dane.h"

/* The administrator's word for a domain, or for all that he does not name; UNSAID leaves it to the others. */
enum security_setting {
	SECURITY_UNSAID,
	SECURITY_NONE,    /* never TLS */
	SECURITY_MAY,     /* TLS if it is offered, whoever is there */
	SECURITY_ENCRYPT, /* TLS, whoever is there */
	SECURITY_VERIFY,  /* TLS, and a certificate for the name from an authority that is trusted */
	SECURITY_DANE,    /* TLS, and TLSA records that fit */
};

/* What the sender of the message wants. RFC 8689. */
enum security_wish {
	WISH_NOTHING,
	WISH_REQUIRE, /* REQUIRETLS */
	WISH_DELIVER, /* TLS-Required: No */
};

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };

struct security_facts {
	enum security_setting setting;
	bool is_floor; /* what the setting demands is the least: policies may demand more. Otherwise it replaces them */
	enum security_wish wish;
	bool null_sender; /* REQUIRETLS does not stop a notice on its way: RFC 8689 5 */
	bool routed;      /* the administrator named the host */
	bool mx_secure;   /* the name of the host comes validated from the DNS */
	enum dane_demand dane;
	enum sts_mode sts;
	bool sts_matches; /* the host is one of those that the policy names: RFC 8461 4.1 */
};

/* What is done. */
enum security_action {
	ACTION_PLAIN,   /* no STARTTLS */
	ACTION_MAY,     /* STARTTLS if it is there; without, or when it fails, plaintext */
	ACTION_ENCRYPT, /* STARTTLS or nothing */
	ACTION_VERIFY,  /* and a certificate for the host's name */
	ACTION_DANE,    /* and one that fits the TLSA records */
	ACTION_AVOID,   /* not this host */
};

/* Whose policy is applied, as TLS-RPT names them (RFC 8460 4.2), and the two that it does not know. */
enum security_source { SOURCE_NONE, SOURCE_TLSA, SOURCE_STS, SOURCE_SETTING, SOURCE_MESSAGE };

struct security {
	enum security_action action;
	enum security_source source;
	bool watches;       /* verifies as MTA-STS wants it, reports, and insists on nothing: "testing" */
	bool wants_require; /* the server must offer REQUIRETLS, and is told so */
	bool is_raised;     /* by the administrator's word: the policy alone would demand less */
	bool is_final;      /* ACTION_AVOID: no other try will end better, as far as this host goes */
	const char *reason; /* a phrase for the log and for `siegel route test`; static memory */
};

struct security security_decide(const struct security_facts *f);

/* "verify", "sts"; static memory. */
const char *security_action_name(enum security_action action);
const char *security_source_name(enum security_source source);
