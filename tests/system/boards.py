# SPDX-License-Identifier: MIT
"""Boards as targets: the hosted one as a process, the others in QEMU, each reached through a port of 127.0.0.1.

A board is named by DORY_BOARD; what it runs is made by `make hosted` or `make firmware BOARD=…`.
"""

import contextlib
import json
import mmap
import pathlib
import re
import signal
import socket
import subprocess
import threading

import harness
import wire
from harness import REPOSITORY, SANITIZER, poll_until

BOARDS = REPOSITORY / "build/boards"
START_SECONDS = 30
PLAIN = {"sized": 9003, "headed": 9004}  # the ports of older clients, in images that have them
STORAGE = {"lm3s6965evb": ("sd", 64 * harness.MIB), "emcraft-sf2": ("mtd", 16 * harness.MIB)}  # QEMU's interface, bytes
STATISTICS = re.compile(r"^heap (\d+) pools((?: \d+)+) sessions (\d+) stack (\d+) of (\d+)$", re.MULTILINE)
BOOT_STAGES = ("emcraft-sf2",)

remarks = []  # lines for the end of the report


class StartFailed(Exception):
    pass


class Board(harness.Target):
    """What all boards have in common: a process, a log of lines, and statistics."""

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plain = {}  # form: where older clients find their port
        self.process = None
        self.runs = 0

    @property
    def out(self):
        return (self.folder / f"board-{self.runs}.out").read_text(errors="replace")

    @property
    def err(self):
        return (self.folder / f"board-{self.runs}.err").read_text(errors="replace")

    def _spawn(self, words, **more):
        self.runs += 1
        with open(self.folder / f"board-{self.runs}.out", "wb") as out:
            with open(self.folder / f"board-{self.runs}.err", "wb") as err:
                self.process = subprocess.Popen(
                    [str(word) for word in words],
                    stdout=out,
                    stderr=err,
                    preexec_fn=harness.die_with_parent,
                    **more,
                )

    def _must_live(self):
        code = self.process.poll()
        if code is not None:
            raise StartFailed(f"the board ended with {code}\n{self.out}\n{self.err}")

    def wait_for(self, pattern, patience=START_SECONDS):
        """The first match of a pattern in what the board has logged in this run."""

        def look():
            self._must_live()
            return re.search(pattern, self.out, re.MULTILINE)

        return poll_until(look, f"the board says {pattern}", patience)

    def ask_statistics(self):
        raise NotImplementedError

    def statistics(self):
        """What is in use now: {"heap", "pools", "sessions", "stack", "room"}."""
        seen = len(STATISTICS.findall(self.out))
        self.ask_statistics()
        found = poll_until(lambda: STATISTICS.findall(self.out)[seen:], "statistics")[-1]
        pools = [int(word) for word in found[1].split()]
        return {"heap": int(found[0]), "pools": pools, "sessions": int(found[2]), "stack": int(found[3]), "room": int(found[4])}

    def check_quiet(self, before):
        """Nothing of lwIP's, and no session, is in use that was not before. Connections may take a while to end."""

        def quiet():
            now = self.statistics()
            pools = zip(now["pools"], before["pools"], strict=True)
            return now["heap"] <= before["heap"] and now["sessions"] == 0 and all(a <= b for a, b in pools)

        try:
            poll_until(quiet, "everything given back")
        except AssertionError:
            raise AssertionError(f"not given back: {self.statistics()}, at first {before}") from None

    def has_stored(self, data):
        """Whether these bytes are anywhere in the image of the storage."""
        with open(self.image, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as image:
            return image.find(data) >= 0

    def check_stack(self):
        """The deepest stack is within what the linker reserved, with something to spare."""
        now = self.statistics()
        remarks.append(f"deepest stack: {now['stack']} of {now['room']} bytes")
        assert now["stack"] <= now["room"] * 7 // 8, now

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()

    def abandon(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Hosted(Board):
    """lwIP in a process of this machine; its standard input is a console."""

    PROGRAM = REPOSITORY / "build/hosted-asan/hosted"

    def __init__(self, folder, *options, storage=None, plain=False):
        super().__init__(folder)
        self.options = list(options)
        self.image = self.folder / "flash"
        if plain:
            for form in PLAIN:
                self.plain[form] = wire.split_address(harness.steady_address())
                self.options += [f"--{form}-commands", wire.join_address(self.plain[form])]
        if storage is not None:
            self.options += ["--storage", self.image] if storage else ["--no-storage"]

    def start(self):
        words = [self.PROGRAM, "--listen", "127.0.0.1:0", *self.options]
        self._spawn(words, stdin=subprocess.PIPE)
        self.address = wire.split_address(self.wait_for(r"^listening on (\S+)$").group(1))
        self._info = None
        return self

    def tell(self, line):
        """One line for the console, which must be understood."""
        answers = len(re.findall(r"^(done|not understood)$", self.out, re.MULTILINE))
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        look = re.compile(r"^(done|not understood)$", re.MULTILINE)
        assert poll_until(lambda: look.findall(self.out)[answers:], f"an answer to {line}")[0] == "done"

    def ask_statistics(self):
        self.tell("statistics")

    def stop(self):
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        code = process.wait(harness.PATIENCE)
        process.stdin.close()
        assert not SANITIZER.search(self.err), self.err
        assert code == 0, f"hosted ended with {code}\n{self.err}"


class Qemu(Board):
    """An emulated board. Its UART is a socket of ours, its monitor speaks QMP."""

    def __init__(self, folder, name, *options, storage=True, plain=False, firmware=None, trial=180):
        """`firmware`: the image in slot A of a board with a boot stage; `trial`: its seconds, for which that was built."""
        super().__init__(folder)
        if plain:
            self.plain = {form: wire.split_address(harness.steady_address()) for form in PLAIN}
        self.name_of_board = name
        self.program = "".join([name, *(f"-{form}-{PLAIN[form]}" for form in self.plain)]) + "/dory.elf"
        self.options = options
        self.uart = None
        self.image = None
        self.drive = []
        self.is_written_behind = False
        if name in STORAGE and storage:
            interface, size = STORAGE[name]
            self.is_written_behind = interface == "mtd"
            self.image = self.folder / "storage.img"
            with open(self.image, "wb") as file:
                file.write(b"\xff" * size) if interface == "mtd" else file.truncate(size)
                if name in BOOT_STAGES:
                    self.program = f"{name}/boot-{trial}.elf"
                    file.seek(0)
                    file.write(pathlib.Path(firmware or BOARDS / name / "dory-0.1.0.img").read_bytes())
            self.drive = ["-drive", f"if={interface},format=raw,file={self.image}"]

    def start(self, patience=START_SECONDS):
        port = int(harness.steady_address().rsplit(":", 1)[1])
        uart, monitor = self.folder / "uart", self.folder / "qmp"
        for path in (uart, monitor):
            path.unlink(missing_ok=True)
        words = ["qemu-system-arm", "-M", self.name_of_board, "-display", "none"]
        forwards = [(port, 9002), *((self.plain[form][1], PLAIN[form]) for form in self.plain)]
        udp = f"hostfwd=udp:127.0.0.1:{port}-:9002"
        forwards = [f"hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in forwards]
        words += ["-kernel", BOARDS / self.program]
        words += ["-nic", ",".join(["user,id=net0", *forwards, udp])]
        words += ["-chardev", f"socket,id=uart,path={uart},server=on,wait=on,logfile={self.folder}/uart-{self.runs + 1}.log"]
        words += ["-serial", "chardev:uart", "-qmp", f"unix:{monitor},server=on,wait=off"]
        self._spawn([*words, *self.drive, *self.options], stdin=subprocess.DEVNULL)
        poll_until(uart.exists, "QEMU's UART", START_SECONDS)
        self.uart = socket.socket(socket.AF_UNIX)
        poll_until(lambda: self._connected(uart), "QEMU's UART", START_SECONDS)
        threading.Thread(target=self._drain, args=(self.uart,), daemon=True).start()
        self.wait_for(r"^address \S+ port 9002", patience)
        self.address = ("127.0.0.1", port)
        self._info = None
        return self

    def _connected(self, path):
        try:
            self.uart.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True

    @staticmethod
    def _drain(uart):
        """What nobody reads would stop QEMU as a whole after some 300 characters; its log file has all of it."""
        with contextlib.suppress(OSError):
            while uart.recv(4096):
                pass

    @property
    def out(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / f"uart-{self.runs}.log").read_text(errors="replace").replace("\r", "")
        return ""

    def ask_statistics(self):
        self.uart.send(b"?")

    def monitor(self, command, **arguments):
        """One command of QMP; returns what it returns."""
        with socket.socket(socket.AF_UNIX) as conn:
            conn.connect(str(self.folder / "qmp"))
            lines = conn.makefile("rw")
            lines.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
                while "event" in answer:
                    answer = json.loads(lines.readline())
            assert "return" in answer, answer
            return answer["return"]

    def set_link(self, up):
        self.monitor("set_link", name="net0", up=up)

    def stop(self):
        process, self.process = self.process, None
        process.terminate()
        process.wait(harness.PATIENCE)
        self.uart.close()

    def kill(self):
        """A cut of the power. QEMU writes a NOR flash behind: SIGTERM stops the processor at once, too, and finishes that."""
        if self.is_written_behind:
            self.stop()
        else:
            super().kill()


def make(name, folder, *options, **more):
    """A board by its name, not started yet. `storage` is a file (True), missing (False) or what is usual. With `plain`
    it has ports for older clients, at the addresses in .plain."""
    return Hosted(folder, *options, **more) if name == "hosted" else Qemu(folder, name, *options, **more)
