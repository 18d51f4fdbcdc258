#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench_idle.sh NAME KIND PORT N PID...    KIND: imap (TLS, authenticated, IDLE) | imap-plain | smtp;  PID: roots of the server's process trees
. "$(dirname "$0")/lib.sh"
name=$1 kind=$2 port=$3 n=$4; shift 4; hf=$BENCH/raw/hold.$$; rm -f $hf
set -- $(for p in "$@"; do echo $p; done)
before=$(pss "$@")
case $kind in imap) a="idle --tls=1 --users=100";; imap-plain) a="idle --users=100";; smtp) a=smtpidle;; esac
ml $a --port=$port --n=$n --conc=20 --hold=120 --holdfile=$hf --cg=$CG --limit=${LIMIT:-100} --name=$name.idle_$kind > $BENCH/raw/idle.out 2>&1 &
for i in $(seq 1200); do [ -e $hf ] && break; kill -0 $! 2>/dev/null || break; sleep 0.1; done
sleep 1; after=$(pss "$@"); rm -f $hf; wait $!
set -- $before $after
echo "$(cat $BENCH/raw/idle.out | tail -1) pss_before_MiB=$(($1/1024)) procs_before=$2 pss_after_MiB=$(($3/1024)) procs_after=$4 KiB_per_conn=$(awk "BEGIN{printf \"%.1f\",($3-$1)/$n}")" | tee -a $R/idle.txt
