/* SPDX-License-Identifier: Apache-2.0 */
/* Values of settings as text and back, one pair of functions per type of the .def files. */
#pragma once
#include "conf/conf.h"

enum { VALUE_PHRASE_MAX = 200 };

/* Writes the C value of the setting's type to *place. ERR_SYNTAX, ERR_LIMIT, ERR_MEMORY: nothing is written, except a text
 * that is too short, as the default of a setting that must be given. */
err value_parse(const struct conf_setting *s, struct arena *a, str text, void *place);
void value_write(struct buf *b, const struct conf_setting *s, const void *place);
/* What would have been right: "a duration from 5s to 1h". */
void value_expected(struct buf *b, const struct conf_setting *s);

/* One word of a map. ERR_SYNTAX. The parts are views. */
err value_entry_parse(str word, struct conf_entry *out);

/* The words of a choice, "a|b|c". */
str value_choice_word(const struct conf_setting *s, uint64_t position);
/* The default as text. */
str value_initial(const struct conf_setting *s);
