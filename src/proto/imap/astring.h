/* SPDX-License-Identifier: Apache-2.0 */
/* Atoms and strings (RFC 3501 4). The results are views of the command, or lie in the arena where a quoted string had
 * escapes; they hold no NUL. Bytes above 127 pass in quoted strings (RFC 9051 4.3) and in literals; whoever needs UTF-8
 * checks for it. After a failure all of them return NO_STR. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

/* atom = 1*ATOM-CHAR */
str imap_atom(struct cur *c, const char *expected);
/* string = quoted / literal. A literal that is announced but not there (the text ends with its announcement) fails with
 * ERR_AGAIN. */
str imap_string(struct cur *c, struct arena *a);
/* astring = 1*ASTRING-CHAR / string */
str imap_astring(struct cur *c, struct arena *a);
/* nstring = string / nil. NIL leaves NO_STR; the empty string is not NULL. */
str imap_nstring(struct cur *c, struct arena *a);
/* Takes the word, in any case, if it stands here as a whole: what follows it is no atom character. */
bool imap_take_word(struct cur *c, str word);
/* Exactly one space: RFC 3501 9 permits neither more of them nor a tab. */
void imap_space(struct cur *c);
/* nz-number: 1 to 4294967295. */
uint32_t imap_nz_number(struct cur *c);

/* Writes a string quoted, or as a literal where it holds CR, LF, or bytes that are not ASCII, or is long. A NUL cannot
 * be sent (RFC 3501 4.3): from the first one on the text is cut off. */
void imap_write_string(struct buf *b, str s);
/* As an atom where it can be, else as a string. Never as the atom NIL, which some clients take for an nstring's. */
void imap_write_astring(struct buf *b, str s);
/* NIL where s.p is NULL, else a string. */
void imap_write_nstring(struct buf *b, str s);
