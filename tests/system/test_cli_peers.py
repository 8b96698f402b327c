# SPDX-License-Identifier: MIT
"""dory with peers that follow a script: what it sends, and what it makes of each turn that a server may take.

The networks and servers of test_cli_network.py misbehave; most of these keep to the protocol, but do what doryd would
do only by chance: refuse half way, go on from elsewhere, close between two answers. Besides: interrupts, local places.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading

import pytest

import harness
import wire
from harness import DONE, LOCAL_FILE, MIB, MISMATCH, NO_CONNECTION, REFUSED, TIMEOUT, USAGE, Listener, pattern
from wire import crc32, frame

pytestmark = pytest.mark.linux


@pytest.fixture
def image(local):
    """A local file that is sent with `resume`; its bytes."""
    data = pattern(3 * MIB)
    local("image", data)
    return data


@pytest.fixture
def refusing():
    """The address of a port that nobody listens on, and that nobody gets meanwhile."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield wire.join_address(sock.getsockname())


def expect(result, code):
    assert result.code == code, result
    if code not in (DONE, USAGE):
        assert result.err.strip(), f"a failure is explained: {result}"
    return result


def read_request(sock):
    length = int.from_bytes(harness.receive_exactly(sock, 4), "little")
    return wire.parse_object(harness.receive_exactly(sock, length))


def answer_to(header, status="ok", **fields):
    return frame({"id": header["id"], "status": status, "data_size": 0, **fields})


def go_on(header, data, offset=0):
    """The answer to a put with `resume` that goes on at `offset`."""
    return answer_to(header, "continue", offset=offset, prefix_crc32=crc32(data[:offset]))


def silent_until_gone(sock):
    while sock.recv(65536):
        pass


def requests(sock):
    """The headers that come, up to the end of the connection."""
    with contextlib.suppress(EOFError):
        while True:
            yield read_request(sock)


# --- put ---


def test_a_put_whose_beginning_is_another_file_starts_over_on_another_connection(dory, image, network):
    log = []

    def serve(sock, index):
        header = read_request(sock)
        log.append(header)
        if index == 0:
            sock.sendall(answer_to(header, "continue", offset=1000, prefix_crc32="deadbeef"))
            assert sock.recv(1) == b"", "nothing is sent behind another beginning"
            return
        assert harness.receive_exactly(sock, header["filesize"]) == image
        sock.sendall(answer_to(header))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    expect(dory("put", "image", fake.at), DONE)
    assert log[0]["resume"] is True
    assert "resume" not in log[1]
    assert not fake.errors


@pytest.mark.parametrize("times, code", [(1, DONE), (2, MISMATCH)])
def test_a_resumed_put_that_comes_out_corrupt_is_sent_whole_once(dory, image, network, times, code):
    log = []

    def serve(sock, _):
        for header in requests(sock):
            log.append(header)
            offset = 0
            if header.get("resume"):
                offset = 2 * MIB
                sock.sendall(go_on(header, image, offset))
            assert harness.receive_exactly(sock, header["filesize"] - offset) == image[offset:]
            sock.sendall(answer_to(header, "corrupt" if len(log) <= times else "ok"))

    fake = network(Listener, serve)
    expect(dory("put", "image", fake.at), code)
    assert ["resume" in header for header in log] == [True, False]
    assert fake.accepted == 1
    assert not fake.errors


def test_a_put_that_is_refused_half_way_is_not_sent_to_its_end(dory, local, network):
    local("large", bytes(40 * MIB))  # more than the network holds
    local("small", b"x")

    def serve(sock, _):
        for header in requests(sock):
            if header.get("resume"):
                sock.sendall(go_on(header, b""))
                harness.receive_exactly(sock, 1000)
                sock.sendall(answer_to(header, "no_space", message="all full"))
                fake.over.wait()
                return
            harness.receive_exactly(sock, header["filesize"])
            sock.sendall(answer_to(header))

    fake = network(Listener, serve)
    told = expect(dory("put", "--json", "large", "small", fake.at), REFUSED).objects()
    assert [line["status"] for line in told] == ["no_space", "ok"]
    assert told[0]["message"] == "all full"
    assert fake.accepted == 2


def test_a_put_that_is_busy_is_asked_again_down_the_same_connection(dory, local, network):
    local("f", b"x" * 100)
    answers = iter(["busy", "busy", "ok"])

    def serve(sock, _):
        for header in requests(sock):
            harness.receive_exactly(sock, header["filesize"])
            sock.sendall(answer_to(header, next(answers)))

    fake = network(Listener, serve)
    expect(dory("put", "f", fake.at), DONE)
    assert next(answers, None) is None
    assert fake.accepted == 1


def test_a_put_that_stays_busy_is_given_up_after_so_many_retries(dory, local, network):
    local("f", b"x" * 100)
    log = []

    def serve(sock, _):
        for header in requests(sock):
            log.append(header)
            harness.receive_exactly(sock, header["filesize"])
            sock.sendall(answer_to(header, "busy"))

    fake = network(Listener, serve)
    assert "busy" in expect(dory("put", "f", fake.at, "--retries", 2), REFUSED).err
    assert len(log) == 3


def test_a_put_for_which_the_server_waited_in_vain_is_sent_again(dory, local, network):
    local("f", b"x" * 100)

    def serve(sock, index):
        for header in requests(sock):
            harness.receive_exactly(sock, header["filesize"])
            sock.sendall(answer_to(header, "timeout" if index == 0 else "ok"))
            if index == 0:
                return

    fake = network(Listener, serve)
    expect(dory("put", "f", fake.at), DONE)
    assert fake.accepted == 2


@pytest.mark.parametrize("stalls, code", [(2, DONE), (3, TIMEOUT)])
def test_a_server_that_answered_and_fell_silent_gets_two_other_connections(dory, image, network, stalls, code):
    def serve(sock, index):
        header = read_request(sock)
        sock.sendall(go_on(header, image))
        harness.receive_exactly(sock, len(image))
        if index >= stalls:
            sock.sendall(answer_to(header))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    expect(dory("put", "image", fake.at, "--timeout", 1), code)
    assert fake.accepted == 3


def test_a_header_that_is_not_understood_costs_only_its_own_file(dory, local, network):
    """The answer has no id, and the connection ends with it: the other files need another one."""
    for name in "abc":
        local(name, b"x" * 100)

    def serve(sock, _):
        for header in requests(sock):
            if header["filename"] == "a":
                sock.sendall(frame({"status": "bad_header", "data_size": 0, "message": "too long for me"}))
                sock.shutdown(socket.SHUT_WR)
                silent_until_gone(sock)
                return
            harness.receive_exactly(sock, header["filesize"])
            sock.sendall(answer_to(header))

    fake = network(Listener, serve)
    result = expect(dory("put", "--json", "a", "b", "c", fake.at), REFUSED)
    assert [line["status"] for line in result.objects()] == ["bad_header", "ok", "ok"]
    assert "too long for me" in result.err
    assert fake.accepted == 2


def test_a_server_that_closes_after_each_answer_gets_all_files_with_one_retry(dory, local, network):
    for name in "abcd":
        local(name, b"x" * 100)
    got = []

    def serve(sock, _):
        header, _ = harness.receive_message(sock)
        got.append(header["filename"])
        sock.sendall(answer_to(header))

    fake = network(Listener, serve)
    expect(dory("put", *"abcd", fake.at, "--retries", 1), DONE)
    assert sorted(set(got)) == list("abcd")


def test_a_local_file_that_changes_while_it_is_sent_is_told_as_such(dory, image, network):
    def serve(sock, _):
        header = read_request(sock)
        sock.sendall(go_on(header, image))
        harness.receive_exactly(sock, header["filesize"])
        os.utime(dory.folder / "image", (1, 1))
        sock.sendall(answer_to(header, "corrupt"))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    assert "changed" in expect(dory("put", "image", fake.at), LOCAL_FILE).err


# --- get ---


class Resuming:
    """Serves one file whose version is `v1`, and cuts the first connection when CUT bytes of it are out."""

    CUT = 300_000

    def __init__(self, data, flip=False, changed=False, last_version="v1"):
        self.data = data
        self.flip = flip  # a bit of the first stretch
        self.changed = changed  # the second connection finds another version
        self.last_version = last_version  # what `stat` tells
        self.log = []

    def __call__(self, sock, index):
        for header in requests(sock):
            self.log.append(header)
            if header["cmd"] == "stat":
                told = {"filesize": len(self.data), "version": self.last_version, "crc32": crc32(self.data)}
                sock.sendall(answer_to(header, **told))
            elif self.changed and index == 1 and "if_version" in header:
                sock.sendall(answer_to(header, "changed"))
            elif index == 0:
                first = bytearray(self.data[: self.CUT])
                first[5] ^= self.flip
                sock.sendall(self.part(header) + first)
                return
            else:
                rest = self.data[header.get("offset", 0) :]
                sock.sendall(self.part(header) + rest + answer_to(header, crc32=crc32(rest)))

    def part(self, header):
        offset, size = header.get("offset", 0), len(self.data)
        return answer_to(header, "more", data_size=size - offset, filesize=size, offset=offset, version="v1")


@pytest.mark.parametrize("place", ["copy", "-"])
def test_a_get_in_two_stretches_is_compared_as_a_whole(dory, network, place):
    """The server's CRC-32 covers only the last stretch: a checking `stat` tells that of the file."""
    script = Resuming(pattern(MIB))
    fake = network(Listener, script)
    result = expect(dory("get", f"{fake.at}/f", place), DONE)
    assert (result.data if place == "-" else (dory.folder / "copy").read_bytes()) == script.data
    first, rest, last = script.log
    assert "offset" not in first and "if_version" not in first
    assert (rest["offset"], rest["if_version"]) == (script.CUT, "v1")
    assert (last["cmd"], last["check"]) == ("stat", True)


@pytest.mark.parametrize("place", ["copy", "-"])
def test_a_get_whose_first_stretch_was_wrong_ends_with_6(dory, network, place):
    fake = network(Listener, Resuming(pattern(MIB), flip=True))
    expect(dory("get", f"{fake.at}/f", place), MISMATCH)
    assert os.listdir(dory.folder) == []


def test_a_get_of_a_file_that_changed_after_the_first_stretch_starts_over(dory, network):
    script = Resuming(pattern(MIB), changed=True)
    fake = network(Listener, script)
    expect(dory("get", f"{fake.at}/f", "copy"), DONE)
    assert (dory.folder / "copy").read_bytes() == script.data
    assert "offset" not in script.log[-1]


def test_a_get_to_stdout_of_a_file_that_changed_meanwhile_ends_with_6(dory, network):
    """What is printed can't be taken back."""
    fake = network(Listener, Resuming(pattern(MIB), changed=True))
    assert "changed" in expect(dory("get", f"{fake.at}/f", "-"), MISMATCH).err


def test_a_get_of_a_file_that_changed_after_the_last_stretch_starts_over(dory, network):
    script = Resuming(pattern(MIB), last_version="v2")
    fake = network(Listener, script)
    expect(dory("get", f"{fake.at}/f", "copy", "--retries", 3), DONE)
    assert (dory.folder / "copy").read_bytes() == script.data
    assert [header["cmd"] for header in script.log] == ["get", "get", "stat", "get"]
    assert "offset" not in script.log[-1]


# --- ls, stat, info ---


def test_a_listing_that_makes_no_sense_ends_with_3(dory, network):
    def serve(sock, _):
        body = b'{"fi\n'
        sock.sendall(answer_to(read_request(sock), data_size=len(body)) + body)
        silent_until_gone(sock)

    fake = network(Listener, serve)
    expect(dory("ls", fake.at), NO_CONNECTION)


@pytest.mark.parametrize("confirmed", [True, False])
def test_info_shows_the_firmware_of_a_server_with_slots(dory, network, confirmed):
    told = {"dory": 1, "name": "sensor-7", "server": "0.1.0", "board": "b", "firmware": "2.0.0+3", "max_header": 512,
            "max_name": 64, "max_file": 9, "free": 8, "sessions": 4, "writers": 1, "uptime_ms": 5, "image": "00ff" * 16,
            "confirmed": confirmed, "boot_id": "0123456789abcdef", "slot": "fallback"}

    def serve(sock, _):
        sock.sendall(answer_to(read_request(sock), **told))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    lines = expect(dory("info", fake.at), DONE).out.splitlines()
    assert f"image: {told['image']}" in lines
    assert f"confirmed: {str(confirmed).lower()}" in lines
    assert "boot_id: 0123456789abcdef" in lines
    assert "slot: fallback" in lines
    (shown,) = expect(dory("info", "--json", fake.at), DONE).objects()
    assert {key: shown[key] for key in told} == told
    assert not fake.errors


def test_a_listing_that_was_cut_is_asked_for_anew(dory, network):
    line = b'{"filename":"a","filesize":3}\n'

    def serve(sock, index):
        header = read_request(sock)
        if index == 0:
            sock.sendall(answer_to(header, "more", data_size=2 * len(line)) + line + line[:7])
            return
        sock.sendall(answer_to(header, data_size=len(line)) + line)
        silent_until_gone(sock)

    fake = network(Listener, serve)
    assert expect(dory("ls", fake.at), DONE).out == "3  a\n"


def test_a_status_that_this_version_does_not_know_is_a_refusal_and_printed(dory, network):
    def serve(sock, _):
        sock.sendall(answer_to(read_request(sock), "on_fire", message="call for help"))
        silent_until_gone(sock)

    fake = network(Listener, serve)
    err = expect(dory("info", fake.at), REFUSED).err
    assert "on_fire" in err and "call for help" in err


# --- a server that is gone for good ---


def test_a_put_that_is_lost_tells_which_files_arrived(dory, local, network):
    for name in "abc":
        local(name, b"x" * 100)

    def serve(sock, index):
        if index == 0:
            header, _ = harness.receive_message(sock)
            sock.sendall(answer_to(header))

    fake = network(Listener, serve)
    result = expect(dory("put", "--json", *"abc", fake.at, "--retries", 1), NO_CONNECTION)
    assert [(line["name"], line["status"]) for line in result.objects()] == [("a", "ok"), ("b", "lost"), ("c", "lost")]
    assert "1 of 3" in result.err


@pytest.mark.parametrize("command, names", [("rm", ["a", "b"]), ("stat", ["a"])])
def test_a_question_that_is_lost_has_a_line_of_json_for_each_name(dory, network, command, names):
    fake = network(Listener, lambda sock, _: None)
    words = [f"{fake.at}/{name}" for name in names]
    told = expect(dory(command, "--json", *words, "--retries", 1), NO_CONNECTION).objects()
    assert [(line["name"], line["status"]) for line in told] == [(name, "lost") for name in names]


# --- interrupts ---


def interrupt(dory, *words, when, how=signal.SIGINT):
    """Runs dory, and sends the signal once when(process) is true."""
    words = [str(word) for word in words]
    process = subprocess.Popen(
        [harness.DORY, *words],
        cwd=dory.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=harness.die_with_parent,
    )
    try:
        harness.poll_until(lambda: when(process), "the moment to interrupt")
        process.send_signal(how)
        out, err = process.communicate(timeout=harness.PATIENCE)
    finally:
        process.kill()
        process.wait()
    return harness.check_result(harness.Result(["dory", *words], process.returncode, out, err.decode()))


def has_open(process, name):
    """Whether the process has a file of that name open."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(OSError):
                if pathlib.Path(os.readlink(entry.path)).name == name:
                    return True
    return False


def test_an_interrupted_get_leaves_no_file_and_says_nothing(dory, network):
    data = pattern(MIB)

    def serve(sock, _):
        header = read_request(sock)
        fields = {"data_size": len(data), "filesize": len(data), "offset": 0, "version": "v1"}
        sock.sendall(answer_to(header, "more", **fields) + data[:5000])
        fake.over.wait()

    fake = network(Listener, serve)
    result = interrupt(dory, "get", f"{fake.at}/f", "copy", when=lambda _: os.listdir(dory.folder))
    assert (result.code, result.data, result.err) == (128 + signal.SIGINT, b"", "")
    assert os.listdir(dory.folder) == []


def test_an_interrupted_put_claims_nothing(dory, image, network):
    asked = threading.Event()

    def serve(sock, _):
        read_request(sock)
        asked.set()
        fake.over.wait()

    fake = network(Listener, serve)
    result = interrupt(dory, "put", "--json", "image", fake.at, when=lambda _: asked.is_set())
    assert (result.code, result.data) == (128 + signal.SIGINT, b"")


def test_an_interrupt_ends_the_reading_of_a_huge_file(dory, network):
    """Its CRC-32 comes first, and takes minutes."""
    with open(dory.folder / "huge", "wb") as huge:
        huge.truncate(300 << 30)
    fake = network(Listener, lambda sock, _: silent_until_gone(sock))
    result = interrupt(
        dory, "put", "huge", fake.at, when=lambda process: has_open(process, "huge"), how=signal.SIGTERM
    )
    assert result.code == 128 + signal.SIGTERM, result


@pytest.mark.parametrize("words", [["info"], ["put", "--no-reply", "f"]], ids=" ".join)
def test_an_interrupt_ends_the_pause_before_the_next_try(dory, local, refusing, words):
    local("f", b"x")

    def pauses(process):
        return b"trying again" in process.stderr.readline()

    result = interrupt(dory, *words, refusing, "--retries", 100, when=pauses)
    assert result.code == 128 + signal.SIGINT, result


# --- names of what is put ---


@pytest.mark.parametrize(
    "path, name, names",
    [
        ("d", "", ["d/e/f", "d/g"]),
        ("d/", "", ["d/e/f", "d/g"]),
        ("d/.", "", ["e/f", "g"]),
        ("d", "/z", ["z/e/f", "z/g"]),
        ("d", "/z/", ["z/d/e/f", "z/d/g"]),
        ("d/.", "/z/", ["z/e/f", "z/g"]),
        ("d/e/..", "/z", ["z/e/f", "z/g"]),
        ("d/g", "/z", ["z"]),
    ],
)
def test_a_folder_gives_its_files_their_names(server, dory, local, path, name, names):
    made = server()
    local("d/e/f", b"1")
    local("d/g", b"2")
    expect(dory("put", "-r", path, f"{made.at}{name}"), DONE)
    assert sorted(made.listing()) == names


def test_two_files_that_would_get_one_name_are_wrong_usage(dory, local, refusing):
    local("d/g", b"2")
    local("e/g", b"3")
    err = expect(dory("put", "d/g", "e/g", refusing), USAGE).err
    assert "d/g" in err and "e/g" in err


def test_a_folder_with_a_name_that_no_server_takes_is_refused_before_anything_is_sent(server, dory, local):
    made = server()
    local("d/a", b"1")
    local("d/b\\c", b"2")
    assert "b\\c" in expect(dory("put", "-r", "d", made.at), REFUSED).err
    assert made.listing() == {}


ODD = os.fsdecode(b"x\xff\x1b[31m")


def test_a_local_name_that_is_no_utf8_may_be_put_under_another(server, dory, local):
    made = server()
    local(ODD, b"1")
    (told,) = expect(dory("put", "--json", ODD, f"{made.at}/odd"), DONE).objects()  # which is JSON
    assert (told["name"], told["status"]) == ("odd", "ok")
    assert made.get("odd") == b"1"


def test_a_local_name_that_is_no_utf8_is_refused_and_printed_in_clean_letters(dory, local, refusing):
    local(ODD, b"1")
    err = expect(dory("put", ODD, refusing), REFUSED).err  # which is UTF-8
    assert "bad_name" in err
    assert "\x1b" not in err


# --- where a get goes ---


@pytest.fixture
def stored(server):
    """`HOST:PORT/sub/x`, a file of three bytes."""
    made = server()
    made.put("sub/x", b"123")
    return f"{made.at}/sub/x"


def test_a_get_into_a_folder_takes_the_last_name(dory, stored):
    (dory.folder / "d").mkdir()
    expect(dory("get", stored, "d"), DONE)
    assert (dory.folder / "d/x").read_bytes() == b"123"


def test_a_get_to_a_link_replaces_what_it_points_to_and_keeps_its_permissions(dory, local, stored):
    path = local("d/x", b"old")
    path.chmod(0o640)
    (dory.folder / "link").symlink_to("d/x")
    expect(dory("get", stored, "link"), DONE)
    assert (dory.folder / "link").is_symlink()
    assert path.read_bytes() == b"123"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_get_to_a_pipe_writes_into_it(dory, stored):
    os.mkfifo(dory.folder / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((dory.folder / "pipe").read_bytes()), daemon=True)
    reader.start()
    expect(dory("get", stored, "pipe"), DONE)
    reader.join(harness.PATIENCE)
    assert got == [b"123"]
    assert stat.S_ISFIFO((dory.folder / "pipe").stat().st_mode)


@pytest.mark.parametrize("word", ["", "nowhere/", "link/"])
def test_a_get_to_no_possible_name_ends_with_5(dory, local, stored, word):
    local("f", b"old")
    (dory.folder / "link").symlink_to("f")
    expect(dory("get", stored, word), LOCAL_FILE)
    assert sorted(os.listdir(dory.folder)) == ["f", "link"]
    assert (dory.folder / "f").read_bytes() == b"old"


def test_a_get_with_json_does_not_share_stdout_with_the_file(dory, stored):
    assert expect(dory("get", "--json", stored, "-"), USAGE).data == b""


def test_a_stat_with_check_shows_the_crc32(dory, stored):
    assert crc32(b"123") in expect(dory("stat", "--check", stored), DONE).out


# --- progress ---


def test_a_progress_line_shows_the_end_of_a_long_name_and_never_wraps(server, dory, local, network):
    made = server()
    name = "n" * 100 + "\u20ac" * 30
    local(name, pattern(3 * MIB))
    proxy = network(harness.Proxy, made.address, rate=4 * MIB)
    result = expect(harness.run_on_terminal("put", name, proxy.at, cwd=dory.folder), DONE)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", result.err)
    lines = [line for line in re.split(r"[\r\n]+", shown) if "%" in line]
    assert lines
    for line in lines:
        assert re.match(r"\.\.\.n+\u20ac{30} ", line), line
        assert len(line) < 80
