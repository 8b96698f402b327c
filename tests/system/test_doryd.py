# SPDX-License-Identifier: MIT
"""The command line of doryd: what it prints, what it refuses to start with, and that each limit is an option."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

import harness
import wire
from harness import DORYD, MIB, StartFailed, pattern
from wire import frame

pytestmark = pytest.mark.linux


def run_doryd(*words):
    """doryd with a command line that makes it end by itself."""
    done = subprocess.run(
        [DORYD, *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=wire.PATIENCE
    )
    assert not harness.SANITIZER.search(done.stderr), done.stderr
    assert done.returncode >= 0, done
    return done


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


# --- help and wrong words ---


def test_help_fits_a_screen_and_shows_an_example():
    done = run_doryd("--help")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.rstrip("\n").split("\n")
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert "--root" in done.stdout and "xample" in done.stdout


def test_version_is_told():
    done = run_doryd("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"\S+ \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize(
    "words, wrong",
    [
        (["--frobnicate"], "--frobnicate"),
        (["--listen", "nonsense"], "nonsense"),
        (["--name", "n" * 33], "n" * 33),
        (["--name", "€" * 11], "€" * 11),
        (["--name", ""], "--name"),
        (["--name", "a\nb"], "--name"),
        (["--name", 'a"b'], 'a"b'),
        (["--name", "a\\b"], "--name"),
        (["--listen", "127.0.0.1:99999"], "99999"),
        (["--listen", "127.0.0.1:http:80"], "127.0.0.1:http:80"),
        (["--sessions", "many"], "many"),
        (["--sessions", "0"], "0"),
        (["--sessions", "-3"], "-3"),
        (["--idle-timeout", "soon"], "soon"),
        (["--idle-timeout", "-1"], "-1"),
        (["--max-file", "1.5"], "1.5"),
        (["--max-file", "99999999999999999999999"], "99999999999999999999999"),
        (["--max-header", "1"], "1"),
        (["--max-name", "0"], "0"),
        (["--partials", "x"], "x"),
        (["--min-rate", "fast"], "fast"),
        (["--max-file"], "--max-file"),
        (["stray"], "stray"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_names_the_wrong_word(tmp_path, words, wrong):
    done = run_doryd("--root", tmp_path, "--listen", "127.0.0.1:0", *words)
    assert done.returncode == 2
    assert wrong in done.stderr
    assert done.stdout == ""


def test_a_root_is_needed():
    done = run_doryd()
    assert done.returncode == 2
    assert "--root" in done.stderr


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_root_that_is_no_folder_is_named(tmp_path, kind):
    root = tmp_path / "elsewhere"
    if kind == "file":
        root.write_bytes(b"")
    done = run_doryd("--root", root, "--listen", "127.0.0.1:0")
    assert done.returncode not in (0, None)
    assert str(root) in done.stderr
    assert "listening" not in done.stdout


def test_an_address_that_is_taken_is_named(server):
    made = server()
    with pytest.raises(StartFailed) as failure:
        server(listen=[made.at])
    assert failure.value.code > 0
    assert str(made.address[1]) in failure.value.err


# --- listening ---


def test_port_0_picks_one_and_it_is_told(server):
    made = server()
    assert made.address[0] == "127.0.0.1" and made.address[1] > 0
    assert made.out_file.read_text() == f"listening on {made.at}\n"


def test_it_listens_on_every_address_given(server):
    made = server(listen=["127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0"])
    assert len(set(made.addresses)) == 3
    made.put("f", b"shared")
    for address in made.addresses:
        with wire.Conn(address) as conn:
            assert conn.ask("get", filename="f").data == b"shared"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_it_listens_on_ipv6(server):
    made = server(listen=["[::1]:0", "127.0.0.1:0"])
    assert made.addresses[0][0] == "::1" and made.at.startswith("[::1]:")
    for address in made.addresses:
        with wire.Conn(address) as conn:
            assert conn.ask("info").status == "ok"


# --- options ---


def test_read_only_serves_and_takes_nothing(server):
    made = server("--read-only")
    (made.root / "f").write_bytes(b"there")
    conn = made.connect()
    assert conn.ask("get", filename="f").data == b"there"
    assert conn.put("f", b"new").status == "forbidden"
    assert conn.resume("f", b"new")[1].status == "forbidden"
    assert conn.ask("delete", filename="f").status == "forbidden"
    conn.send(frame({"cmd": "put", "filename": "f", "filesize": 3}, b"new"))
    assert conn.in_step()
    assert os.listdir(made.root) in (["f"], [".dory", "f"], ["f", ".dory"])
    assert (made.root / "f").read_bytes() == b"there"


def test_max_file_is_told_and_kept(server):
    made = server("--max-file", 1000)
    assert made.info["max_file"] == 1000
    conn = made.connect()
    assert conn.put("f", pattern(1000)).status == "ok"
    assert conn.put("f", pattern(1001)).status == "too_large"
    assert conn.resume("f", pattern(1001))[1].status == "too_large"
    conn.send(frame({"cmd": "put", "filename": "f", "filesize": 1001}, pattern(1001)))
    assert conn.in_step()
    assert made.get("f") == pattern(1000)


def test_max_header_is_told_and_kept(server):
    made = server("--max-header", 700)
    assert made.info["max_header"] == 700
    assert made.info["max_header"] >= 2 * made.info["max_name"] + 128, "names have to fit"
    for size, fine in ((700, True), (701, False)):
        text = b'{"cmd":"info","id":1,"pad":"'
        conn = made.connect()
        conn.try_send(frame(text + b"x" * (size - len(text) - 2) + b'"}'))
        header, _ = conn.answer()
        assert header["status"] == ("ok" if fine else "bad_header")


def test_max_name_is_told_and_kept(server):
    made = server("--max-name", 64)
    assert made.info["max_name"] == 64
    conn = made.connect()
    assert conn.put("n" * 64, b"x").status == "ok"
    assert conn.put("n" * 65, b"x").status == "bad_name"


def test_its_name_is_told(server):
    assert server("--name", "bench 7 \u00e4").info["name"] == "bench 7 \u00e4"


def test_without_a_name_it_has_that_of_the_host(server):
    info = server().info
    assert info["name"] == socket.gethostname()[:32]
    assert (info["board"], info["firmware"]) == ("linux", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", info["server"])


def test_usual_limits_are_told(server):
    info = server().info
    assert (info["max_header"], info["max_name"]) == (4096, 255)
    assert info["sessions"] == 1024 or info["sessions"] > 100


def test_more_sessions_than_descriptors_are_clipped(server):
    made = server("--sessions", 100000, limits=[harness.open_file_limit(64)])
    assert 1 <= made.info["sessions"] < 64


def test_no_sync_changes_nothing_but_speed(server):
    made = server("--no-sync")
    made.put("f", pattern(MIB))
    assert made.get("f") == pattern(MIB)


def test_free_tells_the_room_of_the_disk(server):
    made = server()
    room = os.statvfs(made.root)
    assert abs(made.info["free"] - room.f_bavail * room.f_frsize) < max(1 << 30, room.f_bavail * room.f_frsize // 10)


def test_two_servers_share_a_root_only_if_that_is_safe(server, tmp_path):
    """Either the second refuses to start, or it leaves the first one's unfinished put alone."""
    root = tmp_path / "root"
    root.mkdir()
    first = server(root=root)
    conn = first.connect()
    number = conn.put_header("f", b"0123456789")
    conn.send(b"01234")
    harness.poll_until(lambda: first.has_read(conn), "the put is under way")
    try:
        second = server(root=root)
    except StartFailed as failure:
        assert str(root) in failure.err
    else:
        second.partials = first.partials = 1
        second.put("g", b"second")
    conn.send(b"56789")
    assert conn.final(number).status == "ok"
    assert first.get("f") == b"0123456789"


def test_it_says_nothing_on_stderr_while_all_is_well(server):
    made = server()
    made.put("f", b"x")
    made.get("f")
    made.stop()
    assert made.err == ""


def test_make_install_brings_the_programs_and_make_uninstall_removes_them(tmp_path):
    if pathlib.Path(harness.DORYD) != harness.REPOSITORY / "build/gcc/doryd":
        pytest.skip("only the normal build is installed")
    quiet = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")}
    folder = tmp_path / "usr/bin"

    def make(goal):
        words = ["make", "-s", goal, f"DESTDIR={tmp_path}", "PREFIX=/usr"]
        subprocess.run(words, cwd=harness.REPOSITORY, check=True, stdin=subprocess.DEVNULL, env=quiet)

    make("install")
    assert sorted(path.name for path in folder.iterdir()) == ["dory", "doryd", "dorysign"]
    for program in ("dory", "doryd", "dorysign"):
        told = subprocess.run([folder / program, "--version"], capture_output=True, check=True)
        assert told.stdout.startswith(program.encode() + b" ")
    make("uninstall")
    assert list(folder.iterdir()) == []
