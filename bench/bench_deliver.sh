#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench_deliver.sh NAME SMTP_PORT VISIBILITY   e.g. bench_deliver.sh pf_maildir 11025 --vis-imap=11143
#   REPS=3 SCALE=1 (multiplies message counts).  QUICK=1: 4 KiB only.  EXTRA: further mailload options (--lmtp=1, --starttls=1, --auth=1 ...)
. "$(dirname "$0")/lib.sh"
name=$1 port=$2 vis=$3; REPS=${REPS:-3}; SCALE=${SCALE:-1}
run() { ml deliver --port=$port --users=100 --cg=$CG --limit=60 $vis $EXTRA "$@"; }
for r in $(seq $REPS); do
  for C in 1 20 100; do
    n=1500; [ $C = 1 ] && n=400; n=$(awk "BEGIN{print int($n*$SCALE)}")
    run --n=$n --size=4096 --conc=$C --name=$name.many
    [ -n "$SKIP_ONE" ] || run --n=$((n*2/3)) --size=4096 --conc=$C --perconn=1 --name=$name.one
    [ -n "$QUICK" ] && continue
    n=500; [ $C = 1 ] && n=200; run --n=$(awk "BEGIN{print int($n*$SCALE)}") --size=65536 --conc=$C --name=$name.many
    n=100; [ $C = 1 ] && n=40; run --n=$n --size=1048576 --conc=$C --name=$name.many
  done
done 2>&1 | tee -a $R/deliver.txt
