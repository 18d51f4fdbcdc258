/* SPDX-License-Identifier: Apache-2.0 */
/* A message of the server's own: short, with the null sender, so that nobody answers it by machine. It goes to `queue` with
 * its envelope.
 *
 *	letter_begin(&l, r);
 *	letter_to_account(&l, account, address);
 *	letter_head(&l, address, NO_STR);
 *	buf_add(&l.text, S("Subject: ...\r\n"));
 *	letter_kind(&l);
 *	buf_add(&l.text, ...);
 *	letter_send(&l);
 */
#pragma once
#include "role/directory/role.h"

enum { LETTER_NUMBER = 16, LETTER_ROOM = 6000 };

struct letter {
	struct directory_role *r;
	struct buf records, text; /* the text is written by the caller, lines end in CRLF */
	size_t count;             /* of recipients */
	uint8_t number[LETTER_NUMBER];
	char room[LETTER_ROOM];
};

void letter_begin(struct letter *l, struct directory_role *r);
/* account 0: an address of another server. One that does not fit is left out. */
void letter_to_account(struct letter *l, uint32_t account, str address);
/* To an address of ours whose mailbox is on an inner server. */
void letter_to_inner(struct letter *l, str address);
/* To the target of a forward, so that what becomes of it is counted there. */
void letter_to_forward(struct letter *l, uint32_t forward, str address);
/* Date, From, To, Message-ID, and Reply-To unless it is absent. */
void letter_head(struct letter *l, str to, str reply_to);
/* What kind of text it is, and the line that ends the header. */
void letter_kind(struct letter *l);
/* ERR_CLOSED: there is no queue at the moment; ERR_LIMIT: the text is too long; ERR_ABSENT: nobody to send it to. */
err letter_send(const struct letter *l);
