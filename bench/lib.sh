# SPDX-License-Identifier: Apache-2.0
# sourced by the scripts. Starts a peer inside its own CPU-accounting group and at a higher priority than other jobs of the machine.
: "${BENCH:?set BENCH to the working folder that setup.sh made}"; H=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd); P=$BENCH/peers; R=$BENCH/results; CG=${CG:-/sys/fs/cgroup/cpuacct/benchsrv}
NICE=${NICE:--10}
ulimit -n 100000 2>/dev/null || ulimit -n 20000
mkdir -p $CG $R $BENCH/raw
# kernel autogroups make plain nice ineffective between sessions, so the session's own autogroup is raised as well
ag() { [ -e /proc/$1/autogroup ] && echo $NICE > /proc/$1/autogroup; }
ingroup() { ( echo $BASHPID > $CG/cgroup.procs; exec nice -n $NICE setsid -w "$@" ); }       # run CMD in the server group
ml() { setsid -w nice -n $NICE sh -c 'echo '$NICE' > /proc/self/autogroup 2>/dev/null; exec "$@"' x $H/mailload "$@"; }
tree() { local p; for p in "$@"; do echo $p; tree $(cat /proc/$p/task/*/children 2>/dev/null); done; }  # pids of a process tree
dove_start() { ingroup dovecot -c $P/dovecot-$1/dovecot.conf; sleep 0.7; ag $(cat $P/dovecot-$1/run/master.pid); }
waitdead() { local i; for i in $(seq 100); do kill -0 $1 2>/dev/null || return 0; sleep 0.1; done; return 1; }
dove_stop() { local p; p=$(cat $P/dovecot-$1/run/master.pid 2>/dev/null) && kill $p && waitdead $p; }
dove_limits() { cp $P/dovecot-$1/limits-$2.conf $P/dovecot-$1/limits.conf; }
pf_start() { ingroup postfix -c $P/postfix/etc start; sleep 1; ag $(cat $P/postfix/spool/pid/master.pid | tr -d " "); }
pf_stop() { local p; p=$(tr -d " " < $P/postfix/spool/pid/master.pid); postfix -c $P/postfix/etc stop; waitdead $p; }
# pss PID...: PSS in KiB, summed over the trees of these pids
pss() { local t=0 n=0 p v; for p in $(tree "$@"); do v=$(awk '/^Pss:/{s+=$2}/^SwapPss:/{s+=$2}END{print s+0}' /proc/$p/smaps_rollup 2>/dev/null); t=$((t+${v:-0})); n=$((n+1)); done; echo "$t $n"; }
