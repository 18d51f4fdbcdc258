/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tls_report/result.h"

static const char *const names[TLS_RESULT_TYPES] = {
	[TLS_RESULT_SUCCESS] = "",
#define RESULT(name, text, section) [TLS_RESULT_##name] = (text),
#include "proto/tls_report/result.def"
#undef RESULT
};

const char *tls_result_name(enum tls_result_type type)
{
	return names[type < TLS_RESULT_TYPES ? type : TLS_RESULT_VALIDATION_FAILURE];
}
