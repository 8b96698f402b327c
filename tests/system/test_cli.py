# SPDX-License-Identifier: MIT
"""The command line of dory: every command, its exit codes, its words on stdout and stderr, its local files.

What a bad network does to it is in test_cli_network.py.
"""

import os
import re
import resource
import signal
import stat

import pytest

import harness
from harness import DONE, LOCAL_FILE, MIB, REFUSED, USAGE, pattern


def expect(result, code):
    assert result.code == code, result
    if code not in (DONE, USAGE):
        assert result.err.strip(), f"a failure is explained: {result}"
    return result


def whole_word(text, where):
    """The word stands there, and not as a piece of another."""
    return re.search(r"(?<![\w.-])" + re.escape(text) + r"(?![\w-])", where)


# --- help and wrong words ---


def test_help_fits_a_screen_and_shows_an_example(dory):
    for words in (["--help"], ["put", "--help"]):
        result = expect(dory(*words), DONE)
        lines = result.out.rstrip("\n").split("\n")
        assert len(lines) <= 24 and max(map(len, lines)) <= 80
        assert "xample" in result.out
        assert result.err == ""
    for command in ("put", "get", "ls", "rm", "stat", "info", "run", "shell", "flash", "discover"):
        assert whole_word(command, result.out), command


def test_version_is_told(dory):
    result = expect(dory("--version"), DONE)
    assert re.fullmatch(r"\S+ \d+\.\d+\.\d+\S*\n", result.out)


@pytest.mark.parametrize(
    "words, wrong",
    [
        (["frobnicate", "127.0.0.1:1"], "frobnicate"),
        (["put", "--frobnicate", "f", "127.0.0.1:1"], "--frobnicate"),
        (["--frobnicate"], "--frobnicate"),
        (["put", "-x", "f", "127.0.0.1:1"], "-x"),
        (["get", "-r", "127.0.0.1:1/f"], "-r"),
        (["ls", "--no-reply", "127.0.0.1:1"], "--no-reply"),
        (["info", "--timeout", "soon", "127.0.0.1:1"], "soon"),
        (["info", "--timeout", "-1", "127.0.0.1:1"], "-1"),
        (["info", "--retries", "often", "127.0.0.1:1"], "often"),
        (["info", "--retries", "1.5", "127.0.0.1:1"], "1.5"),
        (["info", "--timeout"], "--timeout"),
        (["info", "127.0.0.1:99999"], "99999"),
        (["info", "127.0.0.1:http"], "127.0.0.1:http"),
        (["info", "127.0.0.1:"], "127.0.0.1:"),
        (["info", "[::1"], "[::1"),
        (["info", "127.0.0.1:1", "stray"], "stray"),
        (["get", "127.0.0.1:1/f", "f", "stray"], "stray"),
        (["get", "127.0.0.1:1"], "127.0.0.1:1"),
        (["stat", "127.0.0.1:1"], "127.0.0.1:1"),
        (["rm", "127.0.0.1:1"], "127.0.0.1:1"),
        (["put", "f", "g", "127.0.0.1:1/name"], "name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_names_the_wrong_word(dory, local, words, wrong):
    local("f", b"f")
    local("g", b"g")
    result = expect(dory(*words), USAGE)
    assert wrong in result.err
    assert result.data == b""
    assert sorted(os.listdir(dory.folder)) == ["f", "g"]


@pytest.mark.parametrize("words", [[], ["put"], ["put", "f"], ["get"], ["ls"], ["rm"], ["stat"], ["info"]], ids=" ".join)
def test_a_missing_word_is_wrong_usage(dory, local, words):
    local("f", b"f")
    assert expect(dory(*words), USAGE).err.strip()


def test_a_folder_needs_r(dory, local):
    local("folder/f", b"x")
    result = dory("put", "folder", "127.0.0.1:1")
    assert result.code in (USAGE, LOCAL_FILE)
    assert "folder" in result.err


# --- put and get ---


@pytest.mark.parametrize("size", [0, 1, 1000, 65535, 65536, 65537, 3 * MIB])
def test_a_file_goes_there_and_back(target, dory, local, size):
    name, data = target.name(), pattern(target.size(size))
    local("source", data)
    expect(dory("put", "source", f"{target.at}/{name}"), DONE)
    assert target.get(name) == data
    expect(dory("get", f"{target.at}/{name}", "copy"), DONE)
    assert (dory.folder / "copy").read_bytes() == data


def test_a_file_keeps_its_own_name_unless_one_is_given(target, dory, local):
    name, other = target.name(), target.name()
    path = local(f"sub/{name}", b"named")
    expect(dory("put", f"sub/{name}", target.at), DONE)
    assert target.get(name) == b"named"
    expect(dory("put", path, f"{target.at}/{other}"), DONE)
    assert target.get(other) == b"named"
    expect(dory("get", f"{target.at}/{name}"), DONE)
    assert (dory.folder / name).read_bytes() == b"named"


def test_a_file_in_a_folder_comes_back_under_its_last_name(target, dory):
    name = target.name()
    target.names[-1] = f"some/where/{name}"
    target.put(f"some/where/{name}", b"x")
    expect(dory("get", f"{target.at}/some/where/{name}"), DONE)
    assert (dory.folder / name).read_bytes() == b"x"


def test_several_files_go_to_a_target_or_to_a_name_that_ends_in_a_slash(target, dory, local):
    names = [target.name("several") for _ in range(3)]
    for name in names:
        local(name, name.encode())
    expect(dory("put", *names, target.at), DONE)
    folder = f"{names[0]}-dir"
    target.names.extend(f"{folder}/{name}" for name in names)
    expect(dory("put", *names, f"{target.at}/{folder}/"), DONE)
    for name in names:
        assert target.get(name) == name.encode()
        assert target.get(f"{folder}/{name}") == name.encode()


def test_one_file_may_go_to_a_name_that_ends_in_a_slash(target, dory, local):
    name = target.name()
    local(name, b"x")
    target.names.append(f"{name}-dir/{name}")
    expect(dory("put", name, f"{target.at}/{name}-dir/"), DONE)
    assert target.get(f"{name}-dir/{name}") == b"x"


def test_get_to_a_dash_writes_to_stdout_and_nothing_else(target, dory):
    name, data = target.name(), bytes(range(256)) * 300
    target.put(name, data[: target.size(len(data))])
    result = expect(dory("get", f"{target.at}/{name}", "-"), DONE)
    assert result.data == data[: target.size(len(data))]
    assert os.listdir(dory.folder) == []


def test_get_replaces_a_local_file(target, dory, local):
    name = target.name()
    target.put(name, b"new")
    local("copy", b"something old and longer")
    expect(dory("get", f"{target.at}/{name}", "copy"), DONE)
    assert (dory.folder / "copy").read_bytes() == b"new"
    assert os.listdir(dory.folder) == ["copy"]


def test_a_get_that_fails_leaves_the_local_file(target, dory, local):
    local("copy", b"precious")
    expect(dory("get", f"{target.at}/{target.name()}", "copy"), REFUSED)
    assert (dory.folder / "copy").read_bytes() == b"precious"
    expect(dory("get", f"{target.at}/{target.name()}"), REFUSED)
    assert os.listdir(dory.folder) == ["copy"]


def test_a_name_with_odd_letters_goes_there_and_back(target, dory, local):
    name = target.name() + ' \u20ac "\u00e4" \U0001f6f6'
    target.names.append(name)
    local(name, b"odd")
    expect(dory("put", name, target.at), DONE)
    assert target.get(name) == b"odd"
    expect(dory("get", f"{target.at}/{name}", "copy"), DONE)
    assert (dory.folder / "copy").read_bytes() == b"odd"
    assert name in dory("ls", target.at).out or "\\u" in dory("ls", target.at).out


@pytest.mark.linux
def test_a_folder_goes_with_r(server, dory, local):
    made = server()
    files = {"a": b"a", "b.bin": pattern(100_000), "sub/c": b"", "sub/deep/er/d \u20ac": b"d", "empty name.txt": b"e"}
    for name, data in files.items():
        local(f"folder/{name}", data)
    (dory.folder / "folder/nothing-in-it").mkdir()
    expect(dory("put", "-r", "folder", made.at), DONE)
    assert {name: made.get(name) for name in made.listing()} == {f"folder/{name}": data for name, data in files.items()}


@pytest.mark.linux
def test_a_folder_goes_to_a_name_that_ends_in_a_slash(server, dory, local):
    made = server()
    local("folder/sub/f", b"x")
    local("single", b"y")
    expect(dory("put", "-r", "folder", "single", f"{made.at}/up/"), DONE)
    assert made.listing() == {"up/folder/sub/f": 1, "up/single": 1}


@pytest.mark.linux
def test_what_is_no_file_in_a_folder_is_not_sent_and_does_not_hang(server, dory, local):
    made = server()
    local("folder/f", b"x")
    os.mkfifo(dory.folder / "folder/fifo")
    (dory.folder / "folder/loop").symlink_to(".")
    result = dory("put", "-r", "folder", made.at)
    assert result.code in (DONE, LOCAL_FILE)
    assert made.get("folder/f") == b"x"
    assert set(made.listing()) == {"folder/f"}


@pytest.mark.linux
def test_a_thousand_small_files_go_down_one_connection(server, dory, local, network):
    made = server()
    for number in range(1000):
        local(f"many/{number}", b"%d" % number * 10)
    proxy = network(harness.Proxy, made.address)
    expect(dory("put", "-r", "many", proxy.at), DONE)
    assert proxy.accepted == 1
    listing = made.listing("many/")
    assert len(listing) == 1000
    for number in (0, 1, 499, 999):
        assert made.get(f"many/{number}") == b"%d" % number * 10


@pytest.mark.linux
def test_dot_means_the_files_in_this_folder(server, dory, local):
    """However `.` is understood, no name may begin with `./`, and the files arrive."""
    made = server()
    local("f", b"x")
    result = dory("put", "-r", ".", made.at)
    assert result.code == DONE, result
    assert [name.rpartition("/")[2] for name in made.listing()] == ["f"]


# --- ls, rm, stat, info ---


def test_ls_shows_names_and_sizes_in_order(target, dory):
    base = target.name("ls")
    names = [f"{base}{tail}" for tail in ("-b", "-a", "-c/x")]
    target.names.extend(names)
    for size, name in enumerate(names):
        target.put(name, b"x" * (size + 12_345))
    result = expect(dory("ls", f"{target.at}/{base}"), DONE)
    lines = result.out.splitlines()
    assert len(lines) == 3
    for line, name, size in zip(lines, sorted(names), (12_346, 12_345, 12_347)):
        assert name in line and str(size) in line
    everything = expect(dory("ls", target.at), DONE).out
    assert all(name in everything for name in names)
    assert expect(dory("ls", f"{target.at}/{base}-none"), DONE).out == ""


def test_rm_deletes_every_name_given(target, dory):
    names = [target.name() for _ in range(3)]
    for name in names:
        target.put(name, b"x")
    expect(dory("rm", f"{target.at}/{names[0]}", f"{target.at}/{names[1]}"), DONE)
    assert [target.stat(name).status for name in names] == ["not_found", "not_found", "ok"]


def test_rm_of_nothing_is_refused(target, dory):
    name = target.name()
    result = expect(dory("rm", f"{target.at}/{name}"), REFUSED)
    assert "not_found" in result.err and name in result.err


def test_rm_goes_on_after_a_name_that_is_not_there(target, dory):
    missing, there = target.name(), target.name()
    target.put(there, b"x")
    expect(dory("rm", f"{target.at}/{missing}", f"{target.at}/{there}"), REFUSED)
    assert target.stat(there).status == "not_found"


def test_stat_shows_the_size(target, dory):
    name = target.name()
    target.put(name, pattern(54_321 % target.size(60_000)))
    result = expect(dory("stat", f"{target.at}/{name}"), DONE)
    assert str(target.stat(name)["filesize"]) in result.out
    assert "not_found" in expect(dory("stat", f"{target.at}/{target.name()}"), REFUSED).err


def test_info_shows_the_server(target, dory):
    result = expect(dory("info", target.at), DONE)
    assert target.info["server"] in result.out
    assert target.info["board"] in result.out


# --- refusals ---


@pytest.mark.parametrize("name", ["../x", ".dory/x", "a//b", "a\\b"])
def test_a_name_that_no_server_takes_is_refused_by_name(target, dory, local, name):
    """By the client, as wrong usage, or by the server."""
    local("f", b"x")
    before = target.listing()
    result = dory("put", "f", f"{target.at}/{name}")
    assert result.code in (REFUSED, USAGE), result
    assert name in result.err
    assert target.listing() == before


@pytest.mark.linux
def test_a_name_that_is_too_long_for_this_server_is_refused_with_1(server, dory, local):
    made = server("--max-name", 64)
    local("f", b"x")
    result = expect(dory("put", "f", f"{made.at}/{'n' * 65}"), REFUSED)
    assert "bad_name" in result.err


@pytest.mark.linux
@pytest.mark.parametrize("size", [2000, 3 * MIB])
def test_a_refusal_is_printed_with_status_and_ends_with_1(server, dory, local, size):
    made = server("--max-file", 1000)
    local("f", pattern(size))
    result = expect(dory("put", "f", made.at), REFUSED)
    assert "too_large" in result.err and "f" in result.err


@pytest.mark.linux
def test_one_refused_file_among_many_does_not_stop_the_others(server, dory, local):
    made = server("--max-file", 1000)
    local("a", b"a")
    local("big", pattern(5000))
    local("c", b"c")
    result = expect(dory("put", "a", "big", "c", made.at), REFUSED)
    assert "big" in result.err and "too_large" in result.err
    assert made.listing() == {"a": 1, "c": 1}


@pytest.mark.linux
def test_a_read_only_server_refuses_with_forbidden(server, dory, local):
    made = server("--read-only")
    local("f", b"x")
    assert "forbidden" in expect(dory("put", "f", made.at), REFUSED).err


@pytest.mark.linux
def test_a_busy_name_is_tried_again(server, dory, local):
    made = server("--evict-after", 60)
    local("f", b"client")
    other = made.connect()
    number = other.put_header("f", b"other", crc=False)
    other.send(b"oth")
    harness.poll_until(lambda: made.being_written("f"), "the name is taken")
    client = harness.start_dory("put", "f", made.at, cwd=dory.folder)
    try:
        with pytest.raises(harness.subprocess.TimeoutExpired):
            client.wait(0.5)
        other.send(b"er")
        assert other.final(number).status == "ok"
        err = client.communicate(timeout=harness.PATIENCE)[1]
        assert client.returncode == DONE, err
    finally:
        client.kill()
        client.wait()
    assert made.get("f") == b"client"


# --- local files ---


def test_a_local_file_that_is_missing_ends_with_5(target, dory):
    result = expect(dory("put", "no-such-file", target.at), LOCAL_FILE)
    assert "no-such-file" in result.err
    assert "no-such-file" not in target.listing()


def test_a_missing_file_among_others_ends_with_5_but_the_others_go(target, dory, local):
    names = [target.name(), target.name()]
    for name in names:
        local(name, b"x")
    result = expect(dory("put", names[0], "no-such-file", names[1], target.at), LOCAL_FILE)
    assert "no-such-file" in result.err


def test_a_local_file_that_may_not_be_read_ends_with_5(target, dory, local, permissions):
    name = target.name()
    local(name, b"x").chmod(0)
    result = expect(dory("put", name, target.at, limits=[permissions]), LOCAL_FILE)
    assert name in result.err
    assert target.stat(name).status == "not_found"


def test_a_folder_that_may_not_be_written_ends_with_5(target, dory, permissions):
    name = target.name()
    target.put(name, b"x")
    shut = dory.folder / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    result = expect(dory("get", f"{target.at}/{name}", "shut/copy", limits=[permissions]), LOCAL_FILE)
    assert "shut/copy" in result.err
    assert os.listdir(shut) == []


def test_a_get_into_a_folder_that_is_not_there_ends_with_5(target, dory):
    name = target.name()
    target.put(name, b"x")
    assert "nowhere/copy" in expect(dory("get", f"{target.at}/{name}", "nowhere/copy"), LOCAL_FILE).err


def test_a_full_stdout_ends_with_5(target, dory):
    name = target.name()
    target.put(name, pattern(target.size(100_000)))
    with open("/dev/full", "wb") as full:
        expect(dory("get", f"{target.at}/{name}", "-", stdout=full), LOCAL_FILE)


def test_a_full_local_disk_ends_with_5(target, dory, small_disk):
    name = target.name()
    target.put(name, pattern(target.size(3 * MIB)))
    if target.info["max_file"] < 3 * MIB or target.stat(name)["filesize"] < 2 * MIB:
        pytest.skip("no file here is large enough")
    folder, words = small_disk(MIB)
    expect(dory("get", f"{target.at}/{name}", folder / "copy", before=words), LOCAL_FILE)


def test_a_local_file_size_limit_ends_with_5(target, dory, local):
    name = target.name()
    data = pattern(target.size(300_000))
    target.put(name, data)
    local("copy", b"precious")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(data) // 2, len(data) // 2))

    result = expect(dory("get", f"{target.at}/{name}", "copy", limits=[limit]), LOCAL_FILE)
    assert "copy" in result.err
    assert (dory.folder / "copy").read_bytes() == b"precious"


@pytest.mark.linux
def test_a_folder_or_a_device_is_no_file_to_put(server, dory):
    made = server()
    os.mkfifo(dory.folder / "fifo")
    for word in ("fifo", "/dev/tty", "/dev/zero"):
        result = dory("put", word, f"{made.at}/f")
        assert result.code in (USAGE, LOCAL_FILE), result
        assert word in result.err
    assert made.listing() == {}


@pytest.mark.linux
def test_a_local_file_that_shrinks_meanwhile_is_never_published(server, dory, local, network):
    made = server()
    path = local("f", pattern(48 * MIB))  # more than all buffers between here and there
    made.put("f", b"old")
    proxy = network(harness.Proxy, made.address, rate=8 * MIB)
    client = harness.start_dory("put", "f", proxy.at, cwd=dory.folder)
    try:
        harness.poll_until(lambda: proxy.bytes_up > MIB, "the put is under way")
        os.truncate(path, 2 * MIB)
        err = client.communicate(timeout=3 * harness.PATIENCE)[1].decode()
    finally:
        client.kill()
        client.wait()
    assert client.returncode == LOCAL_FILE, err
    assert made.get("f") == b"old"
    made.partials = 1


# --- output ---


def test_json_prints_one_object_a_line(target, dory, local):
    names = [target.name("json") for _ in range(3)]
    for name in names:
        local(name, b"abc")
    at = target.at
    put = expect(dory("put", "--json", *names, at), DONE).objects()
    assert [line["name"] for line in put] == names
    assert all((line["status"], line["filesize"]) == ("ok", 3) for line in put)
    listed = expect(dory("ls", "--json", f"{at}/json-"), DONE).objects()
    assert {entry["filename"]: entry["filesize"] for entry in listed if entry["filename"] in names} == dict.fromkeys(names, 3)
    (told,) = expect(dory("stat", "--json", f"{at}/{names[0]}"), DONE).objects()
    assert (told["name"], told["filesize"]) == (names[0], 3)
    (info,) = expect(dory("info", "--json", at), DONE).objects()
    assert info["max_header"] == target.info["max_header"]
    assert info["name"] == target.info["name"]
    got = expect(dory("get", "--json", f"{at}/{names[0]}", "copy"), DONE).objects()
    assert len(got) == 1
    assert len(expect(dory("rm", "--json", *[f"{at}/{name}" for name in names]), DONE).objects()) == 3


def test_json_tells_a_refusal_too(target, dory):
    result = expect(dory("stat", "--json", f"{target.at}/{target.name()}"), REFUSED)
    (told,) = result.objects()
    assert told["status"] == "not_found"


def test_without_a_terminal_there_is_no_progress(target, dory, local):
    name = target.name()
    local(name, pattern(target.size(MIB)))
    for words in (["put", name, target.at], ["get", f"{target.at}/{name}", "copy"]):
        result = expect(dory(*words), DONE)
        assert "%" not in result.err and "\r" not in result.err and "\x1b" not in result.err


@pytest.mark.linux
@pytest.mark.parametrize("command", ["put", "get"])
def test_on_a_terminal_there_is_progress(server, dory, local, network, command):
    made = server()
    data = pattern(3 * MIB)
    local("image.bin", data)
    made.put("image.bin", data)
    proxy = network(harness.Proxy, made.address, rate=2 * MIB)
    words = ["put", "image.bin", proxy.at] if command == "put" else ["get", f"{proxy.at}/image.bin", "copy"]
    result = harness.run_on_terminal(*words, cwd=dory.folder)
    assert result.code == DONE, result
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", result.err)
    assert "image.bin" in shown
    assert len(set(re.findall(r"(\d+)\s*%", shown))) > 1, "it moves"
    assert "/s" in shown, "a rate"
    for line in re.split(r"[\r\n]+", shown):
        assert len(line) <= 80, "a line that wraps spoils the screen"
    quiet = harness.run_on_terminal(command, "--no-progress", *words[1:], cwd=dory.folder)
    assert quiet.code == DONE and "%" not in quiet.err


def test_quiet_says_nothing_when_all_is_well(target, dory, local):
    name = target.name()
    local(name, b"x")
    for words in (["put", "-q", name, target.at], ["get", "-q", f"{target.at}/{name}", "copy"], ["rm", "-q", f"{target.at}/{name}"]):
        result = expect(dory(*words), DONE)
        assert (result.data, result.err) == (b"", "")
    assert expect(dory("rm", "-q", f"{target.at}/{name}"), REFUSED).err


def test_options_may_stand_anywhere_and_end_with_two_dashes(target, dory, local):
    name = target.name()
    local(name, b"x")
    local("-dash", b"dash")
    target.names.append("-dash")
    expect(dory("put", name, target.at, "-q"), DONE)
    expect(dory("put", "-q", "--", "-dash", target.at), DONE)
    assert target.get("-dash") == b"dash"


def test_control_characters_from_a_server_do_not_reach_the_terminal(dory, network):
    """A message or a name is somebody else's text: an escape sequence in it must not act."""

    def serve(sock, _):
        while True:
            length = int.from_bytes(harness.receive_exactly(sock, 4), "little")
            header = harness.wire.parse_object(harness.receive_exactly(sock, length))
            message = {"id": header["id"], "status": "forbidden", "data_size": 0, "message": "\x1b]0;owned\x07\x1b[2J"}
            sock.sendall(harness.wire.frame(message))

    fake = network(harness.Listener, serve)
    result = dory("stat", f"{fake.at}/f")
    assert result.code == REFUSED, result
    assert "\x1b" not in result.err and "\x07" not in result.err


def test_a_listing_cannot_smuggle_control_characters_to_the_terminal(dory, network):
    def serve(sock, _):
        while True:
            length = int.from_bytes(harness.receive_exactly(sock, 4), "little")
            header = harness.wire.parse_object(harness.receive_exactly(sock, length))
            body = b'{"filename":"a\\u001b[2Jb","filesize":1}\n'
            sock.sendall(harness.wire.frame({"id": header["id"], "status": "ok", "data_size": len(body)}, body))

    fake = network(harness.Listener, serve)
    result = dory("ls", fake.at)
    assert b"\x1b" not in result.data and "\x1b" not in result.err


def test_a_got_file_has_usual_permissions(target, dory):
    name = target.name()
    target.put(name, b"x")
    expect(dory("get", f"{target.at}/{name}", "copy"), DONE)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((dory.folder / "copy").stat().st_mode) == 0o666 & ~umask
