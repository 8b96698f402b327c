#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the emulated boards, in instructions a byte, beside lwIP's own lwiperf in the same image.

QEMU counts instructions (-icount shift=6: 64 ns each), so neither this machine's speed nor its load
matters. The image (boards/bench/) meters the turns of its main loop in which there was a frame or work;
sleep, and the look around that finds nothing to do, are left out. Each figure is the slope between a
small and a big transfer: what connections and requests cost by themselves drops out.

Exits with 1 when a goal is missed.
"""

import sys

sys.dont_write_bytecode = True

import argparse  # noqa: E402  (nothing may be imported before the line above)
import contextlib
import json
import pathlib
import random
import re
import socket
import struct
import subprocess
import tempfile
import time

from processes import STOP_S, BenchError, free_port, tail

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import wire  # noqa: E402  (it is where the line above says)

BOARDS = ("mps2-an385", "lm3s6965evb")
WITH_CARD = "lm3s6965evb"
CARD_BYTES = 64 << 20

SHIFT = 6
INSTRUCTIONS_A_MS = 1_000_000 >> SHIFT

SIZES = (1_000_000, 8_000_000)
LWIPERF_S = (0.5, 4.0)
TABLES = {"0": 16, "1": 256, "2": 1024}

NAME = "file"

# As on an Ethernet. The loopback interface has bigger segments of odd lengths, at whose ends QEMU may cut the stream.
SEGMENT = 1460

PATIENCE_S = 120
QUIET_S = 0.2

METER = r"^meter" + 5 * " ([0-9a-f]{16})" + "$"

# For each board: a figure, what it is held against, and how: at most so many times that, or so much more.
# Slicing by 4 (1,024 entries) can't reach the aim of 3: each byte is cut out, looked up and added, which is 3 already; the
# data must be loaded, too.
GOALS = {
    "mps2-an385": (
        ("put", "lwiperf receives", "times", 1.15),
        ("put, CRC by 256", "put", "more", 5.0),
        ("put, CRC by 1024", "put", "more", 3.5),
        ("get", "lwiperf sends", "times", 1.15),
    ),
    "lm3s6965evb": (),
}


def wait_until(condition, what, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {patience_s} s")
        time.sleep(0.01)
    return found


class Meter:
    """What the board has counted since its start, in instructions."""

    def __init__(self, words):
        *ticks, self.turns, per_ms = (int(word, 16) for word in words)
        self.busy, self.awake, self.storage = (count * INSTRUCTIONS_A_MS / per_ms for count in ticks)

    def since(self, before):
        return {name: value - getattr(before, name) for name, value in vars(self).items()}


class Board:
    """A board in QEMU that runs its bench image. Nothing is reachable but from this machine."""

    def __init__(self, name, build, folder):
        self.name = name
        self.folder = folder
        self.ports = {9002: free_port(), 5001: free_port()}
        self.words = ["qemu-system-arm", "-M", name, "-display", "none", "-icount", f"shift={SHIFT},sleep=on"]
        self.words += ["-kernel", str(pathlib.Path(build, name, "bench.elf"))]
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in self.ports.items())
        self.words += ["-nic", f"user,{forwards}"]
        self.words += ["-chardev", f"socket,id=uart,path={folder}/uart,server=on,wait=on", "-serial", "chardev:uart"]
        if name == WITH_CARD:
            with open(folder / "card.img", "wb") as image:
                image.truncate(CARD_BYTES)
            self.words += ["-drive", f"if=sd,format=raw,file={folder}/card.img"]
        self.log = ""

    def __enter__(self):
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.uart = socket.socket(socket.AF_UNIX)
            wait_until(self._connect_uart, "QEMU's UART")
            self.uart.setblocking(False)
            self.read_until(r"^address \S+ port 9002")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.uart.close()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _connect_uart(self):
        if self.process.poll() is not None:
            raise BenchError(f"QEMU ended: {tail(self.folder / 'qemu.log')}")
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            self.uart.connect(str(self.folder / "uart"))
            return True
        return False

    def read_until(self, pattern):
        """The match in what the board says from here on."""

        def look():
            with contextlib.suppress(BlockingIOError):
                self.log += self.uart.recv(4096).decode(errors="replace").replace("\r", "")
            return re.search(pattern, self.log, re.MULTILINE)

        found = wait_until(look, f"the board says {pattern}")
        self.log = ""
        return found

    def tell(self, command):
        self.uart.send(command.encode())
        self.read_until("^done$")

    def read_meter(self):
        self.uart.send(b"m")
        return Meter(self.read_until(METER).groups())

    def read_quiet_meter(self):
        """Once nothing is going on any more."""
        before = self.read_meter()
        while True:
            time.sleep(QUIET_S)
            now = self.read_meter()
            if now.turns == before.turns:
                return now
            before = now

    def measure(self, transfer, amount):
        """What the transfer of that amount has cost: instructions, turns, and bytes."""
        before = self.read_quiet_meter()
        moved = transfer(self, amount)
        return {"bytes": moved, **self.read_quiet_meter().since(before)}

    def connect(self, port=9002):
        return wire.Conn(("127.0.0.1", self.ports[port]), patience=PATIENCE_S, segment=SEGMENT)


# --- transfers: each returns how many bytes it has moved ---


def content(size):
    return random.Random(size).randbytes(size)


def put(board, size, crc=False, shift=0):
    """Makes the body begin at a multiple of four bytes in the stream, and so at a word in the board's memory: so it
    does when dory sends more than 64 KiB, for it sends the header alone. With `shift`, that many bytes later."""
    data = content(size)
    fields = {"cmd": "put", "id": 1, "filename": NAME, "filesize": size, **({"crc32": wire.crc32(data)} if crc else {})}
    header = json.dumps(fields).encode()
    header += b" " * (-len(header) % 4 + shift)
    with board.connect() as conn:
        conn.send(wire.frame(header, data))
        answer = conn.final(1)
    if answer.status != "ok":
        raise BenchError(f"{board.name} answers {answer} to a put")
    return size


def put_with_crc(board, size):
    return put(board, size, crc=True)


def put_shifted(board, size):
    return put(board, size, shift=1)


def get(board, size):
    """What was put before."""
    with board.connect() as conn:
        answer = conn.ask("get", filename=NAME)
    if answer.status != "ok" or answer.data != content(size):
        raise BenchError(f"{board.name}: what was fetched is not what was stored: {answer}")
    return size


def lwiperf_header(flags=0, port=0, seconds=0.0):
    """What an iperf 2 client says first; its time is negative, in 10 ms."""
    return struct.pack(">IIIIIi", flags, 1, port, 0, 0, -round(seconds * 100))


def lwiperf_receives(board, size):
    data = lwiperf_header() + content(size - len(lwiperf_header()))
    with board.connect(5001) as conn:
        conn.send(data)
        conn.half_close()
        conn.drain()
    return size


def lwiperf_sends(board, seconds):
    """lwiperf counts no bytes, so it is told a time, on its own clock. It connects to us when we have hung up."""
    total = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        with board.connect(5001) as conn:
            conn.send(lwiperf_header(0x80000000, listener.getsockname()[1], seconds))
            conn.half_close()
            conn.drain()
        peer, _ = listener.accept()
    with peer:
        peer.settimeout(PATIENCE_S)
        while data := peer.recv(1 << 18):
            total += len(data)
    return total


# --- figures ---


def measure_dory(board, amounts):
    """Yields the name of each figure and what was counted for it."""
    for size in amounts:
        yield "put", board.measure(put, size)
        yield "put, shifted", board.measure(put_shifted, size)
        for command, entries in TABLES.items():
            board.tell(command)
            yield f"put, CRC by {entries}", board.measure(put_with_crc, size)
        yield "get", board.measure(get, size)


def measure_storage(board, amounts):
    for size in amounts:
        yield "storage, put", board.measure(put, size)
        yield "storage, get", board.measure(get, size)


def measure_lwiperf(board, transfer, amounts):
    for amount in amounts:
        yield transfer.__name__.replace("_", " "), board.measure(transfer, amount)


def measure_all(board):
    yield from measure_dory(board, SIZES)
    board.tell("s")
    yield from measure_storage(board, SIZES)
    board.tell("p")
    yield from measure_lwiperf(board, lwiperf_receives, SIZES)
    yield from measure_lwiperf(board, lwiperf_sends, LWIPERF_S)


def slope(small, big):
    """A byte's share of each count."""
    moved = big["bytes"] - small["bytes"]
    return {name: (big[name] - small[name]) / moved for name in small if name != "bytes"}


def measure_board(name, build):
    counts = {}
    with tempfile.TemporaryDirectory(prefix="dory-bench-") as folder, Board(name, build, pathlib.Path(folder)) as board:
        for figure, counted in measure_all(board):
            print(f"{name}: {figure}: {counted}", file=sys.stderr, flush=True)
            counts.setdefault(figure, []).append(counted)
    return {figure: slope(*pair) for figure, pair in counts.items()}


# --- report ---


def judge(goal, figures):
    """The goal as a line of text, and whether it is met."""
    figure, reference, how, limit = goal
    ours, theirs = figures[figure]["busy"], figures[reference]["busy"]
    value = ours / theirs if how == "times" else ours - theirs
    text = f"{figure}: {value:.3f} × {reference}, goal {limit}" if how == "times" else (
        f"{figure}: {value:.2f} more than {reference}, goal {limit}"
    )
    return {"text": text, "value": value, "limit": limit, "met": value <= limit}


def print_board(name, figures, goals):
    print(f"\n{name}: instructions a byte")
    for figure, slopes in figures.items():
        is_storage = figure.startswith("storage")
        print(f"  {figure:20} {slopes['storage' if is_storage else 'busy']:7.3f}", end="")
        print("" if is_storage else f"   {slopes['awake']:7.3f} with the turns that find nothing to do")
    for goal in goals:
        print(f"  {'met   ' if goal['met'] else 'MISSED'} {goal['text']}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/boards", help="the folder with BOARD/bench.elf")
    parser.add_argument("--json", help="where the figures go, too")
    parser.add_argument("boards", nargs="*", metavar="BOARD", help=f"{', '.join(BOARDS)} (all)")
    arguments = parser.parse_args()
    for name in arguments.boards:
        if name not in BOARDS:
            parser.error(f"{name!r} is not one of {', '.join(BOARDS)}")
    return arguments


def main():
    arguments = parse_arguments()
    report = {}
    for name in arguments.boards or BOARDS:
        figures = measure_board(name, arguments.build)
        report[name] = {"figures": figures, "goals": [judge(goal, figures) for goal in GOALS[name]]}
    for name, results in report.items():
        print_board(name, **results)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(goal["met"] for results in report.values() for goal in results["goals"]) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, OSError, wire.WireError) as error:
        sys.exit(f"bench-boards: {error}")
