# SPDX-License-Identifier: MIT
"""The worked examples of core/PROTOCOL.md are true: each request, replayed byte by byte, brings that answer.

A block opened with ```hex-request NAME or ```hex-answer NAME has lines of hex bytes, with a comment after `|`. Blocks
of one NAME share a connection, in their order; the whole document shares one server. `??` stands for any byte. A NAME
that begins with `sized` or `headed` is about that port, and not in messages.
"""

import re

import pytest

import wire
from harness import REPOSITORY

pytestmark = pytest.mark.linux

COMMANDS = {"greet": "echo hello", "both": "sh -c 'echo oops >&2; echo fine'"}
PLAIN_PORTS = {"sized": 1, "headed": 2}

OPENING = re.compile(r"```hex-(request|answer) (\S+)\s*$")


def parse_hex(line):
    """The bytes of one line; None for any byte."""
    pairs = line.partition("|")[0].split()
    digits = "".join(pairs)
    assert len(digits) % 2 == 0, line
    found = [digits[start : start + 2] for start in range(0, len(digits), 2)]
    return [None if pair == "??" else int(pair, 16) for pair in found]


def read_blocks():
    """[(kind, name, bytes)] in the order of the document."""
    blocks, current = [], None
    for line in (REPOSITORY / "core/PROTOCOL.md").read_text().splitlines():
        opening = OPENING.match(line.strip())
        if opening:
            current = []
            blocks.append((opening.group(1), opening.group(2), current))
        elif line.strip() == "```":
            current = None
        elif current is not None:
            current.extend(parse_hex(line))
    return blocks


def plain_port(name):
    """Which of the addresses it is about, if it is one for older clients."""
    return PLAIN_PORTS.get(name.partition("-")[0])


def connect(made, name):
    port = plain_port(name)
    conn = wire.Conn(made.addresses[port or 0])
    made.connections.append(conn)
    return conn


def show(values):
    return " ".join("??" if value is None else f"{value:02x}" for value in values)


def test_every_worked_example_is_true(server):
    blocks = read_blocks()
    assert sum(kind == "answer" for kind, _, _ in blocks) >= 3, "worked examples are expected"
    words = ["--name", "example", "--sized-commands", "127.0.0.1:0", "--headed-commands", "127.0.0.1:0"]
    for command in COMMANDS.items():
        words += ["--command", "=".join(command)]
    made = server(*words)
    made.partials = 16  # an example may leave one
    conns = {}
    for kind, name, values in blocks:
        conn = conns.setdefault(name, None) or connect(made, name)
        conns[name] = conn
        if kind == "request":
            assert None not in values, f"a request of {name} has to be complete"
            conn.send(bytes(values))
            continue
        try:
            got = conn.take(len(values))
        except (ConnectionError, TimeoutError) as error:
            raise AssertionError(f"{name}: {show(values)}\nwas expected, but {error}: {show(conn.buffer)}") from error
        differs = [at for at, (want, byte) in enumerate(zip(values, got)) if want not in (None, byte)]
        assert not differs, f"{name}: differs at byte {differs[0]}\nexpected {show(values)}\ngot      {show(got)}\n{got!r}"
    for name, conn in conns.items():
        conn.half_close()
        assert conn.drain() == b"", f"{name}: more came than the document tells"


def test_every_example_shows_both_sides():
    names = {}
    for kind, name, _ in read_blocks():
        names.setdefault(name, set()).add(kind)
    assert names
    for name, kinds in names.items():
        assert "request" in kinds, name


def test_the_examples_are_messages():
    """Each request is whole messages by length, so that a reader can rebuild it; examples of bad headers may not be."""
    for kind, name, values in read_blocks():
        if kind != "answer" or not values or None in values[:4] or plain_port(name):
            continue
        size = int.from_bytes(bytes(values[:4]), "little")
        assert 2 <= size <= wire.ANSWER_LIMIT, name
        assert len(values) >= 4 + size, name
