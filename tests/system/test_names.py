# SPDX-License-Identifier: MIT
"""Names: which are refused, by every command alike, and that nothing outside the root is ever reached.

The folder store has more to refuse than the name rule says: symbolic links, and whatever is no regular file.
"""

import json
import os
import socket
import stat

import pytest

import harness
from wire import frame

REFUSED = [
    "",
    ".",
    "..",
    "/",
    "//",
    "/a",
    "/etc/passwd",
    "a/",
    "a//b",
    "./a",
    "../a",
    "a/.",
    "a/..",
    "a/./b",
    "a/../b",
    "../../../../etc/passwd",
    "a\\b",
    "\\",
    "..\\a",
    "C:\\a",
    ".dory",
    ".dory/x",
    ".doryx",
    ".dory.tmp",
    "a/.dory",
    "a/.dory/b",
    "a/.dorybell",
    "a\x00b",
    "\x00",
    "a\x00",
    "\x7f",
    "a\x7fb",
] + [f"a{chr(code)}b" for code in range(0x01, 0x20)]

ACCEPTED = [
    "a b",
    " ",
    "...",
    "..a",
    "a..",
    "a.",
    ".a",
    ".dor",
    "dory",
    "x.dory",
    ".Dory",
    "-rf",
    "~",
    "*",
    "%2e%2e",
    "a:b",
    "\"quoted\"",
    "'",
    "$(reboot)",
    "\u0080",
    "\u00e4",
    "a\u0308",  # the same to the eye, another name
    "\u20ac",
    "\U0001f6f6",
    "\u2028",
    "a/b",
    "a/b/c/d",
    "..a/..b",
]


def refuse_everywhere(target, name):
    """All four commands say bad_name, a put's body is skipped, and the stream stays in step."""
    conn = target.connect()
    for cmd in ("get", "stat", "delete"):
        answer = conn.ask(cmd, filename=name)
        assert answer.status == "bad_name", (cmd, answer)
    assert conn.put(name, b"body").status == "bad_name"
    assert conn.put(name, b"").status == "bad_name"
    assert conn.resume(name, b"body")[1].status == "bad_name"
    conn.send(frame({"cmd": "put", "filename": name, "filesize": 4}, b"body"))  # without id: in silence
    assert conn.in_step()
    conn.close()


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_against_the_rule_is_refused_by_every_command(target, name):
    before = target.listing()
    refuse_everywhere(target, name)
    assert target.listing() == before


def test_a_name_is_judged_after_unescaping(target):
    conn = target.connect()
    for escaped in (r"\u002e\u002e\u002fx", r"..\/x", r"\u0000", r"a\u005cb", r"\u002edory", r"a\nb"):
        conn.send(frame(f'{{"cmd":"get","id":1,"filename":"{escaped}"}}'.encode()))
        assert conn.final(1).status == "bad_name", escaped


def test_a_name_longer_than_the_limit_is_refused(target):
    limit = target.info["max_name"]
    refuse_everywhere(target, "n" * (limit + 1))
    refuse_everywhere(target, "n" * (limit // 2) + "/" + "n" * (limit - limit // 2))
    refuse_everywhere(target, "\u00e4" * (limit // 2 + 1))  # bytes count, not letters


@pytest.mark.parametrize("letter", ["n", "\u00e4", '"'], ids=ascii)
def test_a_name_of_the_limit_is_taken(target, letter):
    name = target.name()
    name += letter * ((target.info["max_name"] - len(name)) // len(letter.encode()))
    name += "n" * (target.info["max_name"] - len(name.encode()))
    target.names.append(name)
    target.put(name, b"long")
    assert target.get(name) == b"long"
    assert target.listing(name) == {name: 4}


@pytest.mark.parametrize("form", ACCEPTED, ids=ascii)
def test_an_odd_name_that_the_rule_allows_is_stored_and_listed_as_it_is(target, form):
    target.names.append(form)
    target.put(form, b"odd")
    assert target.get(form) == b"odd"
    assert target.listing(form)[form] == 3
    assert target.ask("delete", filename=form).status == "ok"
    assert target.stat(form).status == "not_found"


def test_names_that_differ_in_case_or_in_composition_are_different(target):
    base = target.name()
    for number, tail in enumerate(("k", "K", "\u00e4", "a\u0308")):
        target.names.append(base + tail)
        target.put(base + tail, b"x" * number)
    for number, tail in enumerate(("k", "K", "\u00e4", "a\u0308")):
        assert target.get(base + tail) == b"x" * number


def test_escaped_and_plain_utf8_name_the_same_file(target):
    name = target.name() + "\U0001f6f6\u20ac"
    target.names.append(name)
    conn = target.connect()
    text = json.dumps({"cmd": "put", "id": 1, "filename": name, "filesize": 2}, ensure_ascii=True)
    assert "\\ud83d" in text
    conn.send(frame(text.encode(), b"hi"))
    assert conn.final(1).status == "ok"
    assert target.get(name) == b"hi"


def test_a_file_is_no_folder(target):
    name = target.name()
    target.put(name, b"file")
    refuse_everywhere(target, name + "/below")
    refuse_everywhere(target, name + "/below/deep")
    assert target.get(name) == b"file"


def test_a_folder_is_no_file(target):
    folder = target.name()
    target.names[-1] = folder + "/file"
    target.put(folder + "/file", b"inside")
    refuse_everywhere(target, folder)
    assert target.get(folder + "/file") == b"inside"


# --- what lies in the folder ---


@pytest.mark.linux
def test_no_symbolic_link_is_followed(server, tmp_path):
    made = server()
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "secret"
    secret.write_bytes(b"secret")
    (made.root / "inside").mkdir()
    (made.root / "inside" / "file").write_bytes(b"file")
    links = {
        "link-to-file-outside": secret,
        "link-to-file-inside": "inside/file",
        "link-to-nothing": outside / "new",
        "link-to-itself": "link-to-itself",
        "link-to-folder-outside": outside,
        "link-to-folder-inside": "inside",
        "link-up": "..",
        "link-to-root": "/",
    }
    for name, where in links.items():
        (made.root / name).symlink_to(where)
    for name in links:
        refuse_everywhere(made, name)
    for name in (
        "link-to-folder-outside/secret",
        "link-to-folder-outside/new",
        "link-to-folder-inside/file",
        "link-to-folder-inside/new/deep",
        "link-up/outside/secret",
        "link-to-root/etc/passwd",
        "inside/../link-up/x",
    ):
        refuse_everywhere(made, name)
    assert sorted(os.listdir(outside)) == ["secret"]
    assert secret.read_bytes() == b"secret"
    assert sorted(os.listdir(made.root / "inside")) == ["file"]
    assert all((made.root / name).is_symlink() for name in links)
    assert made.listing() == {"inside/file": 4}


@pytest.mark.linux
def test_a_link_in_place_of_the_servers_own_folder_is_not_followed(server, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / ".dory").symlink_to(elsewhere)
    try:
        made = server(root=root)
    except harness.StartFailed:
        return  # not to start at all is the safest answer
    conn = made.connect()
    conn.put_header("f", b"x" * 100)
    conn.send(b"x" * 50)
    conn.half_close()
    conn.drain()
    (root / ".dory").unlink(missing_ok=True)  # whatever is there now would count as left behind
    assert os.listdir(elsewhere) == []


@pytest.mark.linux
def test_only_regular_files_are_opened(server):
    made = server()
    os.mkfifo(made.root / "fifo")
    (made.root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        here = os.getcwd()
        os.chdir(made.root)  # the path of a socket has to be short
        try:
            unix.bind("socket")
        finally:
            os.chdir(here)
    odd = ["fifo", "folder", "socket", "fifo/x", "socket/x"]
    if os.geteuid() == 0:
        try:
            os.mknod(made.root / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
            odd.append("zero")
        except OSError:
            pass  # a container may forbid it
    for name in odd:
        refuse_everywhere(made, name)
    assert made.listing() == {}
    assert stat.S_ISFIFO((made.root / "fifo").lstat().st_mode)


@pytest.mark.linux
def test_the_servers_own_folder_can_be_neither_read_nor_listed(server):
    made = server()
    made.partials = 1
    data = b"p" * 1000
    conn = made.connect()
    conn.put_header("f", data)
    conn.send(data[:600])
    conn.half_close()
    conn.drain()
    assert made.leftovers(), "a partial is expected there"
    for path in made.leftovers():
        refuse_everywhere(made, str(path.relative_to(made.root)))
    for prefix in (None, "", ".", ".dory", ".dory/"):
        assert made.listing(prefix) == {}


@pytest.mark.linux
def test_files_are_what_the_folder_holds(server):
    made = server()
    made.put("top", b"1")
    made.put("sub/deep/file", b"22")
    assert (made.root / "top").read_bytes() == b"1"
    assert (made.root / "sub/deep/file").read_bytes() == b"22"
    (made.root / "sub" / "by-hand").write_bytes(b"333")
    assert made.get("sub/by-hand") == b"333"
    assert made.listing() == {"top": 1, "sub/deep/file": 2, "sub/by-hand": 3}


@pytest.mark.linux
def test_a_name_that_is_no_utf8_in_the_folder_spoils_no_listing(server):
    made = server()
    made.put("good", b"1")
    try:
        with open(os.path.join(os.fsencode(made.root), b"bad-\xff\xfe"), "wb") as file:
            file.write(b"x")
        with open(os.path.join(os.fsencode(made.root), b"new\nline"), "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert made.listing() == {"good": 1}


def test_many_refusals_in_a_row_leave_the_stream_in_step(target):
    conn = target.connect()
    names = [name for name in REFUSED if name] * 20
    conn.send(b"".join(frame({"cmd": "stat", "id": number, "filename": name}) for number, name in enumerate(names)))
    for number in range(len(names)):
        assert conn.final(number).status == "bad_name"
    assert conn.in_step()


def test_the_refusal_of_a_name_comes_before_its_body(target):
    conn = target.connect()
    number = conn.put_header("../x", b"x" * 1000)
    assert conn.final(number).status == "bad_name"
    conn.send(b"x" * 1000)
    assert conn.in_step()
