# SPDX-License-Identifier: MIT
"""Commands on devices, and the log that survives a restart and tells why there was one."""

import re
import subprocess

import pytest

import boards
import gdb
import wire
from harness import DONE, REFUSED, REPOSITORY, pattern, poll_until

ALL = ("hosted", "mps2-an385", "lm3s6965evb", "emcraft-sf2")
everywhere = pytest.mark.board(*ALL)
emulated = pytest.mark.board("mps2-an385", "lm3s6965evb", "emcraft-sf2")

COMMANDS = ["help", "version", "uptime", "mem", "net", "reboot"]


def outputs(answer):
    """The bytes of both streams, by the parts' own word."""
    streams, place = {1: b"", 2: b""}, 0
    for part in answer.parts:
        piece = answer.data[place : place + part["data_size"]]
        place += len(piece)
        if piece:
            streams[part["stream"]] += piece
    return streams[1].decode(), streams[2].decode()


def run(made, line, status=0):
    """Runs a line, which must end with that exit status; returns what it wrote to (standard output, standard error)."""
    answer = made.ask("run", line=line)
    assert answer.status == "ok", answer
    assert answer["exit"] == status, answer
    return outputs(answer)


def log_of(made):
    return made.get("log").decode()


def starts(made):
    """How often the board came up, by its own log."""
    return log_of(made).count("started by: ")


def restarted(made, action):
    """Does something that makes the board restart, and waits until it serves again. Returns its log."""
    seen = made.out.count("\naddress ")
    action()
    poll_until(lambda: made.out.count("\naddress ") > seen, "the board comes back", boards.START_SECONDS)

    def log():
        try:
            return log_of(made)
        except OSError:
            return None

    return poll_until(log, "the board answers again")


# --- commands ---


@everywhere
def test_help_lists_every_command_and_each_is_there(target):
    out, err = run(target, "help")
    assert err == ""
    assert [line.split()[0] for line in out.splitlines()] == COMMANDS
    assert all(len(line.split()) > 2 and len(line) <= 80 for line in out.splitlines())


@everywhere
def test_version_tells_what_info_tells(target):
    out, _ = run(target, "version")
    told = dict(line.split(": ") for line in out.splitlines())
    info = target.ask("info")
    wanted = {"dory": info["server"], "firmware": info["firmware"], "board": info["board"]}
    if "image" in info:  # it has slots for firmware
        assert told.pop("slot") in ("A", "B")
        wanted |= {"image": info["image"], "confirmed": "yes" if info["confirmed"] else "no", "other slot": info["slot"]}
    assert told == wanted


@everywhere
def test_uptime_is_that_of_info_and_tells_why_the_board_started(target):
    before = target.ask("info")["uptime_ms"] // 1000
    out, _ = run(target, "uptime")
    after = target.ask("info")["uptime_ms"] // 1000
    days, hours, minutes, seconds, why = re.fullmatch(r"(\d+) days (\d\d):(\d\d):(\d\d)\nstarted by: (.+)\n", out).groups()
    assert before <= int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds) <= after
    assert why == "power-on"


@everywhere
def test_mem_tells_heap_pools_sessions_and_stack(target):
    target.put(target.name(), b"data")
    out, _ = run(target, "mem")
    rows = re.findall(r"^([A-Za-z_0-9]+): (\d+) used, (\d+) at most, of (\d+); refused (\d+)$", out, re.MULTILINE)
    found = {name: [int(number) for number in numbers] for name, *numbers in rows}
    assert {"TCP_PCB", "TCP_SEG", "PBUF_POOL"} <= set(found)
    for name, (used, most, room, _) in found.items():
        assert used <= most <= room, name
    assert found["TCP_PCB"][0] >= 1
    sessions = re.search(r"^sessions: (\d+) used, of (\d+)$", out, re.MULTILINE)
    assert 1 <= int(sessions[1]) <= int(sessions[2]) == target.info["sessions"]
    stack = re.search(r"^stack: (\d+) at most, of (\d+)$", out, re.MULTILINE)
    assert stack is None or 100 < int(stack[1]) < int(stack[2])
    others = [line for line in out.splitlines() if line.split(":")[0] not in [*found, "sessions", "stack"]]
    assert others == []


@everywhere
def test_net_tells_address_link_and_counters_that_count(target):
    def numbers():
        out, _ = run(target, "net")
        for name in ("address: 10.0.2.15", "netmask: 255.255.255.0", "link: up"):
            assert name in out.splitlines()
        assert re.search(r"^gateway: \d+\.\d+\.\d+\.\d+$", out, re.MULTILINE)
        assert re.search(r"^mac: (?:[0-9a-f]{2}:){5}[0-9a-f]{2}$", out, re.MULTILINE)
        assert re.search(r"^datagrams: \d+ answered, \d+ ignored, \d+ too many$", out, re.MULTILINE)
        return [int(number) for number in re.findall(r"(\d+) (?:received|sent),", out)]

    before, after = numbers(), numbers()
    assert len(before) == 4
    assert all(0 < b - a < 1000 or b < a for a, b in zip(before, after, strict=True)), "modulo 65,536"


@everywhere
def test_a_command_that_there_is_not_says_so_and_exits_with_127(target):
    assert run(target, "reverse 1 2", 127) == ("", "reverse: no such command, try help\n")
    assert run(target, "''", 127) == ("", ": no such command, try help\n")


@everywhere
@pytest.mark.parametrize("line", ["", " ", "\t \r\n"])
def test_an_empty_line_does_nothing(target, line):
    assert run(target, line) == ("", "")


@everywhere
@pytest.mark.parametrize("line", ["'help'", 'he"lp"', "  help\t", "h\\elp", "help ignored words"])
def test_quotes_and_blanks_are_those_of_command_lines(target, line):
    assert run(target, line) == run(target, "help")


@everywhere
@pytest.mark.parametrize("line", ["help 'x", 'help "x', "help \\", "help 2 3 4 5 6 7 8 9", "he\0lp", "\0"])
def test_a_line_that_is_none_is_a_bad_request_and_the_stream_goes_on(target, line):
    with wire.Conn(target.address) as conn:
        assert conn.ask("run", line=line).status == "bad_request"
        assert conn.ask("run").status == "bad_request"
        assert conn.in_step()


@everywhere
def test_a_line_too_long_for_the_board_is_too_large_and_the_stream_goes_on(target):
    with wire.Conn(target.address) as conn:
        assert conn.ask("run", line="help " + 200 * "x").status == "too_large"
        assert conn.ask("run", line=20 * "x" + " y")["exit"] == 127
        assert conn.in_step()


@everywhere
def test_commands_are_answered_in_their_order_on_every_session_at_once(target):
    conns = [target.connect() for _ in range(target.info["sessions"])]
    lines = ["help", "no-such", "version", "net", ""] * 4
    for conn in conns:
        for i, line in enumerate(lines):
            conn.send(wire.frame({"cmd": "run", "id": i, "line": line}))
    wanted = dict.fromkeys(lines)
    for conn in conns:
        for i, line in enumerate(lines):
            answer = conn.final(i)
            out, err = outputs(answer)
            assert answer.status == "ok" and answer["exit"] == (127 if line == "no-such" else 0)
            kept = (out, err) if line != "net" else [row.split(":")[0] for row in out.splitlines()]
            assert wanted[line] in (None, kept), line
            wanted[line] = kept
    assert wanted["no-such"] == ("", "no-such: no such command, try help\n")


@everywhere
def test_a_peer_that_goes_away_in_the_middle_of_output_leaves_room_for_the_next(target):
    for _ in range(3 * target.info["sessions"]):
        conn = wire.Conn(target.address)
        for i in range(10):
            conn.send(wire.frame({"cmd": "run", "id": i, "line": "mem"}))
        conn.header()
        conn.reset()
    assert run(target, "help")[0] != ""


@everywhere
def test_a_peer_that_reads_byte_by_byte_gets_all_of_it(target):
    conn = target.connect(receive_buffer=1)
    for i in range(20):
        conn.send(wire.frame({"cmd": "run", "id": i, "line": "help"}), read=False)
    wanted = run(target, "help")
    assert all(outputs(conn.final(i)) == wanted for i in range(20))


# --- the log as a file ---


@everywhere
def test_the_log_is_a_file_that_can_only_be_read(target, dory):
    target.put(target.name("log"), b"data")
    size = target.listing()["log"]
    assert target.listing("lo")["log"] == size
    stat = target.stat("log", check=True)
    assert stat["filesize"] == size and stat["crc32"] == wire.crc32(target.get("log"))
    answer = target.ask("get", filename="log", offset=5, length=10, if_version=stat["version"])
    assert answer.data == target.get("log")[5:15]
    assert target.ask("put", b"evil", filename="log", filesize=4).status == "forbidden"
    assert target.ask("delete", filename="log").status == "forbidden"
    assert target.ask("put", b"evil", filename="log/x", filesize=4).status == "bad_name"
    result = dory("get", f"{wire.join_address(target.address)}/log", "-")
    assert result.code == DONE and re.search(r"^started by: ", result.out, re.MULTILINE)


@pytest.mark.board("hosted", "lm3s6965evb")
def test_without_storage_the_log_and_commands_are_there(board, dory):
    made = board(storage=False)
    assert "no storage" in log_of(made)
    assert made.stat("log")["filesize"] == len(made.get("log"))
    assert made.ask("put", b"evil", filename="log", filesize=4).status == "forbidden"
    assert dory("get", f"{made.at}/log", "-").code == DONE
    assert dory("ls", made.at).code == REFUSED
    assert run(made, "help")[0] != ""


@everywhere
def test_statistics_on_the_uart_are_not_kept(board):
    made = board()
    before = made.stat("log")["version"]
    made.statistics()
    assert made.stat("log")["version"] == before


# --- restarts ---


@everywhere
def test_reboot_is_answered_and_the_log_goes_on_and_tells_why(board):
    made = board()
    made.put("f", pattern(2000))
    before = log_of(made)
    with made.connect() as conn:
        number = conn.request("run", line="reboot")
        answer = conn.final(number)
        assert answer.status == "ok" and answer["exit"] == 0
        log = restarted(made, conn.drain)
    assert log.startswith(before)
    assert re.search(r"\nrestarting: reboot command\ndory .*\n(?:firmware .*\n)?started by: reboot command\n", log)
    assert "started by: reboot command" in run(made, "uptime")[0]
    assert made.ask("info")["uptime_ms"] < 60_000
    assert made.get("f") == pattern(2000)


@everywhere
def test_reboot_waits_a_second_at_most_for_a_peer_that_does_not_read(board):
    made = board()
    made.put("f", pattern(made.size(500_000)))
    with made.connect(receive_buffer=1) as deaf:
        deaf.request("get", filename="f")
        assert deaf.wait(1, wire.PATIENCE)
        log = restarted(made, lambda: run(made, "reboot"))
    assert starts(made) == 2, log
    assert made.get("f") == pattern(made.size(500_000))


@everywhere
def test_reboot_in_the_middle_of_a_put_leaves_the_old_file_and_a_put_that_resumes(board):
    made = board()
    data = pattern(min(made.info["max_file"], 100_000))
    made.put("f", b"old")
    with made.connect() as conn:
        conn.put_header("f", data)
        conn.send(data[:50_000])
        restarted(made, lambda: run(made, "reboot"))
    assert made.get("f") == b"old"
    conn = made.connect()
    number, answer = conn.resume("f", data)
    offset = answer["offset"] if answer.status == "continue" else 0
    if answer.status != "continue":
        conn.put("f", data)
    else:
        conn.send(data[offset:])
        assert conn.final(number).status == "ok"
    assert made.get("f") == data


@everywhere
def test_a_version_of_the_log_never_comes_again(board):
    made = board()
    versions = [made.stat("log")["version"]]
    for _ in range(2):
        restarted(made, lambda: run(made, "reboot"))
        versions.append(made.stat("log")["version"])
    assert len(set(versions)) == 3
    assert made.ask("get", filename="log", if_version=versions[0]).status == "changed"


@everywhere
def test_without_power_the_log_begins_anew(board):
    made = board()
    restarted(made, lambda: run(made, "reboot"))
    made.stop()
    made.start()
    log = log_of(made)
    assert log.count("started by: ") == 1 and "started by: power-on\n" in log


@pytest.mark.board("lm3s6965evb")
@pytest.mark.slow
def test_a_log_that_is_full_keeps_its_newest_lines(board):
    made = board()
    for _ in range(8):
        log = restarted(made, lambda: run(made, "reboot"))
        assert re.fullmatch(r"(?:(?:dory|started|address|restarting).*\n)+", log), log
        assert log.endswith("port 9002\n")
    assert "power-on" not in log
    assert len(log) <= 448


@emulated
def test_a_reset_that_nobody_announced_is_called_a_reset(board):
    made = board()
    log = restarted(made, lambda: made.monitor("system_reset"))
    assert re.search(r"started by: power-on\n(?:.*\n)*dory .*\n(?:firmware .*\n)?started by: reset\n", log)


# --- faults, in the image as it is delivered ---


def symbols(name_of_board):
    elf = boards.BOARDS / name_of_board / "dory.elf"
    text = subprocess.run(["arm-none-eabi-nm", elf], capture_output=True, text=True, check=True).stdout
    return {name: int(address, 16) for address, name in re.findall(r"^([0-9a-f]+) \w (\S+)$", text, re.MULTILINE)}


@pytest.fixture
def debugged(board, tmp_path):
    """A board, and a function that stops it for a `with` block, in which its registers can be set."""
    path = tmp_path / "gdb"
    made = board("-gdb", f"unix:{path},server=on,wait=off")
    return made, lambda: gdb.Stopped(path)


FAULT = re.compile(
    r"^fault 3 cfsr=([0-9a-f]{8}) hfsr=([0-9a-f]{8}) pc=([0-9a-f]{8}) lr=([0-9a-f]{8}) after ms \d+\n"
    r"dory .*\n(?:firmware .*\n)?started by: fault, see the log\n",
    re.MULTILINE,
)
FORCED = 1 << 30  # HFSR (ARMv7-M, B3.2.16)
IACCVIOL, PRECISERR, BFARVALID, INVSTATE, UNALIGNED = 1 << 0, 1 << 9, 1 << 15, 1 << 17, 1 << 24  # CFSR (B3.2.15)
NOWHERE = 0x30000000
NO_CODE = 0x50000000  # devices are there: nothing that could be executed (B3.1)
THUMB = 1 << 24  # in the xPSR


@emulated
def test_a_jump_to_where_no_code_is_leaves_its_registers_in_the_log(debugged):
    made, stopped = debugged
    before = log_of(made)

    def jump():
        with stopped() as processor:
            processor.set(gdb.LR, 0x12345679)
            processor.set(gdb.PC, NO_CODE)

    log = restarted(made, jump)
    assert log.startswith(before)
    assert [int(word, 16) for word in FAULT.search(log).groups()] == [IACCVIOL, FORCED, NO_CODE, 0x12345679]
    assert "started by: fault" in run(made, "uptime")[0]
    log = restarted(made, lambda: run(made, "reboot"))
    assert FAULT.search(log), "the crash is still there after the next restart"


@emulated
def test_a_state_that_the_processor_does_not_have_leaves_its_registers_in_the_log(debugged):
    made, stopped = debugged

    def leave_thumb():
        with stopped() as processor:
            processor.set(gdb.XPSR, processor.get(gdb.XPSR) & ~THUMB)

    cfsr, hfsr, _, _ = (int(word, 16) for word in FAULT.search(restarted(made, leave_thumb)).groups())
    assert cfsr in (INVSTATE, UNALIGNED), "QEMU looks first whether that is aligned which it would not execute"
    assert hfsr == FORCED


@pytest.mark.board("mps2-an385", "emcraft-sf2")  # QEMU's lm3s6965evb takes no notice of such a write
def test_a_write_to_nowhere_leaves_its_registers_in_the_log(debugged):
    made, stopped = debugged
    place = symbols(made.name_of_board)["memcpy"]

    def write():
        with stopped() as processor:
            for register, value in ((gdb.R0, NOWHERE), (gdb.R1, 0), (gdb.R2, 16), (gdb.PC, place)):
                processor.set(register, value)

    cfsr, hfsr, pc, _ = (int(word, 16) for word in FAULT.search(restarted(made, write)).groups())
    assert (cfsr, hfsr) == (PRECISERR | BFARVALID, FORCED)
    assert place <= pc < place + 200


@emulated
def test_a_stack_overflow_is_called_that(debugged):
    made, stopped = debugged

    def overflow():
        with stopped() as processor:
            processor.set(gdb.SP, 0x20000010)

    log = restarted(made, overflow)
    assert re.search(r"^fault 3 cfsr=[0-9a-f]{8} hfsr=40000000 stack overflow after ms \d+$", log, re.MULTILINE), log


@emulated
def test_a_board_that_faults_again_and_again_comes_back_each_time(debugged):
    made, stopped = debugged

    def jump():
        with stopped() as processor:
            processor.set(gdb.PC, NO_CODE)

    for _ in range(3):
        log = restarted(made, jump)
    assert FAULT.search(log)
    made.put("f", b"data")
    assert made.get("f") == b"data"


# --- what README.md shows ---


def transcript(section):
    """[(command line, what it prints)] of a section's first block."""
    text = (REPOSITORY / "README.md").read_text()
    block = re.search(rf"^### {section}\n.*?^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)


def without_numbers(text):
    """Eight hexadecimal digits, and decimal numbers, differ from run to run."""
    return re.sub(r"\b[0-9a-f]{8}\b|\d+", "N", text)


def play(made, dory, section):
    for line, wanted in transcript(section):
        words = [word.replace("board", made.at) for word in line.split()]
        assert words.pop(0) == "dory"
        result = dory(*words)
        assert without_numbers(result.out + result.err) == without_numbers(wanted), line


@pytest.mark.board("lm3s6965evb")
def test_commands_on_a_device_are_as_shown(board, dory):
    play(board(), dory, "Commands on a device")


@pytest.mark.board("lm3s6965evb")
def test_a_crash_log_is_as_shown(debugged, dory):
    made, stopped = debugged

    def jump():
        with stopped() as processor:
            processor.set(gdb.PC, NO_CODE)

    restarted(made, jump)
    play(made, dory, "Fetch a crash log")
