# SPDX-License-Identifier: MIT
"""`dory run` and `dory shell` with boards: their own commands, their narrow limits, and a restart."""

import subprocess

import pytest

import harness
from harness import DONE, pattern
from test_cli_run import FAILED
from test_device_commands import everywhere, restarted

pytestmark = everywhere


@pytest.fixture
def shell(dory):
    """shell(made) starts a shell that gets its lines from a pipe."""
    started = []

    def start(made):
        process = subprocess.Popen(
            [harness.DORY, "shell", "-q", made.at],
            cwd=dory.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=harness.die_with_parent,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def say(process, line):
    process.stdin.write(line.encode() + b"\n")
    process.stdin.flush()


def test_a_board_tells_its_version(board, dory):
    made = board()
    result = dory("run", made.at, "version")
    assert (result.code, result.err) == (DONE, "")
    assert made.info["server"] in result.out
    assert dory("run", made.at, "uptime").code == DONE
    assert dory("run", made.at, "nonsense").code == 127


def test_a_line_that_is_too_long_is_told_by_the_board_or_before_it_is_sent(board, dory):
    made = board()
    fits = "x" * (512 - len('{"cmd":"run","id":1,"line":""}'))
    for line in (fits, fits + "x"):
        result = dory("run", made.at, line)
        assert result.code == FAILED
        assert "dory run: too_large: The line is " in result.err


def test_a_shell_outlives_the_restart_of_its_board(board, shell, local):
    made = board()
    local("f", pattern(2000))
    process = shell(made)
    say(process, "put f")
    say(process, "run version")
    version = process.stdout.readline()
    assert version
    restarted(made, lambda: say(process, "reboot"))
    say(process, "get f copy")
    say(process, "version")
    out, err = process.communicate(timeout=3 * harness.PATIENCE)
    assert out.count(version) == 1, out
    assert process.returncode == 0, err
    assert "may have been run" not in err.decode()
    assert (local("f", b"").parent / "copy").read_bytes() == pattern(2000)
