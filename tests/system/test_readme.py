# SPDX-License-Identifier: MIT
"""README.md: the Python client is at most 15 lines long, and exactly that text puts a file on a server; what it shows of
`dory discover` and `dory flash` is what those print."""

import re
import subprocess
import sys

import pytest

import images
import wire
from harness import DONE, REPOSITORY, pattern, poll_until
from test_cli_flash import Device, name_of
from test_discovery import FakeServer, answer


@pytest.fixture
def client(tmp_path):
    readme = (REPOSITORY / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (text,) = [block for block in blocks if "zlib" in block]
    path = tmp_path / "client.py"
    path.write_text(text)
    return path


def test_the_client_has_at_most_15_lines(client):
    assert len(client.read_text().rstrip("\n").split("\n")) <= 15


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_the_client_puts_a_file(target, client, tmp_path, size):
    name, data = target.name(), pattern(target.size(size))
    (tmp_path / "file").write_bytes(data)
    host, port = target.address
    words = [sys.executable, client, host, str(port), tmp_path / "file", name]
    done = subprocess.run(words, capture_output=True, text=True, timeout=wire.PATIENCE)
    assert done.returncode == 0, done
    assert done.stderr == "", done
    poll_until(lambda: target.stat(name).status == "ok", "the file")
    assert target.get(name) == data


# --- dory discover ---


@pytest.fixture
def transcript():
    """{command: what follows it} of "Find devices"."""
    readme = (REPOSITORY / "README.md").read_text()
    section = readme.partition("\n## Find devices\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return dict(part.split("\n", 1) for part in block.split("$ ")[1:])


def on_loopback(text):
    """The addresses of the document, of the same length but such that we have them."""
    return text.replace("192.168.", "127.168.")


def pretend(network, row):
    """A server that answers as a row of the table says."""
    name, address, board, firmware, free = re.split("  +", row)
    number, unit = free.split()
    free = round(float(number) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit))
    told = {"name": name, "board": board, "firmware": "" if firmware == "-" else firmware, "free": free}

    def start():
        try:
            return network(FakeServer, lambda number, _: [answer(number, **told)], wire.split_address(on_loopback(address)))
        except OSError:
            return None  # the same test of another build

    return poll_until(start, f"{address} to be free")


@pytest.mark.linux
def test_discover_prints_what_is_shown(transcript, network, dory):
    table = transcript["dory discover"]
    rows = table.splitlines()[1:]
    made = [pretend(network, row) for row in rows]
    result = dory("discover", *[word for server in made for word in ("--to", server.at)], "--timeout", 20)
    assert result.code == DONE, result
    assert result.out == on_loopback(table)


@pytest.mark.linux
def test_discover_prints_the_json_that_is_shown(transcript, network, dory):
    (command,) = [command for command in transcript if "--json" in command]
    shown = wire.parse_object(transcript[command].encode())
    told = {key: shown[key] for key in ("name", "board", "firmware", "free")}

    def start():
        try:
            return network(FakeServer, lambda number, _: [answer(number, **told)], wire.split_address(on_loopback(shown["address"])))
        except OSError:
            return None

    made = poll_until(start, "the address to be free")
    result = dory("discover", "--json", "--to", on_loopback(command.split()[-1]), "--timeout", 20)
    assert result.code == DONE, result
    assert result.out == on_loopback(transcript[command])
    assert made.questions


# --- dory flash ---


def without_times(text):
    return sorted(re.sub(r"\d+\.\d\d s$", "... s", text, flags=re.MULTILINE).splitlines())


@pytest.mark.linux
def test_flash_prints_what_is_shown(network, dory, local, tmp_path):
    readme = (REPOSITORY / "README.md").read_text()
    section = readme.partition("\n## Update firmware\n")[2].partition("\n## ")[0]
    shown = dict(part.split("\n", 1) for part in re.search(r"^```\n(\$.*?)^```$", section, re.M | re.S)[1].split("$ ")[1:])
    one, many, status = shown
    data = images.sign(images.make_key(tmp_path / "key.pem"), pattern(100_000), (1, 2, 0, 0))
    local("app.img", data)
    fates = {"192.168.1.50": "up", "192.168.1.51": "back", "192.168.1.52": "up"}
    devices = {address: network(Device, fate) for address, fate in fates.items()}
    for device in devices.values():
        device.version = "1.1.0"
    local("bench.txt", "\n".join(device.at for device in devices.values()).encode())

    def run(command):
        text = command
        for address, device in devices.items():
            text = text.replace(address, device.at)
        result = dory(*text.split()[1:])
        told = result.out + result.err
        for address, device in devices.items():
            told = told.replace(device.at, address)
        assert without_times(told) == without_times(shown[command])
        return result.code

    assert run(one) == DONE
    assert run(many) == int(shown[status])
    assert devices["192.168.1.52"].running == name_of(data)
