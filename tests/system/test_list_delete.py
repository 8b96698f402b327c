# SPDX-License-Identifier: MIT
"""stat, list and delete: what they tell, what they leave alone, and that they stay in step with puts."""

import os
import threading

import pytest

import wire
from harness import pattern, poll_until
from wire import crc32

# --- stat ---


def test_stat_tells_size_and_version_and_reads_nothing(target):
    name = target.name()
    target.put(name, pattern(1234))
    answer = target.stat(name)
    assert (answer.status, answer["filesize"], answer["data_size"]) == ("ok", 1234, 0)
    assert isinstance(answer["version"], str) and answer["version"]
    assert "crc32" not in answer
    assert "crc32" not in target.stat(name, check=False)


def test_stat_with_check_tells_the_crc32(target):
    name = target.name()
    for size in (0, 1, 4096, 100_001):
        data = pattern(target.size(size))
        target.put(name, data)
        answer = target.stat(name, check=True)
        assert (answer.status, answer["crc32"], answer["filesize"]) == ("ok", crc32(data), len(data))


def test_stat_of_nothing_is_not_found(target):
    answer = target.stat(target.name())
    assert answer.status == "not_found"
    assert "partial" not in answer or answer["partial"] == 0
    assert target.stat(target.name(), check=True).status == "not_found"


@pytest.mark.linux
@pytest.mark.slow
def test_a_long_check_tells_that_it_lives_and_holds_up_nobody(server):
    """Re-reading goes in slices: others are answered, and empty parts keep the client's patience."""
    made = server("--more-every", "0.05")
    size = 1 << 30
    with open(made.root / "f", "wb") as file:  # sparse: it costs time to read, and no room
        file.truncate(size)
    conn, other = made.connect(), made.connect()
    number = conn.request("stat", filename="f", check=True)
    parts, answered = [], 0
    while not parts or parts[-1]["status"] == "more":
        assert other.ask("info").status == "ok"
        answered += 1
        if conn.poll_input(0):
            header, data = conn.answer()
            assert (header["id"], data) == (number, b"")
            parts.append(header)
    assert parts[-1]["status"] == "ok" and "crc32" in parts[-1]
    assert len(parts) > 1
    assert answered > 5, "the others had to wait"


# --- list ---


def test_a_list_tells_every_file_with_its_size_once(target):
    names = {target.name("list-a"): 0, target.name("list-b"): 1, target.name("list-b") + "/sub/c": 5000}
    target.names.extend(names)
    for name, size in names.items():
        target.put(name, pattern(size))
    listed = target.listing()
    assert {name: size for name, size in listed.items() if name in names} == names
    assert {name: size for name, size in target.listing("list-").items() if name in names} == names


def test_a_prefix_counts_in_bytes_of_the_whole_name(target):
    base = target.name("pre")
    names = [base + tail for tail in ("", "x", "x/y", "x/z", "\u00e4", "\u00e5")]
    names[1] = base + "x.txt"
    target.names.extend(names)
    for name in names:
        target.put(name, b"1")
    for prefix, expected in (
        (base, names),
        (base[:-1], names),
        (base + "x", names[1:4]),
        (base + "x/", names[2:4]),
        (base + "x/y", names[2:3]),
        (base + "x/yy", []),
        (base + "x//", []),
        (base + "X", []),
        (base + "\u00e4", names[4:5]),
        ("/" + base, []),
        ("./" + base, []),
        ("../", []),
        ("\x00", []),
        (base + "\\", []),
    ):
        listed = [name for name in target.listing(prefix) if name.startswith(base)]
        assert sorted(listed) == sorted(expected), prefix
    assert set(target.listing("")) == set(target.listing())


def test_a_prefix_longer_than_any_name_matches_nothing(target):
    limit = target.info["max_name"]
    for length in (limit, limit + 1, limit + 50):
        answer = target.ask("list", prefix="p" * length)
        assert answer.data == b""
        assert answer.status in ("ok", "bad_request", "bad_name")


def test_a_list_of_nothing_is_ok_and_empty(target):
    answer = target.ask("list", prefix=target.name("nothing"))
    assert (answer.status, answer.data) == ("ok", b"")


def test_a_list_comes_in_parts_of_one_id(target):
    name = target.name()
    target.put(name, b"x")
    conn = target.connect()
    answer = conn.ask("list", prefix=name)
    assert all(part["status"] == "more" for part in answer.parts[:-1])
    assert answer.data.endswith(b"\n")
    assert wire.parse_object(answer.data.strip()) == {"filename": name, "filesize": 1}
    assert conn.in_step()


@pytest.mark.linux
def test_a_list_of_thousands_of_files_is_complete(server):
    made = server()
    expected = {}
    for folder in range(20):
        (made.root / f"folder {folder}").mkdir()
        for number in range(150):
            name = f'folder {folder}/file "{number}" \u20ac {"long " * (number % 30)}'
            (made.root / name).write_bytes(b"x" * (number % 7))
            expected[name] = number % 7
    assert made.listing() == expected
    assert made.listing("folder 7/") == {name: size for name, size in expected.items() if name.startswith("folder 7/")}


@pytest.mark.linux
def test_a_list_goes_through_while_files_come_and_go(server):
    made = server()
    for number in range(300):
        (made.root / f"stays-{number}").write_bytes(b"x")
    over, problems = threading.Event(), []

    def churn():
        try:
            with wire.Conn(made.address) as conn:
                number = 0
                while not over.is_set():
                    name = f"dir-{number % 5}/comes-{number % 50}"
                    if conn.put(name, b"y").status != "ok" or conn.ask("delete", filename=name).status != "ok":
                        problems.append(name)
                    number += 1
        except Exception as error:  # a thread's failure is the test's
            problems.append(error)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(20):
            listed = made.listing()
            assert sum(name.startswith("stays-") for name in listed) == 300
    finally:
        over.set()
        thread.join()
    assert not problems


@pytest.mark.linux
def test_deep_folders_are_listed_and_served(server):
    made = server()
    name = "/".join("d" * 60) + "/file"
    made.put(name, b"deep")
    assert made.get(name) == b"deep"
    assert made.listing() == {name: 4}


@pytest.mark.linux
def test_what_lies_too_deep_for_a_name_is_not_listed(server):
    """Such a file could not be asked for; walking down to it must not hurt either."""
    made = server()
    made.put("near", b"1")
    here = os.getcwd()
    try:
        os.chdir(made.root)
        for _ in range(400):
            os.mkdir("deep")
            os.chdir("deep")
        with open("file", "wb"):
            pass
    finally:
        os.chdir(here)
    assert made.listing() == {"near": 1}


@pytest.mark.linux
def test_a_folder_that_may_not_be_read_does_not_hide_the_rest(server, permissions):
    made = server(limits=[permissions])
    made.put("open", b"1")
    made.put("shut/f", b"1")
    (made.root / "shut").chmod(0)
    try:
        answer = made.ask("list")
        assert b'"open"' in answer.data
        assert made.ask("get", filename="shut/f").status in ("forbidden", "io_error")
    finally:
        (made.root / "shut").chmod(0o755)


# --- delete ---


def test_a_deleted_file_is_gone(target):
    name = target.name()
    target.put(name, b"x")
    assert target.ask("delete", filename=name).status == "ok"
    assert target.stat(name).status == "not_found"
    assert target.ask("get", filename=name).status == "not_found"
    assert name not in target.listing()
    assert target.ask("delete", filename=name).status == "not_found"


def test_a_deleted_name_can_be_put_again(target):
    name = target.name()
    for number in range(5):
        target.put(name, b"%d" % number)
        assert target.get(name) == b"%d" % number
        assert target.ask("delete", filename=name).status == "ok"


def test_deleting_one_file_leaves_its_neighbours(target):
    base = target.name("dir")
    names = [base + tail for tail in ("/a", "/ab", "/sub/a")]
    target.names.extend(names)
    for name in names:
        target.put(name, b"x")
    assert target.ask("delete", filename=names[0]).status == "ok"
    assert sorted(target.listing(base)) == names[1:]


@pytest.mark.linux
def test_the_folder_of_the_last_deleted_file_stays(server):
    made = server()
    made.put("a/b/f", b"x")
    assert made.ask("delete", filename="a/b/f").status == "ok"
    assert (made.root / "a/b").is_dir()
    made.put("a/b/f", b"x")


@pytest.mark.linux
def test_a_delete_that_may_not_happen_fails_by_name(server, permissions):
    made = server(limits=[permissions])
    made.put("shut/f", b"x")
    (made.root / "shut").chmod(0o555)
    try:
        assert made.ask("delete", filename="shut/f").status in ("forbidden", "io_error")
        assert made.get("shut/f") == b"x"
    finally:
        (made.root / "shut").chmod(0o755)


@pytest.mark.linux
def test_two_deletes_of_one_file_at_once_end_with_one_ok(server):
    made = server()
    for _ in range(20):
        made.put("f", b"x")
        conns = [made.connect() for _ in range(4)]
        numbers = [conn.request("delete", filename="f") for conn in conns]
        statuses = sorted(conn.final(number).status for conn, number in zip(conns, numbers))
        assert statuses.count("ok") == 1
        assert set(statuses) <= {"ok", "not_found", "busy"}
        poll_until(lambda: made.stat("f").status == "not_found", "gone")
        made.close_connections()
