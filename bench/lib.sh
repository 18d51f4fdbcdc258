# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the scripts: starts and stops the servers, each in its own CPU-accounting group and at a raised priority.
: "${BENCH:?set BENCH to the working folder that setup.sh made}"
H=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
P=$BENCH/peers
R=$BENCH/results
CG=${CG:-/sys/fs/cgroup/cpuacct/benchsrv}
[ -d /sys/fs/cgroup/cpuacct ] || CG=/sys/fs/cgroup/benchsrv
NICE=${NICE:--10}
# Logins: u000..u099 receive, b000..b019 are written to, big holds 10,000 messages. PREFIX stands before each login;
# addresses are the same without it.
PREFIX=${PREFIX:-} PASS=${PASS:-pw}
ulimit -n 100000 2>/dev/null || ulimit -n 20000
mkdir -p "$CG" "$R" "$BENCH/raw"

# Autogroups of the kernel make nice ineffective between sessions, so the autogroup of the session is raised as well.
ag() { [ -e "/proc/$1/autogroup" ] && echo "$NICE" > "/proc/$1/autogroup"; }
# ingroup CMD...: run it in the server's group
ingroup() { ( echo "$BASHPID" > "$CG/cgroup.procs"; exec nice -n "$NICE" setsid -w "$@" ); }
# ml WORKLOAD OPTION...: the load generator with the logins of this server
ml() {
	# shellcheck disable=SC2016 # "$@" is for the inner shell
	setsid -w nice -n "$NICE" sh -c 'echo '"$NICE"' > /proc/self/autogroup 2>/dev/null; exec "$@"' x \
		"$H/mailload" "$1" "--user=${PREFIX}u%03d" "--pass=$PASS" "${@:2}"
}
waitdead() { local i; for i in $(seq 100); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done; return 1; }
# tree PID...: the process trees below
tree() {
	local p
	for p in "$@"; do
		echo "$p"
		# shellcheck disable=SC2046 # a list of numbers
		tree $(cat /proc/"$p"/task/*/children 2>/dev/null)
	done
}
# pss PID...: PSS in KiB summed over the trees, and the number of processes
pss() {
	local t=0 n=0 p v
	for p in $(tree "$@"); do
		v=$(awk '/^(Swap)?Pss:/ { s += $2 } END { print s + 0 }' "/proc/$p/smaps_rollup" 2>/dev/null)
		t=$((t + ${v:-0})) n=$((n + 1))
	done
	echo "$t $n"
}

dove_limits() { cp "$P/dovecot-$1/limits-$2.conf" "$P/dovecot-$1/limits.conf"; }
dove_start() { ingroup dovecot -c "$P/dovecot-$1/dovecot.conf"; sleep 0.7; ag "$(cat "$P/dovecot-$1/run/master.pid")"; }
dove_stop() { local p; p=$(cat "$P/dovecot-$1/run/master.pid" 2>/dev/null) && kill "$p" && waitdead "$p"; }
pf_pid() { tr -d " " < "$P/postfix/spool/pid/master.pid"; }
pf_start() { ingroup postfix -c "$P/postfix/etc" start; sleep 1; ag "$(pf_pid)"; }
pf_stop() { local p; p=$(pf_pid); postfix -c "$P/postfix/etc" stop; waitdead "$p"; }

# Siegel from the build folder, as `siegel init` makes it, with all its durability. Its logins have a prefix, since it
# refuses logins that can be guessed from the address.
SIEGEL=${SIEGEL:-$H/../b/siegel}
siegel_conf() { echo "$BENCH/siegel/siegel.yaml"; }
siegel_init() {
	[ -e "$(siegel_conf)" ] || "$SIEGEL" init --dir "$BENCH/siegel" --hostname mail.bench.test --domain bench.test \
		--port-offset 12000 --listen 127.0.0.1 || return
	# Mail for remote.test goes to the sink, as with Postfix.
	grep -q '^routes:' "$(siegel_conf)" ||
		printf 'routes:\n  remote.test: {host: 127.0.0.1, port: 12600}\n' >> "$(siegel_conf)"
}
siegel_start() {
	rm -f "$BENCH/raw/siegel.ready"
	ingroup "$SIEGEL" serve -c "$(siegel_conf)" > "$BENCH/raw/siegel.ready" 2> "$BENCH/raw/siegel.err" &
	local _
	for _ in $(seq 100); do
		grep -qs ready "$BENCH/raw/siegel.ready" && { siegel_pid > /dev/null && ag "$(siegel_pid)"; return 0; }
		sleep 0.1
	done
	echo "siegel did not become ready: $BENCH/raw/siegel.err" >&2
	return 1
}
siegel_pid() { pgrep -o -f "siegel serve -c $(siegel_conf)"; }
siegel_stop() { local p; p=$(siegel_pid) && "$SIEGEL" stop -c "$(siegel_conf)" && waitdead "$p"; }
siegel_accounts() {
	local name
	[ ! -e "$BENCH/siegel/.accounts" ] || return 0
	for name in $(seq -f 'u%03g' 0 99) $(seq -f 'b%03g' 0 19) big; do
		echo "$PASS" | "$SIEGEL" account add "$PREFIX$name" --address "$name@bench.test" --password-stdin -c "$(siegel_conf)"
	done && touch "$BENCH/siegel/.accounts"
}
# siegel_linger SECONDS: how long mailbox processes stay, from the next start on
siegel_linger() {
	sed -i '/^mailbox:$/,/^  linger:/d' "$(siegel_conf)"
	printf 'mailbox:\n  linger: %s\n' "$1" >> "$(siegel_conf)"
}
# Waits until no process of an account is left.
siegel_alone() { local _; for _ in $(seq 900); do pgrep -P "$(siegel_pid)" -x siegel-mailbox > /dev/null || return 0; sleep 0.1; done; return 1; }
dove_alone() { sleep 2; }
