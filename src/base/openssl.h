/* SPDX-License-Identifier: Apache-2.0 */
/* Include this before any of OpenSSL's headers: they name a type ERR_STATE, which is one of our kinds of failure. */
#pragma once
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/types.h>
#undef ERR_STATE
