/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the DNS (RFC 1035 3.1), with the bytes that names of mail servers, services and reverse zones consist of. The
 * DNS allows all others too; here they are refused, since every place that shows or compares a name would have to know
 * how they are escaped. */
#pragma once
#include "base/buf.h"
#include "base/cur.h"

/* Reads a name in its wire form, without compression, and writes it in lower case with dots between the labels and none at
 * the end; the root is empty. Fails: SYNTAX, LIMIT. */
void dns_name_take(struct cur *wire, struct buf *out);

/* The same from text, with or without a dot at the end; "." is the root. ERR_SYNTAX: it is not a name, or has other bytes;
 * ERR_LIMIT. */
err dns_name_parse(str text, struct buf *out);
