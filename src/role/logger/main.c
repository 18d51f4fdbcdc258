/* SPDX-License-Identifier: Apache-2.0 */
#include "role/logger/role.h"

int main(int argc, char **argv) { return role_main(&role_logger, argc, argv); }
