/* SPDX-License-Identifier: Apache-2.0 */
/* Any line of a lifeline: what is taken is written back as text that gives the same text again. */
#include "fuzz.h"

#include "base/buf.h"
#include "conf/conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", 1 << 20);
	struct conf conf;
	str line = str_from((const char *)p, n), rest = line, path, section;
	if (!failed(conf_init(&conf, a)) && !failed(conf_set_line(&conf, a, line, NULL))) {
		static char first_room[CONF_VALUE_MAX * 2], second_room[CONF_VALUE_MAX * 2];
		struct buf first = BUF_ON(first_room), second = BUF_ON(second_room);
		if (!str_cut(&rest, '=', &path) || !str_cut(&path, '.', &section))
			abort();
		const struct conf_setting *s = conf_find(section, path);
		conf_write(&first, &conf, s);
		if (failed(conf_set(&conf, a, section, path, buf_str(&first), NULL)))
			abort();
		conf_write(&second, &conf, s);
		if (!str_eq(buf_str(&first), buf_str(&second)))
			abort();
	}
	arena_free(&a);
	return 0;
}
