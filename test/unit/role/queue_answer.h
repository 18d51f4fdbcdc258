/* SPDX-License-Identifier: Apache-2.0 */
/* What a session of a receiver hears. */
#pragma once
#include "queue_house.h"

/* The 250 comes from another thread than the loop's, which then offers the message for delivery. */
static void house_wait_for_accepted(void)
{
	house.accepted++;
	while (house.events[EV_message_accepted] < house.accepted)
		usleep(100);
	house.passing = -2;
	house_ring();
	while (house.passing != -1)
		usleep(100);
}

/* The code of the answer, as soon as it is there. */
static unsigned hear_code(struct channel *session)
{
	struct msg_queued queued;
	MUST(msg_expect_queued(session, &queued));
	return (unsigned)queued.code;
}

static unsigned hear_queued(struct channel *session)
{
	unsigned code = hear_code(session);
	if (code == 250)
		house_wait_for_accepted();
	return code;
}
