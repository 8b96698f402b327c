#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures dory against what people would use instead, on this machine, in one run.

All take turns, round by round, so that a busy moment of the machine hits all of them. Files are kept
in memory (/dev/shm) and the network is the loopback interface, so neither a disk nor a wire decides.
It only reports: no number makes it fail, but a rival that is missing or a transfer that goes wrong
does. Install the rivals with `make deps-bench`.
"""

import sys

sys.dont_write_bytecode = True

import argparse  # noqa: E402  (nothing may be imported before the line above)
import contextlib
import json
import os
import shutil
import signal
import tempfile

import measure
import report
import rivals
from processes import BenchError

MEMORY_FOLDER = "/dev/shm"
BUSY_LOAD = 0.5
KINDS = measure.MEASURES + ("idle",)


def parse_size(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = (text[:-1], units[text[-1].upper()]) if text[-1:].upper() in units else (text, 1)
    if not number.isdigit() or int(number) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 64M or 1G")
    return int(number) * unit


def parse_count(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def choice_from(known):
    def parse(text):
        wanted = text.split(",")
        for name in wanted:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return [name for name in known if name in wanted]

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--dory", metavar="PATH", help="the client")
    parser.add_argument("--doryd", metavar="PATH", help="the server")
    parser.add_argument("--rounds", type=parse_count, metavar="N", help="default: 5, or 1 with --quick")
    parser.add_argument("--size", type=parse_size, metavar="SIZE", help="the big file; default: 1G, or 64M")
    parser.add_argument("--small", type=parse_count, metavar="N", help="small files of 4 KiB; default: 10000, or 500")
    parser.add_argument("--only", type=choice_from(list(rivals.ALL)), metavar="A,B", help=", ".join(rivals.ALL))
    parser.add_argument("--measure", type=choice_from(KINDS), metavar="A,B", help=", ".join(KINDS))
    parser.add_argument("--json", metavar="FILE", help="write the numbers there as well")
    parser.add_argument("--quick", action="store_true", help="one small round, to see that everything works")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.size = options.size or (64 << 20 if options.quick else 1 << 30)
    options.small = options.small or (500 if options.quick else 10000)
    options.only = options.only or list(rivals.ALL)
    options.measure = options.measure or list(KINDS)
    if "dory" in options.only and not (options.dory and options.doryd):
        parser.error("--dory and --doryd are needed, or --only without dory")
    if options.json and not os.path.isdir(os.path.dirname(os.path.abspath(options.json))):
        parser.error(f"there is no folder for --json {options.json}")
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def check_room(size):
    # The file to send and one copy, and some for the rest.
    needed = 2 * size + (512 << 20)
    free = shutil.disk_usage(MEMORY_FOLDER).free
    if free < needed:
        raise BenchError(f"{MEMORY_FOLDER} has {free >> 20} MiB left, {needed >> 20} are needed; try --size 256M")


@contextlib.contextmanager
def work_folder():
    """A folder in memory that goes away whatever happens."""
    folder = tempfile.mkdtemp(prefix="dory-bench-", dir=MEMORY_FOLDER)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_rivals(options, folder, stack):
    made = []
    for name in options.only:
        kind = rivals.ALL[name]
        try:
            rival = kind(os.path.join(folder, name), {"dory": options.dory, "doryd": options.doryd})
        except BenchError as error:
            raise BenchError(f"{name}: {error}") from error
        stack.callback(rival.clean_up)
        # Each measurement stops its server; this is for a Ctrl-C in the middle of stopping.
        stack.callback(rival.stop)
        made.append(rival)
    return made


def rotated(sequence, by):
    """Each round begins with another one, so that nobody always follows the same neighbour."""
    by %= max(len(sequence), 1)
    return sequence[by:] + sequence[:by]


def run_transfers(options, contestants, inputs):
    runs = {kind: {} for kind in options.measure if kind != "idle"}
    for round_number in range(options.rounds):
        for kind, by_rival in runs.items():
            able = [rival for rival in contestants if kind in rival.measures]
            for rival in able:
                by_rival.setdefault(rival.name, [])
            for rival in rotated(able, round_number):
                result = measure.transfer_once(rival, kind, inputs)
                by_rival[rival.name].append(result)
                say(f"round {round_number + 1} of {options.rounds}: {kind} {rival.name} {result['seconds']:.3f} s")
    return {kind: by_rival for kind, by_rival in runs.items() if by_rival}


def run_idle(options, contestants):
    results = {}
    for rival in contestants if "idle" in options.measure else []:
        for full_count in rival.idle_counts:
            count = full_count // 10 if options.quick else full_count
            say(f"idle: {rival.name}, {count} connections")
            results.setdefault(rival.name, {})[str(count)] = measure.idle_once(rival, count)
    return results


def titles(options):
    size = f"{options.size / (1 << 20):g} MiB"
    return {
        "put": f"put of {size}",
        "get": f"get of {size}",
        "put-16m": "put of 16 MiB",
        "get-16m": "get of 16 MiB",
        "small": f"put of {options.small} files of 4 KiB",
    }


def run(options):
    check_room(options.size)
    machine = report.machine_facts()
    if machine["load_before"] > BUSY_LOAD:
        say(f"bench.py: the machine is busy (load {machine['load_before']}); expect noise")
    with work_folder() as folder, contextlib.ExitStack() as stack:
        contestants = make_rivals(options, folder, stack)
        inputs = measure.Inputs(os.path.join(folder, "inputs"), options.size, options.small)
        runs = run_transfers(options, contestants, inputs)
        idle = run_idle(options, contestants)
    transfers = report.summarize(runs, {kind: inputs.amount(kind) for kind in runs})
    return {
        "machine": machine,
        "rounds": options.rounds,
        "size": options.size,
        "small_files": options.small,
        "transfers": transfers,
        "idle": idle,
        "goals": report.goals(transfers, idle, titles(options)),
    }


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(signal_number, frame):
    """The first one ends the run in order; further ones must not cut the cleaning up short."""
    del signal_number, frame
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    options = parse_arguments()
    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        result = run(options)
        print(report.text(result, titles(options)))
        if options.json:
            with open(options.json, "w", encoding="utf-8") as out:
                json.dump(result, out, indent=2)
                out.write("\n")
    except BenchError as error:
        say(f"bench.py: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench.py: interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
