# SPDX-License-Identifier: MIT
"""What the machine does to a server: full disks, folders that may not be written, a root that is gone, signals."""

import os
import shutil
import signal

import pytest

import harness
from harness import FAILURES, MIB, file_size_limit, pattern, poll_until
from wire import crc32, frame

pytestmark = pytest.mark.linux

NO_ROOM = {"no_space", "too_large", "io_error"}
NOT_ALLOWED = {"forbidden", "io_error"}


def put_that_fails(made, name, data, statuses, **fields):
    """The put is refused, at its header or later, the connection may end; the old file is there still."""
    before = made.ask("get", filename=name)
    conn = made.connect()
    number = conn.put_header(name, data, **fields)
    conn.try_send(data)
    answer = conn.final(number)
    assert answer.status in statuses, answer
    after = made.ask("get", filename=name)
    assert (after.status, after.data) == (before.status, before.data)
    conn.close()
    return answer


# --- no room ---


@pytest.mark.parametrize("crc", [True, False], ids=["crc32", "no crc32"])
def test_a_full_disk_is_told_and_leaves_the_old_file(server, small_disk, crc):
    folder, words = small_disk(8 * MIB)
    made = server(root=folder, before=words, visible=False)
    old = pattern(2 * MIB, seed=2)
    made.put("f", old)
    free = made.info["free"]
    assert free <= 8 * MIB
    put_that_fails(made, "f", pattern(free + MIB), NO_ROOM, crc=crc)
    put_that_fails(made, "new", pattern(20 * MIB), NO_ROOM, crc=crc)
    assert made.stat("new").status == "not_found"
    made.put("f", pattern(MIB))
    assert made.get("f") == pattern(MIB)


def test_a_disk_that_fills_up_during_a_put_is_told_and_room_comes_back(server, small_disk):
    """Both puts fit when they begin; together they do not."""
    folder, words = small_disk(8 * MIB)
    made = server(root=folder, before=words, visible=False)
    made.put("a", b"old a")
    made.put("b", b"old b")
    data = pattern(5 * MIB)
    conns = {name: made.connect() for name in ("a", "b")}
    numbers = {name: conn.put_header(name, data, crc=False) for name, conn in conns.items()}
    for start in range(0, len(data), MIB // 2):
        for conn in conns.values():
            conn.try_send(data[start : start + MIB // 2])
    statuses = {name: conn.final(numbers[name]).status for name, conn in conns.items()}
    assert set(statuses.values()) <= NO_ROOM | {"ok"}
    assert list(statuses.values()).count("ok") <= 1
    for name, status in statuses.items():
        assert made.get(name) == (data if status == "ok" else b"old " + name.encode())
    for name in ("a", "b"):
        assert made.ask("delete", filename=name).status == "ok"
    poll_until(lambda: made.ask("info")["free"] > 6 * MIB, "nothing of the failed put is left")
    made.put("c", data)


def test_partials_make_room_when_the_disk_is_full(server, small_disk):
    folder, words = small_disk(8 * MIB)
    made = server(root=folder, before=words, visible=False)
    data = pattern(5 * MIB)
    conn = made.connect()
    conn.put_header("a", data)
    conn.send(data[:-1])
    conn.half_close()
    conn.drain()
    assert made.partial("a") > 4 * MIB
    assert made.ask("info")["free"] > 6 * MIB, "a partial counts as free space"
    made.put("b", data)
    assert made.get("b") == data
    assert made.partial("a") == 0


def test_a_put_beyond_the_file_size_limit_is_told_and_the_server_lives(server):
    made = server(limits=[file_size_limit(MIB)])
    made.put("f", b"old")
    for crc in (True, False):
        put_that_fails(made, "f", pattern(3 * MIB), NO_ROOM, crc=crc)
        put_that_fails(made, "f", pattern(MIB + 1), NO_ROOM, crc=crc)
    made.put("f", pattern(MIB // 2))
    made.partials = 2  # it may be kept, since the limit may be lifted
    assert made.get("f") == pattern(MIB // 2)


def test_a_plain_put_that_fails_for_want_of_room_does_not_disturb_the_next(server):
    made = server(limits=[file_size_limit(100_000)])
    conn = made.connect()
    big = frame({"cmd": "put", "filename": "big", "filesize": 200_000}, pattern(200_000))
    small = frame({"cmd": "put", "filename": "small", "filesize": 5}, b"small")
    conn.send(small + big + small)
    assert conn.in_step()
    assert made.get("small") == b"small"
    assert made.stat("big").status == "not_found"


# --- not allowed ---


def test_a_folder_that_may_not_be_written_fails_by_name_and_is_served_still(server, permissions):
    made = server(limits=[permissions])
    made.put("sub/f", b"old")
    (made.root / "sub").chmod(0o555)
    try:
        put_that_fails(made, "sub/f", b"new", NOT_ALLOWED)
        put_that_fails(made, "sub/new", b"new", NOT_ALLOWED)
        put_that_fails(made, "sub/deep/new", b"new", NOT_ALLOWED)
        made.put("other", b"fine")
        assert made.get("sub/f") == b"old"
        conn = made.connect()
        number, answer = conn.resume("sub/f", b"resumed")
        if answer.status == "continue":
            conn.send(b"resumed")
            answer = conn.final(number)
        assert answer.status in NOT_ALLOWED
    finally:
        (made.root / "sub").chmod(0o755)
    made.partials = 4  # they can be put again when somebody mends the folder
    made.put("sub/f", b"new")


def test_a_root_that_may_not_be_written_is_told_or_served_for_reading(server, permissions, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "f").write_bytes(b"old")
    root.chmod(0o555)
    try:
        made = server(root=root, limits=[permissions])
    except harness.StartFailed as failure:
        assert failure.code not in (0, None) and failure.code > 0
        assert str(root) in failure.err, "it says which folder"
    else:
        put_that_fails(made, "f", b"new", NOT_ALLOWED)
        put_that_fails(made, "new", b"new", NOT_ALLOWED)
        assert made.get("f") == b"old"
        assert made.ask("delete", filename="f").status in NOT_ALLOWED
    finally:
        root.chmod(0o755)


def test_a_root_on_a_read_only_disk_can_be_served_read_only(server, permissions, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "f").write_bytes(b"old")
    root.chmod(0o555)
    try:
        made = server("--read-only", root=root, limits=[permissions])
        assert made.get("f") == b"old"
        assert made.ask("put", b"x", filename="f", filesize=1).status == "forbidden"
    finally:
        root.chmod(0o755)


def test_a_root_that_is_gone_fails_by_name_and_the_server_lives(server, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    made = server(root=root)
    made.put("f", b"x")
    shutil.rmtree(root)
    conn = made.connect()
    for cmd in ("get", "stat", "delete"):
        assert conn.ask(cmd, filename="f").status in FAILURES
    for name in ("f", "sub/f"):
        assert conn.put(name, b"new").status in FAILURES - {"corrupt"}
    number, answer = conn.resume("f", b"new")
    if answer.status == "continue":
        conn.send(b"new")
        answer = conn.final(number)
    assert answer.status in FAILURES - {"corrupt"}
    listing = conn.ask("list")
    assert listing.data == b"" and listing.status in FAILURES | {"ok"}
    assert conn.in_step()


def test_the_root_going_away_during_a_put_fails_it(server, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    made = server(root=root)
    conn = made.connect()
    number = conn.put_header("sub/f", b"0123456789")
    conn.send(b"01234")
    poll_until(lambda: made.has_read(conn), "the put began")
    shutil.rmtree(root)
    conn.send(b"56789")
    assert conn.final(number).status in FAILURES
    assert made.ask("info").status == "ok"


def test_a_folder_swapped_for_a_link_during_a_put_publishes_nothing_outside(server, tmp_path):
    made = server()
    outside = tmp_path / "outside"
    outside.mkdir()
    made.put("sub/f", b"old")
    conn = made.connect()
    number = conn.put_header("sub/f", b"0123456789")
    conn.send(b"01234")
    poll_until(lambda: made.has_read(conn), "the put began")
    os.rename(made.root / "sub", made.root / "moved")
    (made.root / "sub").symlink_to(outside)
    conn.send(b"56789")
    conn.final(number)  # into the folder that it was, or a failure
    assert os.listdir(outside) == []
    assert made.ask("get", filename="sub/f").status == "bad_name"


# --- signals ---


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_during_puts_leaves_resumable_partials_only(server, how):
    made = server()
    data = pattern(500_000)
    made.put("with", b"old")
    made.put("without", b"old")
    for name, fields in (("with", {"crc": True}), ("without", {"crc": False}), ("fresh", {"crc": True})):
        conn = made.connect()
        conn.put_header(name, data, **fields)
        conn.send(data[:300_000])
        poll_until(lambda conn=conn: made.has_read(conn), "the put is under way")
    made.connect()
    half = made.connect()
    half.send(b"\x10\0\0\0{")
    made.partials = 2
    made.stop(how)
    made.close_connections()
    made.restart()
    assert made.get("with") == b"old" and made.get("without") == b"old"
    assert made.partial("without") == 0
    for name in ("with", "fresh"):
        conn = made.connect()
        number, answer = conn.resume(name, data)
        assert answer.status == "continue" and answer["offset"] > 0
        assert answer["prefix_crc32"] == crc32(data[: answer["offset"]])
        conn.send(data[answer["offset"] :])
        assert conn.final(number).status == "ok"
        assert made.get(name) == data
    made.partials = 0


def test_a_signal_ends_an_idle_server_with_its_connections(server):
    made = server()
    conns = [made.connect() for _ in range(5)]
    assert conns[0].ask("info").status == "ok"
    made.stop()
    for conn in conns:
        assert conn.drain() == b""


def test_a_signal_during_a_get_ends_the_server(server):
    made = server()
    made.put("f", pattern(16 * MIB))
    conn = made.connect(receive_buffer=4096)
    conn.request("get", filename="f")
    conn.header()
    made.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_answered_ok_is_there_whenever_the_server_ends(server, how):
    """In the midst of many pipelined puts: an ok is a promise, and no name is left half written."""
    made = server()
    count, data = 400, {}
    conn = made.connect()
    for number in range(count):
        data[f"f{number}"] = pattern(100 + number, number)
        header = {"cmd": "put", "id": number, "filename": f"f{number}", "filesize": 100 + number}
        conn.send(frame({**header, "crc32": crc32(data[f"f{number}"])}, data[f"f{number}"]))
    answered = 0
    while answered < count // 4:
        assert conn.final(answered).status == "ok"
        answered += 1
    made.partials = 16  # what had arrived and was not published yet
    getattr(made, how)()
    try:
        while answered < count:
            assert conn.final(answered).status == "ok"
            answered += 1
    except ConnectionError:
        pass
    made.close_connections()
    made.restart()
    listed = made.listing()
    for number in range(answered):
        assert f"f{number}" in listed, f"{answered} were answered"
    for name in listed:
        assert made.get(name) == data[name]


def test_what_a_killed_server_left_of_puts_that_cannot_resume_is_cleaned_up(server):
    made = server()
    made.put("f", b"old")
    conn = made.connect()
    conn.put_header("f", pattern(300_000), crc=False)
    conn.send(pattern(300_000)[:200_000])
    poll_until(lambda: made.has_read(conn), "the put is under way")
    made.kill()
    made.restart()
    assert made.get("f") == b"old"
    made.stop()
    assert made.leftovers() == []


def test_a_restarted_server_gets_its_port_back_although_old_connections_linger(server):
    made = server(listen=[harness.steady_address()])
    for _ in range(5):
        conn = made.connect()
        assert conn.ask("info").status == "ok"
    made.kill()
    made.restart()
    assert made.ask("info").status == "ok"


def test_sigpipe_and_broken_output_do_not_end_the_server(server):
    made = server()
    made.put("f", pattern(4 * MIB))
    for _ in range(10):
        conn = made.connect(receive_buffer=4096)
        conn.request("get", filename="f")
        conn.header()
        conn.reset()
    assert made.ask("info").status == "ok"
