/* SPDX-License-Identifier: Apache-2.0 */
#include "role/fetcher/role.h"

int main(int argc, char **argv) { return role_main(&role_fetcher, argc, argv); }
