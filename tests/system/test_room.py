# SPDX-License-Identifier: MIT
"""Room: what happens when there is no free session, and with more connections than a server can hold."""

import resource
import time

import pytest

import wire
from harness import open_file_limit, pattern, poll_until
from wire import frame

pytestmark = pytest.mark.linux


def begin_put(made, name, data, count=1, **fields):
    """A put under way: (conn, id), with `count` bytes of its body sent and taken."""
    conn = made.connect()
    number = conn.put_header(name, data, **fields)
    conn.send(data[:count])
    poll_until(lambda: made.has_read(conn), "the server reads the body")
    return conn, number


def assert_busy(conn):
    """The answer to a connection for which there is no session: busy without id, then the end."""
    header, data = conn.answer()
    header.pop("message", None)
    assert header == {"status": "busy", "data_size": 0}
    assert data == b"" and conn.drain() == b""


def ask_until_served(made):
    """A connection that has a session."""

    def attempt():
        conn = made.connect()
        try:
            answer = conn.ask("info")
        except (ConnectionError, wire.WireError):
            conn.close()
            return None
        return conn if answer.status == "ok" else None

    return poll_until(attempt, "a session")


def test_a_new_connection_takes_the_place_of_the_longest_idle_one(server):
    made = server("--sessions", 3, "--evict-after", 60)
    conns = []
    for _ in range(3):
        conn = made.connect()
        assert conn.ask("info").status == "ok"
        conns.append(conn)
        time.sleep(0.05)  # ages that differ for any clock
    assert conns[0].ask("info").status == "ok"  # the first is now the youngest
    new = made.connect()
    assert new.ask("info").status == "ok"
    assert conns[1].drain() == b""
    assert conns[2].ask("info").status == "ok"
    assert conns[0].ask("info").status == "ok"
    assert new.ask("info").status == "ok"


def test_a_connection_that_never_spoke_makes_room(server):
    made = server("--sessions", 2, "--evict-after", 60)
    scanners = [made.connect() for _ in range(2)]
    conn = made.connect()
    assert conn.ask("info").status == "ok"
    assert scanners[0].drain() == b""


def test_half_a_header_holds_no_session(server):
    made = server("--sessions", 2, "--evict-after", 60)
    halves = [made.connect() for _ in range(2)]
    for half in halves:
        half.send(frame({"cmd": "info", "id": 1})[:12])
        poll_until(lambda half=half: made.has_read(half), "half a header is read")
    conn = made.connect()
    assert conn.ask("info").status == "ok"
    assert halves[0].drain() == b""


def test_a_body_that_is_only_skipped_holds_no_session(server):
    made = server("--sessions", 1, "--evict-after", 60)
    skipped = made.connect()
    skipped.send(frame({"cmd": "put", "id": 1, "filename": "../x", "filesize": 1000}, b"x"))
    assert skipped.final(1).status == "bad_name"
    conn = made.connect()
    assert conn.ask("info").status == "ok"
    skipped.drain()


def test_when_all_sessions_are_at_work_a_connection_is_told_busy(server):
    made = server("--sessions", 2, "--evict-after", 60)
    data = pattern(1000)
    made.put("f0", b"old")
    working = [begin_put(made, f"f{number}", data) for number in range(2)]
    for _ in range(3):
        assert_busy(made.connect())
    talkative = made.connect()
    talkative.try_send(frame({"cmd": "info", "id": 1}) * 100)
    assert_busy(talkative)
    for conn, number in working:
        conn.send(data[1:])
        assert conn.final(number).status == "ok"
    assert ask_until_served(made)
    assert made.get("f0") == data


def test_turning_connections_away_costs_no_session(server):
    """A crowd that is told busy and never closes keeps nobody from working, nor the next from being served."""
    made = server("--sessions", 1, "--evict-after", 60)
    data = pattern(1000)
    conn, number = begin_put(made, "f", data)
    crowd = [made.connect() for _ in range(60)]
    for lingerer in crowd:
        assert lingerer.answer()[0]["status"] == "busy"
    conn.send(data[1:])
    assert conn.final(number).status == "ok"
    conn.close()
    served = ask_until_served(made)
    assert served.ask("get", filename="f").data == data


def test_a_put_whose_body_fell_silent_makes_room_and_can_resume(server):
    made = server("--sessions", 1, "--evict-after", "1", "--body-timeout", 60)
    data = pattern(5000)
    started = time.monotonic()
    silent, _ = begin_put(made, "f", data, 3000)
    served = ask_until_served(made)
    assert time.monotonic() - started > 0.5, "a put that only pauses keeps its session"
    silent.drain()
    number, answer = served.resume("f", data)
    assert (answer.status, answer["offset"]) == ("continue", 3000)
    served.send(data[3000:])
    assert served.final(number).status == "ok"
    assert served.ask("get", filename="f").data == data


def test_a_put_that_goes_on_is_never_evicted(server):
    made = server("--sessions", 1, "--evict-after", 3)
    data = pattern(40)
    conn, number = begin_put(made, "f", data)
    for position in range(1, len(data)):
        conn.send(data[position : position + 1])
        assert_busy(made.connect())
        conn.poll_input(0.1)
    assert conn.final(number).status == "ok"


def test_a_get_under_way_is_not_evicted(server):
    made = server("--sessions", 1, "--evict-after", 60)
    data = pattern(16 << 20)
    made.put("f", data)
    conn = ask_until_served(made)
    conn.close()

    def begin():
        conn = made.connect(receive_buffer=8192)
        number = conn.request("get", filename="f")
        header = conn.header()
        return (conn, number) if header["status"] == "ok" else None

    conn, _ = poll_until(begin, "the get is served")
    begin_bytes = conn.take(1000)
    assert_busy(made.connect())
    assert begin_bytes + conn.take(len(data) - 1000) == data


def test_a_port_scan_locks_nobody_out(server):
    made = server("--sessions", 4)
    for _ in range(50):
        made.connect().close()
    for _ in range(300):
        made.connect().reset()
    assert ask_until_served(made)


def test_info_tells_the_number_of_sessions(server):
    assert server("--sessions", 7).info["sessions"] == 7


def test_with_few_file_descriptors_the_server_keeps_serving_what_it_has(server):
    """No descriptor is left for a newcomer: whoever is at work goes on, and room is used again when it is there."""
    made = server("--evict-after", 60, limits=[open_file_limit(48)])
    data = pattern(10_000)
    made.put("old", b"old")
    conn, number = begin_put(made, "f", data)
    crowd = []
    for count in range(150):
        crowd.append(made.connect())
        if count % 15 == 0:
            conn.send(data[1 + count : 1 + count + 15])
            assert not conn.poll_input(0.01), "the put is to go on"
    sent = 1 + 150
    conn.send(data[sent:])
    assert conn.final(number).status == "ok"
    answer = conn.ask("get", filename="f", check=True)
    assert answer.status == "ok" and answer.data == data
    for other in crowd:
        other.close()
    served = ask_until_served(made)
    assert served.ask("get", filename="old").data == b"old"
    assert served.put("new", data).status == "ok"


def test_running_out_of_descriptors_burns_no_processor_time(server):
    """A listener that cannot accept must not spin."""
    made = server("--evict-after", 60, limits=[open_file_limit(32)])
    data = pattern(1000)
    puts = []
    for number in range(60):
        conn = made.connect()
        conn.try_send(frame({"cmd": "put", "id": 1, "filename": f"f{number}", "filesize": 1000}, data[:1]))
        puts.append(conn)

    def ticks():
        with open(f"/proc/{made.pid}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        return int(words[11]) + int(words[12])

    before, started = ticks(), time.monotonic()
    while time.monotonic() - started < 1:
        puts[0].poll_input(0.1)
    used = (ticks() - before) / 100  # USER_HZ is 100 wherever Linux runs
    assert used < 0.5, "busy waiting"
    made.close_connections()
    assert ask_until_served(made)


@pytest.mark.slow
def test_ten_thousand_connections_are_open_at_once(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_000
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - 300)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        made = server("--sessions", wanted + 10, limits=[open_file_limit(hard)])
        assert made.info["sessions"] >= wanted
        conns = [made.connect() for _ in range(wanted)]
        request = frame({"cmd": "info", "id": 1})
        for _ in range(2):  # all of them at once, and all of them still there afterwards
            for conn in conns:
                conn.send(request)
            for conn in conns:
                assert conn.final(1).status == "ok"
        data = pattern(100_000)
        assert conns[0].put("f", data).status == "ok"
        assert conns[-1].ask("get", filename="f").data == data
        made.close_connections("reset")  # which spares this machine ten thousand ports in TIME_WAIT
        assert ask_until_served(made)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_connections_come_and_go_without_a_trace(server):
    made = server()
    before = None
    for round_number in range(1500):
        with wire.Conn(made.address) as conn:
            if round_number % 3 == 0:
                conn.send(frame({"cmd": "put", "id": 1, "filename": "f", "filesize": 10}, b"x" * 5))
                conn.reset()
            elif round_number % 3 == 1:
                assert conn.ask("info").status == "ok"
            else:
                conn.send(frame(b"[]")[: round_number % 7])
                conn.reset()
        if round_number == 300:
            before = made.resident()
    poll_until(lambda: made.sockets() <= made.idle_sockets, "all sockets are closed")
    assert made.resident() - before < 8 << 20
