/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/security.h"

static struct security decided(enum security_action action, enum security_source source, const char *reason)
{
	return (struct security){ .action = action, .source = source, .reason = reason };
}

/* RFC 7672 2.2: records that are there and secure come before everything that others say; RFC 8461 2 agrees. */
static struct security by_dane(enum dane_demand dane)
{
	if (dane == DANE_VERIFY)
		return decided(ACTION_DANE, SOURCE_TLSA, "the certificate must fit the TLSA records");
	if (dane == DANE_ENCRYPT)
		return decided(ACTION_ENCRYPT, SOURCE_TLSA, "there are TLSA records, but none that can be used");
	return decided(ACTION_AVOID, SOURCE_TLSA, "the DNS does not say for certain whether there are TLSA records");
}

/* RFC 8461 5 */
static struct security by_sts(const struct security_facts *f)
{
	if (f->sts == STS_ENFORCE && f->sts_matches)
		return decided(ACTION_VERIFY, SOURCE_STS, "an MTA-STS policy is enforced");
	if (f->sts == STS_ENFORCE)
		return decided(ACTION_AVOID, SOURCE_STS, "the MTA-STS policy does not name this host");
	struct security s = decided(ACTION_MAY, SOURCE_STS, "an MTA-STS policy is being tested");
	s.watches = true;
	return s;
}

static struct security by_setting(const struct security_facts *f)
{
	switch (f->setting) {
	case SECURITY_NONE:
		return decided(ACTION_PLAIN, SOURCE_SETTING, "the configuration forbids TLS");
	case SECURITY_ENCRYPT:
		return decided(ACTION_ENCRYPT, SOURCE_SETTING, "the configuration demands TLS");
	case SECURITY_VERIFY:
		return decided(ACTION_VERIFY, SOURCE_SETTING, "the configuration demands a trusted certificate");
	case SECURITY_DANE:
		if (f->dane == DANE_VERIFY)
			return decided(ACTION_DANE, SOURCE_SETTING, "the configuration demands TLSA records");
		return decided(ACTION_AVOID, SOURCE_SETTING,
			"the configuration demands TLSA records, and there are none that can be used");
	case SECURITY_MAY:
	case SECURITY_UNSAID:
	default:
		return decided(ACTION_MAY, SOURCE_SETTING, "the configuration leaves TLS to the server");
	}
}

static struct security by_domain(const struct security_facts *f)
{
	if (f->dane != DANE_SILENT)
		return by_dane(f->dane);
	if (f->sts != STS_NONE)
		return by_sts(f);
	return decided(ACTION_MAY, SOURCE_NONE, "there is no policy: TLS if it is offered");
}

/* Whose policy it is stays: reports tell its domain how it went. Records that fit prove the server better than an authority does, so
 * they are as good as a trusted certificate (RFC 7672 2.2). */
static struct security at_least(const struct security_facts *f, struct security s)
{
	const struct security least = by_setting(f);
	if (s.action >= least.action)
		return s;
	s.action = least.action;
	s.reason = least.reason;
	s.is_raised = true;
	if (s.source == SOURCE_NONE)
		s.source = SOURCE_SETTING;
	return s;
}

static struct security by_policies(const struct security_facts *f)
{
	if (f->is_floor)
		return at_least(f, by_domain(f));
	return f->setting != SECURITY_UNSAID ? by_setting(f) : by_domain(f);
}

/* RFC 8689 4.2.1: the name must be certain (2), the session encrypted and the certificate verified (4), and the server
 * must pass the wish on (5). */
static struct security raised(const struct security_facts *f, struct security s)
{
	const bool name_is_certain = f->routed || f->mx_secure || (f->sts == STS_ENFORCE && f->sts_matches);
	if (s.action == ACTION_AVOID)
		return s;
	if (s.action == ACTION_PLAIN || !name_is_certain) {
		s = decided(ACTION_AVOID, SOURCE_MESSAGE,
			name_is_certain ? "the message demands TLS and the configuration forbids it"
					: "the message demands TLS and nothing proves the name of the host");
		s.is_final = true;
		return s;
	}
	if (s.action != ACTION_DANE && s.action != ACTION_VERIFY)
		s = decided(ACTION_VERIFY, SOURCE_MESSAGE, "the message demands TLS with a trusted certificate");
	s.wants_require = true;
	return s;
}

/* RFC 8689 4.2.2: a policy "published by the recipient domain" is followed where it can be, "but do not fail if this is
 * unsuccessful". What the administrator demands is no such policy: whoever may write a header field must not be able to send a
 * route's password, or other people's mail, to whoever sits between. */
static struct security lowered(const struct security_facts *f, struct security s)
{
	if (s.action <= ACTION_MAY || s.source == SOURCE_SETTING)
		return s;
	if (f->is_floor && f->setting == SECURITY_VERIFY && s.action == ACTION_DANE)
		return s; /* this is how the certificate is proved that is demanded */
	if (f->is_floor && f->setting > SECURITY_MAY)
		return by_setting(f);
	return decided(ACTION_MAY, SOURCE_MESSAGE, "the message asks to be delivered without regard to TLS");
}

struct security security_decide(const struct security_facts *f)
{
	struct security s = by_policies(f);
	if (f->wish == WISH_DELIVER)
		return lowered(f, s);
	if (f->wish == WISH_REQUIRE && !f->null_sender)
		return raised(f, s);
	return s;
}

const char *security_action_name(enum security_action action)
{
	static const char *const names[] = { "plain", "may", "encrypt", "verify", "dane", "avoid" };
	return names[action];
}

const char *security_source_name(enum security_source source)
{
	static const char *const names[] = { "none", "tlsa", "sts", "setting", "message" };
	return names[source];
}
