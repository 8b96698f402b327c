# SPDX-License-Identifier: MIT
"""`dory shell`: as a script's, from a pipe, and as a person's, on a terminal; with peers that follow a script, and doryd."""

import contextlib
import fcntl
import os
import re
import select
import signal
import socket
import stat
import subprocess
import termios
import threading
import time

import pytest

import harness
import wire
from harness import DONE, USAGE, Listener
from test_cli_peers import answer_to, requests
from test_cli_run import FAILED, part

pytestmark = pytest.mark.linux

NOT_FOUND = 127


class Device:
    """Answers `info`, and `run` by a table: line -> (stdout, stderr, exit status)."""

    TABLE = {
        "version": (b"1.2.3\n", b"", 0),
        "false": (b"", b"", 1),
        "complain": (b"", b"bad weather\n", 3),
        "help": (b"version  tells the version\n", b"", 0),
    }

    def __init__(self, table=None, name="board-7", max_header=512):
        self.table = self.TABLE if table is None else table
        self.name, self.max_header = name, max_header
        self.lines = []
        self.connections = set()

    def __call__(self, sock, index):
        for header in requests(sock):
            self.answer(sock, index, header)

    def answer(self, sock, index, header):
        self.connections.add(index)
        if header["cmd"] == "info":
            sock.sendall(answer_to(header, dory=1, name=self.name, max_header=self.max_header))
        elif header["cmd"] == "run":
            self.lines.append(header["line"])
            out, err, code = self.table.get(header["line"], (b"", b"not found\n", NOT_FOUND))
            for stream, data in ((1, out), (2, err)):
                if data:
                    sock.sendall(part(header, stream, data))
            sock.sendall(answer_to(header, exit=code))
        else:
            sock.sendall(answer_to(header, "unsupported"))


@pytest.fixture
def home(dory, monkeypatch):
    """Where the shell looks for a history."""
    folder = dory.folder.parent / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return folder


@pytest.fixture
def shell(dory, home):
    """shell(at, lines, *options) runs a script of lines."""

    def run(address, lines, *options, **more):
        script = dory.folder / "script"
        script.write_bytes(lines if isinstance(lines, bytes) else lines.encode())
        with open(script, "rb") as stdin:
            done = subprocess.run(
                [harness.DORY, "shell", *map(str, options), address],
                cwd=dory.folder,
                stdin=stdin,
                capture_output=True,
                preexec_fn=harness.die_with_parent,
                timeout=3 * harness.PATIENCE,
                check=False,
            )
        script.unlink()
        return harness.check_result(
            harness.Result(["dory shell", lines], done.returncode, done.stdout, done.stderr.decode())
        )

    return run


# --- a script's ---


def test_lines_of_a_pipe_are_run_one_after_another_over_one_connection(shell, network):
    device = Device()
    fake = network(Listener, device)
    result = shell(fake.at, "version\ncomplain\n\n  # a comment\n \t\nversion\n")
    assert (result.code, result.out, result.err) == (0, "1.2.3\n1.2.3\n", "bad weather\n")
    assert device.lines == ["version", "complain", "version"]
    assert fake.accepted == 1


@pytest.mark.parametrize(
    "lines, code",
    [
        ("", 0),
        ("false\nversion\n", 0),
        ("version\nfalse", 1),
        ("nonsense\n", NOT_FOUND),
        ("complain\nexit\nversion\n", 3),
        ("complain\n  quit\nversion\n", 3),
        ("complain\nexit 7\nversion\n", 7),
        ("exit 256\n", USAGE),
        ("exit x\n", USAGE),
        ("false\n# comment\n\n", 1),
    ],
)
def test_the_shell_ends_with_the_status_of_its_last_command(shell, network, lines, code):
    device = Device()
    result = shell(network(Listener, device).at, lines)
    assert result.code == code, result
    assert "quit" not in device.lines and "exit" not in device.lines
    assert "exit" not in lines or "version" not in device.lines


def test_a_line_goes_to_the_device_as_it_is(shell, network):
    lines = ['say  "a b', "x | y > 'z'", "exits 3", 'put"x"', "é\t🚣", "run1", " indented"]
    device = Device()
    shell(network(Listener, device).at, "\n".join(lines))
    assert device.lines == lines


def test_run_sends_what_would_be_the_shells_own(shell, network):
    device = Device()
    shell(network(Listener, device).at, 'run ls -l\nrun  exit\n\trun run\nrun "\n')
    assert device.lines == ["ls -l", "exit", "run", '"']


def test_help_has_the_shells_own_commands_and_the_devices(shell, network):
    result = shell(network(Listener, Device()).at, "help\n")
    assert result.code == 0
    for word in ("put ", "get ", "ls ", "rm ", "stat ", "info ", "run ", "exit ", "version  tells the version"):
        assert word in result.out, result


def test_commands_of_doryd_are_run_and_listed(shell, server):
    made = server("--name", "bench", "--command", "hi=echo hello", "--command", "no=sh -c 'echo no >&2; exit 4'")
    result = shell(made.at, "help\nhi there\nno\n")
    assert (result.code, result.err) == (4, "no\n")
    assert result.out.endswith("\nhi\nno\nhello there\n"), result


def test_a_server_without_commands_says_so_and_still_moves_files(shell, server, local):
    local("f", b"123")
    result = shell(server().at, "hi\nput f\nls\n", "-q")
    assert (result.code, result.out) == (0, "3  f\n")
    assert "forbidden" in result.err


def test_files_go_to_and_fro(shell, server, local):
    made = server()
    local("a file", b"123")
    local("d/e", b"45")
    result = shell(
        made.at,
        "put 'a file'\nput \"a file\" sub/b\nput a\\ file sub/\nput -r d\nls sub/\nstat --check sub/b\n"
        "get sub/b copy\nget sub/b -\nrm 'a file' sub/b\nls\n",
        "-q",
    )
    assert (result.code, result.err) == (0, "")
    crc = wire.crc32(b"123")
    assert result.out.splitlines()[:2] == ["3  sub/a file", "3  sub/b"]
    assert crc in result.out
    assert result.out.endswith("1232  d/e\n3  sub/a file\n")
    assert sorted(made.listing()) == ["d/e", "sub/a file"]


def test_a_failure_of_the_shells_own_command_is_told_and_its_status_is_dorys(shell, server):
    made = server()
    result = shell(made.at, "get nowhere\n")
    assert result.code == harness.REFUSED
    assert "dory get: nowhere: not_found" in result.err
    assert shell(made.at, "put nowhere\n").code == harness.LOCAL_FILE
    assert shell(made.at, "get nowhere\nls\n").code == DONE


@pytest.mark.parametrize(
    "line, wrong",
    [
        ("put", "put"),
        ("put a b c", "'c'"),
        ("get", "get"),
        ("ls a b", "'b'"),
        ("ls -r", "-r"),
        ("info x", "'x'"),
        ("put 'a", "quote"),
        ("rm " + "x " * 100, "words"),
        ("stat --bogus a", "--bogus"),
        (b"\xff", "UTF-8"),
        (b"a\0b", "NUL"),
    ],
)
def test_wrong_usage_is_told_and_the_shell_goes_on(shell, network, line, wrong):
    device = Device()
    fake = network(Listener, device)
    line = line if isinstance(line, bytes) else line.encode()
    result = shell(fake.at, line + b"\n")
    assert result.code == USAGE
    assert wrong in result.err
    assert shell(fake.at, line + b"\nversion\n").code == 0
    assert device.lines == ["version"]


def test_a_line_too_long_for_the_device_is_not_sent(shell, network):
    device = Device()
    result = shell(network(Listener, device).at, "x" * 500 + "\nversion\n")
    assert "too_large" in result.err
    assert device.lines == ["version"]


def test_a_line_too_long_is_too_long_after_many_lines_too(shell, network):
    """The id takes room as well."""
    device = Device()
    fits = "x" * (512 - len('{"cmd":"run","id":100,"line":""}'))
    result = shell(network(Listener, device).at, "version\n" * 60 + fits + "\n" + fits + "x\n")
    assert result.code == FAILED
    assert result.err.count("too_large") == 1, result
    assert device.lines == ["version"] * 60 + [fits]


def test_with_json_all_of_stdout_is_json(shell, network):
    result = shell(network(Listener, Device()).at, "version\n", "--json")
    assert result.objects() == [{"stream": 1, "text": "1.2.3\n"}, {"status": "ok", "exit": 0}]


def test_nobody_there_ends_it_with_255(shell):
    result = shell("127.0.0.1:1", "version\n", "--retries", 0)
    assert result.code == FAILED
    assert "no_connection" in result.err


# --- connections that end ---


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_connection_that_ended_between_two_lines_costs_nothing(shell, network, how):
    """A device that was restarted, or took us for idle: the next line goes over another connection, once."""

    class Restarting(Device):
        def answer(self, sock, index, header):
            super().answer(sock, index, header)
            if header.get("line") == "reboot":
                if how == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    sock.close()
                raise OSError

    device = Restarting({"reboot": (b"", b"", 0), **Device.TABLE})
    fake = network(Listener, device)
    result = shell(fake.at, "reboot\nversion\n", "-q")
    assert (result.code, result.out) == (0, "1.2.3\n")
    assert device.lines == ["reboot", "version"]
    assert fake.accepted == 2
    assert result.err == ""


def test_a_restarted_device_that_forgot_the_connection_costs_nothing(shell, network):
    """It says nothing at the end; who asks on the old connection is reset, before the line was sent."""

    class Forgetful(Device):
        def answer(self, sock, index, header):
            if header["cmd"] == "info" and self.lines == ["reboot"] and index == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
                raise OSError
            super().answer(sock, index, header)

    device = Forgetful({"reboot": (b"", b"", 0), **Device.TABLE})
    fake = network(Listener, device)
    result = shell(fake.at, "reboot\nversion\n")
    assert (result.code, result.out) == (0, "1.2.3\n")
    assert device.lines == ["reboot", "version"]
    assert fake.accepted == 2


def test_a_line_whose_answer_is_lost_is_told_and_the_next_one_is_run(shell, network):
    class Crashing(Device):
        def answer(self, sock, index, header):
            if header.get("line") == "crash":
                self.lines.append("crash")
                raise OSError
            super().answer(sock, index, header)

    device = Crashing()
    result = shell(network(Listener, device).at, "crash\nversion\n")
    assert (result.code, result.out) == (0, "1.2.3\n")
    assert "may have been run" in result.err
    assert device.lines == ["crash", "version"]
    assert shell(network(Listener, device).at, "crash\n").code == FAILED


# --- a person's ---


class Terminal:
    """`dory shell` on a terminal of 24 x 80 that is its own."""

    def __init__(self, folder, *words):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x18\0\x50\0\0\0\0\0")
        self.process = subprocess.Popen(
            [harness.DORY, "shell", *map(str, words)],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=self._prepare,
        )
        os.close(slave)
        self.shown = b""
        self.looked_at = 0

    @staticmethod
    def _prepare():
        harness.die_with_parent()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _receive(self, seconds):
        if not select.select([self.master], [], [], max(0, seconds))[0]:
            return False
        try:
            self.shown += os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        return True

    def wait_for(self, text):
        """Until the terminal shows it, behind what was waited for before."""
        deadline = time.monotonic() + harness.PATIENCE
        while text not in self.shown[self.looked_at :]:
            assert self._receive(deadline - time.monotonic()), f"no {text!r} in {self.shown[self.looked_at:]!r}"
        self.looked_at += self.shown[self.looked_at :].index(text) + len(text)

    def type(self, text):
        os.write(self.master, text)

    def end(self):
        """Returns the exit status."""
        deadline = time.monotonic() + harness.PATIENCE
        while self._receive(deadline - time.monotonic()):
            pass
        code = self.process.wait(harness.PATIENCE)
        assert not harness.SANITIZER.search(self.shown.decode(errors="replace")), self.shown
        return code

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(dory, home):
    made = []

    def start(*words):
        made.append(Terminal(dory.folder, *words))
        return made[-1]

    yield start
    for one in made:
        one.close()


PROMPT = b"board-7> "


def test_a_person_gets_a_prompt_with_the_devices_name(terminal, network):
    made = terminal(network(Listener, Device()).at)
    made.wait_for(PROMPT)
    made.type(b"version\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"complain\r")
    made.wait_for(b"bad weather")
    made.wait_for(PROMPT)
    made.type(b"\x04")
    assert made.end() == 3


def test_a_name_that_a_terminal_would_obey_is_cleaned(terminal, network):
    made = terminal(network(Listener, Device(name="x\x1b]0;y\x07")).at)
    made.wait_for(b"x?]0;y?> ")
    made.type(b"\x04")
    assert made.end() == 0


def test_a_line_can_be_edited_and_taken_from_the_history(terminal, network):
    device = Device()
    made = terminal(network(Listener, device).at)
    made.wait_for(PROMPT)
    made.type(b"versxx\x7f\x7fion\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"alse\x1b[Hf\r")  # Home
    made.wait_for(PROMPT)
    made.type("é🚣\x7f€\r".encode())
    made.wait_for(b"not found")
    made.wait_for(PROMPT)
    made.type(b"\x1b[A\x1b[A\x1b[A\r")  # three up
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"\x04")
    assert made.end() == 0
    assert device.lines == ["version", "false", "é€", "version"]


@pytest.mark.parametrize("state", [None, "state", "new/state"])
def test_the_history_outlives_the_shell_and_is_nobody_elses(terminal, network, home, monkeypatch, state):
    path = home / ".dory_history"
    if state:
        (home / state).parent.mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_STATE_HOME", str(home / state))
        path = home / state / "dory/history"
    device = Device()
    at = network(Listener, device).at
    for keys in (b"version\r", b"\x1b[A\r"):
        made = terminal(at)
        made.wait_for(PROMPT)
        made.type(keys)
        made.wait_for(b"1.2.3")
        made.wait_for(PROMPT)
        made.type(b"\x04")
        assert made.end() == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert device.lines == ["version", "version"]


@pytest.mark.parametrize("where", ["/nowhere", "/dev/null"])
def test_without_a_place_for_the_history_the_shell_does_without(terminal, network, monkeypatch, where):
    monkeypatch.setenv("HOME", where)
    made = terminal(network(Listener, Device()).at)
    made.wait_for(PROMPT)
    made.type(b"version\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"\x04")
    assert made.end() == 0


def test_ctrl_c_at_the_prompt_forgets_the_line(terminal, network):
    device = Device()
    made = terminal(network(Listener, device).at)
    made.wait_for(PROMPT)
    made.type(b"format")
    made.wait_for(b"format")
    made.type(b"\x03")
    made.wait_for(PROMPT)
    made.type(b"version\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"\x03")
    made.wait_for(PROMPT)
    made.type(b"\x04")
    assert made.end() == 128 + signal.SIGINT
    assert device.lines == ["version"]


def test_ctrl_c_ends_a_command_and_not_the_shell(terminal, network):
    asked, gone = threading.Event(), threading.Event()

    class Endless(Device):
        def answer(self, sock, index, header):
            if header.get("line") != "endless":
                return super().answer(sock, index, header)
            sock.sendall(part(header, 1, b"begun"))
            asked.set()
            with contextlib.suppress(ConnectionError):
                assert sock.recv(1) == b""
            gone.set()
            raise OSError

    made = terminal(network(Listener, Endless()).at)
    for _ in range(2):
        made.wait_for(PROMPT)
        made.type(b"endless\r")
        made.wait_for(b"begun")
        assert asked.wait(harness.PATIENCE)
        made.type(b"\x03")
        assert gone.wait(harness.PATIENCE), "the device must learn of it"
        asked.clear()
        gone.clear()
    made.wait_for(PROMPT)
    made.type(b"version\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"\x04")
    assert made.end() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_the_shell_and_the_history_is_kept(terminal, network, home, how):
    made = terminal(network(Listener, Device()).at)
    made.wait_for(PROMPT)
    made.type(b"version\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.process.send_signal(how)
    assert made.end() == 128 + how
    assert "version" in (home / ".dory_history").read_text()


def test_ctrl_z_and_coming_back_keep_the_line(terminal, network):
    device = Device()
    made = terminal(network(Listener, device).at)
    made.wait_for(PROMPT)
    made.type(b"versi")
    made.wait_for(b"versi")
    # An orphaned process group is not stopped by its terminal, so that is done from outside.
    made.process.send_signal(signal.SIGSTOP)
    harness.poll_until(lambda: state_of(made.process) == "T", "the shell has stopped")
    made.process.send_signal(signal.SIGCONT)
    made.wait_for(PROMPT)
    made.wait_for(b"versi")
    made.type(b"on\r")
    made.wait_for(b"1.2.3")
    made.wait_for(PROMPT)
    made.type(b"\x04")
    assert made.end() == 0
    assert device.lines == ["version"]


def state_of(process):
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def transcript():
    """The shell's section of README.md: how it greets, and each line with what it shows."""
    section = (harness.REPOSITORY / "README.md").read_text().split("\n### Run a command\n")[1].split("\n### ")[0]
    (block,) = re.findall(r"^```\n(\$ dory shell.*?)^```$", section, re.MULTILINE | re.DOTALL)
    session, end = block.split("$ echo $?\n")
    (_, greeting), *steps = [part.split("\n", 1) for part in session.removeprefix("$ ").split("\nbench> ")]
    return greeting, [(line, shown[0] if shown else "") for line, *shown in steps], int(end)


def test_the_transcript_of_the_readme_is_what_happens(terminal, server, local):
    greeting, steps, code = transcript()
    assert len(steps) > 4
    made = server("--name", "bench", "--command", "power=echo relay 3 is", "--command", "serial=cat")
    local("settings.json", b"x" * 42)
    shell = terminal(made.at)
    shell.wait_for(greeting.replace("127.0.0.1:9002", made.at).encode())
    for line, shown in steps:
        shell.wait_for(b"bench> ")
        shell.type(line.encode() + b"\r")
        for text in shown.splitlines():
            # Time and rate differ, and so does what a line ends with on a terminal.
            shell.wait_for(re.split(r"  [\d.]+ s  ", text)[0].encode())
    assert shell.end() == code


def test_a_script_that_is_interrupted_ends(home, network):
    asked = threading.Event()

    class Endless(Device):
        def answer(self, sock, index, header):
            if header.get("line") != "endless":
                return super().answer(sock, index, header)
            asked.set()
            with contextlib.suppress(ConnectionError):
                sock.recv(1)
            raise OSError

    device = Endless()
    fake = network(Listener, device)
    process = subprocess.Popen(
        [harness.DORY, "shell", fake.at],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=harness.die_with_parent,
    )
    try:
        process.stdin.write(b"endless\nversion\n")
        process.stdin.flush()
        assert asked.wait(harness.PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=harness.PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (128 + signal.SIGINT, b"", b"")
    assert device.lines == []


def test_a_script_gets_its_answer_before_it_has_to_go_on(home, network):
    fake = network(Listener, Device())
    process = subprocess.Popen(
        [harness.DORY, "shell", fake.at],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=harness.die_with_parent,
    )
    with process:
        for line, answer in ((b"version\n", b"1.2.3\n"), (b"info\n", b"dory: 1\n")):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == answer
        process.stdin.close()
        assert process.wait(harness.PATIENCE) == 0
