/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the arguments of any command by the grammar that its row names, for tests that take commands as they come. */
#pragma once
#include "proto/imap/append.h"
#include "proto/imap/command.h"
#include "proto/imap/copy.h"
#include "proto/imap/create.h"
#include "proto/imap/enable.h"
#include "proto/imap/fetch.h"
#include "proto/imap/id.h"
#include "proto/imap/list.h"
#include "proto/imap/login.h"
#include "proto/imap/mailbox.h"
#include "proto/imap/search.h"
#include "proto/imap/status.h"
#include "proto/imap/store.h"

union imap_any {
	struct imap_append append;
	struct imap_copy copy;
	struct imap_create create;
	struct imap_enable enable;
	struct imap_fetch fetch;
	struct imap_id id;
	struct imap_list list;
	struct imap_login login;
	struct imap_authenticate authenticate;
	struct imap_search search;
	struct imap_sequence set;
	struct imap_status status;
	struct imap_store store;
	struct imap_rename rename;
	str mailbox;
};

static inline err imap_any_before_login(enum imap_args args, struct cur *c, struct arena *a, union imap_any *out)
{
	if (args == IMAP_ARGS_ID)
		return imap_id_parse(c, a, &out->id);
	if (args == IMAP_ARGS_AUTHENTICATE)
		return imap_authenticate_parse(c, &out->authenticate);
	if (args == IMAP_ARGS_LOGIN)
		return imap_login_parse(c, a, &out->login);
	cur_end(c);
	return c->e;
}

static inline err imap_any_parse(
	const struct imap_command *command, struct cur *c, struct arena *a, union imap_any *out)
{
	enum imap_args args = imap_commands[command->id].args;
	switch (args) {
	case IMAP_ARGS_NONE:
	case IMAP_ARGS_ID:
	case IMAP_ARGS_AUTHENTICATE:
	case IMAP_ARGS_LOGIN:
		return imap_any_before_login(args, c, a, out);
	case IMAP_ARGS_ENABLE:
		return imap_enable_parse(c, a, &out->enable);
	case IMAP_ARGS_MAILBOX:
		return imap_one_mailbox_parse(c, a, &out->mailbox);
	case IMAP_ARGS_RENAME:
		return imap_rename_parse(c, a, &out->rename);
	case IMAP_ARGS_CREATE:
		return imap_create_parse(c, a, &out->create);
	case IMAP_ARGS_LIST:
		return imap_list_parse(c, a, &out->list);
	case IMAP_ARGS_LSUB:
		return imap_lsub_parse(c, a, &out->list);
	case IMAP_ARGS_STATUS:
		return imap_status_parse(c, a, &out->status);
	case IMAP_ARGS_APPEND:
		return imap_append_parse(c, a, &out->append);
	case IMAP_ARGS_SEARCH:
		return imap_search_parse(c, a, &out->search);
	case IMAP_ARGS_FETCH:
		return imap_fetch_parse(c, a, &out->fetch);
	case IMAP_ARGS_STORE:
		return imap_store_parse(c, a, &out->store);
	case IMAP_ARGS_COPY:
		return imap_copy_parse(c, a, &out->copy);
	case IMAP_ARGS_EXPUNGE:
		if (command->uid)
			return imap_one_set_parse(c, a, &out->set);
		cur_end(c);
		return c->e;
	}
	return FAIL(UNSUPPORTED);
}
