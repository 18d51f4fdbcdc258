/* SPDX-License-Identifier: Apache-2.0 */
/* What commands do. Each gives the exit status. */
#pragma once
#include "tool/command.h"

int run_init(const struct call *call);
int run_serve(const struct call *call);
int run_check(const struct call *call);
/* Sent to the role that does it; without a server the roles that are needed are started for as long as it takes. */
int run_client(const struct call *call);
/* So is this; for a domain of ours it says so itself. */
int run_route_test(const struct call *call);
/* The same, for what makes no sense without a server. */
int run_running(const struct call *call);
int run_reload(const struct call *call);
/* Adds the aliases of a file such as /etc/aliases. */
int run_alias_import(const struct call *call);
/* Sends a message as local programs do; options are its own (siegel-sendmail(8)). */
int run_sendmail(const struct call *call);
/* Waits until the server has ended. */
int run_stop(const struct call *call);
