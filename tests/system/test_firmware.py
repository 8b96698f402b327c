# SPDX-License-Identifier: MIT
"""Firmware of a device with two slots, by the protocol alone: the images are made by images.py, the device is the hosted
board, where the binary of an image is a text that says how the device behaves (boards/README.md).
"""

import random
import re
import subprocess
import time

import pytest

import boards
import harness
import images
import wire
from harness import MIB, pattern, poll_until
from test_device_commands import log_of, restarted, run

pytestmark = pytest.mark.board("hosted")

SLOT = MIB  # bytes; the last sector of one is not for images
SECTOR = 4096
ROOM = SLOT - SECTOR
NOT_UP = 7  # what dory exits with
NO_IMAGE = "0" * 64
README = harness.REPOSITORY / "boards/README.md"
BUILD_KEY = harness.REPOSITORY / "build/firmware-key.pem"


def digest_of(image):
    """What `info` and `boot` call an image."""
    return next(value for kind, value in images.Image(image).tlvs if kind == images.SHA256).hex()


class Maker:
    """Images for the device, signed with a key of its own."""

    def __init__(self, folder):
        self.key = images.make_key(folder / "key.pem")
        self.other_key = images.make_key(folder / "other.pem")
        self.public = folder / "key.raw"
        self.public.write_bytes(images.public_key(self.key))
        self.factory = folder / "factory.img"
        self.factory.write_bytes(self(version=(1, 0, 0, 0)))

    def __call__(self, behaviour="serve", version=(2, 0, 0, 0), size=0, key=None, **more):
        text = f"behaviour: {behaviour}\n".encode()
        more.setdefault("board", "hosted")
        return images.sign(key or self.key, text + pattern(max(0, size - len(text))), version, **more)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    return Maker(tmp_path_factory.mktemp("images"))


@pytest.fixture
def device(board, make):
    """device(*options) starts a hosted board with slots. Its port is one that it can come back to."""

    def start(*options, **more):
        words = ["--listen", harness.steady_address(), "--firmware", make.factory, "--key", make.public]
        return board(*words, *options, **more)

    return start


def upload(made, image):
    answer = made.ask("put", image, filename="firmware", filesize=len(image), crc32=wire.crc32(image))
    assert answer.status == "ok", answer


def boot(made, mode, image):
    return made.ask("boot", mode=mode, image=image if isinstance(image, str) else digest_of(image)).status


def begin_trial(made, image):
    """Uploads, boots, and waits until the image answers: the device is on trial."""
    upload(made, image)
    restarted(made, lambda: boot(made, "test", image))
    info = made.ask("info")
    assert (info["image"], info["confirmed"]) == (digest_of(image), False)


def runs(made, image, version=None):
    """That image runs, for good."""
    info = made.ask("info")
    assert (info["image"], info["confirmed"]) == (digest_of(image), True)
    assert version is None or info["firmware"] == version


# --- what a device tells ---


def test_without_slots_firmware_is_a_name_like_any_other(board):
    made = board()
    info = made.ask("info")
    assert not {"image", "confirmed", "boot_id", "slot"} & set(info.header)
    made.put("firmware", b"data")
    assert made.get("firmware") == b"data"
    assert made.ask("boot", mode="test", image=NO_IMAGE).status == "unsupported"


def test_info_tells_which_image_runs_and_that_the_other_slot_is_empty(device, make):
    made = device()
    info = made.ask("info")
    assert (info["firmware"], info["image"]) == ("1.0.0", digest_of(make.factory.read_bytes()))
    assert (info["confirmed"], info["slot"]) == (True, "empty")
    assert len(info["boot_id"]) in (8, 16)
    assert made.stat("firmware").status == "not_found"
    assert "firmware" not in made.listing()
    assert "firmware 1.0.0 in slot A\n" in log_of(made)


def test_the_command_version_tells_of_the_slots(device, make):
    made = device()
    upload(made, make())
    out, _ = run(made, "version")
    assert f"image: {digest_of(make.factory.read_bytes())}\nslot: A\nconfirmed: yes\nother slot: ready\n" in out


def test_files_have_what_the_slots_leave(device):
    made = device()
    room = made.ask("info")["free"]
    made.put("f", pattern(100_000))
    assert made.get("f") == pattern(100_000)
    assert made.ask("info")["free"] < room
    assert made.ask("put", b"data", filename="firmware/x", filesize=4).status == "bad_name"


def test_the_key_that_is_compiled_in_is_that_of_the_build(board, make, tmp_path):
    if not BUILD_KEY.exists():
        pytest.skip("the build had another FIRMWARE_KEY")
    factory, binary = tmp_path / "factory.img", tmp_path / "binary"
    binary.write_text("behaviour: serve\n")
    words = ["sign", "--key", BUILD_KEY, "--board", "hosted", "--version", "1.2.3+4", binary, factory]
    subprocess.run([harness.DORYSIGN, *words], check=True, stdout=subprocess.DEVNULL)
    made = board("--listen", harness.steady_address(), "--firmware", factory)
    runs(made, factory.read_bytes(), "1.2.3+4")
    theirs = make()
    answer = made.ask("put", theirs, filename="firmware", filesize=len(theirs))
    assert answer.status == "bad_signature"


WRONG_STARTS = {
    "no such file": (["--firmware", "nowhere.img"], "nowhere.img can't be read"),
    "no image": (["--firmware", "garbage"], "garbage: It does not begin as an image"),
    "an image of somebody else": (["--firmware", "factory.img"], "factory.img: It is signed with another key"),
    "too long a key": (["--firmware", "factory.img", "--key", "garbage"], "a key has 91 bytes"),
    "too little flash": (["--firmware", "factory.img", "--size", 2 * SLOT], "the flash needs more than"),
    "too large an image": (["--firmware", "large"], f"an image has up to {ROOM} bytes"),
    "no trial": (["--firmware", "factory.img", "--trial", "0"], "'0' is no value for --trial"),
}


@pytest.mark.parametrize("what", WRONG_STARTS)
def test_a_device_without_an_image_that_it_can_start_says_why(make, tmp_path, what):
    options, sentence = WRONG_STARTS[what]
    (tmp_path / "garbage").write_bytes(pattern(5000))
    (tmp_path / "large").write_bytes(make(size=ROOM))
    (tmp_path / "factory.img").write_bytes(make(key=make.other_key))
    words = [boards.Hosted.PROGRAM, "--listen", "127.0.0.1:0", *map(str, options)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=wire.PATIENCE)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr.decode()


# --- an update ---


def test_an_image_that_is_uploaded_tried_and_confirmed_stays(device, make):
    made = device()
    old, new = make.factory.read_bytes(), make(size=100_000)
    before = made.ask("info")["boot_id"]
    upload(made, new)
    stat = made.stat("firmware", check=True)
    assert (stat["filesize"], stat["crc32"]) == (len(new), wire.crc32(new))
    assert made.listing()["firmware"] == len(new)
    assert made.ask("info")["slot"] == "ready"
    assert made.ask("get", filename="firmware").status == "forbidden"
    log = restarted(made, lambda: boot(made, "test", new))
    assert "started by: firmware update\n" in log
    assert "firmware 2.0.0 in slot B, on trial\n" in log
    info = made.ask("info")
    assert (info["firmware"], info["image"], info["confirmed"]) == ("2.0.0", digest_of(new), False)
    assert info["slot"] == "fallback"
    assert info["boot_id"] != before
    assert boot(made, "confirm", new) == "ok"
    runs(made, new)
    assert boot(made, "confirm", new) == "ok", "again"
    restarted(made, lambda: run(made, "reboot"))
    runs(made, new, "2.0.0")
    assert made.stat("firmware")["filesize"] == len(old)


def test_slots_change_their_roles_with_each_update(device, make):
    made = device()
    for number in range(2, 6):
        image = make(version=(number, 0, 0, 0), size=20_000)
        begin_trial(made, image)
        assert boot(made, "confirm", image) == "ok"
        assert f"slot: {'AB'[(number + 1) % 2]}\n" in run(made, "version")[0]
    runs(made, image, "5.0.0")


def test_a_permanent_image_needs_no_confirmation(device, make):
    made = device("--trial", 1, "--speed", 20)
    image = make()
    upload(made, image)
    restarted(made, lambda: boot(made, "permanent", image))
    runs(made, image)
    restarted(made, lambda: run(made, "reboot"))
    runs(made, image)


def test_a_boot_is_answered_however_long_the_check_of_the_image_takes(device, make):
    made = device()
    for size in (14_000, 18_400, 22_700, 27_000):  # the check takes one turn more of each
        image = make(size=size)
        upload(made, image)
        restarted(made, lambda: run(made, "reboot"))
        seen = made.out.count("\naddress ")
        assert boot(made, "test", image) == "ok"
        poll_until(lambda seen=seen: made.out.count("\naddress ") > seen, "the board comes back", boards.START_SECONDS)
        restarted(made, lambda: run(made, "reboot"))


def test_an_older_version_may_be_installed(device, make):
    made = device()
    image = make(version=(0, 9, 0, 0))
    begin_trial(made, image)
    assert boot(made, "confirm", image) == "ok"
    runs(made, image, "0.9.0")


def test_an_image_that_nobody_asked_to_boot_does_not_run(device, make):
    made = device()
    upload(made, make())
    restarted(made, lambda: run(made, "reboot"))
    runs(made, make.factory.read_bytes(), "1.0.0")
    assert made.ask("info")["slot"] == "ready"


def test_an_image_that_fills_its_slot_runs(device, make):
    made = device()
    image = make(size=ROOM - 300)
    image = make(size=ROOM - 300 + ROOM - len(image) - 2)  # signatures differ by a few bytes
    assert ROOM - 4 <= len(image) <= ROOM
    begin_trial(made, image)


# --- images that are refused ---


def damaged(image, place):
    return image[:place] + bytes([image[place] ^ 1]) + image[place + 1 :]


def unsigned(image):
    """The same without its signature."""
    taken = images.Image(image)
    entries = b"".join(images.tlv(kind, value) for kind, value in taken.tlvs if kind != images.ECDSA)
    return taken.signed + images.area(images.TLV, entries)


REFUSED = {
    "another key": (lambda make: make(key=make.other_key), "bad_signature", "signed with another key"),
    "no signature": (lambda make: unsigned(make()), "bad_signature", "not signed"),
    "a damaged signature": (lambda make: damaged(make(), -3), "bad_signature", "signature is wrong"),
    "a damaged binary": (lambda make: damaged(make(size=9000), 5000), "bad_image", "SHA-256 is wrong"),
    "another board": (lambda make: make(board="toaster"), "bad_image", "another board"),
    "no board": (lambda make: make(board=None), "bad_image", "another board"),
    "a cut end": (lambda make: make(size=9000)[:-20], "bad_image", "end is missing"),
    "something behind it": (lambda make: make() + b"more", "bad_image", "behind its end"),
    "no image at all": (lambda make: pattern(5000), "bad_image", "not begin as an image"),
    "nothing": (lambda make: b"", "bad_image", ""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_image_with_a_fault_is_refused_by_name_and_leaves_everything_as_it_was(device, make, what):
    made = device()
    image, status, sentence = REFUSED[what][0](make), *REFUSED[what][1:]
    before = made.ask("info").header
    answer = made.ask("put", image, filename="firmware", filesize=len(image), crc32=wire.crc32(image))
    assert answer.status == status, answer
    if sentence:
        assert sentence in log_of(made)
    after = made.ask("info").header
    for key in ("image", "confirmed", "boot_id", "firmware", "slot"):
        assert after[key] == before[key], key
    assert made.stat("firmware").status == "not_found"
    assert boot(made, "test", NO_IMAGE) == "not_found"
    upload(made, make())
    restarted(made, lambda: run(made, "reboot"))
    runs(made, make.factory.read_bytes())


def test_a_file_larger_than_the_slot_is_too_large_before_a_byte_of_it(device, make):
    made = device()
    upload(made, make())
    with made.connect() as conn:
        number = conn.request("put", filename="firmware", filesize=ROOM + 1)
        assert conn.final(number).status == "too_large"
    assert made.ask("info")["slot"] == "ready"


def test_a_header_that_is_wrong_costs_the_image_in_the_slot_nothing(device, make):
    made = device()
    image = make()
    upload(made, image)
    for wrong in (pattern(5000), damaged(make(size=5000), 0), damaged(make(size=5000), 15)):
        assert made.ask("put", wrong, filename="firmware", filesize=len(wrong)).status == "bad_image"
    assert made.ask("info")["slot"] == "ready"
    assert made.stat("firmware")["filesize"] == len(image)


def test_a_lower_security_counter_than_that_of_the_running_image_is_refused(device, make):
    made = device()
    image = make(counter=5)
    begin_trial(made, image)
    assert boot(made, "confirm", image) == "ok"
    old = make(version=(3, 0, 0, 0), counter=4)
    assert made.ask("put", old, filename="firmware", filesize=len(old)).status == "bad_image"
    assert "security counter is lower" in log_of(made)
    runs(made, image)
    upload(made, make(version=(3, 0, 0, 0), counter=5))


# --- boot says no ---


def test_boot_names_the_image_that_it_means(device, make):
    made = device()
    image, old = make(), make.factory.read_bytes()
    assert boot(made, "test", image) == "not_found"
    upload(made, image)
    for mode in ("test", "permanent"):
        assert boot(made, mode, make(version=(3, 0, 0, 0))) == "changed"
        assert boot(made, mode, old) == "changed", "that one runs"
        assert boot(made, mode, "nonsense") == "changed"
    assert boot(made, "confirm", image) == "changed", "that one does not run"
    assert boot(made, "confirm", old) == "ok"
    assert boot(made, "perhaps", image) == "bad_request"
    assert made.ask("boot", mode="test").status == "bad_request"
    assert made.ask("info")["slot"] == "ready"


def test_boot_of_an_image_that_somebody_has_replaced_meanwhile_is_changed(device, make):
    made = device()
    first, second = make(version=(2, 0, 0, 0)), make(version=(3, 0, 0, 0))
    upload(made, first)
    upload(made, second)
    assert boot(made, "test", first) == "changed"
    restarted(made, lambda: boot(made, "test", second))
    assert made.ask("info")["firmware"] == "3.0.0"


def test_an_image_can_be_deleted_and_then_there_is_none(device, make):
    made = device()
    image = make()
    upload(made, image)
    assert made.ask("delete", filename="firmware").status == "ok"
    assert made.stat("firmware").status == "not_found"
    assert made.ask("info")["slot"] == "empty"
    assert boot(made, "test", image) == "not_found"
    assert made.ask("delete", filename="firmware").status == "not_found"


def test_during_a_trial_the_other_slot_is_not_touched(device, make):
    made = device()
    image = make()
    begin_trial(made, image)
    answer = made.ask("put", image, filename="firmware", filesize=len(image))
    assert answer.status == "busy"
    assert made.ask("delete", filename="firmware").status == "busy"
    assert boot(made, "test", make.factory.read_bytes()) == "busy"
    made.put("f", b"other files are another matter")
    assert boot(made, "confirm", image) == "ok"
    upload(made, make(version=(3, 0, 0, 0)))


# --- images that do not work ---


def test_an_image_that_restarts_at_once_gives_way_to_the_old_one(device, make):
    made = device()
    image = make("crash")
    upload(made, image)
    log = restarted(made, lambda: boot(made, "test", image))
    told = [block for block in re.findall(r"^```\n(.*?)^```$", README.read_text(), re.M | re.S) if "rolled back" in block]
    assert len(told) == 1 and told[0] in log
    runs(made, make.factory.read_bytes(), "1.0.0")
    assert made.ask("info")["slot"] == "ready"


def test_an_image_that_nobody_hears_of_gives_way_when_its_trial_ends(device, make):
    made = device("--trial", 5, "--speed", 5)
    image = make("silent")
    upload(made, image)
    log = restarted(made, lambda: boot(made, "test", image))
    assert "started by: end of a trial\n" in log
    assert "rolled back" in log
    runs(made, make.factory.read_bytes(), "1.0.0")


def test_an_image_that_nobody_confirms_gives_way_when_its_trial_ends(device, make):
    made = device("--trial", 60, "--speed", 20)
    image = make()
    upload(made, image)
    restarted(made, lambda: boot(made, "test", image))
    poll_until(lambda: "restarting: the trial has ended" in made.out, "the end of the trial", boards.START_SECONDS)
    made.wait_for(r"^rolled back: what is in slot B was tried, and not confirmed$(.*\n)*listening on")
    assert "firmware 2.0.0 in slot B, on trial\n" in log_of(made)
    runs(made, make.factory.read_bytes(), "1.0.0")
    upload(made, make(version=(3, 0, 0, 0)))


@pytest.mark.slow
def test_a_confirmed_image_outlives_the_time_of_its_trial(device, make):
    made = device("--trial", 300, "--speed", 20)
    image = make()
    begin_trial(made, image)
    assert boot(made, "confirm", image) == "ok"
    trial = 300_000 + made.ask("info")["uptime_ms"]
    poll_until(lambda: made.ask("info")["uptime_ms"] > trial, "the trial's time is over")
    runs(made, image)


def test_a_restart_on_trial_whatever_it_comes_from_goes_back(device, make):
    made = device()
    begin_trial(made, make())
    restarted(made, lambda: run(made, "reboot"))
    runs(made, make.factory.read_bytes(), "1.0.0")


def test_an_image_may_dislike_a_revision_of_the_hardware(device, make):
    image = make("serve\nbehaviour on B: crash")
    for revision, version in (("A", "2.0.0"), ("B", "1.0.0")):
        made = device("--revision", revision)
        upload(made, image)
        restarted(made, lambda made=made: boot(made, "test", image))
        assert made.ask("info")["firmware"] == version


# --- storage that fails ---


@pytest.mark.parametrize("fault", ["fails-program", "fails-erase"])
def test_a_slot_that_cannot_be_written_is_an_io_error_and_the_device_goes_on(device, make, fault):
    made = device()
    image = make(size=50_000)
    made.tell(f"storage {fault}")
    assert made.ask("put", image, filename="firmware", filesize=len(image)).status == "io_error"
    made.tell("storage ok")
    runs(made, make.factory.read_bytes())
    begin_trial(made, image)


# --- the power goes ---


def resume(conn, image):
    """A put as dory does it. Returns (status, where it went on)."""
    number, answer = conn.resume("firmware", image)
    if answer.status != "continue":
        return answer.status, 0
    assert answer["prefix_crc32"] == wire.crc32(image[: answer["offset"]])
    conn.send(image[answer["offset"] :])
    return conn.final(number).status, answer["offset"]


def test_an_upload_goes_on_where_the_power_went(device, make):
    made = device(storage=True)
    image = make(size=400_000)
    with made.connect() as conn:
        conn.put_header("firmware", image)
        conn.send(image[:300_000])
        poll_until(lambda: made.has_stored(image[200_000:204_000]), "half of it is stored")
        made.kill()
    made.start()
    assert made.partial("firmware") >= 200_000
    with made.connect() as conn:
        status, offset = resume(conn, image)
    assert status == "ok" and offset >= 200_000
    restarted(made, lambda: boot(made, "test", image))
    assert boot(made, "confirm", image) == "ok"
    runs(made, image)


def update(made, image):
    """What `dory flash` does, from wherever the device is now. Each step may find that it has been done already."""
    wanted = digest_of(image)
    if made.ask("info")["image"] != wanted:
        with made.connect() as conn:
            assert resume(conn, image)[0] == "ok"
        restarted(made, lambda: boot(made, "test", image))
    assert made.ask("info")["image"] == wanted
    assert boot(made, "confirm", image) == "ok"


def ask_to_boot(made, image, mode="test"):
    """Without waiting for the answer."""
    made.connect().request("boot", mode=mode, image=digest_of(image))


def half_an_upload(made, image, rng):
    conn = made.connect()
    conn.put_header("firmware", image)
    conn.send(image[: rng.randrange(len(image))])


def an_upload(made, image, _):
    conn = made.connect()
    conn.put_header("firmware", image)
    conn.send(image)


def a_boot(made, image, _):
    upload(made, image)
    ask_to_boot(made, image)


def a_restart(made, image, rng):
    seen = made.out.count("restarting")
    upload(made, image)
    ask_to_boot(made, image)
    poll_until(lambda: made.out.count("restarting") > seen, "the device restarts")
    time.sleep(rng.uniform(0, 0.5))


def a_trial(made, image, _):
    begin_trial(made, image)


def a_confirmation(made, image, _):
    begin_trial(made, image)
    ask_to_boot(made, image, "confirm")


@pytest.mark.slow
@pytest.mark.parametrize("during", [half_an_upload, an_upload, a_boot, a_restart, a_trial, a_confirmation])
def test_when_the_power_goes_the_update_can_be_repeated_and_succeeds(device, make, during):
    rng = random.Random(during.__name__)
    made = device(storage=True)
    running = make.factory.read_bytes()
    for number in range(2, 7):
        image = make(version=(number, 0, 0, 0), size=200_000)
        during(made, image, rng)
        time.sleep(rng.uniform(0, 0.03))
        made.kill()
        made.close_connections()
        made.start()
        assert made.ask("info")["image"] in (digest_of(running), digest_of(image))
        update(made, image)
        runs(made, image, f"{number}.0.0")
        running = image


# --- dory flash ---


@pytest.fixture
def flash(dory, local):
    """flash(made, image, *options) runs dory flash."""

    def start(made, image, *options):
        local("app.img", image)
        return dory("flash", *options, "app.img", made.at, patience=15 * wire.PATIENCE)

    return start


def test_dory_flash_brings_a_new_version_and_then_there_is_nothing_to_do(device, make, flash):
    made, image = device(), make(size=100_000)
    result = flash(made, image)
    assert result.code == harness.DONE and "1.0.0 -> 2.0.0, confirmed" in result.out, result
    runs(made, image, "2.0.0")
    restarted(made, lambda: run(made, "reboot"))
    result = flash(made, image)
    assert result.code == harness.DONE and "2.0.0 runs already, confirmed" in result.out, result


def test_dory_flash_can_leave_an_image_on_trial_and_confirm_it_later(device, make, flash):
    made, image = device(), make()
    assert flash(made, image, "--no-confirm").code == harness.DONE
    assert made.ask("info")["confirmed"] is False
    assert flash(made, image).code == harness.DONE
    runs(made, image)


@pytest.mark.parametrize("behaviour", ["crash", "silent"])
def test_dory_flash_says_that_the_new_firmware_did_not_come_up_and_which_one_runs(device, make, flash, behaviour):
    made = device("--trial", 10, "--speed", 5)
    result = flash(made, make(behaviour))
    assert result.code == NOT_UP, result
    assert "2.0.0 did not come up" in result.err and "1.0.0" in result.err, result
    runs(made, make.factory.read_bytes(), "1.0.0")


def test_dory_flash_names_what_the_device_refuses(device, make, flash):
    made = device()
    result = flash(made, make(key=make.other_key))
    assert result.code == harness.REFUSED and "bad_signature" in result.err, result
    runs(made, make.factory.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_when_the_power_goes_during_dory_flash_the_same_command_ends_with_the_new_version(device, make, dory, flash, local, seed):
    """The client is still at work when the device comes back, and may succeed by itself; the second one has to."""
    rng = random.Random(seed)
    made = device(storage=True)
    for number in range(2, 7):
        image = make(version=(number, 0, 0, 0), size=300_000)
        local("app.img", image)
        client = harness.start_dory("flash", "app.img", made.at, cwd=dory.folder)
        time.sleep(rng.uniform(0, 1.5))
        made.kill()
        made.start()
        client.communicate(timeout=15 * wire.PATIENCE)
        result = flash(made, image)
        assert result.code == harness.DONE, result
        runs(made, image, f"{number}.0.0")


# --- many devices at once ---

FLEET = 20
FAULTY = 3, 9, 16  # which of them: one whose hardware the image dislikes, one with another key, one whose flash is broken


@pytest.mark.slow
def test_of_20_devices_17_are_updated_and_the_three_faulty_ones_are_named(device, make, dory, local, tmp_path):
    image = make("serve\nbehaviour on B: crash", size=100_000)
    local("app.img", image)
    other_key, other_factory = tmp_path / "other.raw", tmp_path / "other.img"
    other_key.write_bytes(images.public_key(make.other_key))
    other_factory.write_bytes(make(version=(1, 0, 0, 0), key=make.other_key))
    faults = dict(zip(FAULTY, (["--revision", "B"], ["--key", other_key, "--firmware", other_factory], []), strict=True))
    fleet = [device("--size", 4 * MIB, *faults.get(number, [])) for number in range(FLEET)]
    fleet[FAULTY[2]].tell("storage fails-program")

    result = dory("flash", "--json", "-j", 4, "app.img", *(made.at for made in fleet), patience=30 * wire.PATIENCE)
    told = {line["target"]: line for line in result.objects()}
    assert len(told) == FLEET, result
    failed = {number: told[made.at]["status"] for number, made in enumerate(fleet) if told[made.at]["status"] != "ok"}
    assert failed == dict(zip(FAULTY, ("went_back", "bad_signature", "io_error"), strict=True)), result
    assert result.code == NOT_UP, "that of the first one that failed"
    for number in FAULTY:
        assert fleet[number].at in result.err
    fleet[FAULTY[2]].tell("storage ok")
    for number, made in enumerate(fleet):
        if number in FAULTY:
            assert (made.ask("info")["firmware"], made.ask("info")["confirmed"]) == ("1.0.0", True)
        else:
            runs(made, image, "2.0.0")
