#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fill.sh NAME PLAIN_PORT [N]: 10,000 messages of 2 to 6 KiB for `big`, a third of them multipart, the rare word in 10 of
# them; and a Trash for each of b000..b019. Fails unless all of them were taken: each APPEND waits for its own sync, so a busy
# disk may need minutes.
set -o pipefail
. "$(dirname "$0")/lib.sh"
name=$1 port=$2 n=${3:-10000}
for u in $(seq -f 'b%03g' 0 19); do
	printf 'a LOGIN %s %s\r\nb CREATE Trash\r\nc LOGOUT\r\n' "$PREFIX$u" "$PASS" | timeout 5 "$H/nccrlf" 127.0.0.1 "$port" > /dev/null
done
ml append --port="$port" --user="${PREFIX}big" --n="$n" --conc=1 --size=4096 --vary=1 --mixed=1 --rare=1000 \
	--cg="$CG" --limit=900 --name="$name.fill" | tee -a "$R/imap.txt" | grep " done=$n errors=0 "
