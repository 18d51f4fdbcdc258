#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and tests everything: what `make test` runs.

    scripts/test.py                 all stages
    scripts/test.py unit fuzz       only these
    scripts/test.py --list          the stages, and why one is left out

A stage is one row of STAGES below: its name, what it does in words, the build it needs, and the runner with its
arguments. Every runner returns (passed, failed, skipped). A stage whose folder holds no tests yet is left out. The stages
of run_files(), which mostly wait, go together: their files run side by side, one for each processor, and the seconds of such a stage
are those of all its files. What run_beside() runs has what they leave of the processors. The last line is `N passed, N failed`; the exit status is 0 only if something passed and nothing failed.
"""
import argparse
import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"  # Debian's, since Debian's pytest belongs to it
SUMMARY = "b-summary.tsv"  # stage, passed, failed, skipped, seconds
HARD_LIMIT = 38 * 60  # seconds for all stages; what has not begun by then fails

# Sanitizers are run with fewer optimizations, which compile sooner; with these some warnings are wrong, and the other builds have them.
CHECKED = ["-Doptimization=1", "-Dwerror=false"]
#    folder      compiler  meson options                                        what is built; nothing: all
BUILDS = {
    "b":       ("gcc",   [],                                                []),
    "b-asan":  ("gcc",   ["-Db_sanitize=address,undefined", *CHECKED],      []),
    "b-clang": ("clang", [],                                                []),
    "b-fuzz":  ("clang", ["-Dfuzzing=true"],                                []),
    "b-tsan":  ("clang", ["-Db_sanitize=thread", *CHECKED],                 ["programs"]),
}

SANITIZER_SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


@dataclasses.dataclass
class Stage:
    name: str
    title: str
    build: str
    run: callable
    arguments: tuple
    present: callable  # () -> bool: are there tests of this kind?


def jobs():
    return os.cpu_count() or 2


def execute(command, limit, environment=None, output=None, errors=None):
    """Runs a command with our output as its output. True if it ended with status 0 in time; nothing of it runs on."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})}, start_new_session=True,
                               stdout=output, stderr=errors)
    try:
        return process.wait(timeout=limit) == 0
    except subprocess.TimeoutExpired:
        print(f"{command[0]}: stopped after {limit} s")
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# ---- runners ---------------------------------------------------------------------------------------------------------

def run_build(build, limit=900):
    compiler, options, targets = BUILDS[build]
    folder = ROOT / build
    if not (folder / "build.ninja").exists():
        setup = ["meson", "setup", build, *options]
        if not execute(setup, limit, {"CC": compiler}, subprocess.DEVNULL):
            print(f"meson setup failed: {build}/meson-logs/meson-log.txt")
            return False
    return execute(["ninja", "-C", build, *targets], limit)


def run_compile(_build):
    """The build itself was the test."""
    return 1, 0, 0


def run_meson(build, suite, limit=900):
    log = f"testlog-{suite}"
    command = ["meson", "test", "-C", build, "--no-rebuild", "--suite", suite, "--logbase", log,
               "--num-processes", str(jobs()), "--print-errorlogs"]
    results = ROOT / build / "meson-logs" / f"{log}.json"
    results.unlink(missing_ok=True)
    clean_end = execute(command, limit, SANITIZER_SETTINGS if build == "b-asan" else None)
    counts = count_meson(results)
    return counts if clean_end or counts[1] > 0 else (counts[0], counts[1] + 1, counts[2])


def count_meson(path):
    passed = failed = skipped = 0
    if not path.exists():
        return 0, 1, 0
    for line in path.read_text().splitlines():
        result = json.loads(line)["result"]
        if result in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif result == "SKIP":
            skipped += 1
        else:
            failed += 1
    return passed, failed, skipped


# A network with nothing but loopback, whose passing connections have ports where no test listens.
OWN_NETWORK = ("unshare", "--net", "sh", "-c",
               'ip link set lo up && echo 10000 19999 > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"', "sh")


@functools.cache
def own_network():
    """What gives a command a network of its own, so that those side by side do not meet at a port; nothing where that is not
    allowed."""
    may = subprocess.run([*OWN_NETWORK, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    return OWN_NETWORK if may else ()


def run_pytest(build, *words, name=None, limit=1200, output=None):
    """The tests of these folders or files, or of whatever else the words mean to pytest."""
    report = ROOT / build / f"pytest-{name or words[0].replace('/', '-')}.xml"
    report.unlink(missing_ok=True)
    alone = own_network() if output is not None else ()
    clean_end = execute([*alone, PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *words], limit,
                        {"SIEGEL_BUILD": str(ROOT / build), "PYTHONDONTWRITEBYTECODE": "1"}, output, output and subprocess.STDOUT)
    counts = count_junit(report)
    return counts if clean_end or counts[1] > 0 else (counts[0], counts[1] + 1, counts[2])


def run_files(_build, *_places):
    """Stages with this runner go through run_together()."""
    raise NotImplementedError


def count_junit(path):
    if not path.exists():
        return 0, 1, 0
    passed = failed = skipped = 0
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skip = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - skip
        failed += bad
        skipped += skip
    return passed, failed, skipped


def run_counted(build, *command, limit=1200):
    """A program that writes `passed failed skipped` as the last line of the file named by --counts."""
    counts = ROOT / build / "counts.txt"
    counts.unlink(missing_ok=True)
    clean_end = execute([*command, "--counts", str(counts)], limit)
    passed, failed, skipped = map(int, counts.read_text().split()) if counts.exists() else (0, 0, 0)
    return passed, failed if clean_end or failed > 0 else failed + 1, skipped


def run_command(_build, *command, limit=900):
    return (1, 0, 0) if execute(list(command), limit) else (0, 1, 0)


def run_beside(_build, *command, output=None, limit=1200):
    """As run_command(), but after all others: also where the kernel shares the processors out to sessions (sched(7), autogroups)."""
    last = ["sh", "-c", 'echo 10 2>/dev/null > /proc/self/autogroup; exec nice -n 10 "$@"', "sh", *command]
    return (1, 0, 0) if execute(last, limit, None, output, subprocess.STDOUT) else (0, 1, 0)


# ---- what there is ---------------------------------------------------------------------------------------------------

def always():
    return True


def has(pattern):
    return lambda: any(ROOT.glob(pattern))


# ---- the stages ------------------------------------------------------------------------------------------------------

# What speaks to the server from outside, friend and foe; the rest of test/integration watches its processes.
ASAN_INTEGRATION = tuple(f"test/integration/test_{name}.py" for name in ("clients", "imap_attacks", "logins", "smtp_attacks"))

STAGES = [
    #     name            what it shows                                     build      runner       arguments                      tests are here
    Stage("house",        "the rules of the house hold",                    "b",       run_meson,   ("house",),                    has("tools/check_*.py")),
    Stage("house-self",   "each rule notices when it is broken",            "b",       run_pytest,  ("test/house",),               has("test/house/test_*.py")),
    Stage("unit",         "unit tests, gcc",                                "b",       run_meson,   ("unit",),                     has("test/unit/*/*.c")),
    Stage("replay",       "what fuzzing once found stays found, gcc",       "b",       run_meson,   ("fuzz",),                     has("test/fuzz/*/*.c")),
    Stage("unit-asan",    "unit tests with address and undefined checks",   "b-asan",  run_meson,   ("unit",),                     has("test/unit/*/*.c")),
    Stage("replay-asan",  "replayed fuzz inputs with the same checks",      "b-asan",  run_meson,   ("fuzz",),                     has("test/fuzz/*/*.c")),
    Stage("clang",        "a second compiler has no objection",             "b-clang", run_compile, (),                            always),
    Stage("unit-clang",   "unit tests, clang",                              "b-clang", run_meson,   ("unit",),                     has("test/unit/*/*.c")),
    Stage("install",      "a release build is installed and removed again",  "b",       run_command, ("make", "install", "uninstall", "DESTDIR=b-release/root"), always),
    Stage("fuzz",         "fuzzing, five minutes in all",                   "b-fuzz",  run_counted, ("scripts/fuzz.py", "--seconds", "300"), has("test/fuzz/*/*.c")),
    Stage("lint",         "clang-tidy and cppcheck",                        "b-clang", run_beside,  ("tools/lint.sh", "b-clang"),  has("tools/lint.sh")),
    Stage("script",       "protocol dialogues",                             "b",       run_files,   ("test/script",),              has("test/script/test_*.py")),
    Stage("stand",        "single processes with their neighbours played",  "b",       run_files,   ("test/stand",),               has("test/stand/test_*.py")),
    Stage("script-asan",  "the same with address and undefined checks",     "b-asan",  run_files,   ("test/script",),              has("test/script/test_*.py")),
    Stage("script-tsan",  "the same, looking for data races",               "b-tsan",  run_files,   ("test/script",),              has("test/script/test_*.py")),
    Stage("integration",  "real peers and real clients",                    "b",       run_files,   ("test/integration",),         has("test/integration/test_*.py")),
    Stage("attacks-asan", "clients and attackers, with address and undefined checks", "b-asan", run_files,  ASAN_INTEGRATION,     has("test/integration/test_*.py")),
    Stage("confinement",  "break-out attempts inside the roles",            "b",       run_files,   ("test/confinement",),         has("test/confinement/test_*.py")),
    Stage("fault",        "full disks and damaged stores",                  "b",       run_files,   ("test/fault",),               has("test/fault/test_*.py")),
    Stage("crash",        "kill -9 and power cuts",                         "b",       run_files,   ("test/crash",),               has("test/crash/test_*.py")),
]


# Files that take so long that they are begun first, the longest one in front.
LONG = ("test/crash/test_power_cut.py", "test/integration/test_tls_keys.py", "test/confinement/test_breakout.py",
        "test/integration/test_resolver.py", "test/crash/test_kill.py", "test/integration/test_sender.py",
        "test/integration/test_supervisor.py", "test/integration/test_peers.py", "test/integration/test_logins.py",
        "test/integration/test_smtp_attacks.py")
# Files in several runs: the words of each.
PARTS = {
    "test/integration/test_resolver.py": (("-k", "no_dns"), ("-k", "not no_dns")),
    "test/confinement/test_breakout.py": (("-k", "ordinary"), ("-k", "not ordinary")),
}


def heading(text):
    print(f"\n==== {text} {'=' * max(0, 110 - len(text))}", flush=True)


def prepare(stage, built):
    """Whether its build is there."""
    if stage.build not in built:
        built[stage.build] = run_build(stage.build)
    if not built[stage.build]:
        print(f"{stage.build} was not built")
    return built[stage.build]


def report(name, counts, seconds):
    print(f"---- {name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped in {seconds:.0f} s", flush=True)


def run_stage(stage, built, deadline):
    """Returns its row: name, passed, failed, skipped, seconds. A build that fails is one failure of the stage that needed it first."""
    heading(f"{stage.name}: {stage.title}")
    begin = time.monotonic()
    if begin > deadline:
        print("no time left")
        counts = (0, 1, 0)
    else:
        counts = stage.run(stage.build, *stage.arguments) if prepare(stage, built) else (0, 1, 0)
    seconds = time.monotonic() - begin
    report(stage.name, counts, seconds)
    return stage.name, *counts, round(seconds)


# ---- stages whose files run side by side -----------------------------------------------------------------------------

def pieces_of(stage):
    """What is run: (file, words). One pytest for each; or the command."""
    if stage.run is run_beside:
        yield stage.arguments[0], stage.arguments
        return
    for place in stage.arguments:
        path = ROOT / place
        for file in sorted(path.glob("test_*.py")) if path.is_dir() else [path]:
            name = str(file.relative_to(ROOT))
            for more in PARTS.get(name, ((),)):
                yield name, (name, *more)


def run_piece(stage, file, words, deadline):
    """(the stage's name, counts, seconds), and everything that it said at once, so that nothing is mixed up."""
    begin = time.monotonic()
    if begin > deadline:
        return stage.name, (0, 1, 0), 0, "no time left\n"
    name = f"{stage.name}-{'-'.join(words).replace('/', '-').replace(' ', '-')}"
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        if stage.run is run_beside:
            counts = run_beside(stage.build, *words, output=output)
        else:
            counts = run_pytest(stage.build, *words, name=name, output=output)
        output.seek(0)
        return stage.name, counts, time.monotonic() - begin, output.read()


def run_together(stages, built, deadline):
    """The rows of the stages. First what they need is built, and fetched: tests have no way out."""
    heading("side by side: " + ", ".join(stage.name for stage in stages))
    if any(stage.name == "integration" for stage in stages):
        execute(["scripts/peers.sh"], 300)  # without them their test is skipped
    rows = {stage.name: [0, 0, 0, 0.0] for stage in stages}
    pieces = []
    for stage in stages:
        begin = time.monotonic()
        if prepare(stage, built):
            pieces += [(stage, *piece) for piece in pieces_of(stage)]
        else:
            rows[stage.name][1] = 1
        rows[stage.name][3] = time.monotonic() - begin
    pieces.sort(key=lambda piece: LONG.index(piece[1]) if piece[1] in LONG else len(LONG))
    with concurrent.futures.ThreadPoolExecutor(jobs()) as pool, concurrent.futures.ThreadPoolExecutor(1) as beside:
        runs = {(beside if stage.run is run_beside else pool).submit(run_piece, stage, file, words, deadline): (stage, words)
                for stage, file, words in pieces}
        for done in concurrent.futures.as_completed(runs):
            stage, words = runs[done]
            name, counts, seconds, said = done.result()
            heading(f"{name}: {' '.join(words)}")
            print(said, end="")
            report(f"{name} {' '.join(words)}", counts, seconds)
            rows[name] = [a + b for a, b in zip(rows[name], (*counts, seconds))]
    return [(name, *row[:3], round(row[3])) for name, row in rows.items()]


def main():
    parser = argparse.ArgumentParser(description="builds and tests everything")
    parser.add_argument("--list", action="store_true", help="print the stages")
    parser.add_argument("--clean", action="store_true", help="remove the build folders first")
    parser.add_argument("stages", nargs="*", help="only these stages")
    options = parser.parse_args()
    if options.list:
        for stage in STAGES:
            print(f"{stage.name:13} {stage.title}{'' if stage.present() else ' (no tests yet)'}")
        return 0
    unknown = set(options.stages) - {stage.name for stage in STAGES}
    if unknown:
        parser.error(f"no such stage: {' '.join(sorted(unknown))}")
    if options.clean:
        for build in BUILDS:
            shutil.rmtree(ROOT / build, ignore_errors=True)

    deadline = time.monotonic() + HARD_LIMIT
    built, rows = {}, []
    chosen = [stage for stage in STAGES if stage.present() and (not options.stages or stage.name in options.stages)]
    for stage in chosen:
        if stage.run not in (run_files, run_beside):
            rows.append(run_stage(stage, built, deadline))
    together = [stage for stage in chosen if stage.run in (run_files, run_beside)]
    if together:
        rows += run_together(together, built, deadline)
    heading("summary")
    for name, passed, failed, skipped, seconds in rows:
        print(f"{name:13} {passed:5} passed {failed:3} failed {skipped:3} skipped {seconds:5} s")
    (ROOT / SUMMARY).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
