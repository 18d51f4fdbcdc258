/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/success.h"

#include "role/queue/notice.h"

bool success_is_awaited(const struct spool_message *m, const struct spool_recipient *r)
{
	return r->forward == 0 && m->account > 0 && notice_is_allowed(m, 0) && notice_wanted(r->notify, NOTICE_SUCCESS);
}

err success_tell(const struct delivery *d, struct spool *spool)
{
	const struct spool_message *about = &d->message->row;
	const struct notice_recipient to = { .address = d->address, .orcpt = d->orcpt, .final = true };
	const struct notice n = { .kind = NOTICE_SUCCESS,
		.about = about,
		.account = notice_account(about, 0),
		.list = &to,
		.count = 1,
		.hostname = d->message->q->service->conf->server.hostname };
	return notice_spool(&n, spool);
}
