# SPDX-License-Identifier: MIT
"""Plain clients: puts without an id, the oldest form of the protocol. They read nothing and are told nothing."""

import socket

import pytest

import harness
import wire
from harness import pattern, poll_until
from wire import frame


def plain_put(name, data):
    return frame({"cmd": "put", "filename": name, "filesize": len(data)}, data)


def hand_over(target, data):
    """What a plain client does: connect, send, close the sending side; nothing may come back."""
    with target.connect() as conn:
        conn.send(data)
        conn.half_close()
        assert conn.drain() == b""


@pytest.mark.parametrize("size", [0, 1, 123, 65536, 300_000])
def test_a_plain_put_arrives(target, size):
    name, data = target.name(), pattern(target.size(size))
    hand_over(target, plain_put(name, data))
    assert target.get(name) == data


def test_plain_puts_go_one_after_another_on_one_connection(target):
    files = {target.name("plain"): pattern(size, size) for size in (10, 0, 1, 5000, 0, 77)}
    hand_over(target, b"".join(plain_put(name, data) for name, data in files.items()))
    for name, data in files.items():
        assert target.get(name) == data


def test_plain_puts_may_repeat_a_name(target):
    name = target.name()
    hand_over(target, b"".join(plain_put(name, b"%d" % number) for number in range(50)))
    assert target.get(name) == b"49"


def test_the_literal_message_of_the_oldest_clients_works(target):
    """Spaces as Python's json.dumps sets them, and none as others do."""
    target.names.append("a.txt")
    for text in ('{"cmd":"put","filename":"a.txt","filesize":3}', '{"cmd": "put", "filename": "a.txt", "filesize": 3}'):
        hand_over(target, len(text).to_bytes(4, "little") + text.encode() + b"abc")
        assert target.get("a.txt") == b"abc"
        assert target.ask("delete", filename="a.txt").status == "ok"


def test_a_plain_put_that_is_refused_does_not_disturb_the_next(target):
    name = target.name()
    data = b"".join(
        [
            plain_put("../escape", b"1" * 100),
            plain_put("", b""),
            frame({"cmd": "put", "filename": name, "filesize": 2, "crc32": "deadbeef"}, b"xx"),
            frame({"cmd": "put", "filename": name, "filesize": 2, "crc32": 5}, b"yy"),
            plain_put(name, b"fine"),
        ]
    )
    hand_over(target, data)
    assert target.get(name) == b"fine"


def test_a_plain_client_may_close_both_ways_at_once(target):
    name = target.name()
    conn = target.connect()
    conn.send(plain_put(name, b"gone but done"))
    conn.close()
    poll_until(lambda: target.stat(name).status == "ok", "the file")
    assert target.get(name) == b"gone but done"


def test_a_plain_put_may_check_itself(target):
    name = target.name()
    header = {"cmd": "put", "filename": name, "filesize": 3, "crc32": wire.crc32(b"abc")}
    hand_over(target, frame(header, b"abc"))
    assert target.get(name) == b"abc"


def test_plain_and_answered_puts_mix_on_one_connection(target):
    names = [target.name() for _ in range(4)]
    conn = target.connect()
    conn.send(plain_put(names[0], b"0"))
    assert conn.put(names[1], b"1").status == "ok"
    conn.send(plain_put(names[2], b"2") + plain_put(names[3], b""))
    assert conn.in_step()
    assert [target.get(name) for name in names] == [b"0", b"1", b"2", b""]


def test_many_plain_clients_come_and_go(target):
    names = [target.name() for _ in range(3)]
    for number in range(30):
        hand_over(target, plain_put(names[number % 3], b"%d" % number))
    assert [target.get(name) for name in names] == [b"27", b"28", b"29"]


@pytest.mark.linux
@pytest.mark.slow
def test_a_plain_put_of_over_4_gib_arrives(server):
    size = (1 << 32) + 12_345
    marks = {0: b"head", (1 << 31) - 3: b"across 2 GiB", (1 << 32) - 3: b"across 4 GiB", size - 4: b"tail"}
    with harness.roomy_folder(size) as folder:
        if folder is None:
            pytest.skip("no room for a file of over 4 GiB")
        source = folder / "source"
        with open(source, "wb") as file:  # sparse: the room is for the copy
            file.truncate(size)
            for position, text in marks.items():
                file.seek(position)
                file.write(text)
        root = folder / "root"
        root.mkdir()
        made = server(root=root)
        header = frame({"cmd": "put", "filename": "big", "filesize": size})
        with socket.create_connection(made.address) as sock, open(source, "rb") as file:
            sock.settimeout(10 * wire.PATIENCE)
            sock.sendall(header)
            assert sock.sendfile(file) == size
            sock.sendall(plain_put("after", b"next"))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        assert (root / "big").stat().st_size == size
        with open(source, "rb") as one, open(root / "big", "rb") as other:
            while True:
                block = one.read(4 << 20)
                assert block == other.read(4 << 20)
                if not block:
                    break
        assert made.get("after") == b"next"
        conn = made.connect()
        for position, text in marks.items():
            answer = conn.ask("get", filename="big", offset=position, length=len(text))
            assert answer.data == text
        made.finish()
