/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, YAML: a mapping of sections, each a mapping of settings. All mistakes are told, not only the
 * first. Linked by the command `siegel` alone; a role gets lines over its lifeline. */
#pragma once
#include "conf/conf.h"

enum { CONF_FILE_MAX = 1 << 20, CONF_MISTAKES_MAX = 50 };

struct conf_source {
	str text;             /* the file's bytes */
	str name;             /* for messages: "siegel.yaml" */
	const str *overrides; /* SECTION.NAME=VALUE each; they win over the file */
	size_t overrides_count;
	bool forgiving;                      /* mistakes are told, but what is right is taken all the same */
	void (*mistake)(void *to, str text); /* one line: "siegel.yaml:7: smtp.message_max: ..." */
	void *to;
};

/* Reads the whole, on top of the defaults. ERR_SYNTAX: there was a mistake, or several, all told; ERR_MEMORY. Texts live in
 * the arena. */
err conf_read(const struct conf_source *source, struct arena *a, struct conf *out);
