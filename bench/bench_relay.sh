#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench_relay.sh NAME SMTP_PORT SINK_PORT   mail for remote.test; the server must route it to 127.0.0.1:SINK_PORT (sink is inside mailload)
. "$(dirname "$0")/lib.sh"
name=$1 port=$2 sink=$3; REPS=${REPS:-3}; SCALE=${SCALE:-1}
for r in $(seq $REPS); do for C in 1 20 100; do
  n=1000; [ $C = 1 ] && n=400; n=$(awk "BEGIN{print int($n*$SCALE)}")
  ml deliver --port=$port --users=100 --rcpt=u%03d@remote.test --cg=$CG --limit=60 --sink=$sink $EXTRA --n=$n --size=4096 --conc=$C --name=$name.relay
done; done 2>&1 | tee -a $R/relay.txt
