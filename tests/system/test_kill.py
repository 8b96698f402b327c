# SPDX-License-Identifier: MIT
"""kill -9 at random moments of a big put: the old file stays whole, and the next try goes on where it stopped."""

import os
import random

import pytest

import harness
import wire
from harness import MIB, poll_until, roomy_folder

pytestmark = [pytest.mark.linux, pytest.mark.slow]

SIZE = 200 * MIB
ROUNDS = int(os.environ.get("DORY_KILLS", "20"))


@pytest.fixture
def room():
    with roomy_folder(3 * SIZE) as folder:
        if folder is None:
            pytest.skip("not enough room")
        yield folder


def source_file(folder, size, seed):
    path = folder / "image"
    block = random.Random(seed).randbytes(MIB)
    with open(path, "wb") as file:
        for number in range(size // MIB):
            file.write(number.to_bytes(4, "little") + block[4:])
    return path


def stored(made):
    """Bytes of unfinished puts, as the folder shows them."""
    total = 0
    for path in made.leftovers():
        try:
            found = path.stat()
            total += min(found.st_size, found.st_blocks * 512)  # a hole has not arrived
        except FileNotFoundError:
            pass
    return total


def same(one, other):
    with open(one, "rb") as left, open(other, "rb") as right:
        while True:
            block = left.read(4 * MIB)
            if block != right.read(4 * MIB):
                return False
            if not block:
                return True


def wait_for_progress(made, client, least):
    """True when so many bytes are there; False when the put was quicker."""
    return poll_until(
        lambda: "there" if stored(made) >= least else "over" if client.poll() is not None else None, "progress"
    ) == "there"


def finish_by_hand(made, source):
    """Resume with the reference client, which sees the offset."""
    data = source.read_bytes()

    def attempt():
        conn = made.connect()
        number, answer = conn.resume("image", data)
        if answer.status == "busy":
            conn.close()
            return None
        return conn, number, answer

    conn, number, answer = poll_until(attempt, "the name is free")
    assert answer.status == "continue", answer
    offset = answer["offset"]
    assert offset > 0
    assert answer["prefix_crc32"] == wire.crc32(data[:offset])
    conn.send(memoryview(data)[offset:])
    assert conn.final(number).status == "ok"
    conn.close()


def end(client):
    """Wait for a client; its exit code and what it said."""
    err = client.communicate(timeout=10 * wire.PATIENCE)[1].decode()
    assert not harness.SANITIZER.search(err), err
    return client.returncode, err


def test_a_killed_client_or_server_costs_only_what_was_under_way(server, room):
    """Each round kills first a client, then the server under the next client, which then finds its way by itself."""
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    root = room / "root"
    root.mkdir()
    made = server(root=root, listen=[harness.steady_address()])
    source = source_file(room, SIZE, seed)
    kills = 0
    for round_number in range(ROUNDS):
        old = b"old %d" % round_number
        made.put("image", old)

        client = harness.start_dory("put", source, made.at)
        caught = wait_for_progress(made, client, chance.randrange(1, SIZE // 2))
        client.kill()
        end(client)
        if caught and made.ask("get", filename="image", length=100).data == old:
            kills += 1
            poll_until(lambda: made.partial("image") > 0, "what arrived is kept")

        client = harness.start_dory("put", "--retries", "20", source, made.at)
        caught = wait_for_progress(made, client, chance.randrange(SIZE // 2, SIZE - MIB))
        made.kill()
        content = (root / "image").read_bytes() if (root / "image").stat().st_size < MIB else None
        if content is not None:
            assert content == old, "the old file is whole"
            kills += caught
        else:
            assert same(root / "image", source), "the new file is whole"
        if content is not None and round_number % 2:
            client.kill()
            end(client)
            made.restart()
            assert made.partial("image") > 0
            finish_by_hand(made, source)
        else:
            made.restart()
            code, err = end(client)
            assert code == 0, err
        assert same(root / "image", source)
        assert made.partial("image") == 0
    assert kills >= ROUNDS, "most puts were over before they could be killed: nothing was tested"
    made.finish()
