/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/phrase.h"

#include "os/random.h"

void phrase_write(struct buf *to)
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
	for (int i = 0; i < PHRASE_LENGTH; i++)
		buf_byte(to, i % 5 == 4 ? '-' : letters[random_below(sizeof letters - 1)]);
}
