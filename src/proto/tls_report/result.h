/* SPDX-License-Identifier: Apache-2.0 */
/* What reports say of TLS (RFC 8460): the closed list of what can fail. */
#pragma once

enum tls_result_type {
	TLS_RESULT_SUCCESS, /* nothing failed */
#define RESULT(name, text, section) TLS_RESULT_##name,
#include "proto/tls_report/result.def"
#undef RESULT
	TLS_RESULT_TYPES
};

/* "starttls-not-supported"; "" for success, "validation-failure" for a number that is none of these. Static memory. */
const char *tls_result_name(enum tls_result_type type);
