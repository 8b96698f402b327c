# SPDX-License-Identifier: MIT
"""dory flash, with devices that follow a script: what it asks of them, and what it makes of each turn that an update may
take. Devices that do it all themselves are in other files."""

import contextlib
import os
import re
import signal
import subprocess
import threading

import pytest

import harness
import images
import wire
from harness import DONE, LOCAL_FILE, MISMATCH, NO_CONNECTION, REFUSED, USAGE, Listener, pattern, poll_until
from wire import crc32, frame

pytestmark = pytest.mark.linux

NOT_UP = 7
OLD, NEW_VERSION = "1.0.0", "1.2.0"
OLD_IMAGE = "00ff" * 16
LONG = 60 * float(os.environ.get("DORY_PATIENCE", "1"))  # a --wait that no test waits for


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return images.make_key(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(scope="module")
def large(key):
    """An image that is sent with `resume`."""
    return images.sign(key, pattern(300_000), (1, 2, 0, 0), board="bench")


@pytest.fixture(scope="module")
def small(key):
    return images.sign(key, pattern(2000), (1, 2, 0, 0), board="bench")


@pytest.fixture
def image(local, large):
    local("app.img", large)
    return large


def name_of(image):
    """What `info` and `boot` call it: the SHA-256 that it holds."""
    (digest,) = [value for kind, value in images.Image(image).tlvs if kind == images.SHA256]
    return digest.hex()


class Device(Listener):
    """A device with two slots, as far as the wire shows.

    `fate` of what is booted: "up", "silent" (nobody answers), "back" (the old one is there again), "stays" (it doesn't
    restart). `refuse`: {command or mode: statuses to give in turn}. `lose`: [(command or mode, whether it is done
    nevertheless)]: the connection ends in place of an answer, each once. `drop`: a put's connection ends behind so many
    bytes, once. `told`: further fields of info, None takes one away. `hold_put`: an event without which no put is answered."""

    def __init__(self, fate="up", refuse=(), lose=(), drop=None, holds=b"", told=(), running=OLD_IMAGE, confirmed=True,
                 hold_put=None):
        self.fate, self.drop, self.hold_put = fate, drop, hold_put
        self.refuse = {what: list(statuses) for what, statuses in dict(refuse).items()}
        self.lose = list(lose)
        self.slot, self.partial = holds, b""
        self.running, self.version, self.confirmed = running, OLD, confirmed
        self.boots, self.told = 1, dict(told)
        self.log = []
        super().__init__(self.talk)

    def asked(self, *kinds):
        """The requests of these kinds, polling told once."""
        log = [entry for i, entry in enumerate(self.log) if i == 0 or entry != self.log[i - 1]]
        return [entry for entry in log if not kinds or entry[0] in kinds]

    def talk(self, sock, _):
        if self.fate == "silent" and self.boots > 1:
            return
        with contextlib.suppress(EOFError):
            while True:
                length = int.from_bytes(harness.receive_exactly(sock, 4), "little")
                header = wire.parse_object(harness.receive_exactly(sock, length))
                if not self.on_request(sock, header):
                    return

    def on_request(self, sock, header):
        """Whether the connection goes on."""
        cmd = header["cmd"]
        what = header.get("mode", cmd)
        self.log.append({
            "info": lambda: ("info",),
            "stat": lambda: ("stat", header["filename"], header.get("check")),
            "put": lambda: ("put", header["filename"], header["filesize"], header.get("resume", False)),
            "boot": lambda: ("boot", header["mode"], header["image"]),
        }[cmd]())
        lost = next((entry for entry in self.lose if entry[0] == what), None)
        if lost:
            self.lose.remove(lost)
            if lost[1]:
                getattr(self, "on_" + cmd)(None, header)
            return False
        if self.refuse.get(what):
            if cmd == "put" and not header.get("resume"):
                harness.receive_exactly(sock, header["filesize"])
            self.answer(sock, header, self.refuse[what].pop(0), message="so says the device")
            return True
        return getattr(self, "on_" + cmd)(sock, header)

    def answer(self, sock, header, status="ok", **fields):
        if sock is not None:
            sock.sendall(frame({"id": header["id"], "status": status, "data_size": 0, **fields}))
        return True

    def on_info(self, sock, header):
        told = {"dory": 1, "name": "fake", "board": "bench", "firmware": self.version, "image": self.running,
                "confirmed": self.confirmed, "boot_id": f"{self.boots:08x}", "slot": "ready" if self.slot else "empty"}
        told.update(self.told)
        return self.answer(sock, header, **{key: value for key, value in told.items() if value is not None})

    def on_stat(self, sock, header):
        if not self.slot:
            return self.answer(sock, header, "not_found", partial=len(self.partial))
        return self.answer(sock, header, filesize=len(self.slot), version="1", crc32=crc32(self.slot))

    def on_put(self, sock, header):
        begun = b""
        if header.get("resume"):
            begun = self.partial
            self.answer(sock, header, "continue", offset=len(begun), prefix_crc32=crc32(begun))
        left = header["filesize"] - len(begun)
        if self.drop is not None and self.drop < left:
            self.partial = begun + harness.receive_exactly(sock, self.drop)
            self.drop = None
            return False
        data = begun + harness.receive_exactly(sock, left)
        self.partial = b""
        if self.hold_put:
            assert self.hold_put.wait(harness.PATIENCE)
        if crc32(data) != header["crc32"]:
            return self.answer(sock, header, "corrupt")
        self.slot = data
        return self.answer(sock, header)

    def on_boot(self, sock, header):
        if header["mode"] == "confirm":
            if header["image"] != self.running:
                return self.answer(sock, header, "changed")
            self.confirmed = True
            return self.answer(sock, header)
        if not self.slot or name_of(self.slot) != header["image"]:
            return self.answer(sock, header, "changed" if self.slot else "not_found")
        self.restart()  # before the answer: whoever has that finds the device restarted
        self.answer(sock, header)
        return False

    def restart(self):
        if self.fate == "up":
            self.running, self.slot, self.confirmed = name_of(self.slot), b"the old one", False
            self.version = NEW_VERSION
        if self.fate != "stays":
            self.boots += 1


@pytest.fixture
def device(network):
    """device(...) makes one; whatever is wrong in its script fails the test."""
    made = []

    def make(*arguments, **options):
        made.append(network(Device, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        assert not one.errors, one.errors


@pytest.fixture
def flash(dory):
    def run(*words, **options):
        return dory("flash", "--wait", LONG, *words, **options)

    return run


def expect(result, code, *words):
    assert result.code == code, result
    if code in (DONE, USAGE):
        return result
    assert result.err.startswith("dory flash: "), result
    for word in words:
        assert word in result.err, result
    return result


# --- one device, and all is well ---


def test_a_new_image_is_sent_booted_and_confirmed_in_that_order(device, flash, image):
    one = device()
    result = expect(flash("app.img", one.at), DONE)
    named = name_of(image)
    assert one.asked() == [
        ("info",),
        ("stat", "firmware", True),
        ("put", "firmware", len(image), True),
        ("boot", "test", named),
        ("info",),
        ("boot", "confirm", named),
    ]
    assert one.confirmed
    assert result.err == ""
    assert re.fullmatch(re.escape(one.at) + r"  1\.0\.0 -> 1\.2\.0, confirmed  \d+\.\d\d s\n", result.out), result


def test_quietly_it_says_nothing(device, flash, image):
    result = expect(flash("-q", "app.img", device().at), DONE)
    assert (result.out, result.err) == ("", "")


def test_the_result_as_json_has_what_is_documented(device, flash, image):
    (told,) = expect(flash("--json", "app.img", device().at), DONE).objects()
    assert told.pop("target").startswith("127.0.0.1:")
    assert type(told.pop("elapsed_ms")) is int
    assert told == {
        "status": "ok", "step": "done", "image": name_of(image), "version": "1.2.0", "was": "1.0.0",
        "running": "1.2.0", "confirmed": True, "uploaded": len(image), "resumed": 0,
    }  # fmt: skip


def test_a_small_image_is_sent_without_resume(device, flash, local, small):
    local("app.img", small)
    one = device()
    expect(flash("app.img", one.at), DONE)
    assert one.asked("put") == [("put", "firmware", len(small), False)]
    assert one.confirmed


def test_an_image_that_is_there_already_is_not_sent_again(device, flash, image):
    one = device(holds=image)
    (told,) = expect(flash("--json", "app.img", one.at), DONE).objects()
    assert not one.asked("put")
    assert told["skipped"] is True
    assert "uploaded" not in told
    assert one.confirmed


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:]])
def test_another_image_in_the_slot_is_replaced(device, flash, image, change):
    one = device(holds=change(image))
    expect(flash("app.img", one.at), DONE)
    assert one.asked("put")


def test_a_dropped_connection_is_resumed(device, flash, image):
    one = device(drop=100_000)
    result = expect(flash("--json", "app.img", one.at), DONE)
    (told,) = result.objects()
    assert len([entry for entry in one.log if entry[0] == "put"]) == 2
    assert told["resumed"] == 0, "what was sent before the drop was sent by this run"
    assert told["uploaded"] == len(image)
    assert "trying again" in result.err
    assert one.confirmed


def test_an_upload_that_an_earlier_run_began_is_resumed(device, flash, image):
    one = device()
    one.partial = image[:200_000]
    (told,) = expect(flash("--json", "app.img", one.at), DONE).objects()
    assert (told["resumed"], told["uploaded"]) == (200_000, len(image) - 200_000)


def test_the_beginning_of_another_image_is_not_resumed(device, flash, image):
    one = device()
    one.partial = bytes(200_000)
    (told,) = expect(flash("--json", "app.img", one.at), DONE).objects()
    assert (told["resumed"], told["uploaded"]) == (0, len(image))
    assert [resume for _, _, _, resume in one.asked("put")] == [True, False]
    assert one.confirmed


def test_a_resumed_upload_that_comes_out_corrupt_is_sent_whole_once(device, flash, image):
    one = device(refuse={"put": ["corrupt"]})
    expect(flash("app.img", one.at), MISMATCH, "corrupt")

    class Rotten(Device):
        def on_put(self, sock, header):
            if header.get("resume"):
                self.partial = image[:1000]
                self.answer(sock, header, "continue", offset=1000, prefix_crc32=crc32(image[:1000]))
                harness.receive_exactly(sock, header["filesize"] - 1000)
                return self.answer(sock, header, "corrupt")
            return super().on_put(sock, header)

    two = Rotten()
    try:
        expect(flash("app.img", two.at), DONE)
        assert [resume for _, _, _, resume in two.asked("put")] == [True, False]
    finally:
        two.close()


def test_a_device_that_is_busy_is_waited_for(device, flash, image):
    one = device(refuse={"put": ["busy", "busy"]})
    expect(flash("app.img", one.at), DONE)
    assert len([entry for entry in one.log if entry[0] == "put"]) == 3


def test_without_confirm_the_new_image_is_left_on_trial(device, flash, image):
    one = device()
    result = expect(flash("--no-confirm", "app.img", one.at), DONE)
    assert ("boot", "confirm", name_of(image)) not in one.log
    assert "on trial: it goes back unless" in result.out
    result = expect(flash("app.img", one.at), DONE)
    assert one.log[-2:] == [("info",), ("boot", "confirm", name_of(image))], "the same command again confirms"
    assert one.confirmed
    assert "runs already, confirmed" in result.out


@pytest.mark.parametrize("options", [[], ["--no-confirm"]])
def test_an_image_that_runs_already_is_left_alone(device, flash, image, options):
    one = device(running=name_of(image))
    (told,) = expect(flash("--json", *options, "app.img", one.at), DONE).objects()
    assert one.log == [("info",)]
    assert (told["status"], told["skipped"], told["confirmed"]) == ("ok", True, True)


def test_an_image_on_trial_stays_so_when_nobody_wants_it_confirmed(device, flash, image):
    one = device(running=name_of(image), confirmed=False)
    (told,) = expect(flash("--json", "--no-confirm", "app.img", one.at), DONE).objects()
    assert one.log == [("info",)]
    assert told["confirmed"] is False


# --- what the device refuses ---


@pytest.mark.parametrize("status", ["too_large", "bad_image", "bad_signature", "no_space"])
@pytest.mark.parametrize("kind", ["large", "small"])
def test_a_refused_image_is_not_booted(device, flash, local, request, kind, status):
    local("app.img", request.getfixturevalue(kind))
    one = device(refuse={"put": [status]})
    result = expect(flash("--json", "app.img", one.at), REFUSED, one.at, status, "so says the device")
    assert not one.asked("boot")
    (told,) = result.objects()
    assert (told["status"], told["message"], told["running"]) == (status, "so says the device", OLD)


def test_a_device_that_stays_busy_is_given_up(device, flash, image):
    one = device(refuse={"put": ["busy"] * 9})
    expect(flash("--retries", 2, "app.img", one.at), REFUSED, "busy")
    assert len([entry for entry in one.log if entry[0] == "put"]) == 3
    assert not one.asked("boot")


@pytest.mark.parametrize("status", ["changed", "not_found", "busy", "bad_image", "unsupported"])
def test_a_refused_boot_is_told_and_not_repeated(device, flash, image, status):
    one = device(refuse={"test": [status] * 9})
    (told,) = expect(flash("--json", "app.img", one.at), REFUSED, status).objects()
    assert len(one.asked("boot")) == 1
    assert told["step"] == "restarting"


@pytest.mark.parametrize("statuses", [["busy"], ["io_error"]])
def test_a_refused_confirm(device, flash, image, statuses):
    one = device(refuse={"confirm": statuses})
    if statuses == ["busy"]:
        expect(flash("app.img", one.at), DONE)
        assert one.confirmed
    else:
        expect(flash("app.img", one.at), REFUSED, "io_error")
        assert not one.confirmed


def test_a_device_without_slots_is_told_apart(device, flash, image):
    one = device(told={"image": None, "confirmed": None, "boot_id": None, "slot": None})
    expect(flash("app.img", one.at), REFUSED, "unsupported", "can't update itself")
    assert one.log == [("info",)]


def test_doryd_has_no_firmware(server, flash, image):
    expect(flash("app.img", server().at), REFUSED, "unsupported")


def test_an_image_for_another_board_is_not_sent_unless_forced(device, flash, image):
    one = device(told={"board": "other"})
    expect(flash("app.img", one.at), REFUSED, "wrong_board", "'bench'", "'other'", "--force")
    assert one.log == [("info",)]
    expect(flash("--force", "app.img", one.at), DONE)


def test_an_older_version_is_not_sent_unless_forced(device, flash, image):
    one = device(told={"firmware": "1.2.1"})
    expect(flash("app.img", one.at), REFUSED, "older_version", "1.2.0", "1.2.1", "--force")
    assert one.log == [("info",)]
    expect(flash("--force", "app.img", one.at), DONE)


@pytest.mark.parametrize("version", ["1.2.0", "1.1.9", "development", "", None])
def test_a_version_that_is_not_newer_is_no_obstacle(device, flash, image, version):
    one = device(told={"firmware": version})
    expect(flash("app.img", one.at), DONE)


def test_nobody_there_is_no_connection(flash, image):
    expect(flash("--retries", 0, "app.img", harness.steady_address()), NO_CONNECTION, "no_connection")


# --- lost answers ---


def test_a_boot_whose_answer_is_lost_is_not_sent_again_when_it_arrived(device, flash, image):
    one = device(lose=[("test", True)])
    expect(flash("app.img", one.at), DONE)
    assert len([entry for entry in one.log if entry[:2] == ("boot", "test")]) == 1
    assert one.confirmed


def test_a_boot_that_never_arrived_is_sent_again(device, flash, image):
    one = device(lose=[("test", False)])
    expect(flash("app.img", one.at), DONE)
    assert len([entry for entry in one.log if entry[:2] == ("boot", "test")]) == 2
    assert one.confirmed


def test_a_boot_that_is_refused_the_second_time_is_told(device, flash, image):
    one = device(lose=[("test", False)], refuse={"test": ["changed"]})
    expect(flash("app.img", one.at), REFUSED, "changed")


def test_a_boot_that_never_arrives_is_given_up(device, flash, image):
    one = device(lose=[("test", False)] * 9)
    result = expect(flash("--wait", 8, "app.img", one.at), NOT_UP, "not_restarted", "still runs 1.0.0")
    assert 1 <= len([entry for entry in one.log if entry[:2] == ("boot", "test")]) <= 3, result


@pytest.mark.parametrize("done", [True, False])
def test_a_confirm_whose_answer_is_lost_is_looked_after(device, flash, image, done):
    one = device(lose=[("confirm", done)])
    expect(flash("app.img", one.at), DONE)
    assert one.confirmed
    assert len([entry for entry in one.log if entry[:2] == ("boot", "confirm")]) == (1 if done else 2)


def test_a_confirm_that_never_gets_through_is_told(device, flash, image):
    one = device(lose=[("confirm", False)] * 1000)
    expect(flash("--wait", 2, "app.img", one.at), NOT_UP, "not_confirmed", "will go back")


# --- the new firmware does not come up ---


def test_a_device_that_goes_back_is_told_at_once(device, flash, image):
    one = device(fate="back")
    (told,) = expect(flash("--json", "app.img", one.at), NOT_UP, one.at, "went_back", "went back to 1.0.0").objects()
    assert (told["status"], told["running"], told["step"]) == ("went_back", OLD, "waiting")


def test_a_device_that_goes_back_while_it_is_confirmed_is_told(device, flash, image):
    class Fickle(Device):
        def on_boot(self, sock, header):
            if header["mode"] == "confirm":
                self.running, self.version = OLD_IMAGE, OLD
                self.boots += 1
                return self.answer(sock, header, "changed")
            return super().on_boot(sock, header)

    one = Fickle()
    try:
        expect(flash("app.img", one.at), NOT_UP, "went_back")
    finally:
        one.close()


def test_a_device_with_a_third_image_is_told(device, flash, image):
    class Stranger(Device):
        def restart(self):
            self.running, self.version = "12" * 32, "9.9.9"
            self.boots += 1

    one = Stranger()
    try:
        expect(flash("app.img", one.at), NOT_UP, "9.9.9")
    finally:
        one.close()


def test_a_device_that_is_silent_after_the_restart_is_given_up(device, flash, image):
    one = device(fate="silent")
    result = expect(flash("--json", "--wait", 2, "app.img", one.at), NOT_UP, "no_answer", "for 2 s")
    (told,) = result.objects()
    assert "running" not in told


def test_a_device_that_is_silent_for_a_while_is_waited_for(device, flash, image):
    class Slow(Device):
        polls = 0

        def talk(self, sock, index):
            if self.boots > 1 and self.polls < 3:
                self.polls += 1
                return
            super().talk(sock, index)

    one = Slow()
    try:
        result = expect(flash("app.img", one.at), DONE)
        assert one.polls == 3
        assert result.err == "", "that nobody answers is nothing to talk about"
    finally:
        one.close()


def test_a_device_that_does_not_restart_is_given_up(device, flash, image):
    one = device(fate="stays")
    expect(flash("--wait", 2, "app.img", one.at), NOT_UP, "not_restarted", "still runs 1.0.0")
    assert len(one.asked("boot")) == 1, "it was understood, and isn't said twice"


def test_a_wait_that_ends_before_the_answer_comes_is_not_longer(device, flash, image):
    class Mute(Device):
        def talk(self, sock, index):
            if self.boots > 1:
                self.over.wait()
                return
            super().talk(sock, index)

    one = Mute()
    try:
        expect(flash("--wait", 1, "app.img", one.at), NOT_UP, "no_answer")
    finally:
        one.close()


# --- the file ---


def spoiled(large):
    flipped = bytearray(large)
    flipped[1000] ^= 1
    return {
        "empty": (b"", "empty"),
        "no image": (b"#!/bin/sh\n" * 100, "does not begin as an image"),
        "binary": (bytes(4096), "does not begin as an image"),
        "header only": (large[:32], "sizes|end is missing"),
        "short": (large[:-1], "sizes|end is missing"),
        "damaged": (bytes(flipped), "SHA-256 is wrong"),
        "trailing": (large + b"x", "behind its end"),
    }


@pytest.mark.parametrize("kind", ["empty", "no image", "binary", "header only", "short", "damaged", "trailing"])
def test_a_file_that_is_no_whole_image_is_told_before_connecting(device, flash, local, large, kind):
    data, sentence = spoiled(large)[kind]
    local("app.img", data)
    one = device()
    result = expect(flash("app.img", one.at), LOCAL_FILE, "app.img: local: ")
    assert re.search(sentence, result.err), result
    assert one.accepted == 0


def test_an_image_without_a_signature_is_told_before_connecting(device, flash, local):
    signed = images.HEADER.pack(images.MAGIC, 0, 32, 0, 100, 0, 1, 2, 0, 0, 0) + pattern(100)
    entries = images.tlv(images.SHA256, images.hashlib.sha256(signed).digest())
    local("app.img", signed + images.area(images.TLV, entries))
    one = device()
    expect(flash("app.img", one.at), LOCAL_FILE, "not signed")
    assert one.accepted == 0


@pytest.mark.parametrize("path", ["missing.img", "."])
def test_a_file_that_cannot_be_read_is_told(device, flash, path):
    expect(flash(path, device().at), LOCAL_FILE, path)


def test_what_becomes_of_the_file_meanwhile_does_not_matter(device, flash, dory, image):
    class Meddler(Device):
        def on_put(self, sock, header):
            (dory.folder / "app.img").write_bytes(b"something else")
            return super().on_put(sock, header)

    one = Meddler()
    try:
        expect(flash("app.img", one.at), DONE)
        assert one.running == name_of(image)
    finally:
        one.close()


# --- the command line ---


@pytest.mark.parametrize(
    "words, quoted",
    [
        (["flash"], "flash"),
        (["flash", "app.img"], "TARGET"),
        (["flash", "app.img", "host/name"], "'host/name'"),
        (["flash", "app.img", "[::1"], "'[::1'"),
        (["flash", "app.img", "a:1", "a:1"], "'a:1' is there twice"),
        (["flash", "app.img", "a", "a:9002"], "'a:9002' is there twice"),
        (["flash", "-j", "0", "app.img", "a"], "'0'"),
        (["flash", "-j", "many", "app.img", "a"], "'many'"),
        (["flash", "--wait", "long", "app.img", "a"], "'long'"),
        (["flash", "--no-reply", "app.img", "a"], "--no-reply"),
        (["put", "--force", "app.img", "a"], "--force"),
        (["put", "--no-confirm", "app.img", "a"], "--no-confirm"),
        (["info", "-j", "3", "a"], "-j"),
        (["info", "--wait", "3", "a"], "--wait"),
        (["info", "--targets", "file", "a"], "--targets"),
    ],
)
def test_wrong_words_are_named(dory, image, words, quoted):
    result = dory(*words)
    assert result.code == USAGE, result
    assert quoted in result.err, result


def test_targets_come_from_a_file(device, flash, local, image):
    many = [device() for _ in range(3)]
    text = f"# the bench\n\n{many[0].at}\r\n  {many[1].at}\t# by the window\n{many[2].at}"
    local("bench.txt", text.encode())
    result = expect(flash("--targets", "bench.txt", "app.img"), DONE)
    assert all(one.confirmed for one in many)
    assert result.out.endswith("3 done\n")


@pytest.mark.parametrize(
    "text, code, quoted",
    [
        ("a b\n", USAGE, "list:1"),
        ("# one\na\nb/name\n", USAGE, "'b/name'"),
        ("a\na\n", USAGE, "'a' is there twice"),
        ("# nothing\n\n", USAGE, "'list'"),
        (None, LOCAL_FILE, "list"),
    ],
)
def test_a_wrong_list_of_targets_is_told(flash, local, image, text, code, quoted):
    if text is not None:
        local("list", text.encode())
    result = flash("--targets", "list", "app.img")
    assert result.code == code, result
    assert quoted in result.err, result


def test_targets_come_from_standard_input(device, dory, image):
    one = device()
    done = subprocess.run([harness.DORY, "flash", "--targets", "-", "app.img"], cwd=dory.folder, input=one.at.encode(),
                          capture_output=True, timeout=3 * harness.PATIENCE)
    assert done.returncode == DONE, done
    assert one.confirmed


def test_an_ipv6_target_stands_in_brackets(flash, image):
    expect(flash("--retries", 0, "app.img", "[::1]:1"), NO_CONNECTION, "[::1]:1")


# --- many devices ---


def test_many_devices_are_told_one_by_one_and_summed_up(device, flash, image):
    good = [device() for _ in range(4)]
    back, refusing = device(fate="back"), device(refuse={"put": ["bad_signature"]})
    order = [good[0], refusing, good[1], back, good[2], good[3]]
    result = expect(flash("app.img", *[one.at for one in order]), REFUSED, "bad_signature", "went_back")
    lines = result.out.splitlines()
    assert lines[-1] == f"4 done, 2 failed: {refusing.at}, {back.at}", "in the order in which they were given"
    assert {line.split()[0] for line in lines[:-1]} == {one.at for one in good}
    errors = result.err.splitlines()
    assert len(errors) == 2, result
    assert {line.split(": ")[1] for line in errors} == {refusing.at, back.at}


def test_the_exit_code_is_that_of_the_first_failure_in_their_order(device, flash, image):
    back, refusing = device(fate="back"), device(refuse={"put": ["bad_signature"]})
    expect(flash("app.img", device().at, back.at, refusing.at), NOT_UP)


def test_many_devices_as_json_are_a_line_each(device, flash, image):
    good, bad = [device() for _ in range(3)], device(fate="back")
    told = expect(flash("--json", "app.img", bad.at, *[one.at for one in good]), NOT_UP).objects()
    assert {line["target"]: line["status"] for line in told} == {bad.at: "went_back", **{one.at: "ok" for one in good}}


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_devices_are_updated_at_a_time(device, flash, image, jobs):
    at_once, most, lock = set(), [], threading.Lock()
    together = threading.Event()

    class Counted(Device):
        def on_put(self, sock, header):
            with lock:
                at_once.add(self)
                most.append(len(at_once))
                if len(at_once) == jobs:
                    together.set()
            assert together.wait(harness.PATIENCE), "so many come together"
            return super().on_put(sock, header)

        def on_boot(self, sock, header):
            with lock:
                at_once.discard(self)
            return super().on_boot(sock, header)

    many = [Counted() for _ in range(3 * jobs)]
    try:
        expect(flash("-j", jobs, "app.img", *[one.at for one in many]), DONE)
        assert max(most) == jobs
        assert not [one.errors for one in many if one.errors]
    finally:
        for one in many:
            one.close()


def children_of(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [int(word) for word in file.read().split()]


def start_flash(dory, *words):
    return subprocess.Popen([harness.DORY, "flash", *map(str, words)], cwd=dory.folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=harness.die_with_parent)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it(device, dory, image, number):
    never = threading.Event()
    slow, quick, rest = [device(hold_put=never) for _ in range(2)], device(), [device() for _ in range(3)]
    at = [one.at for one in (quick, *slow, *rest)]
    process = start_flash(dory, "-j", 2, "app.img", *at)
    try:
        poll_until(lambda: all(one.asked("put") for one in slow) and quick.confirmed, "two are being updated, one is done")
        children = poll_until(lambda: children_of(process), "processes")
        process.send_signal(number)
        out, err = process.communicate(timeout=harness.PATIENCE)
    finally:
        never.set()
        process.kill()
        process.wait()
    assert process.returncode == 128 + number, err
    assert not [child for child in children if os.path.exists(f"/proc/{child}")], "no process is left"
    assert not any(one.log for one in rest), "nobody else was begun with"
    assert err == b""
    interrupted = ", ".join(one.at for one in (*slow, *rest))
    assert out.decode().splitlines()[-1] == f"1 done, 5 interrupted: {interrupted}"


def test_a_process_that_dies_is_a_failure_with_a_name(device, dory, image):
    held = threading.Event()
    victim, other = device(hold_put=held), device()
    process = start_flash(dory, "-j", 1, "app.img", victim.at, other.at)
    try:
        poll_until(lambda: victim.asked("put"), "it is being updated")
        (child,) = children_of(process)
        os.kill(child, signal.SIGKILL)
        out, err = process.communicate(timeout=2 * harness.PATIENCE)
    finally:
        held.set()
        process.kill()
        process.wait()
    assert process.returncode == LOCAL_FILE
    assert f"{victim.at}: local: " in err.decode()
    assert "signal 9" in err.decode()
    assert out.decode().splitlines()[-1] == f"1 done, 1 failed: {victim.at}"


def test_processes_whose_parent_is_gone_end_by_themselves(device, dory, image):
    one = device(fate="silent")
    process = start_flash(dory, "--wait", 600, "app.img", one.at)
    try:
        poll_until(lambda: one.asked("boot"), "it waits for the restart")
        (child,) = children_of(process)
    finally:
        process.kill()
        process.communicate()

    def gone():
        try:
            return open(f"/proc/{child}/stat").read().split()[2] == "Z"
        except OSError:
            return True

    poll_until(gone, "the process to end")


# --- a terminal ---


def test_a_terminal_sees_the_steps_and_then_the_result(device, dory, image):
    one = device()
    shown = harness.run_on_terminal("flash", "app.img", one.at, cwd=dory.folder)
    assert shown.code == DONE, shown
    steps = re.findall(r"checking|uploading|verifying|restarting|waiting|confirming", shown.err)
    seen = [step for i, step in enumerate(steps) if step not in steps[:i]]
    assert seen == ["checking", "uploading", "verifying", "restarting", "waiting", "confirming"], shown
    assert re.search(r"uploading +\d+%", shown.err), shown
    assert shown.err.endswith("\r\x1b[J"), "nothing is left behind"
    assert shown.out.startswith(f"{one.at}  1.0.0 -> 1.2.0, confirmed")


def test_a_terminal_has_a_line_for_each_device_at_work(device, dory, image):
    held = threading.Event()
    many = [device(hold_put=held) for _ in range(3)]

    def let_go():
        poll_until(lambda: all(one.asked("put") for one in many), "three uploads")
        held.set()

    threading.Thread(target=let_go, daemon=True).start()
    shown = harness.run_on_terminal("flash", "app.img", *[one.at for one in many], cwd=dory.folder)
    assert shown.code == DONE, shown
    assert "\x1b[2A" in shown.err, "three lines are drawn again"
    for block in re.split(r"\r(?:\x1b\[\dA)?", shown.err):
        for line in re.sub(r"\x1b\[[JK]", "", block).splitlines():
            assert len(line) < 80, line
    assert shown.out.splitlines()[-1] == "3 done"


@pytest.mark.parametrize("option", ["-q", "--no-progress"])
def test_a_terminal_sees_nothing_when_that_is_wanted(device, dory, image, option):
    shown = harness.run_on_terminal("flash", option, "app.img", device().at, cwd=dory.folder)
    assert shown.code == DONE, shown
    assert shown.err == ""
