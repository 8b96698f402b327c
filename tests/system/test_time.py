# SPDX-License-Identifier: MIT
"""Time: every wait has an end. Limits are shortened by options; bounds above are generous, since machines stall."""

import time

import pytest

import wire
from harness import MIB, pattern, poll_until
from wire import frame

pytestmark = pytest.mark.linux


def drip(conn, data, every):
    """Send byte by byte in that rhythm until the server says or closes something; the number of bytes sent."""
    for count, byte in enumerate(data):
        if conn.poll_input(every):
            return count
        if not conn.try_send(bytes([byte])):
            return count
    return len(data)


def expect_end(conn, started, least):
    """The connection ends, not before its time."""
    rest = conn.drain()
    assert time.monotonic() - started > least
    return rest


def test_an_idle_connection_is_closed(server):
    made = server("--idle-timeout", "1")
    started = time.monotonic()
    silent = made.connect()
    asked = made.connect()
    assert asked.ask("info").status == "ok"
    assert expect_end(silent, started, 0.8) == b""
    assert expect_end(asked, started, 0.8) == b""


def test_requests_keep_a_connection_from_being_idle(server):
    made = server("--idle-timeout", "3")
    conn = made.connect()
    started = time.monotonic()
    while time.monotonic() - started < 4.5:
        assert conn.ask("info").status == "ok"
        assert not conn.poll_input(0.1)
    assert conn.ask("info").status == "ok"


def test_a_header_that_comes_byte_by_byte_has_one_deadline_for_all(server):
    made = server("--header-timeout", "1")
    conn = made.connect()
    started = time.monotonic()
    sent = drip(conn, frame({"cmd": "info", "id": 1, "pad": "x" * 400}), 0.1)
    assert sent < 300
    assert expect_end(conn, started, 0.8) == b""


@pytest.mark.parametrize("begin", [1, 4, 10])
def test_a_header_that_stops_is_given_up(server, begin):
    made = server("--header-timeout", "1")
    conn = made.connect()
    started = time.monotonic()
    conn.send(frame({"cmd": "info", "id": 1})[:begin])
    assert expect_end(conn, started, 0.8) == b""


def test_the_header_deadline_begins_with_its_first_byte(server):
    made = server("--header-timeout", "1", "--idle-timeout", "30")
    conn = made.connect()
    assert not conn.poll_input(2), "before it there is no header to wait for"
    assert conn.ask("info").status == "ok"


def test_a_silent_body_ends_in_a_timeout_and_what_arrived_is_kept(server):
    made = server("--body-timeout", "1")
    data = pattern(5000)
    made.put("f", b"old")
    conn = made.connect()
    started = time.monotonic()
    number = conn.put_header("f", data)
    conn.send(data[:3000])
    assert conn.final(number).status == "timeout"
    assert expect_end(conn, started, 0.8) == b""
    assert made.get("f") == b"old"
    assert made.partial("f") == 3000
    again = made.connect()
    number, answer = again.resume("f", data)
    again.send(data[answer["offset"] :])
    assert again.final(number).status == "ok"
    assert made.get("f") == data


def test_a_put_that_was_told_to_continue_and_says_nothing_times_out(server):
    made = server("--body-timeout", "1")
    conn = made.connect()
    number, answer = conn.resume("f", b"0123456789")
    assert answer.status == "continue"
    assert conn.final(number).status == "timeout"
    assert conn.drain() == b""


def test_a_silent_body_without_id_is_closed_without_a_word(server):
    made = server("--body-timeout", "1")
    made.put("f", b"old")
    conn = made.connect()
    started = time.monotonic()
    conn.send(frame({"cmd": "put", "filename": "f", "filesize": 100}, b"x" * 99))
    assert expect_end(conn, started, 0.8) == b""
    assert made.get("f") == b"old"


def test_a_body_to_be_skipped_has_the_same_deadline(server):
    made = server("--body-timeout", "1")
    conn = made.connect()
    conn.send(frame({"cmd": "put", "id": 1, "filename": "../x", "filesize": 100}, b"x"))
    conn.final(1)
    assert conn.drain() == b""


def test_a_body_of_one_byte_now_and_then_is_too_slow(server):
    made = server("--min-rate", "256", "--rate-window", "1", "--body-timeout", "60")
    made.put("f", b"old")
    conn = made.connect()
    number = conn.put_header("f", b"x" * 5000)
    assert drip(conn, b"x" * 4999, 0.1) < 1000
    assert conn.final(number).status == "timeout"
    assert conn.drain() == b""
    assert made.get("f") == b"old"
    made.partials = 1


def test_a_slow_body_is_fine_while_it_is_fast_enough(server):
    made = server("--min-rate", "256", "--rate-window", "2", "--body-timeout", "60")
    data = pattern(60_000)
    conn = made.connect()
    number = conn.put_header("f", data)
    for start in range(0, len(data), 2000):
        conn.send(data[start : start + 2000])
        assert start + 2000 >= len(data) or not conn.poll_input(0.12), "cut off"
    assert conn.final(number).status == "ok"


def test_a_client_that_stops_reading_is_dropped_and_disturbs_nobody(server):
    made = server("--output-timeout", "1")
    made.put("f", pattern(32 * MIB))
    stuck = made.connect(receive_buffer=4096)
    started = time.monotonic()
    stuck.request("get", filename="f")
    other = made.connect()
    while time.monotonic() - started < 0.5:
        assert other.ask("info").status == "ok"
    other.close()
    poll_until(lambda: made.sockets() <= made.idle_sockets, "the connection is dropped")
    assert time.monotonic() - started > 0.8
    got = stuck.drain()
    assert len(got) < 32 * MIB


def test_a_client_that_reads_slowly_is_served_to_the_end(server):
    made = server("--output-timeout", "2")
    data = pattern(24 * MIB)
    made.put("f", data)
    conn = made.connect(receive_buffer=65536)
    conn.request("get", filename="f")
    conn.header()
    got = bytearray(conn.take(1))
    started = time.monotonic()
    while time.monotonic() - started < 4:
        got += conn.take(16384)
        time.sleep(0.1)  # this is what slow means
    got += conn.take(len(data) - len(got))
    assert got == data


def test_a_client_that_pipelines_and_never_reads_costs_no_memory(server):
    made = server("--output-timeout", "60")
    made.put("f", pattern(4 * MIB))
    made.get("f")
    before = made.resident()
    conns = [made.connect(receive_buffer=4096) for _ in range(10)]
    message = b"".join(frame({"cmd": "get", "id": number, "filename": "f"}) for number in range(1000))
    for conn in conns:
        conn.send(message[:40_000], read=False)
    for _ in range(100):
        assert made.ask("info").status == "ok"
    assert made.resident() - before < 32 * MIB
    made.close_connections()


def test_a_thousand_gets_can_be_sent_before_the_first_answer_is_read(server):
    made = server()
    data = pattern(10_000)
    made.put("f", data)
    conn = made.connect()
    conn.send(b"".join(frame({"cmd": "get", "id": number, "filename": "f"}) for number in range(1000)), read=False)
    for number in range(1000):
        answer = conn.final(number)
        assert answer.status == "ok" and answer.data == data, number


def test_a_server_pushes_back_on_a_client_that_does_not_read(server):
    """Requests are not taken in while answers are stuck: the client's sending stops too."""
    made = server("--output-timeout", "60")
    made.put("f", pattern(1 * MIB))
    conn = made.connect(receive_buffer=4096)
    conn.patience = 1.0
    message = b"".join(frame({"cmd": "get", "id": number, "filename": "f", "pad": "x" * 300}) for number in range(1000))
    with pytest.raises(TimeoutError):
        for _ in range(200):
            conn.send(message, read=False)
    conn.close()


def test_an_answer_is_not_destroyed_by_input_that_nobody_reads(server):
    made = server()
    for junk in (1 * MIB, 4 * MIB):
        conn = made.connect()
        try:
            conn.send(frame(b"[]") + b"j" * junk, read=False)
            conn.half_close()
        except wire.Closed:
            pass
        header, _ = conn.answer()
        assert header["status"] == "bad_header"
        assert conn.drain() == b""


def test_a_client_that_never_stops_sending_is_reset_in_the_end(server):
    made = server("--linger", "0.5")
    conn = made.connect()
    conn.send(frame(b"[]"))
    header, _ = conn.answer()
    assert header["status"] == "bad_header"
    assert conn.drain() == b"", "first comes the end of the stream"
    started = time.monotonic()
    poll_until(lambda: not conn.try_send(b"x" * 1000), "a reset")
    assert time.monotonic() - started < wire.PATIENCE


def test_a_client_that_never_closes_its_side_is_let_go(server):
    made = server("--linger", "0.5")
    conns = [made.connect() for _ in range(20)]
    for conn in conns:
        conn.send(frame(b"[]"))
        assert conn.answer()[0]["status"] == "bad_header"
    poll_until(lambda: made.sockets() <= made.idle_sockets, "all sockets are closed")


def test_a_slow_client_may_take_a_second_for_each_byte_of_a_small_put(server):
    """Slow, but within every limit: it is served."""
    made = server("--header-timeout", "30", "--body-timeout", "10", "--min-rate", "0")
    conn = made.connect()
    number = conn.put_header("f", b"abc")
    for byte in b"abc":
        assert not conn.poll_input(1.0)
        conn.send(bytes([byte]))
    assert conn.final(number).status == "ok"
    assert made.get("f") == b"abc"


def test_time_limits_take_decimals(server):
    made = server("--idle-timeout", "0.5")
    started = time.monotonic()
    assert expect_end(made.connect(), started, 0.3) == b""
    assert time.monotonic() - started < wire.PATIENCE
