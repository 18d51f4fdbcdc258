/* SPDX-License-Identifier: Apache-2.0 */
#include "role/sender/sender.h"

static const struct role role_sender = {
	.name = "sender",
	.prepare = sender_prepare,
	.channel = sender_channel,
	.file = sender_file,
	.start = sender_start,
	.retire = sender_retire,
};

int main(int argc, char **argv) { return role_main(&role_sender, argc, argv); }
