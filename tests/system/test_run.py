# SPDX-License-Identifier: MIT
"""Commands of doryd: what may be run, what comes back, and that nothing is left of a command that has ended, however it
ended. The client here is wire.py; every process that a test starts carries a mark of its own, by which it is found."""

import contextlib
import itertools
import os
import pathlib
import re
import resource
import shlex
import signal
import socket
import subprocess
import time

import pytest

import harness
import wire
from harness import DORYD, MIB, REPOSITORY, StartFailed, poll_until
from wire import Closed, frame

pytestmark = pytest.mark.linux

USAGE = 2
_numbers = itertools.count()
_run = os.urandom(4).hex()


class Output:
    """What a run gave: its final status and exit code, and both outputs."""

    def __init__(self, answer, pieces):
        self.status = answer["status"]
        self.exit = answer.get("exit")
        self.out, self.err = (b"".join(piece for header, piece in pieces if header["stream"] == n) for n in (1, 2))

    def __repr__(self):
        return f"<run: {self.status}, exit {self.exit}, {self.out[:300]!r}, {self.err[:300]!r}>"


def take_output(conn, number):
    """The answer to a run, part by part. Each part is of one stream; those that only show life have no bytes."""
    pieces = []
    while True:
        header, data = conn.answer()
        assert header["id"] == number, header
        if header["status"] != "more":
            assert data == b"" or header["stream"] in (1, 2)
            return Output(header, pieces + ([(header, data)] if data else []))
        assert "exit" not in header, header
        if data:
            pieces.append((header, data))


def run(conn, line):
    return take_output(conn, conn.request("run", line=line))


def first_output(conn):
    """The bytes of the next part that has any."""
    while True:
        header, data = conn.answer()
        assert header["status"] == "more", header
        if data:
            return data


@pytest.fixture
def mark():
    """A word that no process on this machine has among its arguments but those of this test."""
    return f"mark-{_run}-{next(_numbers)}"


def marked(mark):
    """The processes that have the mark: {pid: arguments}. Zombies have none."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if mark.encode() in words:
                found[int(folder.name)] = words.replace(b"\0", b" ").decode()
    return found


def without_keepers(mark):
    return {pid: words for pid, words in marked(mark).items() if not words.startswith("dory-keeper ")}


def wait_until_none(mark):
    poll_until(lambda: not marked(mark), f"no process is left; there are {marked(mark)}")


def sleeper(mark):
    """Words of sh that make a process with the mark; it sleeps far longer than any test."""
    return f"sh -c 'sleep 10000; : {mark}'"


def children(pid):
    """{pid: state} of the children of a process."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid:
                found[int(folder.name)] = state
    return found


def wait_until_childless(made):
    poll_until(lambda: not children(made.pid), "doryd has no child left, not even a zombie")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def status_of(pid, key):
    return re.search(rf"^{key}:\s*(\S+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]


def switches(pid):
    """How often the process has waited for something; no thread but its first."""
    return int(status_of(pid, "voluntary_ctxt_switches"))


# --- which commands there are ---


def test_without_an_option_commands_are_forbidden(server):
    conn = server().connect()
    for line in ("id", "help", "", "'"):
        assert conn.ask("run", line=line).status == "forbidden"
    assert conn.in_step()


def test_a_named_command_runs_its_program_with_its_own_arguments_first(server):
    made = server("--command", "say=printf '[%s]' first", "--command", "where=/bin/pwd")
    conn = made.connect()
    assert run(conn, "say second 'the third'").out == b"[first][second][the third]"
    assert run(conn, "say").out == b"[first]"
    assert run(conn, "where").out.decode().rstrip("\n") == os.readlink(f"/proc/{made.pid}/cwd")


HOSTILE = ["; rm -rf /", "$(id)", "`id`", "*", "?", "a && b || c", "> /dev/null", "| cat", "~", "$HOME", "a\nb", "-e", "#"]


@pytest.mark.parametrize("text", HOSTILE)
def test_without_a_shell_words_reach_the_program_as_they_are(server, text):
    conn = server("--command", "say=printf [%s]").connect()
    assert run(conn, f"say '{text}'").out == f"[{text}]".encode()
    words = text.replace("\n", " ").split()
    assert run(conn, f"say {text}").out.decode() == "".join(f"[{word}]" for word in words)


@pytest.mark.parametrize(
    "line, words",
    [
        ("say a  b\tc ", ["a", "b", "c"]),
        ("say 'a b' \"c d\"", ["a b", "c d"]),
        ("say '' \"\"", ["", ""]),
        ("say a'b c'd", ["ab cd"]),
        ("say a\\ b \\'c \\\\", ["a b", "'c", "\\"]),
        ("say \"a\\\"b\" 'a\\b'", ['a"b', "a\\b"]),
        ('"say" \u00e4\u20ac', ["\u00e4\u20ac"]),
    ],
)
def test_a_line_is_split_into_words_by_blanks_and_quotes(server, line, words):
    conn = server("--command", "say=printf [%s]").connect()
    assert run(conn, line).out.decode() == "".join(f"[{word}]" for word in words)


@pytest.mark.parametrize("line", ["say 'a", 'say "a', "say a\\", "'"])
def test_a_quote_without_end_is_a_bad_request(server, line):
    conn = server("--command", "say=printf [%s]").connect()
    assert conn.ask("run", line=line).status == "bad_request"
    assert conn.in_step()


def test_an_unknown_command_is_told_with_those_that_there_are(server):
    conn = server("--command", "up=uptime", "--command", "disk=df").connect()
    done = run(conn, "reboot now")
    assert (done.status, done.exit, done.out) == ("ok", 127, b"")
    assert done.err == b"reboot: no such command; there are: up, disk\n"
    assert run(conn, "help").out == b"up\ndisk\n"


def test_an_empty_line_does_nothing(server):
    for options in (["--shell"], ["--command", "up=uptime"]):
        conn = server(*options).connect()
        for line in ("", " \t"):
            done = run(conn, line)
            assert (done.status, done.exit, done.out, done.err) == ("ok", 0, b"", b"")


def test_a_program_that_cannot_be_executed_says_why(server, tmp_path):
    (tmp_path / "text").write_text("no program\n")
    (tmp_path / "broken").write_text("no program either\n")
    (tmp_path / "broken").chmod(0o755)
    made = server(*[word for name in ("none", "text", "broken") for word in ("--command", f"{name}={tmp_path}/{name}")])
    conn = made.connect()
    for name, code, reason in (
        ("none", 127, "No such file or directory"),
        ("text", 126, "Permission denied"),
        ("broken", 126, "Exec format error"),
    ):
        done = run(conn, name)
        assert (done.status, done.exit) == ("ok", code)
        assert done.err.decode() == f"{tmp_path}/{name}: {reason}\n"


def test_with_the_shell_a_line_is_one_of_sh(server):
    conn = server("--shell").connect()
    assert run(conn, "echo $((6 * 7)) | cat; exit 3").out == b"42\n"
    done = run(conn, "no-such-program-here")
    assert done.exit == 127 and b"not found" in done.err
    assert run(conn, "-x").exit == 127
    assert run(conn, "echo 'a").err != b""


def test_named_commands_come_before_the_shell(server):
    conn = server("--shell", "--command", "echo=printf [%s]").connect()
    assert run(conn, "echo a ; id").out == b"[a][;][id]"
    assert run(conn, "/bin/echo a").out == b"a\n"


@pytest.mark.parametrize(
    "rules, wrong",
    [
        (["nonsense"], "NAME=PROGRAM"),
        (["=x"], "NAME=PROGRAM"),
        (["x="], "NAME=PROGRAM"),
        (["x='y"], "NAME=PROGRAM"),
        (["x=true", "x=false"], "x"),
        (["x=no-such-program-here"], "no-such-program-here"),
    ],
)
def test_a_rule_that_makes_no_sense_is_wrong_usage(tmp_path, rules, wrong):
    words = [DORYD, "--root", tmp_path, "--listen", "127.0.0.1:0"]
    for rule in rules:
        words += ["--command", rule]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=wire.PATIENCE)
    assert done.returncode == USAGE
    assert wrong in done.stderr and done.stdout == ""


def test_read_only_is_about_files(server):
    made = server("--read-only", "--command", "say=printf [%s]")
    conn = made.connect()
    assert conn.put("f", b"x").status == "forbidden"
    assert run(conn, "say a").out == b"[a]"


# --- who may reach a shell ---


def can_bind(host):
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.bind((host, 0))
        return True
    except OSError:
        return False


OPEN = ["0.0.0.0:0"] + (["[::]:0"] if can_bind("::") else [])
LOOPBACK = ["127.0.0.1:0", "127.8.9.10:0", "localhost:0"] + (["[::1]:0"] if can_bind("::1") else [])


@pytest.mark.parametrize("address", OPEN)
def test_a_shell_beyond_loopback_is_refused(server, address):
    with pytest.raises(StartFailed) as failure:
        server("--shell", listen=["127.0.0.1:0", address])
    assert failure.value.code == USAGE
    assert "--i-know-this-is-open" in failure.value.err
    assert failure.value.out == ""


@pytest.mark.parametrize("address", OPEN)
def test_a_shell_beyond_loopback_can_be_insisted_on(server, address):
    made = server("--shell", "--i-know-this-is-open", listen=[address])
    with wire.Conn(("::1" if "[" in address else "127.0.0.1", made.address[1])) as conn:
        assert run(conn, "echo a").out == b"a\n"


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_shell_on_loopback_needs_no_word(server, address):
    assert run(server("--shell", listen=[address]).connect(), "echo a").out == b"a\n"


@pytest.mark.parametrize("address", OPEN)
def test_named_commands_may_be_open(server, address):
    server("--command", "up=uptime", listen=[address])


# --- what comes back ---


@pytest.mark.parametrize("code", [0, 1, 2, 126, 255])
def test_the_exit_code_comes_back(server, code):
    assert run(server("--shell").connect(), f"exit {code}").exit == code


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV", "PIPE", "ABRT"])
def test_a_signal_is_told_as_128_and_its_number(server, name):
    done = run(server("--shell").connect(), f"kill -{name} $$")
    assert (done.status, done.exit) == ("ok", 128 + getattr(signal, f"SIG{name}"))


def test_both_outputs_come_marked(server):
    done = run(server("--shell").connect(), "echo a; echo b >&2; echo c; exit 9")
    assert (done.exit, done.out, done.err) == (9, b"a\nc\n", b"b\n")


def test_output_comes_while_the_command_runs(server, mark):
    conn = server("--shell").connect()
    conn.request("run", line=f"echo first; {sleeper(mark)}; echo never")
    assert first_output(conn) == b"first\n"


def test_much_of_both_outputs_comes_whole(server):
    conn = server("--shell").connect()
    done = run(conn, "seq 1 100000 & seq 1 100000 >&2; wait")
    expected = "".join(f"{number}\n" for number in range(1, 100001)).encode()
    assert done.out == expected and done.err == expected


def test_bytes_are_not_looked_at(server):
    every = bytes(range(256)) * 20
    octal = "".join(f"\\{byte:03o}" for byte in range(256))
    conn = server("--shell").connect()
    assert run(conn, f"for i in $(seq 20); do printf '{octal}'; done").out == every


def test_a_command_may_close_its_outputs_and_go_on(server):
    done = run(server("--shell").connect(), "echo a; exec >&- 2>&-; sleep 0.5; exit 4")
    assert (done.out, done.exit) == (b"a\n", 4)


def test_several_lines_sent_at_once_run_one_after_another(server):
    conn = server("--shell").connect()
    numbers = [conn.request("run", line=f"sleep 0.{9 - n}; echo {n}") for n in range(4)]
    assert [take_output(conn, number).out for number in numbers] == [b"%d\n" % n for n in range(4)]


def test_a_silent_command_shows_life(server, mark):
    conn = server("--shell", "--more-every", 0.2).connect()
    conn.request("run", line=sleeper(mark))
    for _ in range(3):
        header, data = conn.answer()
        assert (header["status"], data) == ("more", b"")


def test_without_an_id_nothing_runs(server, tmp_path):
    conn = server("--shell").connect()
    conn.send(frame({"cmd": "run", "line": f"touch {tmp_path}/made"}))
    assert conn.in_step()
    assert run(conn, f"ls {tmp_path}/made").exit != 0


# --- lines ---


def test_a_line_with_nul_is_a_bad_request(server):
    conn = server("--shell").connect()
    assert conn.ask("run", line="echo a\0b").status == "bad_request"
    assert conn.ask("run", line="\0").status == "bad_request"
    assert conn.in_step()


def test_a_line_as_long_as_a_header_runs(server):
    conn = server("--command", "count=sh -c 'printf %s \"$1\" | wc -c' count").connect()
    assert run(conn, "count " + "x" * 4000).out.strip() == b"4000"


def test_a_line_longer_than_a_header_may_be_is_a_bad_header(server):
    made = server("--shell")
    conn = made.connect()
    conn.try_send(frame({"cmd": "run", "id": 1, "line": ": " + "x" * 100 * 1024}))
    assert conn.answer()[0]["status"] == "bad_header"
    assert conn.drain() == b""
    assert made.ask("info").status == "ok"


@pytest.mark.parametrize("fields", [{}, {"line": 1}, {"line": None}, {"line": ["a"]}, {"filename": "a"}])
def test_a_run_without_a_line_is_a_bad_request(server, fields):
    conn = server("--shell").connect()
    assert conn.ask("run", **fields).status == "bad_request"
    assert conn.in_step()


# --- what a command finds ---


def test_a_command_has_its_three_descriptors_and_no_other(server):
    made = server("--command", "list=ls -l /proc/self/fd")
    held = [made.connect() for _ in range(3)]
    for conn in held:
        assert conn.ask("info").status == "ok"
    made.put("f", b"x")
    lines = run(held[0], "list").out.decode().splitlines()
    found = dict(re.findall(r" (\d+) -> (\S+)", "\n".join(lines)))
    listing = [number for number, name in found.items() if name.startswith("/proc/")]  # ls's own
    assert sorted(found) == ["0", "1", "2", *listing] and len(listing) == 1, found
    assert found["0"] == "/dev/null"
    assert found["1"].startswith("pipe:") and found["2"].startswith("pipe:") and found["1"] != found["2"]


def test_descriptors_that_doryd_was_started_with_stay_its_own(server, tmp_path):
    """As from a shell that has some open."""
    with open(tmp_path / "file", "w") as file:
        os.set_inheritable(file.fileno(), True)
        made = server("--command", "list=ls -l /proc/self/fd", before=["sh", "-c", f'exec "$@" 9>{tmp_path}/nine', "sh"])
        assert os.path.exists(f"/proc/{made.pid}/fd/9")
        assert b"nine" not in run(made.connect(), "list").out


def test_standard_input_is_empty(server):
    assert run(server("--shell").connect(), "cat; read x || echo none").out == b"none\n"


def test_signals_are_as_usual(server):
    conn = server("--command", "status=cat /proc/self/status").connect()
    text = run(conn, "status").out.decode()
    masks = {key: int(value, 16) for key, value in re.findall(r"^(Sig(?:Blk|Ign|Cgt)):\s*(\w+)$", text, re.MULTILINE)}
    assert masks["SigBlk"] == 0 and masks["SigCgt"] == 0
    assert masks["SigIgn"] & 0x7FFFFFFF == 0, "none of the 31 that have names"
    done = run(server("--shell").connect(), "yes | head -n 1; exit 0")
    assert (done.out, done.err) == (b"y\n", b""), "SIGPIPE ends yes in silence"


def test_a_command_has_a_process_group_of_its_own_and_no_terminal(server):
    made = server("--shell")
    words = run(made.connect(), "cat /proc/$$/stat").out.decode().rpartition(")")[2].split()
    group, session, terminal = (int(word) for word in words[2:5])
    assert group not in (os.getpgid(made.pid), os.getpgrp())
    assert session != os.getsid(made.pid)
    assert terminal == 0


def test_a_command_has_the_usual_limit_of_open_files(server):
    """doryd raises its own as far as it may; programs that use select() would not live well with that."""

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 2048))

    made = server("--shell", limits=[limit])
    assert run(made.connect(), "ulimit -Sn; ulimit -Hn").out == b"512\n2048\n"


# --- nothing is left ---

FAMILIES = {
    "alone": "{sleeper}",
    "child": "{sleeper} & wait",
    "setsid": "setsid {sleeper} & sleep 10000",
    "nohup": "nohup {sleeper} & sleep 10000",
    "double fork": "(setsid sh -c '(sleep 10000; : {mark}) &' &) ; sleep 10000",
    "deaf": "trap '' TERM HUP INT; {sleeper}; : {mark}; sleep 10000",
    "deaf elsewhere": "setsid sh -c 'trap \"\" TERM HUP; sleep 10000; : {mark}' & wait",
    "stopped": "{sleeper} & kill -STOP $$; : {mark}",
}


def start_family(made, family, mark):
    """Starts it on a connection of its own, and waits until it is there."""
    conn = made.connect()
    conn.request("run", line="echo $$; " + FAMILIES[family].format(sleeper=sleeper(mark), mark=mark))
    first_output(conn)
    poll_until(lambda: without_keepers(mark), "the command is there")
    return conn


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_client_that_goes_away_leaves_no_process(server, mark, family, how):
    made = server("--shell", "--more-every", 0.2)
    before = descriptors(made.pid)
    getattr(start_family(made, family, mark), how)()
    wait_until_none(mark)
    wait_until_childless(made)
    poll_until(lambda: descriptors(made.pid) == before, "all descriptors are closed again")


@pytest.mark.parametrize("line", ["setsid {sleeper} & exit 3", "nohup {sleeper} & exit 3", "({sleeper} &); exit 3"])
def test_what_a_command_leaves_running_is_ended_with_it(server, mark, line):
    made = server("--shell")
    done = run(made.connect(), "echo said; " + line.format(sleeper=sleeper(mark)))
    assert (done.status, done.exit, done.out) == ("ok", 3, b"said\n")
    assert not without_keepers(mark), "that is over before the answer comes"
    wait_until_childless(made)


def test_a_client_that_closes_half_still_gets_its_answer(server):
    conn = server("--shell").connect()
    number = conn.request("run", line="sleep 0.5; echo late; exit 6")
    conn.half_close()
    done = take_output(conn, number)
    assert (done.out, done.exit) == (b"late\n", 6)
    assert conn.drain() == b""


def test_a_client_that_stops_reading_is_dropped_and_its_command_ended(server, mark):
    made = server("--shell", "--output-timeout", 1)
    conn = made.connect(receive_buffer=4096)
    conn.request("run", line=f"yes; : {mark}")
    poll_until(lambda: marked(mark), "the command is there")
    wait_until_none(mark)
    with pytest.raises((Closed, AssertionError)):
        take_output(conn, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_sigterm_of_doryd_ends_commands_and_tells_their_sessions(server, mark, family):
    made = server("--shell", "--linger", 0.2)
    conn = start_family(made, family, mark)
    made.stop()
    done = take_output(conn, 1)
    assert done.status == "ok" and done.exit in (128 + signal.SIGTERM, 128 + signal.SIGKILL), done
    assert conn.drain() == b""
    wait_until_none(mark)


def test_sigterm_of_doryd_does_not_wait_for_who_does_not_read(server, mark):
    made = server("--shell")
    conn = made.connect(receive_buffer=4096)
    conn.request("run", line=f"yes; : {mark}")
    time.sleep(0.5)
    made.stop()  # and that within the patience of a test
    wait_until_none(mark)


@pytest.mark.parametrize("family", FAMILIES)
def test_sigkill_of_doryd_leaves_no_process(server, mark, family):
    made = server("--shell")
    start_family(made, family, mark)
    made.kill()
    wait_until_none(mark)


def test_no_zombie_stays_behind(server):
    made = server("--shell")
    conn = made.connect()
    for _ in range(20):
        assert run(conn, "(true &) ; true & exit 0").exit == 0
    wait_until_childless(made)


def test_doryd_may_be_started_with_sigchld_ignored(server):
    made = server("--shell", before=["sh", "-c", 'trap "" CHLD PIPE TERM; exec "$@"', "sh"])
    conn = made.connect()
    assert run(conn, "sleep 0.1 & wait $!; exit 5").exit == 5
    assert run(conn, "kill -TERM $$").exit == 128 + signal.SIGTERM


# --- limits ---


def test_a_command_that_takes_too_long_is_a_timeout(server, mark):
    made = server("--shell", "--command-timeout", 0.5)
    conn = made.connect()
    for line in (sleeper(mark), f"yes; : {mark}", f"setsid {sleeper(mark)} & wait"):
        assert run(conn, f"echo $$; {line}").status == "timeout"
        wait_until_none(mark)
    assert conn.in_step()


def test_too_much_output_is_too_large(server, mark):
    made = server("--shell", "--command-output", 100_000)
    conn = made.connect()
    done = run(conn, "head -c 60000 /dev/zero; head -c 40000 /dev/zero >&2")
    assert (done.status, len(done.out), len(done.err)) == ("ok", 60000, 40000)
    done = run(conn, f"yes; : {mark}")
    assert (done.status, len(done.out)) == ("too_large", 100_000)
    wait_until_none(mark)
    assert run(conn, "head -c 60000 /dev/zero; head -c 40001 /dev/zero >&2").status == "too_large"
    assert conn.in_step()


def test_too_many_commands_are_busy(server, mark):
    made = server("--shell", "--max-commands", 2)
    held = [made.connect() for _ in range(2)]
    for conn in held:
        conn.request("run", line=f"echo $$; {sleeper(mark)}")
        first_output(conn)
    conn = made.connect()
    assert conn.ask("run", line="echo a").status == "busy"
    assert conn.in_step()
    held[0].reset()
    poll_until(lambda: run(conn, "echo a").status == "ok", "there is room again")


def test_one_command_after_another_is_never_too_many(server):
    conn = server("--shell", "--max-commands", 1).connect()
    for number in range(30):
        assert run(conn, f"echo {number}").out == b"%d\n" % number


def test_a_hundred_commands_run_at_once(server, mark, tmp_path):
    """Each waits until all of them are there."""
    made = server("--shell")
    before = descriptors(made.pid)
    conns = [made.connect(patience=3 * wire.PATIENCE) for _ in range(100)]
    line = 'touch {0}/$n; until [ -e {0}/go ]; do sleep 0.3; done; echo "$n"; exit "$n"; : {1}'
    numbers = [conn.request("run", line=f"n={n}; " + line.format(tmp_path, mark)) for n, conn in enumerate(conns)]
    poll_until(lambda: len([*tmp_path.glob("[0-9]*")]) == 100, "all run", patience=4 * wire.PATIENCE)
    (tmp_path / "go").touch()
    for n, (conn, number) in enumerate(zip(conns, numbers)):
        done = take_output(conn, number)
        assert (done.out, done.exit) == (b"%d\n" % n, n)
    made.close_connections()
    wait_until_childless(made)
    poll_until(lambda: descriptors(made.pid) == before, "all descriptors are closed again")


def test_a_hundred_silent_commands_are_not_polled(server, mark):
    """Each session looks at its clock four times a second; that is all that doryd wakes up for."""
    made = server("--shell")
    for conn in [made.connect() for _ in range(100)]:
        conn.request("run", line=f"echo $$; sleep 10000; : {mark}")
        first_output(conn)
    before, since = switches(made.pid), time.monotonic()
    time.sleep(2)
    often = (switches(made.pid) - before) / (time.monotonic() - since)
    assert often < 25, f"{often:.0f} times a second"


def test_few_descriptors_are_shared_out(server, mark):
    """Sessions, writers and commands fit under the limit of open files together; more than fit are busy."""
    made = server("--shell", limits=[harness.open_file_limit(128)])
    conns = [made.connect() for _ in range(20)]
    numbers = [conn.request("run", line=f"sleep 1; : {mark}") for conn in conns]
    statuses = {take_output(conn, number).status for conn, number in zip(conns, numbers)}
    assert statuses <= {"ok", "busy"} and "ok" in statuses, statuses
    assert run(conns[0], "echo a").out == b"a\n"


@pytest.mark.slow
def test_100_mib_to_a_slow_reader_take_no_memory(server, mark):
    size = 100 * MIB
    made = server("--shell")
    conn = made.connect(receive_buffer=65536)
    assert run(conn, "echo warm").out == b"warm\n"
    number = conn.request("run", line=f"head -c {size} /dev/zero; : {mark}")
    received, least, most, next_look = 0, None, 0, 0
    while True:
        header, data = conn.answer()
        if header["status"] != "more":
            break
        assert not data.strip(b"\0")
        received += len(data)
        if received >= next_look:
            time.sleep(0.02)  # the pipes and the socket fill up
            now = made.resident()
            least, most = min(least or now, now), max(most, now)
            next_look += MIB
    assert (header["status"], header["id"], header["exit"], received) == ("ok", number, 0, size)
    assert most - least < MIB, f"from {least} to {most} bytes resident"


# --- README.md ---

RELAY = """#!/bin/sh
case $2 in
on | off) echo "relay $1 is $2" ;;
*) echo "relay: $2: neither on nor off" >&2; exit 2 ;;
esac
"""


def transcript():
    """The commands of the section, each with what it shows."""
    section = (REPOSITORY / "README.md").read_text().split("\n### Run commands\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"^```\n(\$ doryd.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [part.split("\n", 1) for part in block.removeprefix("$ ").split("\n$ ")]


def test_the_transcript_of_the_readme_is_what_happens(server, dory, tmp_path):
    (tmp_path / "relay").write_text(RELAY)
    (tmp_path / "relay").chmod(0o755)
    (start, _), *steps = transcript()
    options = shlex.split(start)[3:-1]
    assert options[::2] == ["--command", "--command"]
    made = server(*options, before=["sh", "-c", f'cd {tmp_path} && exec "$@"', "sh"])
    assert len(steps) > 4
    for words, shown in steps:
        if words == "echo $?":
            assert shown.strip() == str(done.code)
            continue
        program, run_word, target, *rest = shlex.split(words)
        assert (program, run_word, target) == ("dory", "run", "127.0.0.1")
        done = dory("run", made.at, *rest)
        assert (done.out + done.err).rstrip("\n") == shown.rstrip("\n"), done
