/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/role.h"

int main(int argc, char **argv) { return role_main(&role_queue, argc, argv); }
