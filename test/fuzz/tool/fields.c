/* SPDX-License-Identifier: Apache-2.0 */
/* Any line as an answer: what is read can be written again as JSON and reads the same. */
#include "fuzz.h"

#include "base/json.h"
#include "tool/fields.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char room[1 << 20];
	struct arena *a = arena_new("fuzz", 16 << 20);
	struct fields first, second;
	if (n <= 4096 && !failed(fields_parse(str_from((const char *)p, n), a, &first))) {
		for (size_t i = 0; i < first.count; i++) {
			struct buf line = BUF_ON(room), again_room = buf_in(a, 6 * n + 64);
			struct json j = json_begin(&line);
			json_text(&j, "value", first.all[i].value);
			json_end(&j);
			if (failed(fields_parse(buf_str(&line), a, &second)))
				abort();
			json_string(&again_room, fields_get(&second, S("value")));
			if (first.all[i].value.p != NULL && again_room.n + 10 != line.n)
				abort();
		}
	}
	arena_free(&a);
	return 0;
}
