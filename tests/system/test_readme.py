# SPDX-License-Identifier: MIT
"""The Python client of README.md: at most 15 lines, and exactly that text puts a file on a server."""

import re
import subprocess
import sys

import pytest

import wire
from harness import REPOSITORY, pattern, poll_until


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
