/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, in the words and classes that the queue, the log and the sender of the message get. */
#include <stdarg.h>
#include <stdio.h>

#include "role/sender/session.h"

void failure_set(struct failure *f, enum cause cause, bool final, const char *status, const char *format, ...)
{
	va_list list;
	*f = (struct failure){ .cause = cause, .final = final };
	snprintf(f->status, sizeof f->status, "%s", status);
	va_start(list, format);
	vsnprintf(f->text, sizeof f->text, format, list);
	va_end(list);
}

void failure_set_host(struct failure *f, const struct session *s)
{
	snprintf(f->host, sizeof f->host, "%.*s", ARG(s->host->name));
}

void failure_of_error(struct failure *f, const struct session *s, err e, const char *when)
{
	static const struct {
		enum cause cause;
		const char *status, *text;
	} words[ERR_CODES] = {
		[ERR_TIMEOUT] = { CAUSE_timeout, "4.4.2", "the server went silent" },
		[ERR_CLOSED] = { CAUSE_unreachable, "4.4.2", "the server closed the connection" },
		[ERR_TLS] = { CAUSE_tls, "4.4.2", "the encryption broke down" },
		[ERR_SYNTAX] = { CAUSE_protocol, "4.5.0", "the server does not speak SMTP as it should" },
		[ERR_LIMIT] = { CAUSE_protocol, "4.5.0", "the server says more than SMTP allows" },
		[ERR_STATE] = { CAUSE_protocol, "4.5.0", "the server speaks out of turn" },
	};
	if (words[e.code].text != NULL)
		failure_set(f, words[e.code].cause, false, words[e.code].status, "%s %s", words[e.code].text, when);
	else
		failure_set(f, CAUSE_local, false, "4.3.0", "%s %s", err_text(e), when);
	failure_set_host(f, s);
}

bool reply_subject_is(const struct smtp_reply *r, const char *text)
{
	return r->enhanced.n > 2 && str_starts(str_after(r->enhanced, 2), str_of(text));
}

static enum cause cause_of(const struct smtp_reply *r, enum stage stage)
{
	if (r->code == 552 || reply_subject_is(r, "3.4") || reply_subject_is(r, "2.3"))
		return reply_subject_is(r, "2.2") ? CAUSE_full : CAUSE_size;
	if (reply_subject_is(r, "2.2"))
		return CAUSE_full;
	if (r->code == 421 || (r->code < 500 && stage == AT_GREETING))
		return CAUSE_busy;
	if (stage == AT_LOGIN)
		return CAUSE_route;
	if (reply_subject_is(r, "7.10") || reply_subject_is(r, "7.30"))
		return CAUSE_tls;
	if (reply_subject_is(r, "6.7"))
		return CAUSE_capability;
	if (stage == AT_GREETING || stage == AT_MAIL)
		return r->code >= 500 ? CAUSE_sender : CAUSE_busy;
	if (reply_subject_is(r, "7."))
		return stage == AT_END ? CAUSE_content : CAUSE_sender;
	if (stage == AT_RCPT && r->code >= 500 &&
		(reply_subject_is(r, "1.") || reply_subject_is(r, "2.1") || r->enhanced.n == 0))
		return CAUSE_recipient;
	if (stage == AT_END && r->code >= 500)
		return CAUSE_content;
	return r->code < 500 ? CAUSE_busy : CAUSE_refused;
}

void failure_of_reply(struct failure *f, const struct session *s, enum stage stage)
{
	const struct smtp_reply *r = &s->reply;
	/* RFC 5321 4.5.3.1.10: at RCPT 552 means too many recipients, and should have been 452. */
	const bool too_many = stage == AT_RCPT && r->code == 552 && !reply_subject_is(r, "2.2") &&
			      !reply_subject_is(r, "2.3") && !reply_subject_is(r, "3.4");
	const bool is_reply = r->code >= 400;
	const bool final = r->code >= 500 && stage >= AT_MAIL && !too_many;
	if (!is_reply) {
		failure_set(f, CAUSE_protocol, false, "4.5.0", "a reply out of turn: %d", r->code);
	} else {
		char status[STATUS_MAX] = "";
		if (r->enhanced.n > 0 && (r->enhanced.p[0] == '5') == final)
			snprintf(status, sizeof status, "%.*s", ARG(r->enhanced));
		else
			snprintf(status, sizeof status, final ? "5.0.0" : "4.0.0");
		failure_set(f, cause_of(r, stage), final, status, "%.*s", ARG(r->text));
		f->code = (unsigned)r->code;
	}
	failure_set_host(f, s);
}
