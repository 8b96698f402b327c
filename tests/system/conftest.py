# SPDX-License-Identifier: MIT
"""Fixtures of the system tests, which drive the real programs over loopback and know nothing of their insides.

DORYD, DORY, DORYSIGN and STICKY name the programs (build/gcc/ unless given). With DORY_BOARD=NAME the protocol tests run against that board
(boards.py), with DORY_TARGET=HOST:PORT against that server, in place of a doryd of their own; tests marked `linux` (they
need the root folder, options or signals) are then left out. DORY_PATIENCE=N makes every wait N times as patient.
"""

import os
import signal

import pytest

import boards
import harness
import wire

TARGET = os.environ.get("DORY_TARGET")
BOARD = os.environ.get("DORY_BOARD")


def pytest_configure(config):
    config.addinivalue_line("markers", "linux: needs doryd on this machine: its root folder, options or signals")
    config.addinivalue_line("markers", "board(name, ...): needs a board of its own, one of these")
    config.addinivalue_line("markers", "steady: needs a port that is free for datagrams, too")
    config.addinivalue_line("markers", "slow: takes more than a few seconds, or much room")
    # Who was started in the background ignores it, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "server" in item.fixturenames and not item.get_closest_marker("linux"):
            raise pytest.UsageError(f"{item.nodeid} starts doryd, but is not marked linux")
    left_out = [item for item in items if not is_for_target(item)]
    items[:] = [item for item in items if is_for_target(item)]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter):
    for line in boards.remarks:
        terminalreporter.write_line(line)


def is_for_target(item):
    """Whether the test is about what is under test: doryd of this machine, a board, or any server."""
    board = item.get_closest_marker("board")
    if board:
        return BOARD in board.args
    return not (item.get_closest_marker("linux") and (TARGET or BOARD))


@pytest.fixture(scope="session", autouse=True)
def programs():
    """One clear word when they have not been built, in place of a thousand failures."""
    for program in (harness.DORYD, harness.DORY):
        if not os.access(program, os.X_OK) and not ((TARGET or BOARD) and program == harness.DORYD):
            pytest.exit(f"{program} is not there: run make first", returncode=2)


@pytest.fixture(autouse=True)
def watchdog(request):
    """A test that hangs fails by itself; no plugin is needed for it."""
    seconds = wire.PATIENCE * (30 if request.node.get_closest_marker("slow") else 6)

    def bark(*_):
        raise TimeoutError(f"the test took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def server(tmp_path):
    """server(*options, **more) starts a doryd; at the end it must be alive, end politely and leave nothing behind."""
    servers = []

    def start(*options, **more):
        made = harness.Server(tmp_path / f"server{len(servers)}", options, **more)
        servers.append(made)
        return made.start()

    yield start
    problems = []
    for made in servers:
        try:
            made.finish()
        except AssertionError as problem:
            problems.append(str(problem))
        finally:
            made.abandon()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def board_under_test(tmp_path_factory):
    """The board that all tests share. At the end it must have given everything back."""
    made = boards.make(BOARD, tmp_path_factory.mktemp("board"))
    try:
        made.start()
        made.ask("info")
        before = made.statistics()
        yield made
        made.check_quiet(before)
        made.check_stack()
        made.stop()
    finally:
        made.abandon()


@pytest.fixture
def board(tmp_path):
    """board(*options, **more) starts a board of the test's own, which must have given everything back at the end."""
    made = []

    def start(*options, **more):
        one = boards.make(BOARD, tmp_path / f"board{len(made)}", *options, **more)
        made.append(one)
        one.start()
        one.ask("info")
        one.first_statistics = one.statistics()
        return one

    yield start
    try:
        for one in made:
            one.close_connections()
            one.check_quiet(one.first_statistics)
            one.stop()
    finally:
        for one in made:
            one.abandon()


@pytest.fixture
def target(request):
    """The server under test with its usual limits: DORY_BOARD, DORY_TARGET, or a doryd of our own."""
    if TARGET or BOARD:
        address = request.getfixturevalue("board_under_test").address if BOARD else wire.split_address(TARGET)
        made = harness.Target(address)
        yield made
        made.finish()
        assert made.ask("info").status == "ok"
    else:
        listen = [harness.steady_address() if request.node.get_closest_marker("steady") else "127.0.0.1:0"]
        made = harness.Server(request.getfixturevalue("tmp_path") / "target", listen=listen).start()
        try:
            yield made
            made.finish()
        finally:
            made.abandon()


@pytest.fixture
def dory(tmp_path):
    """dory(*words) runs the client in a folder of its own, dory.folder."""
    folder = tmp_path / "client"
    folder.mkdir()

    def run(*words, **options):
        options.setdefault("cwd", folder)
        return harness.run_dory(*words, **options)

    run.folder = folder
    return run


@pytest.fixture
def network():
    """network(Listener or Proxy, ...) makes one that is closed at the end."""
    made = []

    def make(kind, *arguments, **options):
        made.append(kind(*arguments, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(size) gives (folder, words before a command) such that the command sees a tmpfs of that size there."""

    def make(size):
        folder = tmp_path / "small"
        folder.mkdir()
        words = harness.own_tmpfs(folder, size)
        if words is None:
            pytest.skip("no right to mount a tmpfs in a namespace of its own")
        return folder, words

    return make


@pytest.fixture
def permissions(tmp_path):
    """A limit for a child process under which permission bits bind it, even when it is root."""
    if not harness.permissions_bind(tmp_path):
        pytest.skip("permission bits do not bind here")
    return harness.bound_by_permissions


@pytest.fixture
def local(dory):
    """local(name, data) makes a file in the client's folder and returns its path."""

    def make(name, data):
        path = dory.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return make
