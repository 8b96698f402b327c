# SPDX-License-Identifier: MIT
"""A put publishes the whole new file or leaves the old one: cut short anywhere, refused, or competing for a name."""

import threading
import time

import pytest

import harness
import wire
from harness import pattern, poll_until
from wire import crc32, frame


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4096, 65535, 65536, 65537, 1 << 20])
@pytest.mark.parametrize("crc", [True, False], ids=["crc32", "no crc32"])
def test_what_was_put_is_there(target, size, crc):
    name, data = target.name(), pattern(target.size(size))
    conn = target.connect()
    assert conn.put(name, data, crc=crc).status == "ok"
    assert target.get(name) == data
    assert target.stat(name)["filesize"] == len(data)


def test_an_answer_to_a_put_has_its_id_and_no_data(target):
    conn = target.connect()
    conn.send(frame({"cmd": "put", "id": 77, "filename": target.name(), "filesize": 2}, b"ab"))
    header, data = conn.answer()
    assert (header["id"], header["status"], header["data_size"], data) == (77, "ok", 0, b"")


def test_a_put_replaces_what_was_there(target):
    name = target.name()
    for data in (b"long old content", b"short", b"", b"again"):
        target.put(name, data)
        assert target.get(name) == data


def test_a_put_whose_crc32_is_wrong_leaves_the_old_file(target):
    name = target.name()
    target.put(name, b"old")
    conn = target.connect()
    assert conn.put(name, b"new!", crc32=crc32(b"other")).status == "corrupt"
    assert conn.put(name, b"", crc32="00000001").status == "corrupt"
    assert conn.in_step()
    assert target.get(name) == b"old"
    assert target.partial(name) == 0


def test_a_put_whose_crc32_is_wrong_creates_nothing(target):
    name = target.name()
    assert target.ask("put", b"new!", filename=name, filesize=4, crc32="deadbeef").status == "corrupt"
    assert target.stat(name).status == "not_found"
    assert name not in target.listing()


def test_readers_see_the_old_file_until_the_new_one_is_whole(target):
    name = target.name()
    target.put(name, b"old")
    fresh = target.name()
    for victim, before in ((name, b"old"), (fresh, None)):
        data = pattern(5000)
        conn = target.connect()
        number = conn.put_header(victim, data)
        for start in range(0, len(data) - 1, 1000):
            conn.send(data[start : min(start + 1000, len(data) - 1)])
            if before is None:
                assert target.stat(victim).status == "not_found"
                assert victim not in target.listing()
            else:
                assert target.get(victim) == before
        conn.send(data[-1:])
        assert conn.final(number).status == "ok"
        assert target.get(victim) == data


# --- cut short ---


def put_message(name, data, with_id, with_crc):
    header = {"cmd": "put", "filename": name, "filesize": len(data)}
    if with_id:
        header["id"] = 1
    if with_crc:
        header["crc32"] = crc32(data)
    return frame(header, data)


@pytest.mark.parametrize("with_crc", [True, False], ids=["crc32", "no crc32"])
@pytest.mark.parametrize("with_id", [True, False], ids=["id", "no id"])
def test_a_put_cut_short_at_any_byte_by_a_close_leaves_the_old_file(target, with_id, with_crc):
    name, data = target.name(), b"the new content"
    target.put(name, b"old")
    message = put_message(name, data, with_id, with_crc)
    for cut in range(len(message)):
        with target.connect() as conn:
            conn.send(message[:cut])
            conn.half_close()
            assert b'"ok"' not in conn.drain()  # and now the server is through with it
        assert target.get(name) == b"old", f"cut at {cut}"
        if with_crc:
            arrived = max(0, cut - (len(message) - len(data)))
            assert target.partial(name) == arrived, f"cut at {cut}"
        else:
            assert target.partial(name) == 0
    assert list(target.listing(name)) == [name]
    target.put(name, data)
    assert target.get(name) == data
    assert target.partial(name) == 0


@pytest.mark.parametrize("with_crc", [True, False], ids=["crc32", "no crc32"])
@pytest.mark.parametrize("with_id", [True, False], ids=["id", "no id"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_put_dropped_at_any_byte_leaves_the_old_file(target, how, with_id, with_crc):
    name, data = target.name(), b"the new content"
    target.put(name, b"old")
    message = put_message(name, data, with_id, with_crc)
    for cut in range(len(message)):
        conn = target.connect()
        conn.send(message[:cut])
        getattr(conn, how)()
        assert target.get(name) == b"old", f"cut at {cut}"
    # The last of them may still be on its way out: a put that succeeds tells that they are gone.
    target.put(name, b"between")
    assert target.get(name) == b"between"
    target.put(name, data)
    assert target.get(name) == data


def test_a_put_cut_short_creates_nothing(target):
    name = target.name()
    for with_id in (True, False):
        with target.connect() as conn:
            conn.send(put_message(name, b"0123456789", with_id, False)[:-1])
            conn.half_close()
            assert conn.drain() == b""
        assert target.stat(name).status == "not_found"
        assert name not in target.listing()
        assert not target.partial(name), "without a crc32 nothing can resume"


# --- refused before the body ---


def test_a_put_that_is_too_large_is_refused_before_its_body(target):
    if target.info["max_file"] >= wire.BIGGEST_NUMBER:
        pytest.skip("no file is too large here")
    for size in (target.info["max_file"] + 1, wire.BIGGEST_NUMBER):
        conn = target.connect()
        conn.send(frame({"cmd": "put", "id": 1, "filename": target.name(), "filesize": size}))
        assert conn.final(1).status == "too_large"
        if size > 2 * harness.MIB:
            assert conn.drain() == b"", "so much is not worth skipping"


def test_the_biggest_number_is_a_size_and_no_bad_header(target):
    conn = target.connect()
    conn.send(frame({"cmd": "put", "id": 1, "filename": target.name(), "filesize": wire.BIGGEST_NUMBER}))
    assert conn.final(1).status in ("too_large", "no_space")
    assert conn.drain() == b""


@pytest.mark.linux
def test_a_put_that_does_not_fit_is_refused_before_its_body(server):
    made = server()
    if made.info["max_file"] <= made.info["free"] * 4:
        pytest.skip("everything fits here")
    conn = made.connect()
    conn.send(frame({"cmd": "put", "id": 1, "filename": "f", "filesize": made.info["free"] * 2}))
    assert conn.final(1).status == "no_space"


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 1000000])
def test_the_body_of_a_refused_put_is_skipped(target, size):
    conn = target.connect()
    body = frame({"cmd": "info", "id": 99}) * (size // 26 + 1)
    assert conn.put("../x", body[:size]).status == "bad_name"
    assert conn.in_step()


def test_a_refusal_of_much_data_reaches_a_client_that_sends_it_all(target):
    conn = target.connect()
    size = 3 * harness.MIB
    conn.send(frame({"cmd": "put", "id": 1, "filename": "../x", "filesize": size}))
    conn.try_send(b"x" * size)
    assert conn.final(1).status == "bad_name"
    assert conn.drain() == b""


# --- one after another ---


def test_pipelined_requests_act_and_answer_in_their_order(target):
    name = target.name()
    conn = target.connect()
    conn.send(
        frame({"cmd": "get", "id": 1, "filename": name})
        + frame({"cmd": "put", "id": 2, "filename": name, "filesize": 3, "crc32": crc32(b"one")}, b"one")
        + frame({"cmd": "get", "id": 3, "filename": name})
        + frame({"cmd": "put", "id": 4, "filename": name, "filesize": 3, "crc32": "00000000"}, b"bad")
        + frame({"cmd": "put", "filename": name, "filesize": 3}, b"two")
        + frame({"cmd": "get", "id": 5, "filename": name})
        + frame({"cmd": "delete", "id": 6, "filename": name})
        + frame({"cmd": "get", "id": 7, "filename": name})
    )
    answers = [conn.final(number) for number in range(1, 8)]
    assert [answer.status for answer in answers] == ["not_found", "ok", "ok", "corrupt", "ok", "ok", "not_found"]
    assert [answer.data for answer in answers] == [b"", b"", b"one", b"", b"two", b"", b""]


def test_hundreds_of_small_puts_go_down_one_connection(target):
    count = 300
    names = [target.name("many") for _ in range(4)]
    conn = target.connect()
    messages = []
    for number in range(count):
        data = b"%d " % number * 10
        header = {"cmd": "put", "id": number, "filename": names[number % 4], "filesize": len(data), "crc32": crc32(data)}
        messages.append(frame(header, data))
    conn.send(b"".join(messages))
    for number in range(count):
        assert conn.final(number).status == "ok"
    for offset, name in enumerate(names):
        assert target.get(name) == b"%d " % (count - 4 + offset) * 10


# --- two at once ---


def test_a_second_put_to_one_name_is_busy(target):
    name = target.name()
    target.put(name, b"old")
    first, second = target.connect(), target.connect()
    number = first.put_header(name, b"first", crc=False)
    first.send(b"fir")
    poll_until(lambda: target.being_written(name), "the first put holds the name")
    assert second.put(name, b"second").status == "busy"
    assert second.in_step()
    assert target.get(name) == b"old"
    first.send(b"st")
    assert first.final(number).status == "ok"
    assert target.get(name) == b"first"
    assert second.put(name, b"second").status == "ok"
    assert target.get(name) == b"second"


def test_a_name_is_free_again_when_its_writer_is_gone(target):
    name = target.name()
    for how in ("close", "reset"):
        conn = target.connect()
        conn.put_header(name, b"x" * 100)
        conn.send(b"x" * 50)
        getattr(conn, how)()
        target.put(name, b"next")  # waits out the writer
        assert target.get(name) == b"next"


def test_puts_to_two_names_go_on_side_by_side(target):
    if target.info["writers"] < 2:
        pytest.skip("one writer only")
    names = [target.name(), target.name()]
    conns = [target.connect(), target.connect()]
    numbers = [conn.put_header(name, b"0123456789") for conn, name in zip(conns, names)]
    for byte in b"0123456789":
        for conn in conns:
            conn.send(bytes([byte]))
    for conn, number in zip(conns, numbers):
        assert conn.final(number).status == "ok"
    for name in names:
        assert target.get(name) == b"0123456789"


def test_a_put_without_id_waits_until_the_name_is_free(target):
    if target.info["sessions"] < 3:
        pytest.skip("too few sessions to look on")
    name = target.name()
    first, second = target.connect(), target.connect()
    number = first.put_header(name, b"first", crc=False)
    first.send(b"fir")
    poll_until(lambda: target.being_written(name), "the first put holds the name")
    second.send(frame({"cmd": "put", "filename": name, "filesize": 6}, b"second") + frame({"cmd": "info", "id": 1}))
    assert not second.poll_input(0.3), "the second put has to wait"
    first.send(b"st")
    assert first.final(number).status == "ok"
    assert second.final(1).status == "ok"
    assert target.get(name) == b"second"


@pytest.mark.linux
def test_a_put_without_id_that_waits_too_long_is_skipped_and_the_log_says_so(server):
    made = server("--busy-wait", "0.5", "--evict-after", "60")
    made.put("f", b"old")
    first, second = made.connect(), made.connect()
    number = first.put_header("f", b"first", crc=False)
    first.send(b"fir")
    poll_until(lambda: made.being_written("f"), "the first put holds the name")
    started = time.monotonic()
    second.send(frame({"cmd": "put", "filename": "f", "filesize": 6}, b"second") + frame({"cmd": "info", "id": 1}))
    assert second.final(1).status == "ok"
    assert time.monotonic() - started > 0.4
    assert made.get("f") == b"old"
    first.send(b"st")
    assert first.final(number).status == "ok"
    assert made.get("f") == b"first"
    assert made.err.strip(), "nobody would know otherwise"


def test_a_name_that_is_being_written_cannot_be_deleted(target):
    name = target.name()
    target.put(name, b"old")
    conn = target.connect()
    number = conn.put_header(name, b"new")
    conn.send(b"ne")
    poll_until(lambda: target.being_written(name), "the put holds the name")
    assert target.ask("delete", filename=name).status == "busy"
    conn.send(b"w")
    assert conn.final(number).status == "ok"
    assert target.ask("delete", filename=name).status == "ok"


@pytest.mark.linux
def test_writers_and_readers_of_one_name_see_whole_files_only(server):
    """Several of each for a while: a get brings one of the versions, never a mixture."""
    made = server()
    versions = {crc32(data): data for data in (pattern(200_000 + 7 * seed, seed) for seed in range(4))}
    made.put("f", next(iter(versions.values())))
    problems, over = [], threading.Event()

    def write(data):
        with wire.Conn(made.address) as conn:
            while not over.is_set():
                status = conn.put("f", data).status
                if status not in ("ok", "busy"):
                    problems.append(status)

    def read():
        with wire.Conn(made.address) as conn:
            for _ in range(50):
                answer = conn.ask("get", filename="f")
                if answer.status != "ok" or crc32(answer.data) not in versions:
                    problems.append(answer)

    def guarded(work, *arguments):
        try:
            work(*arguments)
        except Exception as error:  # a thread's failure is the test's
            problems.append(error)

    writers = [threading.Thread(target=guarded, args=(write, data)) for data in versions.values()]
    readers = [threading.Thread(target=guarded, args=(read,)) for _ in range(3)]
    for thread in writers + readers:
        thread.start()
    for thread in readers:
        thread.join()
    over.set()
    for thread in writers:
        thread.join()
    assert not problems


@pytest.mark.linux
def test_sub_folders_are_made_as_needed_even_by_many_at_once(server):
    made = server()
    conns = [made.connect() for _ in range(20)]
    for number, conn in enumerate(conns):
        conn.send(frame({"cmd": "put", "id": 1, "filename": f"a/b/c/{number}", "filesize": 1}, b"x"))
    assert [conn.final(1).status for conn in conns] == ["ok"] * 20
    assert len(made.listing("a/b/c/")) == 20


@pytest.mark.linux
def test_a_published_file_can_be_read_by_its_owner_and_is_no_program(server):
    made = server()
    made.put("sub/f", b"x")
    mode = (made.root / "sub/f").stat().st_mode & 0o777
    assert mode & 0o600 == 0o600 and mode & 0o113 == 0, oct(mode)
