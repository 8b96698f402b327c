# SPDX-License-Identifier: MIT
"""Sized and headed, the two older forms of the command service. The clients here (plain.py) are written straight from
their description."""

import contextlib
import hashlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from harness import DORYD, MIB, PATIENCE, REPOSITORY, StartFailed, file_size_limit, poll_until
from plain import Headed, Sized

pytestmark = pytest.mark.linux

ANY = "127.0.0.1:0"
_numbers = itertools.count()
_run = os.urandom(4).hex()


@pytest.fixture
def plain(server):
    """plain(*options, **more) starts a doryd with both ports and a shell; .sized() and .headed() make clients of it."""

    def start(*options, **more):
        words = options if "--command" in options else ("--shell", *options)
        made = server(*words, "--sized-commands", ANY, "--headed-commands", ANY, **more)
        made.sized = lambda: Sized(made.addresses[1])
        made.headed = lambda: Headed(made.addresses[2])
        return made

    return start


@pytest.fixture
def mark():
    """A word that no process on this machine has among its arguments but those of this test."""
    return f"plain-{_run}-{next(_numbers)}"


def marked(mark):
    found = []
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                with open(f"{entry.path}/cmdline", "rb") as file:
                    if mark.encode() in file.read():
                        found.append(int(entry.name))
    return found


def sleeper(mark):
    """A command line that makes a process with the mark; it sleeps far longer than any test."""
    return f"sh -c 'sleep 10000; : {mark}'"


def in_folder(folder):
    """The words before a command that make it spool there."""
    return ["env", f"TMPDIR={folder}"]


# --- the exact bytes ---


def test_sized_answers_are_these_bytes(plain):
    with socket.create_connection(plain().addresses[1], timeout=3 * PATIENCE) as sock:
        for command, answer in [
            (b"echo hello world", b"\x0c\0\0\0hello world\n"),
            (b"echo out; echo err >&2; echo more", b"\x0d\0\0\0out\nmore\nerr\n"),
            (b"true", b"\0\0\0\0"),
            (b"\n", b"\0\0\0\0"),
            (b"printf 'a\\0b'\n", b"\x03\0\0\0a\0b"),
            (b"head -c 258 /dev/zero", b"\x02\x01\0\0" + bytes(258)),
        ]:
            assert sock.send(command) == len(command)
            assert sock.recv(len(answer), socket.MSG_WAITALL) == answer
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_headed_answers_are_these_bytes(plain):
    with socket.create_connection(plain().addresses[2], timeout=3 * PATIENCE) as sock:
        for command, answer in [
            (b"echo hello world", b'\x11\0\0\0{"data_size": 12}hello world\n'),
            (b"echo err >&2; echo out", b'\x10\0\0\0{"data_size": 8}out\nerr\n'),
            (b"true", b'\x10\0\0\0{"data_size": 0}'),
            (b"\n", b'\x10\0\0\0{"data_size": 0}'),
            (b"head -c 1000 /dev/zero", b'\x13\0\0\0{"data_size": 1000}' + bytes(1000)),
        ]:
            assert sock.send(command) == len(command)
            assert sock.recv(len(answer), socket.MSG_WAITALL) == answer
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_many_commands_go_down_one_connection(plain):
    made = plain()
    with made.sized() as sized, made.headed() as headed:
        for number in range(40):
            assert sized.ask(f"echo {number}") == b"%d\n" % number
            assert headed.ask(f"echo {number} >&2") == b"%d\n" % number


def test_what_a_failing_command_says_comes_back(plain):
    with plain().headed() as client:
        assert b"/nowhere/at/all" in client.ask("cat /nowhere/at/all")
        assert b"no-such-command" in client.ask("no-such-command")
        assert client.ask("echo fine; exit 3") == b"fine\n"
        assert client.ask("echo dying; kill -9 $$") == b"dying\n"


def test_named_commands_are_run_without_a_shell(plain):
    with plain("--command", "say=printf [%s]").sized() as client:
        assert client.ask("say 'one two' three\n") == b"[one two][three]"
        assert b"other" in client.ask("other")
        answer = client.ask("say 'no end")
        assert answer == b"dory: bad_request: This is no command line.\n"


# --- requests ---


def test_what_arrives_while_a_command_runs_is_the_next_one(plain, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with plain().sized() as client:
        client.send(f"cat {gate}; echo first")
        with open(gate, "w"):  # the command has begun to wait
            client.send("echo sec")
            client.send("ond\n")
            time.sleep(0.1)
        assert client.answer() == b"first\n"
        assert client.answer() == b"second\n"


@pytest.mark.parametrize("form", ["sized", "headed"])
@pytest.mark.parametrize(
    "request_bytes",
    [b"touch F\r\n", b"touch F\necho", b"touch F\0", b"\ntouch F", b"\0", b"touch F;" + b"#" * 1100],
    ids=["CR LF", "two lines", "NUL", "newline first", "NUL alone", "too long"],
)
def test_what_is_no_command_closes_the_connection_and_runs_nothing(plain, tmp_path, form, request_bytes):
    made, witness = plain(), tmp_path / "witness"
    with getattr(made, form)() as client:
        client.send(request_bytes.replace(b"F", str(witness).encode()))
        assert client.rest() == b""
    with getattr(made, form)() as client:
        assert client.ask("echo still here") == b"still here\n"
    assert not witness.exists()


def test_a_post_of_a_web_page_runs_nothing(plain, tmp_path):
    made, witness = plain(), tmp_path / "witness"
    host, port = made.addresses[1]
    body = f"touch {witness}"
    request = f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    for pieces in ([request], [request[: -len(body)], body]):
        with made.sized() as client:
            for piece in pieces:
                with contextlib.suppress(OSError):
                    client.send(piece)
            with contextlib.suppress(ConnectionResetError):
                assert client.rest() == b""
    with made.sized() as client:
        assert client.ask("echo here") == b"here\n"
    assert not witness.exists()


def test_a_command_of_1024_bytes_is_run(plain):
    with plain().sized() as client:
        line = "echo " + "x" * (1024 - 5)
        assert client.ask(line) == line[5:].encode() + b"\n"
        assert client.ask(line + "\n") == line[5:].encode() + b"\n"
        client.send(line + "x")
        assert client.rest() == b""


# --- refusals ---


def test_without_commands_doryd_does_not_start(server):
    for option in ("--sized-commands", "--headed-commands"):
        with pytest.raises(StartFailed) as failure:
            server(option, ANY)
        assert failure.value.code == 2
        assert f"doryd: {option}:" in failure.value.err and "--command" in failure.value.err


def test_with_a_shell_no_address_but_loopback_is_taken(server):
    for option in ("--sized-commands", "--headed-commands"):
        with pytest.raises(StartFailed) as failure:
            server("--shell", option, "0.0.0.0:0")
        assert failure.value.code == 2 and "--i-know-this-is-open" in failure.value.err
        assert server("--shell", "--i-know-this-is-open", option, "0.0.0.0:0").addresses[1][0] == "0.0.0.0"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:", "::1:9003", ":9003", "127.0.0.1:65536"])
def test_an_address_that_is_none_is_a_wrong_usage(tmp_path, address):
    words = [DORYD, "--root", str(tmp_path), "--shell", "--headed-commands", address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2 and address in done.stderr and "--headed-commands" in done.stderr, done


def test_each_socket_has_its_line_behind_those_of_listen(server):
    made = server("--shell", "--headed-commands", ANY, "--sized-commands", ANY, "--headed-commands", ANY, listen=[ANY, ANY])
    assert len(made.addresses) == 5
    assert made.ask("info").status == "ok"
    for address, kind in zip(made.addresses[2:], (Sized, Headed, Headed), strict=True):
        with kind(address) as client:
            assert client.ask("echo x") == b"x\n"


def test_a_command_that_takes_too_long_is_ended_and_says_so(plain, mark):
    with plain("--command-timeout", 1).sized() as client:
        answer = client.ask(f"echo begun; {sleeper(mark)}")
        assert answer == b"begun\ndory: timeout: The command took too long, and was ended.\n"
        assert client.ask("echo next") == b"next\n"
    poll_until(lambda: not marked(mark), "no process is left")


def test_a_command_that_writes_too_much_is_ended_and_says_so(plain):
    with plain("--command-output", 10).sized() as client:
        answer = client.ask("echo 123456789; echo 123456789; sleep 10000")
        assert re.fullmatch(rb"1[0-9\n]*\ndory: too_large: [A-Z][ -~]+\.\n", answer), answer


def test_when_too_many_commands_run_the_answer_is_busy(plain, mark):
    made = plain("--max-commands", 1)
    with made.sized() as first, made.headed() as second:
        first.send(sleeper(mark))
        poll_until(lambda: marked(mark), "the first command runs")
        assert second.ask("echo x") == b"dory: busy: Too many are served at once; try again later.\n"
        first.reset()
        poll_until(lambda: second.ask("echo x") == b"x\n", "the place of the first is free")


# --- peers that go away, and peers that are slow ---


def test_a_reset_ends_the_command(plain, mark):
    made = plain()
    client = made.headed()
    client.send(f"echo output that nobody gets; {sleeper(mark)}")
    poll_until(lambda: marked(mark), "the command runs")
    client.reset()
    poll_until(lambda: not marked(mark), "no process is left")


def test_a_client_that_only_goes_away_leaves_nothing_once_its_command_had_its_time(plain, mark):
    """Nobody can tell its FIN from that of a client that waits for the answer."""
    made = plain("--command-timeout", 1)
    client = made.sized()
    client.send(sleeper(mark))
    poll_until(lambda: marked(mark), "the command runs")
    client.sock.close()
    poll_until(lambda: not marked(mark), "no process is left")
    poll_until(lambda: made.sockets() == made.idle_sockets, "the connection is gone")


def test_who_has_sent_the_last_byte_gets_all_answers(plain):
    with plain().sized() as client:
        client.send("sleep 0.2; echo late")
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b"\x05\0\0\0late\n"


def test_sigterm_ends_commands_and_doryd(plain, mark):
    made = plain()
    client = made.sized()
    client.send(sleeper(mark))
    poll_until(lambda: marked(mark), "the command runs")
    made.stop(signal.SIGTERM)
    poll_until(lambda: not marked(mark), "no process is left")


def test_two_clients_run_commands_at_once(plain, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    made = plain()
    with made.sized() as one, made.sized() as other:
        one.send(f"cat {gate}")
        assert other.ask(f"echo from the other >{gate}; echo done") == b"done\n"
        assert one.answer() == b"from the other\n"


def test_sixty_clients_at_once_each_get_their_own(plain):
    made = plain()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context((made.sized, made.headed)[number % 2]()) for number in range(60)]
        for number, client in enumerate(clients):
            client.send(f"sleep 0.1; seq {number} {number + 2000}")
        for number, client in enumerate(clients):
            assert client.answer() == b"".join(b"%d\n" % value for value in range(number, number + 2001))


def test_a_new_connection_takes_the_place_of_an_idle_one(plain):
    made = plain()
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(70):  # 64 fit
            clients.append(stack.enter_context(made.sized()))
            assert clients[-1].ask(f"echo {number}") == b"%d\n" % number
        assert clients[0].rest() == b""
        assert clients[30].ask("echo x") == b"x\n"


def test_an_idle_connection_is_closed(plain):
    with plain("--idle-timeout", 1).sized() as client:
        assert client.ask("sleep 2; echo slow") == b"slow\n"
        assert client.rest() == b""


def test_an_answer_that_nobody_reads_is_given_up(plain):
    made = plain("--output-timeout", 1)
    with made.sized() as client:
        client.send("head -c 64M /dev/zero")
        assert client.size() == 64 * MIB
        poll_until(lambda: made.sockets() == made.idle_sockets, "the connection is gone")
        with pytest.raises(ConnectionResetError):
            client.take(64 * MIB)


# --- the spool ---


@pytest.mark.slow
def test_100_mib_to_a_slow_reader_stay_out_of_memory(plain, tmp_path):
    output = "seq 100000000 | head -c 104857600"
    expected = subprocess.run(["sh", "-c", f"{output} | sha256sum"], capture_output=True, text=True).stdout.split()[0]
    made = plain(before=in_folder(tmp_path))
    with made.headed() as client:
        assert client.ask("head -c 1M /dev/zero") == bytes(MIB)
        before, most = made.resident(), 0
        client.send(output)
        assert client.size() == 100 * MIB
        digest = hashlib.sha256()
        for _ in range(100):
            digest.update(client.take(MIB))
            most = max(most, made.resident())
            time.sleep(0.01)
        assert digest.hexdigest() == expected
        assert most - before < 4 * MIB
        assert client.ask("echo next") == b"next\n"
    assert not list(tmp_path.glob(".dory-spool*"))


def test_output_comes_back_whole_from_the_spool(plain, tmp_path):
    made = plain(before=in_folder(tmp_path))
    expected = b"".join(b"%d\n" % value for value in range(1, 200001))
    with made.sized() as client:
        for _ in range(3):
            answer = client.ask("seq 200000; seq 200000 >&2")
            assert answer == expected + expected
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".dory-spool")]


def test_a_full_disk_cuts_the_output_and_says_so(plain, small_disk):
    folder, words = small_disk(MIB)
    made = plain(before=[*words, *in_folder(folder)])
    for make in (made.sized, made.headed):
        with make() as client:
            answer = client.ask("seq 1000000")
            check_cut(answer, b"".join(b"%d\n" % value for value in range(1, 1000001)))
            assert client.ask("echo room again") == b"room again\n"


def check_cut(answer, output):
    """The beginning of the output, and how much is missing."""
    found = re.search(rb"\n\[cut: (\d+) more bytes\]\n$", answer)
    assert found, answer[-100:]
    kept = len(output) - int(found[1])
    assert 0 <= kept < len(output)
    assert answer[:kept] == output[:kept]
    assert answer[kept:].lstrip(b"\n") == b"[cut: %d more bytes]\n" % (len(output) - kept)


def test_a_limit_of_the_file_size_cuts_the_output_and_says_so(plain):
    made = plain(limits=[file_size_limit(100_000)])
    with made.sized() as client:
        answer = client.ask("seq 100000")
        check_cut(answer, b"".join(b"%d\n" % value for value in range(1, 100001)))
        assert answer.startswith(b"1\n2\n3\n") and len(answer) > 100_000


def test_without_a_folder_for_the_spool_the_size_is_still_true(plain):
    made = plain(before=in_folder("/nowhere/at/all"))
    with made.headed() as client:
        assert client.ask("echo hello") == b"[cut: 6 more bytes]\n"
        assert client.ask("true") == b""


# --- what README.md shows ---


def test_the_client_of_the_readme_prints_what_stands_there(plain, tmp_path):
    section = (REPOSITORY / "README.md").read_text().partition("\n## Older clients: sized and headed\n")[2].partition("\n## ")[0]
    (text,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (transcript,) = re.findall(r"^```\n(\$ doryd.*?)^```$", section, re.MULTILINE | re.DOTALL)
    options = re.findall(r"--command '([^']*)'", transcript)
    made = plain(*itertools.chain.from_iterable(("--command", option) for option in options))
    (tmp_path / "older.py").write_text(text)
    calls = re.findall(r"^\$ python3 older\.py (\w+) (\S+) (\d+) (.*)\n((?:(?!\$ ).*\n)*)", transcript, re.MULTILINE)
    assert {call[0] for call in calls} == {"sized", "headed"}
    for form, host, port, commands, printed in calls:
        address = made.addresses[{"9003": 1, "9004": 2}[port]]
        words = [sys.executable, tmp_path / "older.py", form, host, str(address[1]), *re.findall(r"'([^']*)'", commands)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=3 * PATIENCE)
        assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)
