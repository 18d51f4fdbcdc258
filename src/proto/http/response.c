/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/response.h"

#include "base/buf.h"
#include "base/cur.h"

enum { FIELDS_MAX = 200, HEX_DIGITS_MAX = 8 };

struct reading {
	str rest; /* what has not been read */
	bool ended, has_length, is_chunked;
	uint64_t length;
	struct http_response response;
};

/* What is missing: more, or everything that will ever come has come. */
static err missing(const struct reading *r) { return r->ended ? FAIL(SYNTAX) : FAIL(AGAIN); }

/* A line that ends with CRLF, or with LF alone, which many take (RFC 9112 2.2). */
static err take_line(struct reading *r, str *line)
{
	str found;
	if (!str_cut(&r->rest, '\n', &found))
		return missing(r);
	if (str_ends(found, S("\r")))
		found.n--;
	for (size_t i = 0; i < found.n; i++)
		if (found.p[i] == '\0' || found.p[i] == '\r')
			return FAIL(SYNTAX);
	*line = found;
	return OK;
}

/* status-line = HTTP-version SP status-code SP [ reason-phrase ]                                 RFC 9112 4 */
static err take_status(struct reading *r)
{
	str line;
	TRY(take_line(r, &line));
	struct cur c = cur_of(line);
	cur_need_str(&c, S("HTTP/1."));
	(void)cur_number(&c, 9);
	cur_need(&c, ' ');
	str code = cur_bytes(&c, 3);
	uint64_t status = 0;
	TRY(c.e);
	TRY(str_number(code, 599, &status));
	if (status < 100 || (!cur_at_end(&c) && cur_peek(&c) != ' '))
		return FAIL(SYNTAX);
	r->response.status = (unsigned)status;
	return OK;
}

static err take_length(struct reading *r, str value)
{
	uint64_t length;
	TRY(str_number(value, UINT32_MAX, &length));
	if (r->has_length && length != r->length)
		return FAIL(SYNTAX);
	r->has_length = true;
	r->length = length;
	return OK;
}

/* field-line = field-name ":" OWS field-value OWS                                                RFC 9112 5 */
static err take_field(struct reading *r, str line)
{
	str name, value = line;
	if (!str_cut(&value, ':', &name) || name.n == 0 || !str_is(CH_TOKEN, name))
		return FAIL(SYNTAX);
	value = str_trim(value);
	if (str_eq_nocase(name, S("Content-Length")))
		return take_length(r, value);
	if (str_eq_nocase(name, S("Transfer-Encoding"))) {
		if (!str_eq_nocase(value, S("chunked")) || r->is_chunked)
			return FAIL(SYNTAX);
		r->is_chunked = true;
	}
	if (str_eq_nocase(name, S("Content-Type"))) {
		str rest = value, type;
		r->response.media_type = str_trim(str_cut(&rest, ';', &type) ? type : value);
	}
	return OK;
}

static err take_header(struct reading *r)
{
	str line;
	for (size_t i = 0; i < FIELDS_MAX; i++) {
		TRY(take_line(r, &line));
		if (line.n == 0)
			return OK;
		TRY(take_field(r, line));
	}
	return FAIL(SYNTAX);
}

static err hex_number(str digits, uint64_t *out)
{
	uint64_t n = 0;
	if (digits.n == 0 || digits.n > HEX_DIGITS_MAX || !str_is(CH_HEX, digits))
		return FAIL(SYNTAX);
	for (size_t i = 0; i < digits.n; i++) {
		char d = ascii_lower(digits.p[i]);
		n = n * 16 + (uint64_t)(d <= '9' ? d - '0' : d - 'a' + 10);
	}
	*out = n;
	return OK;
}

/* chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF                                          RFC 9112 7.1 */
static err take_chunk(struct reading *r, struct buf *body, uint64_t *size)
{
	str line = NO_STR, rest, digits = NO_STR;
	TRY(take_line(r, &line));
	rest = line;
	TRY(hex_number(str_trim(str_cut(&rest, ';', &digits) ? digits : line), size));
	if (*size > r->rest.n)
		return missing(r);
	buf_add(body, str_slice(r->rest, 0, (size_t)*size));
	r->rest = str_after(r->rest, (size_t)*size);
	if (*size == 0)
		return OK;
	TRY(take_line(r, &line));
	return line.n == 0 ? OK : FAIL(SYNTAX);
}

/* The trailer is not waited for: nothing of it is wanted. */
static err take_chunks(struct reading *r, struct arena *a)
{
	struct buf body = buf_in(a, r->rest.n + 1);
	uint64_t size;
	do
		TRY(take_chunk(r, &body, &size));
	while (size > 0);
	if (arena_spent(a) || body.lost)
		return FAIL(MEMORY);
	r->response.body = buf_str(&body);
	return OK;
}

/* Message body length                                                                            RFC 9112 6.3 */
static err take_body(struct reading *r, struct arena *a)
{
	if (r->is_chunked && r->has_length)
		return FAIL(SYNTAX);
	if (r->is_chunked)
		return take_chunks(r, a);
	if (!r->has_length && !r->ended)
		return FAIL(AGAIN);
	if (r->has_length && r->rest.n < r->length)
		return missing(r);
	r->response.body = r->has_length ? str_slice(r->rest, 0, (size_t)r->length) : r->rest;
	return OK;
}

err http_response_parse(str whole, bool ended, struct arena *a, struct http_response *out)
{
	struct reading r = { .rest = whole, .ended = ended, .response = { .media_type = S(""), .body = S("") } };
	TRY(take_status(&r));
	TRY(take_header(&r));
	TRY(take_body(&r, a));
	*out = r.response;
	return OK;
}
