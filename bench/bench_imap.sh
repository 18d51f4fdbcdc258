#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench_imap.sh NAME PLAIN_PORT TLS_PORT BIGUSER     BIGUSER's INBOX holds 10,000 messages (made by fill.sh)
#   users b000..b019 (same password) are made on first use for the C=20 write tests.
. "$(dirname "$0")/lib.sh"
name=$1 port=$2 tport=$3 big=$4; REPS=${REPS:-3}
c() { ml "$@" --cg=$CG --limit=90; }
for r in $(seq $REPS); do
  if [ -z "$SKIP_LOGIN" ]; then for C in 1 20; do n=1000; [ $C = 1 ] && n=300
    c login --port=$port --n=$n --conc=$C --users=100 --name=$name.login_plain
    c login --port=$tport --tls=1 --n=$n --conc=$C --users=100 --name=$name.login_tls
  done; fi
  for C in 1 20; do
    n=4000; c cmd --port=$port --user=${PREFIX}$big --n=$n --conc=$C --seqmax=10000 "--cmd=FETCH %d BODY.PEEK[]" --name=$name.fetch_one
    n=$((C==1?2:20)); c cmd --port=$port --user=${PREFIX}$big --n=$n --conc=$C "--cmd=FETCH 1:* BODY.PEEK[]" --name=$name.fetch_all
    n=$((C==1?20:100)); c cmd --port=$port --user=${PREFIX}$big --n=$n --conc=$C "--cmd=FETCH 1:* (FLAGS)" --name=$name.flags
    n=$((C==1?3:20)); c cmd --port=$port --user=${PREFIX}$big --n=$n --conc=$C "--cmd=FETCH 1:* (UID ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)" --name=$name.envelope_warm
  done
  c cmd --port=$port --user=${PREFIX}$big --n=2 --conc=1 "--cmd=SEARCH TEXT zyxrareword" --name=$name.search_text
  c cmd --port=$port --user=${PREFIX}$big --n=2 --conc=1 "--cmd=SEARCH BODY zyxrareword" --name=$name.search_body
  for C in 1 20; do
    n=2000; [ $C = 1 ] && n=600
    c append --port=$port --user=${PREFIX}b%03d --users=20 --n=$n --conc=$C --size=4096 --name=$name.append
    c cmd --port=$port --user=${PREFIX}b%03d --users=20 --n=$n --conc=$C --seqmax=90 "--cmd=STORE %d +FLAGS (\\Flagged)" --name=$name.store
    c cmd --port=$port --user=${PREFIX}b%03d --users=20 --n=$n --conc=$C --seqmax=90 "--cmd=STORE %d -FLAGS (\\Flagged)" --name=$name.store
    c cmd --port=$port --user=${PREFIX}b%03d --users=20 --n=$((C==1?300:900)) --conc=$C "--cmd=MOVE 1 Trash" --name=$name.move
    c cmd --port=$port --user=${PREFIX}b%03d --users=20 --n=$((C==1?250:900)) --conc=$C "--cmd=STORE 1 +FLAGS.SILENT (\\Deleted)" "--cmd=EXPUNGE" --name=$name.expunge
  done
done 2>&1 | tee -a $R/imap.txt
