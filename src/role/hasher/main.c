/* SPDX-License-Identifier: Apache-2.0 */
#include "role/hasher/hasher.h"

static const struct role role_hasher = {
	.name = "hasher",
	.prepare = hasher_prepare,
	.channel = hasher_channel,
	.start = hasher_start,
};

int main(int argc, char **argv) { return role_main(&role_hasher, argc, argv); }
