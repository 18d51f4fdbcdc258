/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the configuration file: either mistakes are told, each on one line of printable text, or every value reads
 * back as it was written. */
#include "fuzz.h"

#include "base/buf.h"
#include "conf/file.h"

#include <stdlib.h>

static void tell(void *to, str text)
{
	size_t *count = to;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			abort();
	++*count;
}

struct copy {
	struct conf conf;
	struct arena *arena;
};

static void read_back(void *to, str line)
{
	struct copy *copy = to;
	if (failed(conf_set_line(&copy->conf, copy->arena, line, NULL)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const str overrides[] = { { "server.hostname=a.example", 25 } };
	size_t mistakes = 0;
	struct conf conf;
	struct arena *a = arena_new("fuzz", 1 << 20);
	struct copy copy = { .arena = a };
	struct conf_source source = { str_from((const char *)p, n), S("f"), overrides, 1, false, tell, &mistakes };
	err e = conf_read(&source, a, &conf);
	if ((e.code == ERR_SYNTAX) != (mistakes > 0) && e.code != ERR_MEMORY)
		abort();
	if (!failed(e) && !failed(conf_init(&copy.conf, a)))
		for (size_t i = 0; i < CONF_SETTINGS; i++)
			if (failed(conf_each(&conf, str_of(conf_settings[i].section), read_back, &copy)))
				abort();
	arena_free(&a);
	return 0;
}
