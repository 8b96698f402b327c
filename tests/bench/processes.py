# SPDX-License-Identifier: MIT
"""Starts, watches and stops the processes of the benchmark.

What a server costs is read from /proc for the whole tree of its processes, because several rivals
fork one per connection. Nothing here knows which server it is looking at.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

READY_S = 10
STOP_S = 5
CLIENT_S = 900
SAMPLE_S = 0.05
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something that ends the benchmark; the text names the rival."""


def find_program(name):
    """Daemons live in /usr/sbin, which is not on everyone's PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise BenchError(f"{name} is not there (make deps-bench installs the rivals)")
    return found


def tail(log_path):
    return log_path.read_text(errors="replace").strip()[-500:] or "it said nothing"


def free_port():
    """A port free for TCP and UDP. Someone could take it before the server does; then the server fails loudly."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def first_client_port():
    """The kernel gives this port, and those above it, to sockets that ask for no special one."""
    return int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def is_listening(port):
    """Looks without connecting, since a connection would already count as a client for some servers."""
    for protocol, state in (("tcp", "0A"), ("udp", "07")):
        for line in pathlib.Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and int(fields[1].split(":")[1], 16) == port:
                return True
    return False


def read_proc(pid, name):
    """The text of /proc/PID/NAME, empty when the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def process_tree(root_pid):
    """The pids of a process and all its descendants, parents first."""
    pids = [root_pid]
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except (FileNotFoundError, ProcessLookupError):
            continue
        for thread in threads:
            pids += map(int, read_proc(pid, f"task/{thread}/children").split())
    return pids


def sum_kib(pids, name, key):
    """Adds up one field, given in kB, of a file like /proc/PID/status."""
    total = 0
    for pid in pids:
        for line in read_proc(pid, name).splitlines():
            if line.startswith(key + ":"):
                total += int(line.split()[1])
    return total


def cpu_ticks(pids):
    """For each pid, the ticks it has used itself and those of its ended children that it has waited for."""
    ticks = {}
    for pid in pids:
        # The name of the program, in brackets, may hold anything; the numbers start behind it.
        fields = read_proc(pid, "stat").rpartition(")")[2].split()
        if fields:
            user, system, children_user, children_system = map(int, fields[11:15])
            ticks[pid] = (user + system, children_user + children_system)
    return ticks


class Server:
    """One running server; its output goes to log_path."""

    def __init__(self, argv, log_path):
        self.log_path = log_path
        self.handles = []
        with open(log_path, "wb") as log:
            # In a session of its own, so that Ctrl-C reaches this program first and it can clean up in order.
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self.process.pid

    def wait_until(self, is_ready):
        deadline = time.monotonic() + READY_S
        while not is_ready():
            if self.process.poll() is not None:
                raise BenchError(f"server ended at once: {tail(self.log_path)}")
            if time.monotonic() > deadline:
                raise BenchError(f"server not ready after {READY_S} s: {tail(self.log_path)}")
            time.sleep(0.01)

    def stop(self):
        """Asks the server to end and makes sure that none of its processes is left. May be called again."""
        for pid in process_tree(self.pid):
            with contextlib.suppress(ProcessLookupError):
                # A handle, unlike a pid, can't come to mean a stranger's process.
                self.handles.append(os.pidfd_open(pid))
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        while self.handles:
            handle = self.handles.pop()
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)


class Watch(threading.Thread):
    """While a client runs, samples what the server costs: its children may be gone afterwards.

    It also ends a client that takes too long.
    """

    def __init__(self, server, client):
        super().__init__(daemon=True)
        self.server = server
        self.client = client
        self.timed_out = False
        self.finished = threading.Event()
        self.peak_kib = 0
        self.before = cpu_ticks(process_tree(server.pid))
        self.last = dict(self.before)

    def sample(self):
        pids = process_tree(self.server.pid)
        self.peak_kib = max(self.peak_kib, sum_kib(pids, "status", "VmHWM"))
        now = cpu_ticks(pids)
        self.last.update(now)
        return now

    def run(self):
        deadline = time.monotonic() + CLIENT_S
        while not self.finished.wait(SAMPLE_S):
            self.sample()
            if time.monotonic() > deadline:
                self.timed_out = True
                self.client.kill()
                return

    def stop(self):
        self.finished.set()
        self.join()

    def cpu_seconds(self):
        """Call it after stop().

        An ended child's time goes to its parent, but only if the parent waits for it, which tftpd's does
        not. What was seen of the children while they lived misses their last moments. Neither counts
        too much, so the larger one is nearer.
        """
        now = self.sample()
        inherited = sum(map(sum, now.values())) - sum(map(sum, self.before.values()))
        seen = sum(own for own, _ in self.last.values()) - sum(own for own, _ in self.before.values())
        return max(inherited, seen) / TICKS_PER_S


def run_client(argv, server, log_path):
    """Runs one client from start to exit. Returns its seconds, and what it cost the server."""
    with open(log_path, "wb") as log:
        started = time.perf_counter()
        client = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            watch = Watch(server, client)
            watch.start()
            client.wait()
            seconds = time.perf_counter() - started
        finally:
            client.kill()
            client.wait()
    # Time for the server to close the connection, so that this is counted as well.
    time.sleep(SAMPLE_S)
    watch.stop()
    program = os.path.basename(argv[0])
    if watch.timed_out:
        raise BenchError(f"{program} was not done after {CLIENT_S} s")
    if client.returncode != 0:
        raise BenchError(f"{program} ended with {client.returncode}: {tail(log_path)}")
    return {"seconds": seconds, "server_cpu_s": watch.cpu_seconds(), "server_peak_kib": watch.peak_kib}
