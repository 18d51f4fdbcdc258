#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fill.sh NAME PLAIN_PORT USER [N]   10,000 messages of 2-6 KiB, a third multipart; the rare word is in 10 of them. Also makes Trash for b000..b019.
. "$(dirname "$0")/lib.sh"
name=$1 port=$2 user=$3 n=${4:-10000}
for u in $(seq 0 19); do printf 'a LOGIN b%03d pw\r\nb CREATE Trash\r\nc LOGOUT\r\n' $u | timeout 5 $H/nccrlf 127.0.0.1 $port >/dev/null; done
ml append --port=$port --user=$user --n=$n --conc=1 --size=4096 --vary=1 --mixed=1 --rare=1000 --cg=$CG --limit=300 --name=$name.fill | tee -a $R/imap.txt
