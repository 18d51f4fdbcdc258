#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# count_sync.sh NAME SMTP_PORT N PID... : strace -f of the server's process trees while N 4-KiB messages are delivered over one connection; syscalls per message
. "$(dirname "$0")/lib.sh"
name=$1 port=$2 n=$3; shift 3; o=$BENCH/raw/strace.$name
args=""; for p in $(tree "$@"); do args="$args -p $p"; done
strace -f -c -o $o.sum $args 2>/dev/null & S=$!
sleep 1; $H/mailload deliver --port=$port --n=$n --size=4096 --conc=5 --users=100 $VIS $EXTRA --name=$name.strace --limit=100; sleep 1; kill -INT $S; wait $S
{ echo "== $name n=$n (per message)"; awk -v n=$n 'NR>2&&$NF!~/total|---/{c=$4; printf "%-18s %8.2f\n",$NF,c/n}' $o.sum | sort -k2 -rn > $o.per; grep -E '^(fsync|fdatasync|sync_file_range|sync)' $o.per; awk '{s+=$2}END{printf "all syscalls %.0f\n",s}' $o.per; head -14 $o.per | awk '{printf "%s=%s ",$1,$2}END{print ""}'; grep -E '^(clone|vfork|fork|execve|rename|link|unlink|openat)' $o.per | awk '{printf "%s=%s ",$1,$2}END{print ""}'; } | tee -a $R/sync.txt
