/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target defines: one run over n bytes. Returns 0; a broken property ends the process by abort(). */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
