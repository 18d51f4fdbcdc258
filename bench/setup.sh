#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh DIR: make a working folder for the benchmark: builds the load generator, certificates, and private configurations of Postfix and Dovecot
# (Debian packages postfix dovecot-core dovecot-imapd dovecot-lmtpd libssl-dev gcc make strace; run as root). Nothing of the system's own mail set-up is used or changed.
# Then: export BENCH=DIR; . lib.sh; dove_limits maildir perf; dove_start maildir; pf_start; ./bench_deliver.sh pf_dovecot_maildir 11025 --vis-imap=11143; pf_stop; dove_stop maildir
set -eu
here=$(cd "$(dirname "$0")" && pwd); mkdir -p "$1"; dir=$(cd "$1" && pwd)
mkdir -p "$dir"/{raw,results,peers/tls,peers/postfix/{etc,spool,data}}
make -s -C "$here"
id vmail >/dev/null 2>&1 || useradd --system --uid 5000 --user-group --no-create-home vmail
[ -e "$dir/peers/tls/ec.key" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=mail.bench.test \
	-addext subjectAltName=DNS:mail.bench.test -keyout "$dir/peers/tls/ec.key" -out "$dir/peers/tls/ec.crt" 2>/dev/null
for f in main.cf master.cf; do sed "s#@BENCH@#$dir#g" "$here/peers/postfix/$f" > "$dir/peers/postfix/etc/$f"; done
chown postfix "$dir/peers/postfix/data"
for d in maildir mdbox; do
	mkdir -p "$dir/peers/dovecot-$d"/{run,mail}; chown 5000:5000 "$dir/peers/dovecot-$d/mail"
	for f in dovecot.conf limits-default.conf limits-perf.conf; do sed "s#@BENCH@#$dir#g" "$here/peers/dovecot-$d/$f" > "$dir/peers/dovecot-$d/$f"; done
	cp "$dir/peers/dovecot-$d/limits-default.conf" "$dir/peers/dovecot-$d/limits.conf"
done
echo "ready: export BENCH=$dir"
