/* SPDX-License-Identifier: Apache-2.0 */
#include "role/resolver/resolver.h"

static const struct role role_resolver = {
	.name = "resolver",
	.prepare = resolver_prepare,
	.channel = resolver_channel,
	.file = resolver_file,
	.start = resolver_start,
	.stop = resolver_stop,
};

int main(int argc, char **argv) { return role_main(&role_resolver, argc, argv); }
