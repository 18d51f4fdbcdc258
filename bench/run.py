#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs each load against each server, in turns, and prints medians and ratios. Called by run.sh.

A load is a row of LOADS: what it is, the options of mailload, the figure that counts, whether more of it is better, and
the goal. A server is a row of SERVERS: shell functions of lib.sh that start and stop it, its ports and its logins."""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

#     name        set-up                        start                         stop                       pids                       smtp   imap   imaps  prefix  password             short-lived        gone             as before            submission
SERVERS = [
    ("siegel",    "siegel_init",                "siegel_start",               "siegel_stop",             "siegel_pid",              12025, 12143, 12993, "kx77-", "bench-pass-phrase",
     "siegel_linger 1", "siegel_alone", "siegel_linger 60", "--port=12465 --tls=1 --auth=1 --from=u%03d@bench.test --hdrfrom=u%03d@bench.test"),
    ("peers",     "dove_limits maildir perf",   "dove_start maildir; pf_start", "pf_stop; dove_stop maildir",
     "pf_pid; cat $P/dovecot-maildir/run/master.pid",                                                                               11025, 11143, 11993, "",      "pw",
     ":", "dove_alone", ":", "--port=11025"),
]
FIELDS = ("name", "setup", "start", "stop", "pids", "smtp", "imap", "imaps", "prefix", "password", "short_lived", "alone", "as_before", "submission")

DELIVER = "deliver --port={smtp} --users=100 --vis-imap={imap}"
RELAY = "deliver {submission} --rcpt=u%03d@remote.test --users=100 --sink=12600"
EVERYBODY = "login --port={imap} --n=100 --conc=4 --users=100"
BIG = "cmd --port={imap} --user={prefix}big"
#     load                                      options of mailload                                                          figure           more is better, goal
LOADS = [
    ("4 KiB, 20 connections: visible/s",        DELIVER + " --n=1500 --size=4096 --conc=20",                                 "vis_rate",      True,  "10 times the peers"),
    ("4 KiB, 20 connections: CPU ms/message",   None,                                                                        "srv_ms_per_op", False, "at most 0.4"),
    ("4 KiB, 20 connections: dot to 250 p99 ms", None,                                                                       "dot_p99",       False, "a tenth of the peers"),
    ("4 KiB, 1 connection: dot to 250 p50 ms",  DELIVER + " --n=400 --size=4096 --conc=1",                                   "dot_p50",       False, "half of the peers"),
    ("4 KiB, one a connection: visible/s",      DELIVER + " --n=1000 --size=4096 --conc=20 --perconn=1",                     "vis_rate",      True,  "6 times the peers"),
    ("64 KiB, 20 connections: visible/s",       DELIVER + " --n=500 --size=65536 --conc=20",                                 "vis_rate",      True,  "5 times the peers"),
    ("1 MiB, 20 connections: visible/s",        DELIVER + " --n=100 --size=1048576 --conc=20",                               "vis_rate",      True,  "twice the peers"),
    ("relay, 4 KiB, 20 connections: sink/s",    RELAY + " --n=1500 --size=4096 --conc=20",                                   "sink_rate",     True,  "5 times the peers"),
    ("relay, 4 KiB, 20 connections: CPU ms/message", None,                                                                   "srv_ms_per_op", False, "at most 0.4"),
    ("login, plain: CPU ms",                    "login --port={imap} --n=1000 --conc=20 --users=100",                        "srv_ms_per_op", False, "at most 0.5"),
    ("login, TLS: CPU ms",                      "login --port={imaps} --tls=1 --n=1000 --conc=20 --users=100",               "srv_ms_per_op", False, "at most 1.0"),
    ("login, cold, plain: CPU ms",              EVERYBODY,                                                                   "cold_ms_per_op", False, "at most 3"),
    ("login, cold, TLS: CPU ms",                "login --port={imaps} --tls=1 --n=100 --conc=4 --users=100",                 "cold_ms_per_op", False, "-"),
    ("flags of 10,000: ms",                     BIG + " --n=20 --conc=1 '--cmd=FETCH 1:* (FLAGS)'",                          "txn_p50",       False, "no slower"),
    ("one body: ms",                            BIG + " --n=4000 --conc=1 --seqmax=10000 '--cmd=FETCH %d BODY.PEEK[]'",      "txn_p50",       False, "no slower"),
    ("all bodies of 10,000: ms",                BIG + " --n=2 --conc=1 '--cmd=FETCH 1:* BODY.PEEK[]'",                       "txn_p50",       False, "within 1.2 times"),
    ("envelopes of 10,000: ms",                 BIG + " --n=3 --conc=1 '--cmd=FETCH 1:* (UID ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)'",
                                                                                                                             "txn_p50",       False, "a quarter of the peers"),
]


class Server:
    def __init__(self, row, folder):
        self.__dict__.update(zip(FIELDS, row))
        self.environment = {**os.environ, "BENCH": str(folder), "PREFIX": self.prefix, "PASS": self.password}

    def shell(self, text, **options):
        return subprocess.run(["bash", "-c", f". {HERE}/lib.sh; {text}"], env=self.environment, text=True, check=False, **options)

    def load(self, options, name):
        """Returns the figures of one run, or None when it did not come to its end."""
        options = options.format(**self.__dict__)
        done = self.shell(f'ml {options} --cg="$CG" --limit=90 --name={self.name}.{name}', capture_output=True)
        figures = dict(re.findall(r"(\w+)=([-\d.]+)", done.stdout))
        if done.returncode or int(figures.get("errors", 1)) > 0:
            print(f"{self.name} {name}: {done.stdout.strip()} {done.stderr.strip()}", file=sys.stderr)
        return {key: float(value) for key, value in figures.items()} if done.returncode == 0 else None

    def cpu(self):
        """Seconds that the server's group has used."""
        folder = pathlib.Path(self.shell('echo "$CG"', capture_output=True).stdout.strip())
        if (folder / "cpuacct.usage").exists():
            return int((folder / "cpuacct.usage").read_text()) / 1e9
        return int((folder / "cpu.stat").read_text().split()[1]) / 1e6

    def cold(self, options, name):
        """As load(), with the process of an account started for each login; its end is part of what the login costs. The
        passwords have been verified before, as at other loads."""
        self.shell(f"{self.stop}; {self.short_lived}")
        self.shell(self.start)
        self.load(EVERYBODY, "first")
        self.shell(self.alone)
        before = self.cpu()
        figures = self.load(options, name)
        self.shell(self.alone)
        if figures:
            figures["cold_ms_per_op"] = (self.cpu() - before) * 1000 / figures["done"]
        self.shell(f"{self.stop}; {self.as_before}")
        self.shell(self.start)
        return figures

    def memory(self):
        """PSS of all processes in MiB."""
        said = self.shell(f"pss $({self.pids})", capture_output=True).stdout.split()
        return int(said[0]) / 1024 if said else None

    def prepare(self, wanted):
        """Accounts, and the big mailbox if a wanted load is about it, once."""
        if self.name == "siegel":
            self.shell("siegel_accounts")
        if not any((options or "").startswith(BIG) and re.search(wanted, name) for name, options, _, _, _ in LOADS):
            return
        filled = pathlib.Path(self.environment["BENCH"]) / f"filled.{self.name}"
        if filled.exists():
            return
        done = self.shell(f"{HERE}/fill.sh {self.name} {self.imap}", capture_output=True)
        if done.returncode:
            print(f"{self.name}: the big mailbox is not filled: {done.stdout.strip()} {done.stderr.strip()}", file=sys.stderr)
        else:
            filled.touch()


def measure(server, results, wanted):
    """The wanted loads once. Rows without options of their own take the figures of the run before them."""
    figures = None
    if any(name.startswith(("login", "relay")) and re.search(wanted, name) for name, *_ in LOADS):
        server.load(EVERYBODY, "first")  # from here on no password is hashed
    for name, options, figure, _, _ in LOADS:
        if not re.search(wanted, name):
            continue
        if options:
            run = server.cold if figure == "cold_ms_per_op" else server.load
            figures = run(options, re.sub(r"\W+", "_", name.split(":")[0]))
        if figures and figure in figures:
            results.setdefault((name, server.name), []).append(figures[figure])
            print(f"  {server.name}: {name} {figures[figure]:g}", flush=True)


def median(values):
    values = [value for value in values or [] if value is not None]
    return statistics.median(values) if values else None


def table(results, names):
    rows = [(name, more, goal) for name, _, _, more, goal in LOADS] + [("all processes, idle: PSS MiB", False, "at most 40")]
    print(f"\n{'load':45}" + "".join(f"{name:>12}" for name in names) + f"{'ratio':>9}  goal")
    for name, more, goal in rows:
        medians = [median(results.get((name, server))) for server in names]
        cells = "".join(f"{'-' if value is None else format(value, '.4g'):>12}" for value in medians)
        ratio = ""
        if len(medians) == 2 and all(medians):
            ratio = f"{medians[0] / medians[1] if more else medians[1] / medians[0]:.1f}x"
        print(f"{name:45}{cells}{ratio:>9}  {goal}")
    print("\nratio: how many times better the first is than the second")


def main():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description="the same load for Siegel and for Postfix with Dovecot")
    parser.add_argument("--dir", default="/var/tmp/siegel-bench", help="working folder (default %(default)s)")
    parser.add_argument("--reps", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument("--loads", default="", metavar="PATTERN", help="those loads whose name has it, a regular expression")
    parser.add_argument("--only", choices=[row[0] for row in SERVERS], help="one server")
    options = parser.parse_args()
    subprocess.run([HERE / "setup.sh", options.dir], check=True)
    servers = [Server(row, pathlib.Path(options.dir).resolve()) for row in SERVERS if options.only in (None, row[0])]
    results = {}
    for server in servers:
        if server.shell(server.setup).returncode:
            sys.exit(f"{server.name} cannot be set up")
    for round_number in range(1, options.reps + 1):
        for server in servers:
            print(f"round {round_number}, {server.name}", flush=True)
            try:
                if server.shell(server.start).returncode:
                    sys.exit(f"{server.name} does not start")
                results.setdefault(("all processes, idle: PSS MiB", server.name), []).append(server.memory())
                server.prepare(options.loads)
                measure(server, results, options.loads)
            finally:
                server.shell(server.stop)
    table(results, [server.name for server in servers])


if __name__ == "__main__":
    main()
