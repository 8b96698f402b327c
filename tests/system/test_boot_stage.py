# SPDX-License-Identifier: MIT
"""A board with a boot stage updates itself: firmware that serves, that crashes, that hangs, that is forged; and the power is
cut at any moment of it."""

import concurrent.futures
import json
import random
import subprocess
import time

import pytest

import boards
import harness
import images
from harness import DONE, REFUSED, REPOSITORY, pattern, poll_until

pytestmark = [pytest.mark.board("emcraft-sf2"), pytest.mark.slow]

NOT_UP = 7
MADE = boards.BOARDS / "emcraft-sf2"
OLD, NEW, NEWER = (MADE / f"dory-{version}.img" for version in ("0.1.0", "2.0.0", "3.0.0"))
CRASH, SILENT = MADE / "crash.img", MADE / "silent.img"
KEY = REPOSITORY / "build/firmware-key.pem"
SHORT_TRIAL = 10  # seconds, as the Makefile has it
DDR = 0xA0000000
SLOT = 2 * harness.MIB
SECTOR = 64 * 1024
CUTS = 50
AT_ONCE = 5  # devices, for each mostly waits


def sign(path, binary=None, key=KEY, version=(2, 0, 0, 0), board="emcraft-sf2", load_addr=DDR, **more):
    """An image of the firmware, or of what else is given, as another implementation of the format makes it."""
    binary = images.Image(NEW.read_bytes()).binary if binary is None else binary
    flags = 0x20 if load_addr is not None else 0
    path.write_bytes(images.sign(key, binary, version, 0x200, board=board, flags=flags, load_addr=load_addr or 0, **more))
    return path


def firmware_of(made):
    info = made.ask("info")
    return info["firmware"], info["confirmed"]


def told(result):
    return json.loads(result.out.splitlines()[-1])


def slots(made):
    """What both slots hold."""
    data = made.image.read_bytes()
    return data[:SLOT], data[SLOT : 2 * SLOT]


# --- updates ---


def test_new_firmware_comes_and_the_slots_change_their_roles(board, dory):
    made = board()
    assert firmware_of(made) == ("0.1.0", True)
    for image, version, slot in ((NEW, "2.0.0", "B"), (NEWER, "3.0.0", "A"), (NEW, "2.0.0", "B")):
        force = ["--force"] if version < firmware_of(made)[0] else []
        assert dory("flash", *force, image, made.at).code == DONE
        assert firmware_of(made) == (version, True)
        assert made.out.rstrip().endswith("firmware confirmed")
        assert f"firmware {version} in slot {slot}, on trial" in made.out
        made.kill()
        made.start()
        assert firmware_of(made) == (version, True)
        assert f"boot: slot {slot}, version {version}\n" in made.out
        made.first_statistics = made.statistics()


def test_an_older_version_needs_to_be_forced(board, dory):
    made = board(firmware=NEW)
    result = dory("flash", "--json", OLD, made.at)
    assert (result.code, told(result)["status"]) == (REFUSED, "older_version")
    assert dory("flash", "--force", OLD, made.at).code == DONE
    assert firmware_of(made) == ("0.1.0", True)


def test_files_and_firmware_are_sent_at_the_same_time(board, dory, local):
    made = board()
    large = sign(dory.folder / "large.img", images.Image(NEW.read_bytes()).binary + pattern(900_000))
    data = pattern(1_000_000, 5)
    local("f", data)
    put = subprocess.Popen([harness.DORY, "put", "-q", dory.folder / "f", made.at])
    assert dory("flash", large, made.at).code == DONE
    assert put.wait(harness.PATIENCE) == DONE
    assert made.get("f") == data


# --- what is no good ---


def test_firmware_that_crashes_is_left_again_at_once(board, dory):
    made = board()
    result = dory("flash", "--json", CRASH, made.at)
    assert (result.code, told(result)["status"]) == (NOT_UP, "went_back")
    assert "9.0.0" in told(result)["message"] and "0.1.0" in told(result)["message"]
    assert "this version crashes\nfault 3 " in made.out
    assert firmware_of(made) == ("0.1.0", True)
    assert dory("flash", NEW, made.at).code == DONE  # and the next one comes


def test_firmware_that_serves_nobody_is_left_when_its_time_is_up(board, dory):
    made = board(trial=SHORT_TRIAL)
    result = dory("flash", "--json", SILENT, made.at)
    assert (result.code, told(result)["status"]) == (NOT_UP, "went_back")
    assert "this version serves nobody\n" in made.out
    assert told(result)["elapsed_ms"] >= 1000 * SHORT_TRIAL
    assert firmware_of(made) == ("0.1.0", True)


def test_firmware_that_nobody_confirms_is_left_when_its_time_is_up(board, dory):
    made = board(trial=SHORT_TRIAL)
    assert dory("flash", "--no-confirm", NEW, made.at).code == DONE
    assert "firmware 2.0.0 in slot B, on trial" in made.out
    made.wait_for("rolled back: what is in slot B was tried, and not confirmed", 2 * SHORT_TRIAL + boards.START_SECONDS)
    made.wait_for(r"(?s)rolled back.*^address ")
    assert "started by: end of a trial\n" in made.out
    assert firmware_of(made) == ("0.1.0", True)


def test_confirmed_firmware_stays_when_its_time_is_up(board, dory):
    made = board(trial=SHORT_TRIAL)
    assert dory("flash", NEW, made.at).code == DONE
    time.sleep(SHORT_TRIAL + 2)
    assert firmware_of(made) == ("2.0.0", True)
    assert made.out.count("boot: ") == 2


def test_any_restart_on_trial_goes_back(board, dory):
    made = board()
    assert dory("flash", "--no-confirm", NEW, made.at).code == DONE
    assert firmware_of(made) == ("2.0.0", False)
    assert dory("run", made.at, "reboot").code == DONE
    made.wait_for(r"(?s)rolled back.*^address ")
    assert firmware_of(made) == ("0.1.0", True)


def test_on_trial_the_fallback_can_not_be_overwritten(board, dory):
    made = board()
    assert dory("flash", "--no-confirm", NEW, made.at).code == DONE
    before = slots(made)
    assert dory("put", "--retries", "0", NEWER, f"{made.at}/firmware").code == REFUSED
    assert made.ask("delete", filename="firmware").status == "busy"
    assert slots(made) == before
    assert dory("flash", NEW, made.at).code == DONE  # which only confirms
    assert firmware_of(made) == ("2.0.0", True)


def forged(path):
    return sign(path, key=images.make_key(path.with_suffix(".pem")))


def unsigned(path):
    """Its signature's TLV has another type."""
    data = sign(path).read_bytes()
    at = data.rindex(b"\x22\x00", 0, len(data) - 64)
    path.write_bytes(data[:at] + b"\x99" + data[at + 1 :])
    return path


BAD = {
    "forged": (forged, "bad_signature"),
    "unsigned": (unsigned, "bad_signature"),
    "for another board": (lambda path: sign(path, board="mps2-an385"), "bad_image"),
    "for no board": (lambda path: sign(path, board=None), "bad_image"),
    "too large": (lambda path: sign(path, bytes(SLOT - SECTOR)), "too_large"),
    "no image": (lambda path: path.write_bytes(pattern(70_000)) and path, "bad_image"),
}
BEFORE_ERASE = {"too large", "no image"}


@pytest.mark.parametrize("kind", BAD)
def test_an_image_that_is_no_good_is_refused_by_name(board, dory, kind):
    make, status = BAD[kind]
    made = board()
    assert dory("flash", NEW, made.at).code == DONE  # both slots hold something
    before = slots(made)
    result = dory("put", "--json", make(dory.folder / "bad.img"), f"{made.at}/firmware")
    assert (result.code, told(result)["status"]) == (REFUSED, status)
    after = slots(made)
    assert after[1] == before[1]  # what runs
    assert (after[0] == before[0]) == (kind in BEFORE_ERASE)
    assert firmware_of(made) == ("2.0.0", True)
    assert made.ask("boot", mode="test", image="0" * 64).status in ("not_found", "changed")
    made.kill()
    made.start()
    assert firmware_of(made) == ("2.0.0", True)
    made.first_statistics = made.statistics()


def test_an_image_with_an_older_security_counter_is_refused(board, dory):
    made = board()
    assert dory("flash", sign(dory.folder / "5.img", counter=5), made.at).code == DONE
    result = dory("put", "--json", sign(dory.folder / "4.img", counter=4), f"{made.at}/firmware")
    assert (result.code, told(result)["status"]) == (REFUSED, "bad_image")
    assert "image refused: Its security counter is lower" in made.out
    assert dory("flash", "--force", sign(dory.folder / "6.img", counter=6), made.at).code == DONE


@pytest.mark.parametrize(
    "more", [{"load_addr": 0x20000000}, {"load_addr": None}, {"binary": pattern(5000)}, {"binary": b"x"}],
    ids=["another address", "no address", "no vector table", "one byte"],
)
def test_a_signed_image_that_can_not_be_started_is_passed_over(board, dory, more):
    made = board()
    result = dory("flash", "--json", sign(dory.folder / "odd.img", **more), made.at)
    assert (result.code, told(result)["status"]) == (NOT_UP, "went_back")
    assert firmware_of(made) == ("0.1.0", True)


def test_a_fallback_that_is_damaged_on_the_chip_is_never_started(board, dory):
    made = board()
    assert dory("flash", NEW, made.at).code == DONE
    made.kill()
    with open(made.image, "r+b") as file:
        file.seek(SLOT + 5000)  # of what runs
        file.write(b"\0\0\0\0")
    made.start()
    assert firmware_of(made)[0] == "0.1.0"
    made.first_statistics = made.statistics()


# --- the power is cut ---


class Cuts:
    """One device, which is updated again and again, from slot to slot; each time the power is cut in the middle."""

    def __init__(self, folder, seed, count):
        self.made = boards.make("emcraft-sf2", folder)
        self.random = random.Random(seed)
        self.count = count
        firmware = images.Image(NEW.read_bytes()).binary
        self.versions = [
            sign(folder / f"{version}.img", firmware + pattern(700_000, version), version=(version, 0, 0, 0))
            for version in (1, 2)
        ]
        self.resumed = 0

    def update(self, image, wait=True):
        words = [harness.DORY, "flash", "--json", "--force", image, self.made.at]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return process if not wait else self.end_of(process)

    @staticmethod
    def end_of(process):
        out, _ = process.communicate(timeout=4 * harness.PATIENCE)
        assert process.returncode == DONE, out
        return json.loads(out)

    def whole_time(self):
        """How long an update takes now that the machine is as busy as it is."""
        begun = time.monotonic()
        self.update(self.versions[1])
        return time.monotonic() - begun

    def cut(self, image, after):
        process = self.update(image, wait=False)
        time.sleep(after)
        self.made.kill()
        process.terminate()
        process.communicate()
        self.made.start()

    def run(self):
        try:
            self.made.start()
            duration = self.whole_time()
            for i in range(self.count):
                image = self.versions[i % 2]
                self.cut(image, self.random.uniform(0, duration))
                end = self.update(image)
                self.resumed += end.get("resumed", 0) > 0
                assert firmware_of(self.made) == (f"{i % 2 + 1}.0.0", True)
            self.made.stop()
        finally:
            self.made.abandon()
        return self.resumed


def test_the_power_may_go_at_any_moment_of_an_update(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        devices = [Cuts(tmp_path / f"device{i}", i, CUTS // AT_ONCE) for i in range(AT_ONCE)]
        assert sum(pool.map(Cuts.run, devices)) >= 1


def test_a_device_without_firmware_says_so_and_takes_what_is_written_to_it(tmp_path):
    empty = tmp_path / "empty.img"
    empty.write_bytes(b"\xff" * 100)
    made = boards.make("emcraft-sf2", tmp_path / "device", firmware=empty)
    try:
        with pytest.raises(AssertionError):
            made.start(patience=8)
        assert made.out.count("boot: no firmware that is whole") >= 1
        made.kill()
        with open(made.image, "r+b") as file:
            file.write(OLD.read_bytes())
        made.start()
        assert firmware_of(made) == ("0.1.0", True)
        made.stop()
    finally:
        made.abandon()
