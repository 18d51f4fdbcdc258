/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator changes. */
#include "store/spool/internal.h"

static err run(struct spool *spool, struct sql_statement *st, bool *changed)
{
	TRY(sql_run(st));
	*changed = sql_changes(spool->sql) > 0;
	return OK;
}

err spool_hold(struct spool *spool, int64_t message, unsigned position, bool *changed)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_recipient_hold);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	return run(spool, st, changed);
}

static err run_due(
	struct spool *spool, unsigned operation, int64_t message, unsigned position, int64_t due, bool *changed)
{
	struct sql_statement *st = sql_use(spool->sql, operation);
	sql_bind_number(st, due);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	return run(spool, st, changed);
}

err spool_let_go(struct spool *spool, int64_t message, unsigned position, int64_t due, bool *changed)
{
	return run_due(spool, SPOOL_recipient_release, message, position, due, changed);
}

err spool_retry(struct spool *spool, int64_t message, unsigned position, int64_t due, bool *changed)
{
	return run_due(spool, SPOOL_recipient_retry, message, position, due, changed);
}

err spool_unbrake(struct spool *spool, uint32_t account, int64_t due)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_recipient_unbrake);
	sql_bind_number(st, due);
	sql_bind_number(st, account);
	return sql_run(st);
}
