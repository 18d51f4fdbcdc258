#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same load for Siegel and for Postfix with Dovecot, in turns, and the ratios: bench/run.sh [--help]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" -eq 0 ] || { echo "run.sh needs root: it starts Postfix and reads the CPU accounts of the servers" >&2; exit 2; }
make -s -C "$here"
if [ -f "$here/../b/build.ninja" ]; then ninja -C "$here/../b" > /dev/null; else
	meson setup "$here/../b" "$here/.." > /dev/null && ninja -C "$here/../b" > /dev/null
fi
exec /usr/bin/python3 "$here/run.py" "$@"
