#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of b-fuzz/ side by side, one to a processor, each for an equal share of the time.

    scripts/fuzz.py --seconds 300              all targets, five minutes together: what `make test` does
    scripts/fuzz.py --each 3600 proto_smtp     an hour for each target whose name has that in it: what `make fuzz` does
    scripts/fuzz.py --each 20 --write-floors   measures the coverage and writes test/fuzz/floors.tsv

A target fails when it crashes, leaks, hangs, or when its coverage stays below its row in test/fuzz/floors.tsv: a run
that covers little has a broken build or bad seeds, however many millions of inputs it tried. What a run finds is kept in
b-fuzz/corpus/ for the next one; inputs that crash are left in b-fuzz/crashes/.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "b-fuzz"
FLOORS = ROOT / "test" / "fuzz" / "floors.tsv"
SLOWEST_INPUT = 10  # seconds
MEMORY = 2048  # MiB
LONGEST_TURN = 60  # seconds for one target of a shared run
FLOOR_SHARE = 0.8  # of the coverage measured when the floor is written


def find_targets(patterns):
    programs = sorted(path for path in (BUILD / "test" / "fuzz").glob("fuzz_*") if path.is_file() and os.access(path, os.X_OK))
    return [path for path in programs if not patterns or any(pattern in path.name for pattern in patterns)]


def read_floors():
    if not FLOORS.exists():
        return {}
    rows = (line.split("\t") for line in FLOORS.read_text().splitlines() if line and not line.startswith("#"))
    return {row[0]: int(row[1]) for row in rows}


def write_floors(results):
    floors = read_floors()
    floors.update({name: int(coverage * FLOOR_SHARE) for name, coverage, good, _ in results if good})
    FLOORS.write_text("# fuzz target\tedges that its run must cover at least (scripts/fuzz.py --write-floors)\n"
                      + "".join(f"{name}\t{floor}\n" for name, floor in sorted(floors.items())))


def run_target(program, seconds, from_seeds=False):
    """Returns (name, edges covered, whether the run ended well, its last lines). A floor is measured from the seeds alone,
    since that is what a fresh clone begins with."""
    name = program.name.removeprefix("fuzz_")
    if from_seeds:
        shutil.rmtree(BUILD / "corpus" / name, ignore_errors=True)
    found, seeds, crashes = BUILD / "corpus" / name, ROOT / "test" / "fuzz" / "corpus" / name, BUILD / "crashes"
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    command = [program, f"-max_total_time={seconds}", f"-timeout={SLOWEST_INPUT}", f"-rss_limit_mb={MEMORY}",
               f"-artifact_prefix={crashes}/{name}-", "-print_final_stats=1", found]
    if seeds.is_dir():
        command.append(seeds)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=seconds + 10 * SLOWEST_INPUT, check=False,
                              env={**os.environ, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"})
    except subprocess.TimeoutExpired:
        return name, 0, False, f"did not end {10 * SLOWEST_INPUT} s after its time"
    coverage = [int(number) for number in re.findall(r"\bcov: (\d+)", done.stdout)]
    return name, max(coverage, default=0), done.returncode == 0, "\n".join(done.stdout.splitlines()[-40:])


def judge(result, floors):
    """Prints the line of one target. True if it is good."""
    name, coverage, good, tail = result
    if not good:
        print(f"FAIL {name}: crashed or hung\n{tail}", flush=True)
    elif name not in floors:
        print(f"FAIL {name}: has no row in {FLOORS.relative_to(ROOT)}; it covers {coverage} edges", flush=True)
        good = False
    elif coverage < floors[name]:
        print(f"FAIL {name}: {coverage} edges covered, the floor is {floors[name]}", flush=True)
        good = False
    else:
        print(f"ok   {name}: {coverage} edges, floor {floors[name]}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description="runs the fuzz targets")
    parser.add_argument("--seconds", type=int, default=300, help="for all targets together")
    parser.add_argument("--each", type=int, help="for each target, instead")
    parser.add_argument("--write-floors", action="store_true", help="take what is covered as the new floors")
    parser.add_argument("--counts", help="file for the numbers of passed, failed and skipped targets")
    parser.add_argument("patterns", nargs="*", help="parts of target names")
    options = parser.parse_args()
    targets = find_targets(options.patterns)
    if not targets:
        print("no fuzz target found; build with: CC=clang meson setup b-fuzz -Dfuzzing=true && ninja -C b-fuzz")
        return 1
    workers = os.cpu_count() or 2
    turns = -(-len(targets) // workers)
    seconds = options.each or max(1, min(LONGEST_TURN, options.seconds // turns))
    print(f"{len(targets)} targets, {seconds} s each, {workers} at a time", flush=True)
    floors, results, passed = read_floors(), [], 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done in concurrent.futures.as_completed(pool.submit(run_target, target, seconds, options.write_floors) for target in targets):
            results.append(done.result())
            passed += judge(results[-1], floors) if not options.write_floors else results[-1][2]
    if options.write_floors:
        write_floors(results)
    failed = len(targets) - passed
    if options.counts:
        pathlib.Path(options.counts).write_text(f"{passed} {failed} 0\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
