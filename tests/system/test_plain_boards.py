# SPDX-License-Identifier: MIT
"""Sized and headed on boards: the device's commands for plain clients, on the ports that the image was made with."""

import contextlib
import re

import pytest

import boards
from harness import poll_until
from plain import Headed, Sized

pytestmark = pytest.mark.board("hosted", "mps2-an385")

FORMS = {"sized": Sized, "headed": Headed}
SPOOL = {"hosted": 256}  # bytes; on others more than any command here writes


@pytest.fixture
def made(board):
    return board(plain=True)


def client(made, form):
    return FORMS[form](made.plain[form])


def outputs(made, line):
    """What `run` gives: standard output, then standard error."""
    answer, place = made.ask("run", line=line), 0
    streams = {1: b"", 2: b""}
    for part in answer.parts:
        piece = answer.data[place : place + part["data_size"]]
        place += len(piece)
        if piece:
            streams[part["stream"]] += piece
    return streams[1] + streams[2]


@pytest.mark.parametrize("form", FORMS)
def test_commands_of_the_device_are_answered(made, form):
    with client(made, form) as plain:
        for command in ("help", "version", "nothing-of-that-name", "help with words"):
            expected = outputs(made, command)
            assert 0 < len(expected) <= 256
            assert plain.ask(command) == expected
            assert plain.ask(command + "\n") == expected
        assert plain.ask("\n") == b""
        for _ in range(30):
            assert plain.ask("version") == outputs(made, "version")


def test_the_bytes_are_these(made):
    text = outputs(made, "version")
    with client(made, "sized") as sized, client(made, "headed") as headed:
        sized.send("version")
        assert sized.take(4 + len(text)) == len(text).to_bytes(4, "little") + text
        header = b'{"data_size": %d}' % len(text)
        headed.send("version")
        assert headed.take(4 + len(header) + len(text)) == len(header).to_bytes(4, "little") + header + text
        for plain in (sized, headed):
            plain.sock.shutdown(1)
            assert plain.rest() == b""


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_command_closes_the_connection(made, form):
    post = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nreboot"
    for request in (b"version\r\n", b"version\nversion", b"version\0", b"x" * 1025, post):
        with client(made, form) as plain:
            plain.send(request)
            assert plain.rest() == b""
    with client(made, form) as plain:
        assert plain.ask("version") == outputs(made, "version")
    assert made.out.count("\naddress ") == 1, "it has not restarted"


@pytest.mark.parametrize("form", FORMS)
def test_a_line_that_the_device_has_no_room_for_is_refused_with_a_sentence(made, form):
    with client(made, form) as plain:
        assert re.fullmatch(rb"dory: too_large: [ -~]+\n", plain.ask("x" * 1024))
        assert plain.ask("version") == outputs(made, "version")


@pytest.mark.parametrize("form", FORMS)
def test_a_command_with_much_output_is_whole_or_cut_with_a_true_size(made, form):
    with client(made, form) as plain:
        answer = plain.ask("mem")
        found = re.search(rb"(\n?)\[cut: (\d+) more bytes\]\n$", answer)
        room = SPOOL.get(made.info["board"])
        if room is None:
            assert not found and b"heap: " in answer and b"\nsessions: " in answer
        else:
            assert found and found.start() in (room, room - 1) and int(found[2]) > 0
            assert answer.startswith(outputs(made, "mem").partition(b":")[0])
        assert plain.ask("version") == outputs(made, "version")


def test_a_new_connection_takes_the_place_of_the_longest_idle_one(made):
    version = outputs(made, "version")
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(3):  # two fit
            clients.append(stack.enter_context(client(made, "sized")))
            assert clients[-1].ask("version") == version
        assert clients[0].rest() == b""
        for plain in clients[1:]:
            assert plain.ask("version") == version
        with client(made, "headed") as headed:
            assert headed.ask("version") == version
    assert made.ask("info").status == "ok"


def test_clients_that_vanish_leave_nothing(made):
    for form in FORMS:
        for _ in range(10):
            plain = client(made, form)
            plain.send("mem")
            plain.reset()
    for form in FORMS:
        with client(made, form) as plain:
            assert plain.ask("version") == outputs(made, "version")


def test_reboot_is_answered_before_it_happens(made):
    with client(made, "headed") as plain:
        assert plain.ask("reboot") == b""
    poll_until(lambda: made.out.count("\naddress ") > 1, "the board comes back", boards.START_SECONDS)
    poll_until(lambda: made.ask("info").status == "ok", "it serves again")

    def served():
        with contextlib.suppress(OSError, AssertionError), client(made, "sized") as plain:
            return plain.ask("version")
        return None

    assert poll_until(served, "it serves plain clients again") == outputs(made, "version")
