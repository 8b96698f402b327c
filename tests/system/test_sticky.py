# SPDX-License-Identifier: MIT
"""apps/sticky: the sticky packets are there, each byte of them, in every run; and framing cures them whatever is read."""

import itertools
import os
import re
import shutil
import struct
import subprocess

import pytest

import harness
from harness import DONE, REPOSITORY, USAGE

# It speaks with itself: no server is under test.
pytestmark = pytest.mark.linux

FAILED = 1
MESSAGES = [b"helloworld", b"i am ada"]
RAW = b"".join(MESSAGES)


def framed(message):
    """As core/PROTOCOL.md has it."""
    header = b'{"data_size":%d}' % len(message)
    return struct.pack("<I", len(header)) + header + message


FRAMED = b"".join(map(framed, MESSAGES))


def sticky(*words, code=DONE, **options):
    result = harness.run_program(harness.STICKY, *words, **options)
    assert result.code == code, result
    assert bool(result.err) == (code != DONE), result
    return result


def own_network(setup):
    """The words to put before a command so that it has a loopback of its own, after `setup`."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    words = [*unshare, "sh", "-ec", f'{setup}; exec "$@"', "sh"]
    if not all(map(shutil.which, ("unshare", "ip", "tc"))):
        pytest.skip("no unshare, ip or tc")
    if subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
        pytest.skip("no right to make such a network")
    return words


def events(*words, **options):
    """[(mode, event, asked or None, bytes)], as --json tells them."""
    told = []
    for line in sticky("--json", *words, **options).objects():
        data = bytes.fromhex(line["hex"])
        assert line["text"].encode() == data and line["len"] == len(data), line
        told.append((line["mode"], line["event"], line.get("asked"), data))
    return told


def cut(stream, sizes):
    """[(asked, piece)] of a reader that asks for these sizes, the last one again and again."""
    pieces = []
    for size in itertools.chain(sizes, itertools.repeat(sizes[-1])):
        if not stream:
            return pieces
        pieces.append((size, stream[:size]))
        stream = stream[size:]


def dumped(text):
    """The bytes of each hex dump in a text: [(the line above it, bytes)]"""
    found = []
    for line in text.splitlines():
        row = re.fullmatch(r"    ((?:[0-9a-f]{2} ){1,16}) *\| (.*)", line)
        if row:
            data = bytes.fromhex(row[1])
            assert row[2] == "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
            found[-1] = (found[-1][0], found[-1][1] + data)
        else:
            found.append((line.strip(), b""))
    return [(title, data) for title, data in found if data]


# --- the problem ---


def test_two_sends_come_out_of_two_receives_and_neither_is_a_message():
    assert events("--mode", "raw") == [
        ("raw", "receive", 5, b"hello"),
        ("raw", "receive", 1024, b"worldi am ada"),
    ]


def test_every_run_is_the_same():
    first = sticky().data
    assert all(sticky().data == first for _ in range(10))


def test_on_a_line_that_is_slow_it_is_the_same_too():
    """Each packet takes a tenth of a second or so: a reader that didn't wait would get the messages one by one."""
    slow = own_network("ip link set lo up && tc qdisc add dev lo root tbf rate 4kbit burst 200 limit 100000")
    assert events("--mode", "raw", "--reads", "1024", before=slow) == [("raw", "receive", 1024, RAW)]


@pytest.mark.parametrize("sizes", [[1], [3], [9, 2, 1024], [10, 8], [12, 1024], [17, 1], [18], [1024], [1] * 15 + [2]])
def test_a_receive_gives_all_that_it_asks_for_or_all_that_there_is(sizes):
    told = events("--mode", "raw", "--reads", ",".join(map(str, sizes)))
    assert told == [("raw", "receive", asked, piece) for asked, piece in cut(RAW, sizes)]


def test_the_raw_text_shows_what_was_sent_and_received_in_hex():
    assert dumped(sticky("--mode", "raw").out) == [
        ("send() of 10 bytes", b"helloworld"),
        ("send() of 8 bytes", b"i am ada"),
        ("recv() of at most 5 bytes gave 5", b"hello"),
        ("recv() of at most 1024 bytes gave 13", b"worldi am ada"),
    ]


@pytest.mark.parametrize("reads, pieces, whole", [("5,1024", 2, 0), ("10,8", 2, 2), ("10,1", 9, 1), ("1024", 1, 0)])
def test_the_raw_text_counts_messages_among_the_pieces(reads, pieces, whole):
    last = sticky("--mode", "raw", "--reads", reads).out.splitlines()[-1]
    assert last == f"Messages sent: 2. Pieces received: {pieces}. Messages among them: {whole}."


def test_the_text_explains_where_bytes_meet():
    text = " ".join(sticky().out.split())
    for word in ("send buffer", "Nagle's algorithm", "TCP_NODELAY", "The reader is slow", "receive buffer"):
        assert word in text, word


# --- the cure ---


def test_framed_the_messages_are_received_exactly_with_the_same_reads():
    assert events("--mode", "framed") == [
        ("framed", "receive", 5, FRAMED[:5]),
        ("framed", "receive", 1024, FRAMED[5:]),
        ("framed", "message", None, b"helloworld"),
        ("framed", "message", None, b"i am ada"),
    ]


@pytest.mark.parametrize(
    "sizes", [[1], [2], [7, 3], [30, 27]] + [[size, 1024] for size in (3, 4, 19, 20, 21, 29, 31, 33, 34, 35, 49, 56, 57)]
)
def test_framed_the_messages_are_received_exactly_wherever_they_are_cut(sizes):
    told = events("--mode", "framed", "--reads", ",".join(map(str, sizes)))
    received = [(asked, data) for _, event, asked, data in told if event == "receive"]
    assert received == cut(FRAMED, sizes)
    assert [data for _, event, _, data in told if event == "message"] == MESSAGES


def test_a_message_is_told_by_the_receive_that_completes_it():
    order = [event for _, event, _, _ in events("--mode", "framed", "--reads", "29,1,26,1")]
    assert order == ["receive", "receive", "message", "receive", "receive", "message"]


def test_the_framed_text_shows_the_frames_and_the_messages_in_hex():
    assert dumped(sticky("--mode", "framed").out) == [
        ("send() of 30 bytes", framed(b"helloworld")),
        ("send() of 27 bytes", framed(b"i am ada")),
        ("recv() of at most 5 bytes gave 5", FRAMED[:5]),
        ("recv() of at most 1024 bytes gave 52", FRAMED[5:]),
        ("-> a message, complete: 10 bytes", b"helloworld"),
        ("-> a message, complete: 8 bytes", b"i am ada"),
    ]


# --- the program ---


@pytest.mark.parametrize("words", [[], ["--json"], ["--reads", "7,2"]])
def test_without_a_mode_both_are_shown_the_problem_first(words):
    problem, cure = (sticky("--mode", mode, *words).out for mode in ("raw", "framed"))
    assert sticky(*words).out == problem + ("" if "--json" in words else "\n\n") + cure


def test_the_text_fits_a_terminal():
    assert max(map(len, sticky().out.splitlines())) <= 80


def test_the_readme_shows_what_it_prints():
    text = (REPOSITORY / "README.md").read_text()
    section = text.split("## Sticky packets: the problem, and what framing does\n")[1].split("\n## ")[0]
    shown = re.findall(r"^```\n\$ build/gcc/sticky([^\n]*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for words, output in shown:
        assert output == sticky(*words.split()).out


def test_sticky_help_fits_a_screen_and_shows_an_example():
    for word in ("--help", "-h"):
        result = sticky("--mode", "raw", word)
        lines = result.out.splitlines()
        assert len(lines) <= 24 and max(map(len, lines)) <= 80
        for wanted in ("example", "--mode", "--reads", "--json"):
            assert wanted in result.out


def test_sticky_tells_its_version():
    assert re.fullmatch(r"sticky \d+\.\d+\.\d+\S*\n", sticky("--version").out)


@pytest.mark.parametrize(
    "words, wrong",
    [
        (["--mode", "cooked"], "cooked"),
        (["--mode", ""], "--mode"),
        (["--mode"], "--mode"),
        (["--json", "--reads"], "--reads"),
        (["--frobnicate"], "--frobnicate"),
        (["--json=yes"], "--json=yes"),
        (["-xy"], "-xy"),
        (["raw"], "raw"),
        (["--json", "--", "raw"], "raw"),
        *((["--reads", sizes], sizes) for sizes in ("0", "1025", "5,", ",5", "5,,6", "5 6", "-5", "+5", "five", "9" * 30)),
        (["--reads", ",".join(["1"] * 17)], "--reads"),
        (["--reads", ""], "--reads"),
    ],
)
def test_wrong_words_are_named_and_exit_with_2(words, wrong):
    result = sticky(*words, code=USAGE)
    assert wrong in result.err and "--help" in result.err
    assert result.out == ""


def test_output_that_does_not_arrive_is_a_failure():
    with open("/dev/full", "wb") as full:
        for words in ([], ["--json"], ["--help"], ["--version"]):
            assert "standard output" in sticky(*words, stdout=full, code=FAILED).err


def test_a_system_call_that_fails_is_named():
    """Without a loopback that is up, nothing can be reached."""
    result = sticky(before=own_network("ip link set lo down"), code=FAILED)
    assert result.err == "sticky: connect(): Network is unreachable\n"


def test_too_few_descriptors_are_told():
    """Three are the standard streams, one is left for the listening socket, and none for sanitizers."""
    result = sticky(limits=[harness.open_file_limit(4)], before=["env", "ASAN_OPTIONS=detect_leaks=0"], code=FAILED)
    assert result.err == "sticky: socket(): Too many open files\n"
