# SPDX-License-Identifier: MIT
"""dory on bad networks and with bad servers: cuts, resets, stalls, flipped bits, silence, garbage; and --no-reply."""

import os
import random
import socket
import subprocess
import threading
import time

import pytest

import harness
import wire
from harness import DONE, MIB, MISMATCH, NO_CONNECTION, REFUSED, TIMEOUT, USAGE, Fault, Listener, Proxy, pattern
from wire import frame

FAILED = {REFUSED, NO_CONNECTION, TIMEOUT, MISMATCH}


@pytest.fixture
def image(dory):
    """A local file of 5 MiB: (path, data)."""
    data = pattern(5 * MIB)
    (dory.folder / "image").write_bytes(data)
    return dory.folder / "image", data


def expect(result, *codes):
    assert result.code in codes, result
    if result.code not in (DONE, USAGE):
        assert result.err.strip(), f"a failure is explained: {result}"
    return result


def free_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


# --- no server, or one that says nothing ---


def test_no_server_ends_with_3(dory, image):
    at = f"127.0.0.1:{free_port()}"
    for words in (["put", "image", at], ["get", f"{at}/f", "copy"], ["ls", at], ["rm", f"{at}/f"], ["info", at]):
        expect(dory(*words, "--retries", 0), NO_CONNECTION)
    assert not (dory.folder / "copy").exists()
    result = expect(dory("info", at, "--retries", 1), NO_CONNECTION)
    assert at in result.err, "it says whom it could not reach"


def test_a_host_that_does_not_exist_ends_with_3(dory):
    expect(dory("info", "no such host", "--retries", 0), NO_CONNECTION)


def test_a_server_that_never_answers_ends_with_4(dory, image, network):
    silent = network(Listener, lambda sock, _: silent_until_gone(sock))
    for words in (["info", silent.at], ["put", "image", silent.at], ["get", f"{silent.at}/f", "copy"], ["ls", silent.at]):
        started = time.monotonic()
        expect(dory(*words, "--timeout", 0.5, "--retries", 0), TIMEOUT)
        assert time.monotonic() - started > 0.4
    assert not (dory.folder / "copy").exists()


def silent_until_gone(sock):
    while sock.recv(65536):
        pass


def test_a_server_that_never_reads_ends_with_4(dory, image, network):
    stop = threading.Event()
    deaf = network(Listener, lambda sock, _: stop.wait(harness.PATIENCE))
    (dory.folder / "large").write_bytes(bytes(16 * MIB))
    try:
        expect(dory("put", "large", deaf.at, "--timeout", 1, "--retries", 0), TIMEOUT)
    finally:
        stop.set()


def test_a_server_that_hangs_up_at_once_ends_with_3(dory, network):
    rude = network(Listener, lambda sock, _: None)
    expect(dory("info", rude.at, "--retries", 2), NO_CONNECTION)
    assert rude.accepted == 3
    expect(dory("info", rude.at, "--retries", 0), NO_CONNECTION)
    assert rude.accepted == 4


def answer_to(header, **fields):
    return {"id": header.get("id"), "status": "ok", "data_size": 0, **fields}


def read_request(sock):
    length = int.from_bytes(harness.receive_exactly(sock, 4), "little")
    return wire.parse_object(harness.receive_exactly(sock, length))


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000,
    "noise": random.Random(1).randbytes(5000),
    "length 1": b"\x01\0\0\0{",
    "an array": frame(b"[]"),
    "no json": frame(b"{]"),
    "no status": frame({"id": 1, "data_size": 0}),
    "a strange status": frame({"id": 1, "status": "fine", "data_size": 0}),
    "a number for a status": frame({"id": 1, "status": 7, "data_size": 0}),
    "a negative size": frame(b'{"id":1,"status":"ok","data_size":-1}'),
    "a text for a size": frame(b'{"id":1,"status":"ok","data_size":"0"}'),
    "another id": frame({"id": 4711, "status": "ok", "data_size": 0}),
    "a header too long": (600).to_bytes(4, "little") + b'{"status":"ok","data_size":0,"x":"' + b"x" * 600,
}


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("command", ["info", "put", "get", "ls"])
def test_a_server_that_speaks_garbage_is_a_failure_and_no_crash(dory, network, what, command):
    def serve(sock, _):
        sock.sendall(GARBAGE[what])
        silent_until_gone(sock)

    fake = network(Listener, serve)
    (dory.folder / "f").write_bytes(b"f")
    words = {"info": [fake.at], "put": ["f", fake.at], "get": [f"{fake.at}/f", "copy"], "ls": [fake.at]}[command]
    expect(dory(command, *words, "--timeout", 1, "--retries", 0), *FAILED)
    assert not (dory.folder / "copy").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"offset": 999_999_999, "prefix_crc32": "00000000"},
        {"offset": -1, "prefix_crc32": "00000000"},
        {"offset": 10},
        {},
    ],
    ids=["beyond the end", "negative", "without a crc", "without an offset"],
)
def test_a_server_that_continues_where_nothing_is_does_not_mislead_the_client(dory, image, network, fields):
    def serve(sock, _):
        header = read_request(sock)
        if header.get("resume"):
            sock.sendall(frame(answer_to(header, status="continue", **fields)))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    expect(dory("put", "image", fake.at, "--timeout", 1, "--retries", 0), *FAILED)


def test_a_get_that_brings_more_than_it_said_is_no_success(dory, network):
    def serve(sock, _):
        while True:
            header = read_request(sock)
            part = answer_to(header, status="more", filesize=3, offset=0, version="v", data_size=8)
            sock.sendall(frame(part, b"too much") + frame(answer_to(header, crc32=wire.crc32(b"too much"))))

    fake = network(Listener, serve)
    result = dory("get", f"{fake.at}/f", "copy", "--timeout", 1, "--retries", 0)
    assert result.code in FAILED, result
    assert not (dory.folder / "copy").exists()


# --- a server that says it is busy ---


def test_a_busy_server_is_tried_again(dory, network):
    def serve(sock, index):
        if index < 2:
            sock.sendall(frame({"status": "busy", "data_size": 0}))
            return
        while True:
            header = read_request(sock)
            sock.sendall(frame(answer_to(header, filesize=5, version="v")))

    fake = network(Listener, serve)
    expect(dory("stat", f"{fake.at}/f"), DONE)
    assert fake.accepted == 3


def test_a_server_that_stays_busy_is_given_up_with_its_status(dory, network):
    fake = network(Listener, lambda sock, _: sock.sendall(frame({"status": "busy", "data_size": 0})))
    assert "busy" in expect(dory("info", fake.at, "--retries", 1), REFUSED, NO_CONNECTION).err


@pytest.mark.linux
def test_a_full_server_is_waited_for(server, dory, image):
    made = server("--sessions", 1, "--evict-after", 60)
    other = made.connect()
    number = other.put_header("other", b"0123456789")
    other.send(b"01234")
    harness.poll_until(lambda: made.has_read(other), "the only session is at work")
    client = harness.start_dory("put", "image", made.at, cwd=dory.folder)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            client.wait(0.3)
        other.send(b"56789")
        assert other.final(number).status == "ok"
        other.close()
        err = client.communicate(timeout=3 * harness.PATIENCE)[1].decode()
    finally:
        client.kill()
        client.wait()
    assert client.returncode == DONE, err
    assert made.get("image") == image[1]


# --- cuts ---


@pytest.mark.linux
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_put_through_a_network_that_drops_goes_on_where_it_stopped(server, dory, image, network, how):
    made = server()
    cuts = [Fault(how, size) for size in (1 * MIB, 1 * MIB + 7, 30, 1 * MIB, 0)]
    proxy = network(Proxy, made.address, cuts)
    expect(dory("put", "image", proxy.at, "--retries", 10), DONE)
    assert made.get("image") == image[1]
    assert proxy.accepted == len(cuts) + 1
    if how == "close":  # a reset destroys what is under way, however much that is
        assert proxy.bytes_up < 6 * MIB, "what had arrived is not sent again"


@pytest.mark.linux
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_get_through_a_network_that_drops_ends_right(server, dory, network, how):
    made = server()
    data = pattern(5 * MIB)
    made.put("image", data)
    cuts = [Fault(how, size, "down") for size in (1 * MIB, 1 * MIB + 7, 30, 1 * MIB, 0)]
    proxy = network(Proxy, made.address, cuts)
    expect(dory("get", f"{proxy.at}/image", "copy", "--retries", 10), DONE)
    assert (dory.folder / "copy").read_bytes() == data
    assert os.listdir(dory.folder) == ["copy"]


@pytest.mark.linux
def test_many_small_puts_through_a_network_that_drops_all_arrive(server, dory, network):
    made = server()
    (dory.folder / "many").mkdir()
    for number in range(300):
        (dory.folder / "many" / str(number)).write_bytes(pattern(200 + number, number))
    cuts = [Fault("close", 5000), Fault("reset", 9000), Fault("close", 700, "down"), Fault("reset", 10_001), Fault("close", 3)]
    proxy = network(Proxy, made.address, cuts)
    expect(dory("put", "-r", "many", proxy.at, "--retries", 10), DONE)
    for number in range(300):
        assert made.get(f"many/{number}") == pattern(200 + number, number)
    made.partials = 5  # of puts that were cut and then sent anew


@pytest.mark.linux
def test_an_answer_that_is_cut_anywhere_costs_a_retry_and_nothing_else(server, dory, network):
    made = server()
    made.put("f", b"0123456789")
    (dory.folder / "small").write_bytes(b"small")
    for after in range(0, 80, 13):
        for words, check in (
            (["stat", "{}/f"], lambda result: True),
            (["get", "{}/f", "-"], lambda result: result.data == b"0123456789"),
            (["put", "small", "{}"], lambda result: made.get("small") == b"small"),
            (["ls", "{}"], lambda result: "f" in result.out),
        ):
            proxy = network(Proxy, made.address, [Fault("close", after, "down")])
            result = expect(dory(*[word.format(proxy.at) for word in words]), DONE)
            assert check(result), (after, result)


@pytest.mark.linux
def test_a_delete_whose_answer_got_lost_is_a_success(server, dory, network):
    made = server()
    made.put("f", b"x")
    proxy = network(Proxy, made.address, [Fault("close", 0, "down")])
    expect(dory("rm", f"{proxy.at}/f"), DONE)
    assert made.stat("f").status == "not_found"


@pytest.mark.linux
def test_a_network_that_always_drops_is_given_up_with_3(server, dory, image, network):
    made = server()
    made.partials = 1
    proxy = network(Proxy, made.address, [Fault("close", 100)], repeat=True)  # too little for any progress
    expect(dory("put", "image", proxy.at, "--retries", 2), NO_CONNECTION)
    assert proxy.accepted == 3
    down = network(Proxy, made.address, [Fault("close", 20, "down")], repeat=True)
    expect(dory("info", down.at, "--retries", 2), NO_CONNECTION)
    assert made.stat("image").status == "not_found"


@pytest.mark.linux
def test_the_next_run_goes_on_where_the_last_one_was_given_up(server, dory, image, network):
    made = server()
    proxy = network(Proxy, made.address, [Fault("close", 3 * MIB)])
    expect(dory("put", "image", proxy.at, "--retries", 0), NO_CONNECTION)
    harness.poll_until(lambda: made.partial("image") > 2 * MIB, "what arrived is kept")
    again = network(Proxy, made.address)
    expect(dory("put", "image", again.at), DONE)
    assert again.bytes_up < 3 * MIB
    assert made.get("image") == image[1]


# --- stalls ---


@pytest.mark.linux
@pytest.mark.parametrize("way, after", [("up", MIB), ("down", 10)])
def test_a_put_that_stalls_goes_on_at_once_or_when_run_again(server, dory, image, network, way, after):
    made = server()
    made.put("image", b"old")
    proxy = network(Proxy, made.address, [Fault("stall", after, way)])
    if expect(dory("put", "image", proxy.at, "--timeout", 1), DONE, TIMEOUT).code == TIMEOUT:
        assert made.get("image") == b"old"
        expect(dory("put", "image", proxy.at, "--timeout", 5), DONE)
    assert made.get("image") == image[1]
    assert proxy.accepted >= 2


@pytest.mark.linux
def test_a_get_that_stalls_goes_on_at_once_or_when_run_again(server, dory, image, network):
    made = server()
    made.put("image", image[1])
    proxy = network(Proxy, made.address, [Fault("stall", MIB, "down")])
    if expect(dory("get", f"{proxy.at}/image", "copy", "--timeout", 1), DONE, TIMEOUT).code == TIMEOUT:
        assert not (dory.folder / "copy").exists()
        expect(dory("get", f"{proxy.at}/image", "copy", "--timeout", 5), DONE)
    assert (dory.folder / "copy").read_bytes() == image[1]


@pytest.mark.linux
def test_a_network_that_always_stalls_is_given_up_with_4(server, dory, image, network):
    made = server()
    made.partials = 1
    proxy = network(Proxy, made.address, [Fault("stall", 2000)], repeat=True)
    expect(dory("put", "image", proxy.at, "--timeout", 0.5, "--retries", 1), TIMEOUT)
    assert made.stat("image").status == "not_found"
    proxy.close()


@pytest.mark.linux
def test_a_slow_network_is_no_stall(server, dory, network):
    """Bytes that move restart the client's timer, however long the whole takes, and wherever they are buffered."""
    made = server()
    made.partials = 1
    (dory.folder / "f").write_bytes(pattern(300_000))
    proxy = network(Proxy, made.address, rate=100_000)
    expect(dory("put", "f", proxy.at, "--timeout", 2, "--retries", 0), DONE)
    expect(dory("get", f"{proxy.at}/f", "copy", "--timeout", 2, "--retries", 0), DONE)
    assert (dory.folder / "copy").read_bytes() == pattern(300_000)


def test_parts_restart_the_clients_timer(dory, network):
    def serve(sock, _):
        header = read_request(sock)
        for _ in range(5):
            time.sleep(0.5)
            sock.sendall(frame(answer_to(header, status="more")))
        sock.sendall(frame(answer_to(header, filesize=1, version="v")))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    expect(dory("stat", f"{fake.at}/f", "--timeout", 2, "--retries", 0), DONE)


# --- flipped bits ---


@pytest.mark.linux
@pytest.mark.parametrize("after", [500, 70_000, 3 * MIB])
def test_a_get_with_a_flipped_bit_ends_with_6_and_leaves_no_file(server, dory, network, after):
    made = server()
    made.put("image", pattern(5 * MIB))
    (dory.folder / "copy").write_bytes(b"precious")
    proxy = network(Proxy, made.address, [Fault("garble", after, "down")], repeat=True)
    expect(dory("get", f"{proxy.at}/image", "copy", "--retries", 0), MISMATCH)
    assert (dory.folder / "copy").read_bytes() == b"precious"
    expect(dory("get", f"{proxy.at}/image", "fresh", "--retries", 0), MISMATCH)
    assert not (dory.folder / "fresh").exists()


@pytest.mark.linux
def test_a_get_to_stdout_with_a_flipped_bit_ends_with_6(server, dory, network):
    made = server()
    made.put("image", pattern(100_000))
    proxy = network(Proxy, made.address, [Fault("garble", 5000, "down")], repeat=True)
    expect(dory("get", f"{proxy.at}/image", "-", "--retries", 0), MISMATCH)


@pytest.mark.linux
@pytest.mark.parametrize("size", [1000, 5 * MIB])
def test_a_put_with_a_flipped_bit_ends_with_6_and_leaves_the_old_file(server, dory, network, size):
    made = server()
    made.put("f", b"old")
    (dory.folder / "f").write_bytes(pattern(size))
    proxy = network(Proxy, made.address, [Fault("garble", size // 2 + 300, "up")], repeat=True)
    result = expect(dory("put", "f", proxy.at, "--retries", 0), MISMATCH)
    assert "corrupt" in result.err
    assert made.get("f") == b"old"


@pytest.mark.linux
def test_no_single_flipped_bit_makes_a_wrong_file_look_right(server, dory, network):
    """Whatever byte of a small exchange is hit: success means the right bytes."""
    made = server()
    data = pattern(150)
    (dory.folder / "f").write_bytes(data)
    for after in range(0, 230, 11):
        made.put("f", b"old")
        proxy = network(Proxy, made.address, [Fault("garble", after, "up")], repeat=True)
        result = dory("put", "f", proxy.at, "--timeout", 1, "--retries", 0)
        stored = made.ask("get", filename="f").data
        assert stored in (b"old", data), after
        proxy.close()
        made.put("f", data)
        proxy = network(Proxy, made.address, [Fault("garble", after, "down")], repeat=True)
        result = dory("get", f"{proxy.at}/f", "copy", "--timeout", 1, "--retries", 0)
        if result.code == DONE:
            assert (dory.folder / "copy").read_bytes() == data, after
        proxy.close()
    made.partials = 16


# --- a file that changes on the server ---


@pytest.mark.linux
def test_a_get_that_is_resumed_never_splices_two_versions(server, dory, network):
    made = server()
    old, new = pattern(3 * MIB, 1), pattern(3 * MIB, 2)
    made.put("f", old)
    swapped = threading.Event()

    class Swapping(Proxy):
        def _relay(self, client, index):
            if index == 1:
                made.put("f", new)
                swapped.set()
            super()._relay(client, index)

    proxy = network(Swapping, made.address, [Fault("close", MIB, "down")])
    result = dory("get", f"{proxy.at}/f", "copy")
    assert swapped.is_set()
    if result.code == DONE:
        assert (dory.folder / "copy").read_bytes() == new
    else:
        assert result.code == REFUSED and "changed" in result.err, result


# --- --no-reply ---


def test_no_reply_hands_over_to_a_plain_server_that_takes_one_message_at_a_time(dory, network):
    """The oldest kind of server: one connection after another, reads by length, closes, never answers."""
    got, first_reads = [], []

    def serve(sock, _):
        head = sock.recv(4096, socket.MSG_PEEK)
        first_reads.append(head)
        got.append(harness.receive_message(sock))
        assert sock.recv(1) == b"", "shutdown follows the bytes"

    fake = network(Listener, serve, one_at_a_time=True)
    files = {"a": b"a", "empty": b"", "large": pattern(2 * MIB)}
    for name, data in files.items():
        (dory.folder / name).write_bytes(data)
    expect(dory("put", "--no-reply", *files, fake.at), DONE)
    harness.poll_until(lambda: len(got) == 3, "all files arrived")
    assert not fake.errors
    assert {header["filename"]: body for header, body in got} == files
    assert fake.accepted == 3
    for header, _ in got:
        assert header["cmd"] == "put" and "id" not in header and "resume" not in header
    for head in first_reads:  # a receiver that takes one read for one message has at least the whole header
        assert len(head) >= 4 + int.from_bytes(head[:4], "little")


def test_no_reply_needs_no_close_from_the_server(dory, network):
    """It took everything, says nothing, and keeps the connection: handed over is handed over."""
    got = []

    def serve(sock, _):
        got.append(harness.receive_message(sock))
        fake.over.wait()

    fake = network(Listener, serve)
    (dory.folder / "f").write_bytes(b"data")
    expect(dory("put", "--no-reply", "f", f"{fake.at}/other", "--timeout", 1), DONE)
    assert got[0][0]["filename"] == "other" and got[0][1] == b"data"


def test_no_reply_without_a_server_ends_with_3(dory):
    (dory.folder / "f").write_bytes(b"data")
    expect(dory("put", "--no-reply", "f", f"127.0.0.1:{free_port()}", "--retries", 0), NO_CONNECTION)


def test_no_reply_to_a_server_that_takes_nothing_is_no_success(dory, network):
    (dory.folder / "f").write_bytes(bytes(16 * MIB))
    stop = threading.Event()
    deaf = network(Listener, lambda sock, _: stop.wait(harness.PATIENCE))
    try:
        expect(dory("put", "--no-reply", "f", deaf.at, "--timeout", 1, "--retries", 0), NO_CONNECTION, TIMEOUT)
    finally:
        stop.set()


def test_no_reply_works_with_doryd_too(target, dory):
    names = [target.name() for _ in range(3)]
    for number, name in enumerate(names):
        (dory.folder / name).write_bytes(pattern(target.size(number * 70_000)))
    expect(dory("put", "--no-reply", *names, target.at), DONE)
    for number, name in enumerate(names):
        harness.poll_until(lambda name=name: target.stat(name).status == "ok", "the file")
        assert target.get(name) == pattern(target.size(number * 70_000))


# --- IPv6 ---


@pytest.mark.linux
def test_a_target_may_be_an_ipv6_address_in_brackets(server, dory):
    try:
        made = server(listen=["[::1]:0"])
    except harness.StartFailed:
        with pytest.raises(OSError), socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        pytest.skip("no IPv6 on this machine")
    (dory.folder / "f").write_bytes(b"six")
    expect(dory("put", "f", f"{made.at}/sub/f"), DONE)
    assert made.get("sub/f") == b"six"
    assert expect(dory("get", f"{made.at}/sub/f", "-"), DONE).data == b"six"
    assert "sub/f" in expect(dory("ls", made.at), DONE).out


@pytest.mark.linux
def test_a_target_may_be_a_host_name(server, dory):
    made = server()
    expect(dory("info", f"localhost:{made.address[1]}"), DONE)
