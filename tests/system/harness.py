# SPDX-License-Identifier: MIT
"""What the system tests stand on: a target to speak to, doryd and dory as processes, and networks that misbehave.

Fixtures that hand these out are in conftest.py. Nothing here knows what a single test wants to find out.
"""

import contextlib
import ctypes
import itertools
import os
import pathlib
import random
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import wire
from wire import PATIENCE

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DORYD = str(pathlib.Path(os.environ.get("DORYD", REPOSITORY / "build/gcc/doryd")).absolute())
DORY = str(pathlib.Path(os.environ.get("DORY", REPOSITORY / "build/gcc/dory")).absolute())
DORYSIGN = str(pathlib.Path(os.environ.get("DORYSIGN", REPOSITORY / "build/gcc/dorysign")).absolute())
STICKY = str(pathlib.Path(os.environ.get("STICKY", REPOSITORY / "build/gcc/sticky")).absolute())

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|runtime error:")
FAILURES = wire.STATUSES - {"ok", "more", "continue"}

# What dory exits with.
DONE, REFUSED, USAGE, NO_CONNECTION, TIMEOUT, LOCAL_FILE, MISMATCH = range(7)

MIB = 1 << 20

_run, _numbers = os.urandom(3).hex(), itertools.count()  # a target may remember the names of earlier runs

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _CAP_FOWNER = 1, 2, 3


def pattern(size, seed=1):
    """`size` bytes in which no two blocks are alike, the same for the same seed."""
    words = (seed * 2654435761 % 2**32).to_bytes(4, "little")
    return b"".join(words + i.to_bytes(12, "little") for i in range(size // 16 + 1))[:size]


def poll_until(condition, what, patience=PATIENCE):
    """Wait until condition() is true, and return that value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(0.01)


# --- what a child process is made to live with ---


def die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def file_size_limit(size):
    """No file may grow beyond `size`. The signal that comes with it is the program's to handle."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def open_file_limit(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def bound_by_permissions():
    """Permission bits bind root only when it lacks these capabilities; for others this does nothing."""
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _CAP_FOWNER):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def permissions_bind(folder):
    """Whether bound_by_permissions works here: tried out in a folder that nobody may write to."""
    probe = pathlib.Path(folder) / "probe"
    probe.mkdir()
    probe.chmod(0o555)
    script = f"open({str(probe / 'file')!r}, 'w')"
    done = subprocess.run([sys.executable, "-c", script], preexec_fn=bound_by_permissions, stderr=subprocess.DEVNULL)
    probe.chmod(0o755)
    return done.returncode != 0


def own_tmpfs(folder, size):
    """The words to put in front of a command so that it alone sees a small tmpfs at `folder`; None if not allowed.

    The mount lives in the process's own namespace and ends with it, however it ends."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    script = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
    words = [*unshare, "sh", "-c", script, "sh", str(size), str(folder)]
    if not shutil.which("unshare"):
        return None
    try:
        done = subprocess.run([*words, "true"], capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    return words if done.returncode == 0 else None


@contextlib.contextmanager
def roomy_folder(size):
    """A folder with that much room, memory-backed when memory is plentiful; None when there is none."""
    available = 0
    with contextlib.suppress(OSError):
        found = re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
        available = int(found.group(1)) * 1024 if found else 0
    place = None
    for candidate, room in (("/dev/shm", available // 2), (tempfile.gettempdir(), size * 2)):
        with contextlib.suppress(OSError):
            if place is None and min(room, shutil.disk_usage(candidate).free) > size + size // 4:
                place = candidate
    if place is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="dory-test-", dir=place) as folder:
        yield pathlib.Path(folder)


# --- the other end ---


class Target:
    """A server at an address, wherever it runs. Remembers names and connections, to leave nothing behind."""

    def __init__(self, address=None):
        self.address = address
        self.connections = []
        self.names = []
        self.partials = 0  # how many the test leaves behind on purpose
        self._info = None

    @property
    def at(self):
        """The address as the command line takes it."""
        return wire.join_address(self.address)

    @property
    def info(self):
        """The limits of the target, asked once."""
        if self._info is None:
            self._info = self.ask("info").header
        return self._info

    def connect(self, **options):
        conn = wire.Conn(self.address, **options)
        self.connections.append(conn)
        return conn

    def name(self, hint="f"):
        """A name that nobody else uses; what is stored under it goes away at the end."""
        name = f"{hint}-{_run}-{next(_numbers)}"
        self.names.append(name)
        return name

    def size(self, wanted):
        """At most `wanted` bytes, less on a target with little room."""
        return int(min(wanted, self.info["max_file"], self.info["free"] // 4))

    def ask(self, cmd, body=b"", **fields):
        with wire.Conn(self.address) as conn:
            return conn.ask(cmd, body, **fields)

    def put(self, name, data, **fields):
        """A put that must succeed; waits out a writer that is just going away."""

        def attempt():
            with wire.Conn(self.address) as conn:
                answer = conn.put(name, data, **fields)
            return answer if answer.status != "busy" else None

        answer = poll_until(attempt, f"put of {name}")
        assert answer.status == "ok", answer
        return answer

    def get(self, name, **fields):
        """The bytes of a file that must be there."""
        answer = self.ask("get", filename=name, **fields)
        assert answer.status == "ok", answer
        return answer.data

    def stat(self, name, **fields):
        return self.ask("stat", filename=name, **fields)

    def listing(self, prefix=None):
        """{name: size} of everything that begins with the prefix."""
        fields = {} if prefix is None else {"prefix": prefix}
        answer = self.ask("list", **fields)
        assert answer.status == "ok", answer
        entries = [wire.parse_object(line) for line in answer.data.splitlines()]
        result = {entry["filename"]: entry["filesize"] for entry in entries}
        assert len(result) == len(entries), "a name is listed twice"
        return result

    def partial(self, name):
        """How many bytes of an unfinished put the server holds."""
        return self.stat(name).header.get("partial", 0)

    def being_written(self, name):
        """Whether somebody is putting that name. The put that finds out is one that can't succeed."""
        status = self.ask("put", filename=name, filesize=0, crc32="ffffffff").status
        assert status in ("busy", "corrupt"), status
        return status == "busy"

    def close_connections(self, how="close"):
        for conn in self.connections:
            getattr(conn, how)()
        self.connections.clear()

    def finish(self):
        """Leave the target as it was."""
        self.close_connections()
        for name in self.names:

            def gone(name=name):
                return self.ask("delete", filename=name).status != "busy"

            poll_until(gone, f"delete of {name}")


def steady_address():
    """A loopback address, of TCP and UDP, to which a server can come back: no kernel hands its port to somebody else."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(lowest // 2, lowest)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", port))
            return f"127.0.0.1:{port}"


class StartFailed(Exception):
    def __init__(self, code, out, err):
        super().__init__(f"doryd ended with {code} before it was ready\n{out}\n{err}")
        self.code, self.out, self.err = code, out, err


class Server(Target):
    """doryd as a process, with a folder of its own."""

    FILES_A_PARTIAL = 2  # its bytes, and at most one more that says whose they are

    def __init__(self, folder, options=(), root=None, listen=("127.0.0.1:0",), limits=(), before=(), visible=True):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = pathlib.Path(root) if root else self.folder / "root"
        if root is None:
            self.root.mkdir(exist_ok=True)
        self.options = [str(option) for option in options]
        self.listen = list(listen)
        self.limits = list(limits)
        self.before = list(before)
        self.visible = visible  # whether we see the root that the server sees
        self.addresses = []
        self.plain_ports = 0  # sockets for older clients; their addresses come behind those of --listen
        self.process = None
        self.idle_sockets = 0  # how many it has when nobody is connected
        self.runs = 0

    @property
    def out_file(self):
        return self.folder / f"doryd-{self.runs}.out"

    @property
    def err_file(self):
        return self.folder / f"doryd-{self.runs}.err"

    @property
    def err(self):
        return self.err_file.read_text(errors="replace")

    @property
    def pid(self):
        return self.process.pid

    def _prepare_child(self):
        die_with_parent()
        for limit in self.limits:
            limit()

    def start(self, *more_options):
        self.runs += 1
        words = [*self.before, DORYD, "--root", str(self.root)]
        for address in self.listen:
            words += ["--listen", address]
        words += self.options + [str(option) for option in more_options]
        self.plain_ports = sum(word in ("--sized-commands", "--headed-commands") for word in words)
        with open(self.out_file, "wb") as out, open(self.err_file, "wb") as err:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, preexec_fn=self._prepare_child
            )
        found = poll_until(self._listening, "doryd says where it listens")
        self.addresses = [wire.split_address(text) for text in found]
        self.address = self.addresses[0]
        self.idle_sockets = self.sockets()
        self._info = None
        return self

    def _listening(self):
        code = self.process.poll()
        out = self.out_file.read_text()
        if code is not None:
            self.process = None
            raise StartFailed(code, out, self.err)
        complete = out[: out.rfind("\n") + 1]
        found = re.findall(r"^listening on (\S+)$", complete, re.MULTILINE)
        return found if len(found) == len(self.listen) + self.plain_ports else None

    def restart(self, *more_options):
        """Start again; at the same port only when that was a steady_address()."""
        return self.start(*more_options)

    def leftovers(self):
        """The server's own files in the root."""
        return [path for path in (self.root / ".dory").rglob("*") if not path.is_dir()]

    def sockets(self):
        """How many sockets the server has open."""
        count = 0
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                count += os.readlink(entry.path).startswith("socket:")
        return count

    def has_read(self, conn):
        """Whether the server took everything that was sent on a connection (IPv4) out of the kernel's hands."""
        ours, theirs = conn.sock.getsockname()[1], conn.sock.getpeername()[1]
        queued = {}
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            ports = tuple(int(word.split(":")[1], 16) for word in words[1:3])
            queued[ports] = [int(word, 16) for word in words[4].split(":")]
        not_sent, not_read = queued[ours, theirs][0], queued[theirs, ours][1]
        return not_sent == 0 and not_read == 0

    def resident(self):
        """Bytes of memory in use."""
        pages = int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def check_health(self):
        assert not SANITIZER.search(self.err), self.err
        code = self.process.poll()
        assert code is None, f"doryd ended by itself with {code}\n{self.err}"

    def kill(self):
        self.check_health()
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self, how=signal.SIGTERM):
        """End it politely, and look at what it leaves behind."""
        self.check_health()
        process, self.process = self.process, None
        process.send_signal(how)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"doryd did not end after {how.name}\n{self.err}") from None
        assert not SANITIZER.search(self.err), self.err
        assert code == 0, f"doryd ended with {code} after {how.name}\n{self.err}"
        if self.visible:
            left = self.leftovers()
            assert len(left) <= self.partials * self.FILES_A_PARTIAL, f"left behind: {left}"

    def finish(self):
        self.close_connections()
        if self.process is not None:
            try:
                self.stop()
            finally:
                self.abandon()

    def abandon(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Result:
    """How a command ended."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.data, self.err = words, code, out, err

    @property
    def out(self):
        return self.data.decode()

    def objects(self):
        """The objects of --json, one a line."""
        return [wire.parse_object(line) for line in self.data.splitlines()]

    def __repr__(self):
        return f"<{' '.join(self.words)}: exit {self.code}\nstdout: {self.data[:2000]!r}\nstderr: {self.err[:4000]}>"


def check_result(result):
    assert not SANITIZER.search(result.err), result
    assert result.code >= 0, f"killed by signal {-result.code}: {result}"
    return result


def run_program(program, *words, cwd=None, limits=(), before=(), stdout=subprocess.PIPE, patience=3 * PATIENCE):
    """Run a program to its end; neither a crash nor a hang is ever an expected outcome."""

    def prepare():
        die_with_parent()
        for limit in limits:
            limit()

    words = [str(word) for word in words]
    done = subprocess.run(
        [*before, program, *words],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
        timeout=patience,
    )
    name = pathlib.Path(program).name
    return check_result(Result([name, *words], done.returncode, done.stdout or b"", done.stderr.decode()))


def run_dory(*words, **options):
    return run_program(DORY, *words, **options)


def start_dory(*words, cwd=None):
    """The client as a process that the test may kill."""
    words = [str(word) for word in words]
    return subprocess.Popen(
        [DORY, *words],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=die_with_parent,
    )


def run_on_terminal(*words, cwd=None, patience=3 * PATIENCE):
    """Run the client with stderr on a terminal of 24 x 80; `err` of the result is what the terminal got."""
    import fcntl
    import termios

    words = [str(word) for word in words]
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [DORY, *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=slave, preexec_fn=die_with_parent
        )
        os.close(slave)
        shown = bytearray()
        deadline = time.monotonic() + patience
        try:
            while True:
                readable, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
                assert readable, f"dory did not end: {bytes(shown)!r}"
                try:
                    chunk = os.read(master, 65536)
                except OSError:  # EIO: nobody holds the terminal any more
                    break
                if not chunk:
                    break
                shown += chunk
            code = process.wait(PATIENCE)
        finally:
            os.close(master)
            if process.poll() is None:
                process.kill()
                process.wait()
        out.seek(0)
        return check_result(Result(["dory", *words], code, out.read(), shown.decode(errors="replace")))


# --- networks and servers that misbehave ---


def hang_up(sock):
    """End a connection from any thread, and wake whoever waits on the socket, which a close would not."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class Listener:
    """A loopback port whose connections go to `serve`, each in a thread of its own."""

    def __init__(self, serve, one_at_a_time=False, receive_buffer=None):
        self.serve = serve
        self.one_at_a_time = one_at_a_time
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.address = self.sock.getsockname()[:2]
        self.accepted = 0
        self.errors = []
        self.open = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def at(self):
        return wire.join_address(self.address)

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.accepted += 1
            sock.settimeout(3 * PATIENCE)
            self.open.append(sock)
            if self.one_at_a_time:
                self._run(sock, self.accepted - 1)
            else:
                threading.Thread(target=self._run, args=(sock, self.accepted - 1), daemon=True).start()

    def _run(self, sock, index):
        try:
            self.serve(sock, index)
        except OSError:
            pass  # the client went away
        except Exception as error:  # for the test to look at
            self.errors.append(error)
        finally:
            hang_up(sock)

    def close(self):
        self.over.set()
        hang_up(self.sock)
        self.sock.close()
        for sock in self.open:
            hang_up(sock)
            sock.close()


class Fault:
    """What a proxy does to one connection once `after` bytes went by in the direction `way` ("up" to the server).

    `what` is "close", "reset", "stall" (pass nothing more, close nothing), or "garble" (flip a bit, go on)."""

    def __init__(self, what, after, way="up"):
        self.what, self.after, self.way = what, after, way


class Lane:
    """One direction of a relayed connection."""

    def __init__(self, source, sink, fault):
        self.source, self.sink, self.fault = source, sink, fault
        self.waiting = b""
        self.passed = 0
        self.ended = False
        self.not_before = 0.0  # when a slow line is ready for more

    def receive(self, most):
        """Take in what came; True when the fault is due once `waiting` is out."""
        chunk = self.source.recv(most)
        if not chunk:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)
            return False
        due = False
        if self.fault and self.passed + len(chunk) > self.fault.after:
            offset = self.fault.after - self.passed
            if self.fault.what == "garble":
                chunk = chunk[:offset] + bytes([chunk[offset] ^ 1]) + chunk[offset + 1 :]
                self.fault = None
            else:
                chunk, due = chunk[:offset], True
        self.passed += len(chunk)
        self.waiting = chunk
        return due


class Proxy(Listener):
    """Relays to a server and applies the n-th fault to the n-th connection; the last one stays when `repeat`.

    With a `rate` (bytes a second, each way) it keeps little in its own buffers, as a slow line does."""

    def __init__(self, server_address, faults=(), repeat=False, rate=None):
        self.server_address = server_address
        self.faults = list(faults)
        self.repeat = repeat
        self.rate = rate
        self.lanes = []
        super().__init__(self._relay, receive_buffer=8192 if rate else None)

    @property
    def bytes_up(self):
        return sum(up.passed for up, _ in self.lanes)

    def _fault(self, index):
        if index < len(self.faults):
            return self.faults[index]
        return self.faults[-1] if self.repeat and self.faults else None

    def _relay(self, client, index):
        server = socket.socket()
        self.open.append(server)
        if self.rate:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        server.connect(self.server_address)
        fault = self._fault(index)
        up = Lane(client, server, fault if fault and fault.way == "up" else None)
        down = Lane(server, client, fault if fault and fault.way == "down" else None)
        self.lanes.append((up, down))
        client.setblocking(False)
        server.setblocking(False)
        how = "close"
        try:
            how = self._pass(up, down)
        except OSError:
            pass  # one side went away: so does the other
        if how == "stall":
            self.over.wait()
        for sock in (client, server):
            if how == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def _pass(self, up, down):
        """Relay until both sides are through ("close") or a fault is due; returns what is to be done then."""
        due = None
        while not self.over.is_set() and not (up.ended and down.ended):
            poller = select.poll()
            events = dict.fromkeys((up.source.fileno(), up.sink.fileno()), 0)
            now, pause = time.monotonic(), 1.0
            for lane in (up, down):
                if lane.waiting:
                    events[lane.sink.fileno()] |= select.POLLOUT
                elif due:
                    return due
                elif not lane.ended and lane.not_before <= now:
                    events[lane.source.fileno()] |= select.POLLIN
                elif not lane.ended:
                    pause = min(pause, lane.not_before - now)
            for descriptor, wanted in events.items():
                if wanted:
                    poller.register(descriptor, wanted)
            ready = dict(poller.poll(pause * 1000))
            for lane in (up, down):
                if lane.waiting and ready.get(lane.sink.fileno(), 0):
                    sent = lane.sink.send(lane.waiting)
                    lane.waiting = lane.waiting[sent:]
                elif not lane.waiting and not lane.ended and ready.get(lane.source.fileno(), 0) & ~select.POLLOUT:
                    if lane.receive(4096 if self.rate else 65536):
                        due = lane.fault.what
                    if self.rate:
                        lane.not_before = time.monotonic() + len(lane.waiting) / self.rate
        return "close"


def receive_exactly(sock, count):
    """`count` bytes of a blocking socket, the way a simple server reads by length."""
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise EOFError(f"{len(data)} of {count} bytes")
        data += chunk
    return data


def receive_message(sock):
    """(header, body) of one put in its oldest form."""
    length = int.from_bytes(receive_exactly(sock, 4), "little")
    header = wire.parse_object(receive_exactly(sock, length))
    return header, receive_exactly(sock, header["filesize"])
