# SPDX-License-Identifier: MIT
"""A get brings bytes of one version of a file: parts of it, checked, under a condition, while the file changes."""

import os

import pytest

import wire
from harness import MIB, pattern
from wire import crc32


@pytest.fixture
def file(target):
    """(name, data) of a file on the target."""
    name, data = target.name(), pattern(target.size(20_000))
    target.put(name, data)
    return name, data


def test_a_get_tells_size_offset_and_version(target, file):
    name, data = file
    answer = target.ask("get", filename=name)
    assert answer.status == "ok"
    assert (answer["filesize"], answer["offset"], answer["data_size"]) == (len(data), 0, len(data))
    assert isinstance(answer["version"], str) and answer["version"]
    assert answer.data == data
    assert len(answer.parts) == 1, "without check it is one answer"


def test_a_get_of_nothing_is_not_found(target):
    answer = target.ask("get", filename=target.name())
    assert (answer.status, answer.data) == ("not_found", b"")
    assert target.ask("get", filename=target.name() + "/deep/er").status == "not_found"


def test_a_get_of_an_empty_file_brings_no_bytes(target):
    name = target.name()
    target.put(name, b"")
    answer = target.ask("get", filename=name)
    assert (answer.status, answer["filesize"], answer["offset"], answer.data) == ("ok", 0, 0, b"")
    answer = target.ask("get", filename=name, check=True)
    assert (answer.status, answer["crc32"], answer.data) == ("ok", "00000000", b"")


def test_a_get_of_a_range_brings_that_range(target, file):
    name, data = file
    size = len(data)
    conn = target.connect()
    for offset in (0, 1, 511, size - 1, size):
        for length in (None, 0, 1, 512, size - offset, size - offset + 1, wire.BIGGEST_NUMBER):
            fields = {"offset": offset} if length is None else {"offset": offset, "length": length}
            answer = conn.ask("get", filename=name, **fields)
            expected = data[offset:] if length is None else data[offset : offset + length]
            assert answer.status == "ok", (fields, answer)
            assert answer.data == expected, fields
            assert (answer["filesize"], answer["offset"]) == (size, offset)


def test_a_get_may_limit_its_length_without_an_offset(target, file):
    name, data = file
    assert target.ask("get", filename=name, length=10).data == data[:10]


def test_a_get_from_beyond_the_end_is_a_bad_request(target, file):
    name, data = file
    conn = target.connect()
    assert conn.ask("get", filename=name, offset=len(data) + 1).status == "bad_request"
    assert conn.ask("get", filename=name, offset=wire.BIGGEST_NUMBER).status == "bad_request"
    assert conn.ask("get", filename=name, offset=wire.BIGGEST_NUMBER, length=wire.BIGGEST_NUMBER).status == "bad_request"
    assert conn.in_step()


def test_a_checked_get_ends_with_the_crc32_of_what_was_sent(target, file):
    name, data = file
    for fields, expected in (
        ({}, data),
        ({"offset": 1000}, data[1000:]),
        ({"length": 5}, data[:5]),
        ({"offset": 77, "length": 5000}, data[77:5077]),
        ({"offset": len(data)}, b""),
    ):
        answer = target.ask("get", filename=name, check=True, **fields)
        assert answer.status == "ok"
        assert answer.data == expected
        assert answer.parts[-1]["crc32"] == crc32(expected)
        assert answer["filesize"] == len(data)
        assert answer["offset"] == fields.get("offset", 0)
        if expected:
            assert [part["status"] for part in answer.parts if part["data_size"]] == ["more"]


def test_check_false_means_no_check(target, file):
    name, data = file
    answer = target.ask("get", filename=name, check=False)
    assert (answer.data, len(answer.parts)) == (data, 1)


def test_a_get_with_the_version_of_the_file_is_served(target, file):
    name, data = file
    version = target.stat(name)["version"]
    answer = target.ask("get", filename=name, if_version=version, offset=10)
    assert (answer.status, answer["version"], answer.data) == ("ok", version, data[10:])


def test_a_get_with_another_version_is_changed(target, file):
    name, data = file
    version = target.stat(name)["version"]
    target.put(name, data[::-1])
    conn = target.connect()
    assert conn.ask("get", filename=name, if_version=version).status == "changed"
    for other in ("", "x", version + "0", version[:-1], "\u00e4"):
        assert conn.ask("get", filename=name, if_version=other).status == "changed", other
    assert conn.ask("get", filename=target.name(), if_version=version).status == "not_found"
    assert target.get(name) == data[::-1]


def test_every_put_makes_a_new_version_however_quickly_it_follows(target):
    name = target.name()
    conn = target.connect()
    versions = []
    for number in range(30):
        assert conn.put(name, b"%04d" % number).status == "ok"
        versions.append(conn.ask("stat", filename=name)["version"])
    assert len(set(versions)) == len(versions)


def test_a_version_stays_while_the_file_does(target, file):
    name, _ = file
    versions = {target.stat(name)["version"] for _ in range(5)} | {target.ask("get", filename=name)["version"]}
    assert len(versions) == 1


def test_a_get_of_a_file_that_is_replaced_meanwhile_brings_one_version(target):
    name = target.name()
    size = target.size(16 * MIB)
    old, new = pattern(size, seed=1), pattern(size, seed=2)
    target.put(name, old)
    conn = target.connect(receive_buffer=8192)
    number = conn.request("get", filename=name)
    header = conn.header()
    begin = conn.take(size // 100)
    writer = target.connect()
    status = writer.put(name, new).status
    assert status in ("ok", "busy")
    rest = take_or_end(conn, size - len(begin))
    assert header["id"] == number
    assert old.startswith(begin + rest), "a mixture of two versions"
    assert header["data_size"] == size
    if status == "ok":
        assert target.get(name) == new


def take_or_end(conn, count):
    """Up to `count` bytes; fewer when the server ends the connection."""
    while len(conn.buffer) < count and not conn.ended:
        assert conn.poll_input(conn.patience), "neither bytes nor an end"
    data = bytes(conn.buffer[:count])
    del conn.buffer[:count]
    return data


@pytest.mark.linux
@pytest.mark.parametrize("check", [False, True], ids=["plain", "checked"])
def test_a_get_of_a_file_that_shrinks_meanwhile_ends_the_connection(server, check):
    made = server()
    data = pattern(16 * MIB)
    made.put("f", data)
    conn = made.connect(receive_buffer=8192)
    conn.request("get", filename="f", check=check)
    assert conn.header()["data_size"] == len(data)
    begin = conn.take(100_000)
    os.truncate(made.root / "f", 9 * MIB)
    rest = take_or_end(conn, len(data) - len(begin))
    assert len(begin) + len(rest) < len(data)
    assert data.startswith(begin + rest), "no byte may be made up"
    assert conn.drain() == b""
    assert made.ask("info").status == "ok"


@pytest.mark.linux
def test_a_get_of_a_file_that_is_deleted_meanwhile_brings_it_whole_or_ends(server):
    made = server()
    data = pattern(16 * MIB)
    made.put("f", data)
    conn = made.connect(receive_buffer=8192)
    conn.request("get", filename="f")
    conn.header()
    assert made.ask("delete", filename="f").status in ("ok", "busy")
    assert data.startswith(take_or_end(conn, len(data)))
    assert made.ask("info").status == "ok"


@pytest.mark.linux
def test_a_file_that_grows_by_other_hands_is_a_new_version(server):
    made = server()
    made.put("f", b"0123456789")
    version = made.stat("f")["version"]
    with open(made.root / "f", "ab") as file:
        file.write(b"more")
    assert made.ask("get", filename="f", if_version=version).status == "changed"
    assert made.get("f") == b"0123456789more"


@pytest.mark.linux
def test_a_get_beyond_4_gib_is_exact(server):
    made = server()
    size = (1 << 32) + 1000
    with open(made.root / "f", "wb") as file:
        file.truncate(size)
        file.seek(size - 4)
        file.write(b"tail")
    answer = made.ask("get", filename="f", offset=size - 10)
    assert (answer.status, answer["filesize"], answer["offset"]) == ("ok", size, size - 10)
    assert answer.data == bytes(6) + b"tail"
    assert made.listing()["f"] == size


@pytest.mark.linux
def test_a_file_that_may_not_be_read_fails_by_name(server, permissions):
    made = server(limits=[permissions])
    made.put("f", b"x")
    (made.root / "f").chmod(0)
    conn = made.connect()
    for cmd, fields in (("get", {}), ("stat", {"check": True})):
        assert conn.ask(cmd, filename="f", **fields).status in ("forbidden", "io_error")
    assert conn.in_step()
