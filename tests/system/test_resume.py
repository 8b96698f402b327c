# SPDX-License-Identifier: MIT
"""Resuming a put: what is kept when a connection drops, whose it is, who may take over, and what is never believed."""

import time

import pytest

import harness
from harness import pattern, poll_until
from wire import crc32, frame


def leave_partial(target, name, data, count, declared=None, **fields):
    """Send the first `count` bytes of a put and go; returns when the server is through with it."""
    conn = target.connect()
    conn.put_header(name, declared if declared is not None else data, **fields)
    conn.send(data[:count])
    conn.half_close()
    conn.drain()
    conn.close()


def finish_by_resuming(target, name, data, least=1):
    """Resume, check what the server claims to hold, send the rest. Returns the offset."""

    def attempt():
        conn = target.connect()
        number, answer = conn.resume(name, data)
        if answer.status == "busy":
            conn.close()
            return None
        return conn, number, answer

    conn, number, answer = poll_until(attempt, "the name is free")
    assert answer.status == "continue", answer
    offset = answer["offset"]
    assert least <= offset <= len(data)
    assert answer["prefix_crc32"] == crc32(data[:offset])
    conn.send(data[offset:])
    assert conn.final(number).status == "ok"
    assert target.get(name) == data
    assert target.partial(name) == 0
    return offset


def test_a_put_with_nothing_to_resume_starts_at_0(target):
    name, data = target.name(), pattern(3000)
    conn = target.connect()
    number, answer = conn.resume(name, data)
    assert answer.status == "continue"
    assert (answer["offset"], answer["prefix_crc32"], answer["data_size"]) == (0, "00000000", 0)
    conn.send(data)
    assert conn.final(number).status == "ok"
    assert conn.in_step()
    assert target.get(name) == data


def test_an_empty_file_can_be_put_with_resume(target):
    name = target.name()
    target.put(name, b"old")
    conn = target.connect()
    number, answer = conn.resume(name, b"")
    if answer.status == "continue":
        assert answer["offset"] == 0
        answer = conn.final(number)
    assert answer.status == "ok"
    assert conn.in_step()
    assert target.get(name) == b""


@pytest.mark.parametrize("how", ["half_close", "close", "reset"])
def test_what_arrived_before_the_connection_dropped_is_kept(target, how):
    name, data = target.name(), pattern(target.size(300_000))
    target.put(name, b"old")

    def attempt():
        conn = target.connect()
        conn.put_header(name, data)
        conn.send(data[:-1000])
        poll_until(lambda: target.being_written(name), "the put began")
        getattr(conn, how)()
        poll_until(lambda: not target.being_written(name), "the server noticed")
        return target.partial(name) > 0  # a reset may destroy what is on its way

    poll_until(attempt, "a partial")
    assert target.get(name) == b"old"
    finish_by_resuming(target, name, data)


def test_a_put_goes_on_after_the_last_byte_that_arrived(target):
    name, data = target.name(), pattern(target.size(200_000))
    for count in (1, 1000, len(data) - 1):
        leave_partial(target, name, data, count)
        assert target.partial(name) == count
        assert finish_by_resuming(target, name, data) == count
        data = data[1:] + b"."  # other data, lest an old partial match


def test_a_put_can_be_resumed_again_and_again(target):
    name, data = target.name(), pattern(10_000)
    leave_partial(target, name, data, 1000)
    for expected in (1000, 3000, 5000):
        conn = target.connect()
        _, answer = conn.resume(name, data)
        assert (answer.status, answer["offset"]) == ("continue", expected)
        conn.send(data[expected : expected + 2000])
        conn.half_close()
        conn.drain()
    assert target.partial(name) == 7000
    assert finish_by_resuming(target, name, data) == 7000


def test_nothing_is_kept_of_a_put_without_crc32(target):
    name = target.name()
    leave_partial(target, name, pattern(1000), 500, crc=False)
    assert target.partial(name) == 0
    conn = target.connect()
    assert conn.resume(name, pattern(1000))[1]["offset"] == 0


def test_a_name_that_has_only_a_partial_is_not_found_but_stat_tells(target):
    name = target.name()
    leave_partial(target, name, pattern(1000), 400)
    answer = target.stat(name)
    assert (answer.status, answer["partial"]) == ("not_found", 400)
    assert target.ask("get", filename=name).status == "not_found"
    assert target.ask("delete", filename=name).status == "not_found"
    assert name not in target.listing()
    finish_by_resuming(target, name, pattern(1000), least=0)


def test_a_partial_matches_its_name_size_and_crc32_only(target):
    name, data = target.name(), pattern(1000)
    for other_name, other_data in (
        (target.name(), data),
        (name, pattern(1000, seed=2)),
        (name, data + b"x"),
        (name, data[:-1]),
    ):
        leave_partial(target, name, data, 600)
        conn = target.connect()
        number, answer = conn.resume(other_name, other_data)
        assert (answer.status, answer["offset"]) == ("continue", 0)
        conn.send(other_data)
        assert conn.final(number).status == "ok"
        assert target.get(other_name) == other_data
    target.partials = 1


def test_resume_needs_an_id_and_a_crc32(target):
    name, data = target.name(), b"0123456789"
    conn = target.connect()
    assert conn.ask("put", filename=name, filesize=10, resume=True).status == "bad_request"
    assert conn.in_step(), "no body follows a put that asks to resume"
    conn.send(frame({"cmd": "put", "filename": name, "filesize": 10, "crc32": crc32(data), "resume": True}))
    assert conn.in_step()
    conn.send(frame({"cmd": "put", "filename": name, "filesize": 10, "resume": True}))
    assert conn.in_step()
    assert target.stat(name).status == "not_found"


def test_resume_false_means_a_plain_put(target):
    name = target.name()
    leave_partial(target, name, b"0123456789", 5)
    conn = target.connect()
    assert conn.put(name, b"0123456789", resume=False).status == "ok"
    assert target.get(name) == b"0123456789"


def test_the_prefix_crc32_tells_a_client_whose_file_begins_differently(target):
    """The partial claims to be our file by name, size and crc32, and is not: we start over, without resume."""
    name, data = target.name(), pattern(5000)
    leave_partial(target, name, pattern(5000, seed=2), 3000, declared=data)
    conn = target.connect()
    _, answer = conn.resume(name, data)
    assert (answer.status, answer["offset"]) == ("continue", 3000)
    assert answer["prefix_crc32"] == crc32(pattern(5000, seed=2)[:3000]) != crc32(data[:3000])
    conn.close()
    target.put(name, data)
    assert target.get(name) == data
    assert target.partial(name) == 0


def test_a_put_resumed_onto_a_wrong_beginning_is_corrupt_and_the_next_try_starts_at_0(target):
    name, data = target.name(), pattern(5000)
    target.put(name, b"old")
    leave_partial(target, name, pattern(5000, seed=2), 3000, declared=data)
    conn = target.connect()
    number, answer = conn.resume(name, data)
    conn.send(data[answer["offset"] :])
    assert conn.final(number).status == "corrupt"
    assert target.get(name) == b"old"
    assert target.partial(name) == 0
    assert finish_by_resuming(target, name, data, least=0) == 0


def test_a_put_that_resumes_takes_over_from_its_dead_twin(target):
    name, data = target.name(), pattern(target.size(100_000))
    target.put(name, b"old")
    ghost = target.connect()
    number = ghost.put_header(name, data)
    ghost.send(data[: len(data) // 2])
    poll_until(lambda: target.being_written(name), "the ghost holds the name")
    assert finish_by_resuming(target, name, data, least=0) <= len(data) // 2
    try:  # the ghost was aborted: it hears of a failure, or nothing more
        assert ghost.final(number).status in harness.FAILURES
    except ConnectionError:
        pass
    ghost.close()
    assert target.get(name) == data


@pytest.mark.linux
def test_what_the_dead_twin_had_sent_is_not_sent_again(server):
    made = server()
    data = pattern(10_000)
    ghost = made.connect()
    ghost.put_header("f", data, resume=True)
    assert ghost.final(1).status == "continue"
    ghost.send(data[:6000])
    poll_until(lambda: made.has_read(ghost), "the server has it all")
    assert finish_by_resuming(made, "f", data) == 6000


def test_only_a_twin_is_taken_over(target):
    """Another size or crc32 is another file: whoever writes the name goes on."""
    name, data = target.name(), pattern(1000)
    first = target.connect()
    number = first.put_header(name, data)
    first.send(data[:500])
    poll_until(lambda: target.being_written(name), "the first put holds the name")
    other = target.connect()
    assert other.resume(name, pattern(1000, seed=2))[1].status == "busy"
    assert other.resume(name, data + b"x")[1].status == "busy"
    assert other.put(name, data).status == "busy", "without resume it is no twin"
    assert other.in_step()
    first.send(data[500:])
    assert first.final(number).status == "ok"
    assert target.get(name) == data


# --- what the folder store keeps ---


def bytes_on_disk(made, needle):
    """(path, position) of those bytes in the server's own folder."""
    for path in made.leftovers():
        position = path.read_bytes().find(needle)
        if position >= 0:
            return path, position
    raise AssertionError(f"the partial is not to be found in {made.leftovers()}")


@pytest.mark.linux
def test_a_partial_survives_a_restart(server):
    made = server()
    data = pattern(300_000)
    made.put("sub/f", b"old")
    leave_partial(made, "sub/f", data, 200_000)
    made.partials = 1
    made.stop()
    made.restart()
    assert made.get("sub/f") == b"old"
    assert made.partial("sub/f") == 200_000
    assert finish_by_resuming(made, "sub/f", data) == 200_000
    made.partials = 0


@pytest.mark.linux
def test_a_tampered_partial_is_never_published(server):
    made = server()
    data = pattern(100_000)
    made.put("f", b"old")
    leave_partial(made, "f", data, 60_000)
    path, position = bytes_on_disk(made, data[32_000:32_064])
    with open(path, "r+b") as file:
        file.seek(position)
        file.write(b"tampered")
    conn = made.connect()
    number, answer = conn.resume("f", data)
    if answer.status == "continue" and answer["offset"] > 0:
        assert answer["prefix_crc32"] != crc32(data[: answer["offset"]]), "the stored bytes must be read again"
        conn.send(data[answer["offset"] :])
        answer = conn.final(number)
        assert answer.status == "corrupt"
        assert made.get("f") == b"old"
        assert finish_by_resuming(made, "f", data, least=0) == 0
    assert made.leftovers() == []


@pytest.mark.linux
@pytest.mark.parametrize("change", ["truncated", "emptied", "extended", "overlong", "removed"])
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_partial_of_another_length_does_no_harm(server, change, restarted):
    made = server()
    data = pattern(100_000)
    made.put("f", b"old")
    leave_partial(made, "f", data, 60_000)
    made.partials = 1
    path, _ = bytes_on_disk(made, data[32_000:32_064])
    if restarted:
        made.stop()
    if change == "truncated":
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size - 20_000)
    elif change == "emptied":
        with open(path, "r+b") as file:
            file.truncate(0)
    elif change == "removed":
        path.unlink()
    else:
        with open(path, "ab") as file:
            file.write(b"!" * (1000 if change == "extended" else 200_000))
    if restarted:
        made.restart()
    assert made.get("f") == b"old"
    for _ in range(3):  # corrupt at the latest, and then from 0
        conn = made.connect()
        number, answer = conn.resume("f", data)
        status = answer.status
        if status == "continue":
            assert answer["offset"] <= len(data)
            conn.send(data[answer["offset"] :])
            status = conn.final(number).status
        if status == "ok":
            break
        assert status in ("corrupt", "io_error")
        assert made.get("f") == b"old"
    assert made.get("f") == data
    made.partials = 0


@pytest.mark.linux
def test_garbage_in_the_servers_own_folder_does_no_harm(server):
    made = server()
    made.stop()
    own = made.root / ".dory"
    own.mkdir(exist_ok=True)
    (own / "garbage").write_bytes(b"\xff" * 100)
    (own / "empty").write_bytes(b"")
    (own / "folder").mkdir()
    (own / "link").symlink_to("/etc/passwd")
    made.partials = 2  # whether it cleans such things up is its own business
    made.restart()
    made.put("f", b"works")
    leave_partial(made, "g", pattern(1000), 500)
    assert finish_by_resuming(made, "g", pattern(1000)) == 500
    assert made.get("f") == b"works"


@pytest.mark.linux
def test_the_oldest_partial_makes_room_for_a_new_one(server):
    made = server("--partials", 3)
    data = pattern(1000)
    for name in ("a", "b", "c", "d"):
        leave_partial(made, name, data, 500)
        time.sleep(0.02)  # so that files have different times, whatever the clock of the file system
    assert [made.partial(name) for name in ("a", "b", "c", "d")] == [0, 500, 500, 500]
    made.partials = 3


@pytest.mark.linux
def test_a_stale_partial_expires(server):
    made = server()
    leave_partial(made, "f", pattern(1000), 500)
    made.partials = 1
    made.stop()
    made.restart()
    assert made.partial("f") == 500, "a day is not over"
    made.stop()
    born = time.monotonic()
    poll_until(lambda: time.monotonic() - born > 1.2, "some age")
    made.restart("--partial-age", 1)
    poll_until(lambda: made.partial("f") == 0, "the partial is gone")
    made.partials = 0


@pytest.mark.linux
def test_a_put_without_resume_leaves_no_partial_of_an_older_try(server):
    made = server()
    data = pattern(1000)
    leave_partial(made, "f", data, 500)
    made.put("f", data)
    assert made.partial("f") == 0
    assert made.leftovers() == []


@pytest.mark.linux
def test_a_partial_expires_while_the_server_runs(server):
    made = server("--partial-age", 1)
    leave_partial(made, "f", pattern(3000), 2000)
    poll_until(lambda: made.partial("f") > 0, "the partial")
    poll_until(lambda: made.partial("f") == 0, "its end")
    poll_until(lambda: not list((made.root / ".dory").iterdir()), "its file's end")
