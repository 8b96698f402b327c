# SPDX-License-Identifier: MIT
"""What is measured: one transfer by one rival, and what its idle connections cost.

Each measurement starts its server afresh, so that memory and CPU time belong to it alone. The result
is compared byte by byte after the clock has stopped, and removed before the next one begins.
"""

import contextlib
import os
import pathlib
import random
import resource
import shutil
import socket
import time

from processes import BenchError, process_tree, run_client, sum_kib

MIB = 1024 * 1024
SMALL_BYTES = 4096
MEDIUM_BYTES = 16 * MIB
SETTLE_S = 0.5

MEASURES = ("put", "get", "put-16m", "get-16m", "small")


class Inputs:
    """The files to send: random, so that nothing can be compressed, and the same at every run."""

    def __init__(self, folder, size, small_count):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.size = size
        self.small_count = small_count
        self.random = random.Random(1)

    def file(self, measure):
        path = self.folder / ("medium.bin" if measure.endswith("16m") else "big.bin")
        if not path.exists():
            self.fill(path, MEDIUM_BYTES if measure.endswith("16m") else self.size)
        return path

    def small_folder(self):
        path = self.folder / "small"
        if not path.exists():
            path.mkdir()
            for number in range(self.small_count):
                self.fill(path / f"file{number:05}.bin", SMALL_BYTES)
        return path

    def fill(self, path, size):
        with open(path, "wb") as out:
            for offset in range(0, size, MIB):
                out.write(self.random.randbytes(min(MIB, size - offset)))

    def amount(self, measure):
        """What one transfer moves, as a number and its unit."""
        if measure == "small":
            return self.small_count, "files"
        return (MEDIUM_BYTES if measure.endswith("16m") else self.size) / MIB, "MiB"


def check_same_file(expected, found):
    if not found.is_file():
        raise BenchError(f"{found.name} did not arrive")
    with open(expected, "rb") as left, open(found, "rb") as right:
        while True:
            block = left.read(MIB)
            if block != right.read(MIB):
                raise BenchError(f"{found.name}: what arrived is not what was sent")
            if not block:
                return


def check_same_folder(expected, found):
    names = sorted(path.name for path in expected.iterdir())
    arrived = sorted(path.name for path in found.iterdir()) if found.is_dir() else []
    if names != arrived:
        raise BenchError(f"of {len(names)} small files, {len(arrived)} arrived, or under other names")
    for name in names:
        check_same_file(expected / name, found / name)


def empty_folder(folder):
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def put_once(rival, source):
    result = run_client(rival.put_argv(source, source.name), rival.server, rival.folder / "client.log")
    if rival.stores:
        check_same_file(source, rival.root / source.name)
    return result


def get_once(rival, source):
    # A second name of the same file costs no memory.
    os.link(source, rival.root / source.name)
    target = rival.folder / "fetched.bin"
    try:
        result = run_client(rival.get_argv(source.name, target), rival.server, rival.folder / "client.log")
        if rival.stores:
            check_same_file(source, target)
    finally:
        target.unlink(missing_ok=True)
    return result


def put_small_once(rival, source):
    argv = rival.put_folder_argv(source, "many")
    result = run_client(argv, rival.server, rival.folder / "client.log")
    check_same_folder(source, rival.folder_lands_in(source, "many"))
    return result


@contextlib.contextmanager
def running(rival, measure, connections=1):
    try:
        rival.start(measure, connections)
        yield
    finally:
        rival.stop()


def transfer_once(rival, measure, inputs):
    """One transfer; returns its seconds and the CPU time and peak memory of the server."""
    try:
        with running(rival, measure):
            if measure == "small":
                return put_small_once(rival, inputs.small_folder())
            once = get_once if measure.startswith("get") else put_once
            return once(rival, inputs.file(measure))
    except BenchError as error:
        raise BenchError(f"{rival.name}, {measure}: {error}") from error
    finally:
        empty_folder(rival.root)


@contextlib.contextmanager
def room_for_files(needed):
    """Lets this process, and servers that it starts meanwhile, open that many files; yields False if it can't."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = old
    try:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), max(hard, needed)))
        yield resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= needed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


def server_memory(rival):
    pids = process_tree(rival.server.pid)
    return {
        "processes": len(pids),
        "rss_kib": sum_kib(pids, "status", "VmRSS"),
        "pss_kib": sum_kib(pids, "smaps_rollup", "Pss"),
    }


def open_connection(rival, stack):
    """Connects and has the server answer once, so that the connection is not only in the kernel's queue."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", rival.port), timeout=10))
    if rival.hello:
        connection.sendall(rival.hello)
    if not connection.recv(65536):
        raise BenchError("an idle connection was closed instead of answered")
    connection.setblocking(False)
    return connection


def is_open(connection):
    try:
        while connection.recv(65536):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def idle_once(rival, count):
    """The server's memory before and while it holds that many connections which say nothing."""
    try:
        with room_for_files(count + 256) as enough, contextlib.ExitStack() as stack:
            if not enough:
                return {"skipped": f"the limit of open files is below {count + 256} (ulimit -n)"}
            stack.enter_context(running(rival, "idle", count))
            before = server_memory(rival)
            connections = [open_connection(rival, stack) for _ in range(count)]
            time.sleep(SETTLE_S)
            memory = server_memory(rival)
            held = sum(map(is_open, connections))
            if held != count:
                raise BenchError(f"only {held} of {count} idle connections are still open")
            return memory | {"pss_kib_before": before["pss_kib"]}
    except (BenchError, OSError) as error:
        raise BenchError(f"{rival.name}, {count} idle connections: {error}") from error
    finally:
        empty_folder(rival.root)
