/* SPDX-License-Identifier: Apache-2.0 */
/* libunbound, set up as the configuration has it. Its contexts work in threads of their own; results come when the
 * descriptor of a context is readable and ub_process() is called. */
#pragma once
#include <unbound.h>

#include "conf/conf.h"

struct library_setup {
	const struct conf_resolver *conf;
	str trust_anchor, root_hints, resolv_conf; /* contents of files; absent where there are none */
	bool validates;                            /* otherwise nothing is ever secure, nor bogus */
};

/* The context asks nothing before the first question. *anchors: how many keys validation begins with. ERR_SYNTAX: a setting or
 * a file is not as it should be; ERR_MEMORY, ERR_SYSTEM; *reason says what, a phrase in the arena. */
err library_open(const struct library_setup *setup, struct arena *a, struct ub_ctx **out, size_t *anchors, str *reason);
