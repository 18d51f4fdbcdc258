/* SPDX-License-Identifier: Apache-2.0 */
#include "role/ledger/role.h"

int main(int argc, char **argv) { return role_main(&role_ledger, argc, argv); }
