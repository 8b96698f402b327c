# SPDX-License-Identifier: MIT
"""`dory run`: with peers that follow a script here, so that each turn that a server may take is seen."""

import base64
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import termios
import threading

import pytest

import harness
import wire
from harness import DONE, MIB, USAGE, Listener
from test_cli_peers import answer_to, interrupt, read_request, refusing, requests, silent_until_gone  # noqa: F401
from test_run import marked

pytestmark = pytest.mark.linux

FAILED, UNREAD = 255, 128 + signal.SIGPIPE


def part(header, stream, data):
    return answer_to(header, "more", stream=stream, data_size=len(data)) + data


class Shell:
    """Answers `run` with the parts of a script, [(stream, bytes)], and an exit status."""

    def __init__(self, *parts, code=0, max_header=4096):
        self.parts, self.code, self.max_header = parts, code, max_header
        self.log = []

    @property
    def lines(self):
        return [header["line"] for header in self.log if header["cmd"] == "run"]

    def __call__(self, sock, _):
        for header in requests(sock):
            self.log.append(header)
            if header["cmd"] == "info":
                sock.sendall(answer_to(header, dory=1, max_header=self.max_header))
                continue
            for stream, data in self.parts:
                sock.sendall(part(header, stream, data))
            sock.sendall(answer_to(header, exit=self.code))


def failed(result, word, code=FAILED):
    assert result.code == code, result
    assert word in result.err, result
    assert result.err.count("\n") == 1, f"one sentence: {result}"
    return result


# --- what a command says, and how it ends ---


def test_both_outputs_come_to_their_descriptors_and_the_status_is_the_commands_own(dory, network):
    fake = network(Listener, Shell((1, b"out\n"), (2, b"err\n"), (1, b"\0\xff end"), code=7))
    result = dory("run", fake.at, "x")
    assert (result.code, result.data, result.err) == (7, b"out\n\0\xff end", "err\n")


@pytest.mark.parametrize("code", [0, 1, 2, 128 + signal.SIGKILL, 255])
def test_dory_ends_with_the_status_of_the_command(dory, network, code):
    result = dory("run", network(Listener, Shell(code=code)).at, "x")
    assert (result.code, result.data, result.err) == (code, b"", "")


@pytest.mark.parametrize(
    "words, line",
    [
        (["version"], "version"),
        (["echo", "a  b", "", "c"], "echo a  b  c"),
        (["ls -l | wc"], "ls -l | wc"),
        (["ls", "-l", "--json", "-q"], "ls -l --json -q"),
        (["--", "-x", "--"], "-x --"),
        (["say", '"\\\t\x01é€🚣'], 'say "\\\t\x01é€🚣'),
        ([""], ""),
    ],
    ids=repr,
)
def test_the_words_behind_the_target_are_the_line(dory, network, words, line):
    script = Shell()
    assert dory("run", "--timeout", 60, network(Listener, script).at, *words).code == DONE
    assert script.log == [{"cmd": "run", "id": 1, "line": line}]


def test_output_is_passed_on_when_it_comes(dory, network):
    """The command waits for its reader: dory that gathered would wait for ever."""
    read = threading.Event()

    def serve(sock, _):
        header = read_request(sock)
        sock.sendall(part(header, 1, b"first"))
        assert read.wait(harness.PATIENCE)
        sock.sendall(part(header, 1, b"second") + answer_to(header, exit=0))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    with start(dory, "run", fake.at, "x") as process:
        assert os.read(process.stdout.fileno(), 100) == b"first"
        read.set()
        out, err = process.communicate(timeout=harness.PATIENCE)
    assert (process.returncode, out, err) == (0, b"second", b"")
    assert not fake.errors


@contextlib.contextmanager
def start(dory, *words, **options):
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    words = [str(word) for word in words]
    process = subprocess.Popen(
        [harness.DORY, *words], cwd=dory.folder, preexec_fn=harness.die_with_parent, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_reader_that_is_slow_slows_the_command_down(dory, network):
    """What it has not read yet stays with the server, however much that is."""
    sent, size = [0], 64 * MIB

    def serve(sock, _):
        header = read_request(sock)
        for _ in range(size // 65536):
            sock.sendall(part(header, 1, bytes(65536)))
            sent[0] += 65536
        sock.sendall(answer_to(header, exit=0))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    with start(dory, "run", "--timeout", 1, fake.at, "x") as process:
        harness.poll_until(lambda: sent[0] > 0, "output")
        before = -1
        while before != sent[0]:  # until nothing moves for longer than --timeout, which is about the server
            before = sent[0]
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
        assert 0 < sent[0] < size / 2
        got = 0
        while chunk := os.read(process.stdout.fileno(), MIB):
            got += len(chunk)
        assert process.wait(harness.PATIENCE) == 0, process.stderr.read()
    assert got == size


def test_an_output_that_does_not_block_gets_all_of_it(dory, network):
    data = harness.pattern(2 * MIB)
    fake = network(Listener, Shell((1, data), code=3))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with start(dory, "run", fake.at, "x", stdout=writer) as process:
        os.close(writer)
        with open(reader, "rb") as pipe:
            assert pipe.read() == data
        assert process.wait(harness.PATIENCE) == 3


@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=repr)
def test_a_reader_that_goes_away_ends_it_quietly(dory, network, json_too):
    gone = threading.Event()

    def serve(sock, _):
        header = read_request(sock)
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(part(header, 1, bytes(1000)))
        gone.set()

    fake = network(Listener, serve)
    with start(dory, "run", *json_too, fake.at, "x") as process:
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        assert process.wait(harness.PATIENCE) == UNREAD
        assert process.stderr.read() == b""
    assert gone.wait(harness.PATIENCE), "the server learns of it"


def test_an_output_that_is_full_is_told(dory, network):
    fake = network(Listener, Shell((1, b"x")))
    with open("/dev/full", "wb") as full:
        failed(dory("run", fake.at, "x", stdout=full), "No space left")


# --- failures of dory and of the server ---


@pytest.mark.parametrize(
    "status, word",
    [
        ("unsupported", "no commands"),
        ("forbidden", "runs no commands"),
        ("bad_request", "quote"),
        ("busy", "as many commands"),
        ("timeout", "took longer"),
        ("too_large", "wrote more"),
        ("io_error", "could not start"),
        ("unknown_cmd", "does not know"),
        ("on_fire", "on_fire"),
    ],
)
def test_a_refusal_is_told_and_ends_with_255_and_is_not_asked_again(dory, network, status, word):
    log = []

    def serve(sock, _):
        for header in requests(sock):
            log.append(header)
            sock.sendall(part(header, 1, b"out") + answer_to(header, status))

    result = failed(dory("run", network(Listener, serve).at, "x"), word)
    assert f"dory run: {status}: " in result.err
    assert result.data == b"out"
    assert len(log) == 1


def test_a_line_that_the_servers_commands_do_not_take_is_told_as_such(dory, network):
    def serve(sock, _):
        sock.sendall(answer_to(read_request(sock), "too_large"))
        silent_until_gone(sock)

    failed(dory("run", network(Listener, serve).at, "x"), "line is longer")


def test_the_servers_own_words_come_first(dory, network):
    def serve(sock, _):
        sock.sendall(answer_to(read_request(sock), "forbidden", message="ask\x1b the owner"))
        silent_until_gone(sock)

    assert failed(dory("run", network(Listener, serve).at, "x"), "ask? the owner")


@pytest.mark.parametrize("bytes_of_answer", [0, 10, 75])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_line_whose_answer_is_lost_is_not_sent_again(dory, network, bytes_of_answer, how):
    def serve(sock, _):
        header = read_request(sock)
        sock.sendall((part(header, 1, b"out") + answer_to(header, exit=0))[:bytes_of_answer])
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()

    fake = network(Listener, serve)
    result = failed(dory("run", fake.at, "x"), "lost")
    assert "may have been run" in result.err
    assert fake.accepted == 1


def test_an_answer_that_makes_no_sense_is_not_asked_for_again(dory, network):
    def serve(sock, _):
        sock.sendall(answer_to(read_request(sock)))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    failed(dory("run", fake.at, "x"), "protocol")
    assert fake.accepted == 1


def test_nobody_there_is_told_after_so_many_retries(dory, refusing):  # noqa: F811
    result = dory("run", "--retries", 1, refusing, "x")
    assert result.code == FAILED, result
    assert "no_connection" in result.err.splitlines()[-1]
    assert "may have been run" not in result.err


def test_a_server_that_is_not_there_yet_gets_the_line_when_it_is(dory, network):
    address = harness.steady_address()
    script = Shell((1, b"hello"))
    with start(dory, "run", address, "--", "x") as process:
        assert b"trying again" in process.stderr.readline()
        with socket.create_server(wire.split_address(address)) as listener:
            sock, _ = listener.accept()
            with sock:
                script(sock, 0)
        assert process.stdout.read() == b"hello"
        assert process.wait(harness.PATIENCE) == 0
    assert script.lines == ["x"]


def test_a_server_without_a_session_has_read_nothing_and_is_asked_again(dory, network):
    script = Shell((1, b"hello"))

    def serve(sock, index):
        if index == 0:
            sock.sendall(wire.frame({"status": "busy", "data_size": 0}))
            sock.shutdown(socket.SHUT_WR)
            silent_until_gone(sock)
        else:
            script(sock, index)

    fake = network(Listener, serve)
    result = dory("run", "-q", fake.at, "x")
    assert (result.code, result.data, result.err) == (0, b"hello", "")
    assert fake.accepted == 2


def test_silence_is_a_timeout_and_the_line_is_not_sent_again(dory, network):
    def serve(sock, _):
        sock.sendall(part(read_request(sock), 1, b"out"))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    result = failed(dory("run", "--timeout", 0.5, fake.at, "x"), "timeout")
    assert result.data == b"out"
    assert "may have been run" in result.err
    assert fake.accepted == 1


@pytest.mark.slow
def test_a_sign_of_life_restarts_the_timeout(dory, network):
    """Twelve times half of it."""

    def serve(sock, _):
        header = read_request(sock)
        for _ in range(12):
            if fake.over.wait(1):
                return
            sock.sendall(answer_to(header, "more"))
        sock.sendall(answer_to(header, exit=4))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    assert dory("run", "--timeout", 8, fake.at, "x").code == 4


# --- lines that can't be sent ---


def room_for_line(limit, line_id):
    return limit - len(json.dumps({"cmd": "run", "id": line_id, "line": ""}, separators=(",", ":")))


@pytest.mark.parametrize("limit", [512, 4096])
def test_a_line_is_sent_when_it_just_fits_and_else_told_as_too_large(dory, network, limit):
    script = Shell(max_header=limit)
    fake = network(Listener, script)
    room = room_for_line(limit, 2 if limit > 512 else 1)
    fits = '"' * (room // 2) + "x" * (room % 2)
    assert dory("run", fake.at, fits).code == 0
    assert script.lines == [fits]
    long = "x" * (room_for_line(limit, 2) + 1)
    failed(dory("run", fake.at, long), "too_large")
    failed(dory("run", fake.at, "x" * 100_000), "too_large")
    assert script.lines == [fits]


def test_a_line_that_no_server_could_be_sent_is_told_whatever_the_server_says(dory, network):
    script = Shell(max_header=2**53 - 1)
    failed(dory("run", network(Listener, script).at, *["x" * 100_000] * 5), "too_large")
    assert script.lines == []


def test_the_servers_refusal_of_info_is_told(dory, network):
    def serve(sock, _):
        sock.sendall(answer_to(read_request(sock), "unauthorized"))
        silent_until_gone(sock)

    failed(dory("run", network(Listener, serve).at, "x" * 600), "unauthorized")


@pytest.mark.parametrize(
    "words, wrong",
    [
        (["run"], "TARGET"),
        (["run", "127.0.0.1"], "TARGET LINE"),
        (["run", "127.0.0.1/name", "x"], "127.0.0.1/name"),
        (["run", ":", "x"], "':'"),
        (["run", "-r", "127.0.0.1", "x"], "-r"),
        (["run", "--bogus", "127.0.0.1", "x"], "--bogus"),
        (["run", "127.0.0.1", os.fsdecode(b"\xff")], "UTF-8"),
    ],
    ids=repr,
)
def test_wrong_usage_ends_with_2(dory, words, wrong):
    result = dory(*words)
    assert result.code == USAGE, result
    assert wrong in result.err


# --- JSON ---


def decoded(lines, stream):
    return b"".join(
        line["text"].encode() if "text" in line else base64.b64decode(line["base64"], validate=True)
        for line in lines
        if line.get("stream") == stream
    )


@pytest.mark.parametrize("json_word", [["--json", "run"], ["run", "--json"]], ids=" ".join)
def test_json_has_a_line_for_each_piece_and_one_for_the_end(dory, network, json_word):
    fake = network(Listener, Shell((1, b'a "word"\n'), (2, b"\xff\xfe"), code=5))
    result = dory(*json_word, fake.at, "x")
    assert (result.code, result.err) == (5, "")
    assert result.objects() == [
        {"stream": 1, "text": 'a "word"\n'},
        {"stream": 2, "base64": "//4="},
        {"status": "ok", "exit": 5},
    ]


def test_json_tells_all_bytes_and_a_character_that_was_cut_is_text(dory, network):
    text = "aé€🚣".encode() * 3000
    binary = bytes(range(256)) * 50
    parts = [(1, text[i : i + 7]) for i in range(0, 700, 7)] + [(1, text[700:]), (2, binary), (1, "€".encode()[:2])]
    result = dory("run", "--json", network(Listener, Shell(*parts)).at, "x")
    told = result.objects()
    assert decoded(told, 1) == text + "€".encode()[:2]
    assert decoded(told, 2) == binary
    assert [line for line in told if line.get("stream") == 1 and "base64" in line] == [{"stream": 1, "base64": "4oI="}]


def test_json_tells_a_failure(dory, network):
    def serve(sock, _):
        header = read_request(sock)
        sock.sendall(part(header, 1, b"out") + answer_to(header, "timeout", message="after 60 s"))
        silent_until_gone(sock)

    result = failed(dory("run", "--json", network(Listener, serve).at, "x"), "after 60 s")
    assert result.objects() == [{"stream": 1, "text": "out"}, {"status": "timeout", "message": "after 60 s"}]


# --- with doryd ---


def test_a_line_of_sh_is_run_by_doryd_and_both_outputs_and_the_status_come_back(server, dory):
    made = server("--shell")
    result = dory("run", made.at, "echo out; echo err >&2; exit 9")
    assert (result.code, result.out, result.err) == (9, "out\n", "err\n")
    assert dory("run", made.at, "kill -9 $$").code == 128 + signal.SIGKILL
    assert dory("run", made.at, "nonsense-nobody-has").code == 127


def test_a_named_command_gets_the_words_of_the_line(server, dory):
    made = server("--command", "count=sh -c 'echo $#: $2' sh")
    assert dory("run", made.at, "count", "a", "'b  c'", "").out == "2: b c\n"


def test_limits_of_doryd_are_told(server, dory):
    failed(dory("run", server().at, "x"), "forbidden")
    made = server("--shell", "--command-timeout", 1, "--command-output", 1000)
    failed(dory("run", made.at, "sleep 10000"), "timeout")
    result = failed(dory("run", made.at, "yes"), "too_large")
    assert len(result.data) <= 1000


@pytest.mark.slow
def test_100_mib_to_a_slow_reader_take_no_memory_of_dory(server, dory):
    made = server("--shell", "--output-timeout", 600)
    size = 100 * MIB
    with start(dory, "run", made.at, f"head -c {size} /dev/zero") as process:
        history = []
        harness.poll_until(lambda: stands_still(process.stdout, history), "dory waits for its reader")
        got = peak = 0
        while chunk := os.read(process.stdout.fileno(), MIB):
            got += len(chunk)
            peak = peak_memory(process) or peak
        assert process.wait(harness.PATIENCE) == 0
    assert got == size
    assert 0 < peak < size * 3 / 4  # of which most is the program, and what instrumentation needs


def peak_memory(process):
    """Bytes; None when the process has just ended."""
    with open(f"/proc/{process.pid}/status") as status:
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    return int(found.group(1)) * 1024 if found else None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_when_dory_is_ended_the_command_is_too(server, dory, how):
    made, mark = server("--shell"), f"mark-{os.urandom(8).hex()}"
    with start(dory, "run", made.at, f"echo begun; sh -c 'sleep 10000; : {mark}' & wait") as process:
        assert process.stdout.readline() == b"begun\n"
        harness.poll_until(lambda: marked(mark), "the command's child")
        process.send_signal(how)
        process.wait(harness.PATIENCE)
    harness.poll_until(lambda: not marked(mark), "no process is left")


def test_a_command_whose_output_nobody_reads_any_more_is_ended(server, dory):
    made, mark = server("--shell"), f"mark-{os.urandom(8).hex()}"
    with start(dory, "run", made.at, f"yes {mark}") as process:
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        assert process.wait(harness.PATIENCE) == UNREAD
    harness.poll_until(lambda: not marked(mark), "no process is left")


# --- interrupts ---


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_connection_and_says_nothing(dory, network, how):
    asked, gone = threading.Event(), threading.Event()

    def serve(sock, _):
        read_request(sock)
        asked.set()
        with contextlib.suppress(ConnectionError):
            sock.recv(1)
        gone.set()

    fake = network(Listener, serve)
    result = interrupt(dory, "run", fake.at, "x", when=lambda _: asked.is_set(), how=how)
    assert (result.code, result.data, result.err) == (128 + how, b"", "")
    assert gone.wait(harness.PATIENCE), "the server must learn of it at once"


def stands_still(pipe, history):
    """Whether what waits in a pipe was the same, and not nothing, the last twenty times."""
    queued = bytearray(4)
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, queued)
    history.append(int.from_bytes(queued, "little"))
    return len(history) >= 20 and history[-1] > 0 and len(set(history[-20:])) == 1


def test_an_interrupt_ends_the_wait_for_a_reader(dory, network):
    def serve(sock, _):
        header = read_request(sock)
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(part(header, 1, bytes(65536)))

    fake = network(Listener, serve)
    with start(dory, "run", fake.at, "x") as process:
        history = []  # of what waits in the pipe; where dory really waits, too, must not matter
        harness.poll_until(lambda: stands_still(process.stdout, history), "dory waits for its reader")
        process.send_signal(signal.SIGINT)
        assert process.wait(harness.PATIENCE) == 128 + signal.SIGINT
        assert process.stderr.read() == b""
