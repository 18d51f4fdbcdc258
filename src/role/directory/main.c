/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/local.h"

static const struct role role_directory = {
	.name = "directory",
	.prepare = directory_role_prepare,
	.channel = directory_role_channel,
	.file = directory_role_file,
	.start = directory_role_start,
	.renewed = directory_role_renewed,
	.stop = directory_role_stop,
};

int main(int argc, char **argv) { return role_main(&role_directory, argc, argv); }
