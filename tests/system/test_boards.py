# SPDX-License-Identifier: MIT
"""What can only happen to a device: bad cables, peers that vanish, storage that fails, power that goes.

Each test starts a board of its own. That the board gives everything back is looked at after each one.
"""

import random
import time

import pytest

from harness import DONE, MIB, MISMATCH, REFUSED, pattern, poll_until
from wire import PATIENCE

hosted = pytest.mark.board("hosted")
emulated = pytest.mark.board("mps2-an385", "lm3s6965evb", "emcraft-sf2")
kept = pytest.mark.board("lm3s6965evb", "emcraft-sf2")


# How many times as fast the clock of a hosted board runs, where a test would wait for retransmissions all day.
SPEED = 20


# --- the cable ---


@hosted
@pytest.mark.slow
@pytest.mark.parametrize("loss, speed", [(0, 20), (1, 20), (5, 20), (20, 80)])
def test_files_arrive_whole_over_a_bad_wire(board, dory, local, loss, speed):
    made = board("--loss", loss, "--duplication", 2, "--reordering", 10, "--seed", 1 + loss, "--speed", speed)
    path = local("f", pattern(MIB))
    patient = {"patience": 15 * PATIENCE}
    assert dory("put", "--timeout", 10, "--retries", 20, path, made.at, **patient).code == DONE
    assert dory("get", "--timeout", 10, "--retries", 20, f"{made.at}/f", "g", **patient).code == DONE
    assert (dory.folder / "g").read_bytes() == path.read_bytes()


@hosted
@pytest.mark.slow
def test_corrupted_frames_never_reach_a_file_unnoticed(board, dory, local):
    made = board("--corruption", 10, "--seed", 11, "--speed", SPEED)
    path = local("f", pattern(MIB))
    result = dory("put", "--timeout", 120, "--retries", 20, path, made.at)
    assert result.code in (DONE, MISMATCH), result
    if result.code == DONE:
        assert dory("get", "--timeout", 120, "--retries", 20, f"{made.at}/f", "g").code == DONE
        assert (dory.folder / "g").read_bytes() == path.read_bytes()
    else:
        made.tell("corruption 0")
        assert made.stat("f").status == "not_found"


@hosted
@pytest.mark.parametrize("ms", [50])
def test_a_long_way_does_not_matter(board, dory, local, ms):
    made = board("--delay", ms)
    path = local("f", pattern(100_000))
    assert dory("put", path, made.at).code == DONE
    assert made.get("f") == path.read_bytes()


@hosted
@pytest.mark.slow
def test_a_put_goes_on_when_the_link_comes_back(board):
    made, data = board("--speed", 5), pattern(MIB)
    conn = made.connect()
    number = conn.put_header("f", data)
    conn.send(data[: MIB // 2])
    made.tell("link down")
    time.sleep(1)
    made.tell("link up")
    conn.send(data[MIB // 2 :])
    assert conn.final(number).status == "ok"
    assert made.get("f") == data


@hosted
@pytest.mark.slow
def test_without_a_dhcp_server_the_static_address_is_taken(board):
    made = board("--no-dhcp", "--speed", 10)
    assert "no DHCP server" in made.out
    made.put("f", b"data")
    assert made.get("f") == b"data"


# --- peers that vanish, and more of them than there is room for ---


@hosted
@pytest.mark.slow
@pytest.mark.parametrize("how", ["vanish", "half-open"])
def test_500_peers_that_vanish_without_a_word_do_not_stop_the_next_upload(board, dory, local, how):
    made = board("--speed", SPEED)
    for _ in range(10):
        made.tell(f"{how} 50")
        time.sleep(0.05)
    path = local("f", pattern(300_000))
    assert dory("put", path, made.at).code == DONE
    assert made.get("f") == path.read_bytes()


@hosted
def test_more_connections_than_there_is_room_for_do_not_stop_the_next_upload(board):
    made = board()
    crowd = [made.connect() for _ in range(60)]
    made.put("f", pattern(100_000))
    assert made.get("f") == pattern(100_000)
    assert len(crowd) == 60


@hosted
@pytest.mark.slow
def test_single_bytes_that_pin_every_pbuf_do_not_stop_the_others(board):
    made = board()
    made.put("old", b"old")
    talkers = [made.connect() for _ in range(made.info["sessions"] - 2)]
    number = talkers[0].put_header("f", pattern(2000), crc=False)
    made.tell("storage busy")
    for talker in talkers[1:]:
        talker.put_header("g", pattern(2000), crc=False)
    for i in range(200):
        for talker in talkers:
            talker.send(pattern(2000)[i : i + 1])
        time.sleep(0.002)
    made.tell("storage ok")
    assert made.get("old") == b"old"
    talkers[0].send(pattern(2000)[200:])
    assert talkers[0].final(number).status == "ok"
    assert made.get("f") == pattern(2000)


# --- storage ---


@hosted
@pytest.mark.parametrize("fault", ["fails-program", "fails-erase"])
def test_storage_that_cannot_be_written_is_an_io_error_and_the_old_file_stays(board, fault):
    made = board()
    made.put("f", b"old")
    made.tell(f"storage {fault}")
    assert made.ask("put", filename="f", body=pattern(50_000), filesize=50_000).status == "io_error"
    assert made.get("f") == b"old"
    made.tell("storage ok")
    assert made.get("f") == b"old"
    made.put("f", pattern(50_000))
    assert made.get("f") == pattern(50_000)


@hosted
def test_storage_that_cannot_be_read_is_an_io_error_and_passes(board):
    made = board()
    made.put("f", pattern(50_000))
    made.tell("storage fails-read")
    assert made.ask("get", filename="f").status == "io_error"
    assert made.ask("put", filename="f", body=b"new", filesize=3).status == "io_error"
    made.tell("storage ok")
    assert made.get("f") == pattern(50_000)


@hosted
@pytest.mark.slow
def test_while_the_store_is_busy_for_seconds_the_others_are_served(board):
    """The clock runs five times as fast: 5 s between two signs of life are one."""
    made, data = board("--speed", 5), pattern(50_000)
    writer, other = made.connect(), made.connect()
    number = writer.put_header("f", data)
    writer.send(data[:20_000])
    poll_until(lambda: made.being_written("f"), "the put began")
    made.tell("storage busy")
    writer.send(data[20_000:])
    for _ in range(3):
        assert other.ask("info").status in ("ok", "io_error")
        assert writer.answer()[0]["status"] == "more"
    made.tell("storage ok")
    assert writer.final(number).status == "ok"
    assert made.get("f") == data


@hosted
def test_every_slot_taken_is_no_space_and_nothing_is_lost(board):
    made = board("--size", 16 * 65536)
    names = []
    while made.ask("put", filename=f"f{len(names)}", body=b"data", filesize=4).status == "ok":
        names.append(f"f{len(names)}")
        assert len(names) < 100
    assert len(names) >= 8
    assert made.ask("put", filename="more", body=b"data", filesize=4).status == "no_space"
    assert set(made.listing()) == {"log", *names}
    assert made.ask("delete", filename=names[0]).status == "ok"
    made.put("more", b"data")
    for name in names[1:]:
        assert made.get(name) == b"data"


@pytest.mark.board("hosted", "lm3s6965evb")
def test_a_board_without_storage_serves_and_says_so(board, dory):
    made = board(storage=False)
    info = made.ask("info")
    assert info.status == "ok"
    assert info.header["free"] == 0
    assert made.ask("put", filename="f", body=b"data", filesize=4).status == "io_error"
    assert made.ask("get", filename="f").status == "io_error"
    result = dory("ls", made.at)
    assert result.code == REFUSED and "io_error" in result.err


# --- restarts ---


@pytest.mark.board("hosted", "lm3s6965evb", "emcraft-sf2")
@pytest.mark.slow
def test_killed_20_times_during_a_put_old_or_new_is_there_and_the_put_resumes(board):
    made = board(storage=True)
    size = min(made.info["max_file"], MIB)
    chance = random.Random(20)
    old = pattern(size, 0)
    made.put("f", old)
    for i in range(1, 21):
        data = pattern(size, i)
        conn = made.connect()
        conn.put_header("f", data)
        sent = chance.randrange(size // 2, size)
        conn.send(data[:sent])
        reached = chance.randrange(size // 4, sent - 64)  # beyond the first record of progress
        poll_until(lambda: made.has_stored(data[reached : reached + 64]), "that much is stored", 5 * PATIENCE)
        made.kill()
        conn.reset()
        made.start()
        assert made.get("f") == old, "the old file"
        conn = made.connect()
        number, answer = conn.resume("f", data)
        assert answer.status == "continue" and 0 < answer.header["offset"] <= sent
        conn.send(data[answer.header["offset"] :])
        assert conn.final(number).status == "ok"
        assert made.get("f") == data
        conn.close()
        old = data


@kept
def test_files_survive_a_restart(board):
    made = board()
    made.put("f", pattern(50_000))
    made.put("folder/g", b"data")
    made.monitor("system_reset")
    made.wait_for(r"(?s)^address.*^address")
    assert made.get("f") == pattern(50_000)
    assert {name: size for name, size in made.listing().items() if name != "log"} == {"f": 50_000, "folder/g": 4}


@pytest.mark.board("emcraft-sf2")
def test_files_leave_the_slots_for_firmware_alone(board):
    made = board()
    slots = 4 * MIB  # the first of the chip

    def content():
        made.stop()
        whole = made.image.read_bytes()
        made.start()
        return whole[:slots], whole[slots:]

    firmware, before = content()
    files = {f"f{i}": pattern(100_000, i) for i in range(7)}
    for name, data in files.items():
        made.put(name, data)
    after, stored = content()
    assert after == firmware
    assert stored != before
    for name, data in files.items():
        assert made.get(name) == data


@emulated
def test_the_network_comes_back_after_a_restart(board):
    made = board()
    for i in range(2, 5):
        made.monitor("system_reset")
        made.wait_for("(?s)" + ".*".join(["^address"] * i))
        made.put("f", b"data")
        assert made.get("f") == b"data"


@emulated
@pytest.mark.slow
def test_an_emulated_board_goes_on_when_the_link_comes_back(board):
    made, data = board(), pattern(200_000)
    conn = made.connect(patience=4 * PATIENCE)
    number = conn.put_header("f", data)
    conn.send(data[:100_000])
    made.set_link(False)
    time.sleep(1)
    made.set_link(True)
    conn.send(data[100_000:])
    assert conn.final(number).status == "ok"
    assert made.get("f") == data
