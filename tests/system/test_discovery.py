# SPDX-License-Identifier: MIT
"""Discovery: which datagrams a server answers, and what `dory discover` makes of the answers.

Datagrams may get lost, on the way to a board above all. So whoever waits for an answer asks again, and no test counts on
a datagram to arrive.
"""

import contextlib
import re
import select
import socket
import subprocess
import threading
import time

import pytest

import harness
import wire
from harness import DONE, NO_CONNECTION, TIMEOUT, USAGE, poll_until, steady_address
from wire import PATIENCE

ASK_AGAIN_SECONDS = 0.25
QUIET_SECONDS = 0.3  # a test that something does not come fails seldom if this is too short, and never without reason
LONGEST = 512

linux = pytest.mark.linux

pytestmark = pytest.mark.steady


def question(length=LONGEST, **fields):
    """A datagram of `length` bytes: `info`, with the fields changed (None: left out), padded by an unknown key."""
    fields = {"cmd": "info", "id": 1, **fields}
    header = {key: value for key, value in fields.items() if value is not None}
    header["pad"] = ""
    bare = len(wire.frame(header))
    header["pad"] = "." * max(0, length - bare)
    datagram = wire.frame(header)
    assert len(datagram) == max(length, bare)
    return datagram


class Asker:
    """A UDP socket that speaks to one server, and checks of all that comes what must hold of every answer."""

    def __init__(self, address):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(address)
        self.longest_question = 0
        self.last_id = 0
        self.ids = []  # of all answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, datagram):
        self.longest_question = max(self.longest_question, len(datagram))
        self.sock.send(datagram)

    def answer(self, seconds):
        """The next answer, an object, or None."""
        if not select.select([self.sock], [], [], seconds)[0]:
            return None
        datagram = self.sock.recv(65536)
        assert len(datagram) <= min(LONGEST, self.longest_question)
        length = int.from_bytes(datagram[:4], "little")
        assert length == len(datagram) - 4, "exactly one message"
        answer = wire.parse_object(datagram[4:])
        self.ids.append(answer["id"])
        return answer

    def ask(self, length=LONGEST, **fields):
        """Ask until there is an answer to this question."""
        self.last_id += 1
        datagram = question(length, **{"id": 1_000_000 + self.last_id, **fields})
        wanted = wire.parse_object(datagram[4:])["id"]

        def attempt():
            self.send(datagram)
            answer = self.answer(ASK_AGAIN_SECONDS)
            while answer is not None and answer["id"] != wanted:
                answer = self.answer(0)
            return answer

        return poll_until(attempt, "an answer to a datagram")


@pytest.fixture
def asker(target):
    with Asker(target.address) as made:
        made.ask()
        yield made


# --- what is answered ---


def test_a_question_is_answered_with_what_finds_a_device(target, asker):
    answer = asker.ask()
    info = target.info
    assert set(answer) == {"id", "status", "name", "board", "firmware", "free", "data_size"}
    assert (answer["status"], answer["data_size"]) == ("ok", 0)
    assert {key: answer[key] for key in ("name", "board", "firmware")} == {
        key: info[key] for key in ("name", "board", "firmware")
    }
    assert abs(answer["free"] - info["free"]) <= 1 << 30  # on Linux others use the disk, too


def test_an_answer_repeats_the_id_of_its_question(asker):
    for number in (0, 1, 2**31, 2**53 - 1):
        assert asker.ask(id=number)["id"] == number


def test_keys_that_nobody_knows_do_not_matter(asker):
    assert asker.ask(deep={"cmd": "put", "id": [1, {}]}, data_size=0)["status"] == "ok"


def test_a_question_may_be_longer_than_it_must(target, asker):
    longest = 4 + min(target.info["max_header"], 1400)  # beyond that it would come in fragments
    for length in (513, longest):
        assert asker.ask(length)["status"] == "ok"


WRONG = {
    "511 bytes": question(511),
    "a bare question": question(0),
    "nothing": b"",
    "a byte": b"x",
    "no id": question(id=None),
    "no cmd": question(cmd=None),
    "stat": question(cmd="stat", filename="f"),
    "a put": question(cmd="put", filename="discovered", filesize=0),
    "a put with its bytes": wire.frame({"cmd": "put", "id": 1, "filename": "discovered", "filesize": 500}, b"x" * 500),
    "list": question(cmd="list"),
    "a cmd that nobody knows": question(cmd="hello"),
    "a text for an id": question(id="1"),
    "an id that is too large": question(id=2**53),
    "a body": question(data_size=1),
    "a body that is there": wire.frame({"cmd": "info", "id": 1, "data_size": 500}, b"x" * 500),
    "two messages": question(300) + question(300),
    "two long messages": question() + question(),
    "a byte too many": question() + b" ",
    "a byte too few": question()[:-1],
    "no length": question()[4:] + b"    ",
    "a length that never ends": b"\xff\xff\xff\xff" + question()[4:],
    "no length at all": b"\0\0\0\0" + question()[4:],
    "no JSON": b"\xfc\x01\0\0" + b"{" * 508,
    "an array": wire.frame(b"[" + question()[4:] + b"]"),
    "an id twice": wire.frame(question()[4:-1] + b',"id":1}'),
    "bad UTF-8": question().replace(b'"pad":".', b'"pad":"\xff'),
    "an answer": question(cmd=None, status="ok", name="x"),
    "zeros": bytes(600),
}


@pytest.mark.parametrize("what", WRONG)
def test_anything_else_is_ignored(target, asker, what):
    """Answers come in the order of the questions: one to the wrong one would be there by the time of the other."""
    for _ in range(3):
        asker.send(WRONG[what])
    asker.ask()
    assert min(asker.ids) > 1_000_000, "others have smaller numbers"
    assert target.stat("discovered").status == "not_found"


@pytest.mark.parametrize("what", ["511 bytes", "no id", "two messages", "an answer", "a put"])
def test_nothing_wrong_is_answered_at_all(asker, what):
    while asker.answer(QUIET_SECONDS) is not None:
        pass
    asker.send(WRONG[what])
    assert asker.answer(QUIET_SECONDS) is None


def test_only_so_many_answers_a_second_are_sent(asker):
    begun = time.monotonic()
    for i in range(300):
        asker.send(question(id=i))
    answered = 0
    last = {"id": None}
    while last["id"] != 5000:
        asker.send(question(id=5000))
        last = asker.answer(ASK_AGAIN_SECONDS) or last
        answered += last["id"] is not None
        assert time.monotonic() < begun + PATIENCE, "no answer after a flood"
    elapsed = time.monotonic() - begun
    assert 1 <= answered <= 10 + 10 * elapsed + 1, f"{answered} in {elapsed} s"


def test_a_flood_of_datagrams_stops_no_connection(target):
    name, data = target.name(), harness.pattern(target.size(20_000))
    with Asker(target.address) as asker:
        for i in range(200):
            asker.send(question(id=i) if i % 2 else b"x" * 700)
            if i % 50 == 0:
                target.put(name, data)
        assert target.get(name) == data
        assert asker.ask()["status"] == "ok"


# --- doryd ---


@linux
def test_doryd_counts_on_stderr_what_it_ignored(server):
    made = server(listen=[steady_address()])
    with Asker(made.address) as asker:
        asker.ask()
        for datagram in WRONG.values():
            asker.send(datagram)
        asker.ask()
    assert poll_until(lambda: made.err, "a word on stderr").startswith("doryd: ")
    made.stop()
    counts = re.findall(r"^doryd: (\d+) datagrams ignored, (\d+) questions too many so far$", made.err, re.MULTILINE)
    assert counts[-1] == (str(len(WRONG)), "0")
    assert len(counts) <= 2, "once a minute, and at the end"


@linux
def test_doryd_says_nothing_of_questions_that_it_answered(server):
    made = server(listen=[steady_address()])
    with Asker(made.address) as asker:
        asker.ask()
    made.stop()
    assert made.err == ""


@linux
def test_doryd_answers_at_each_address_it_listens_on(server, dory):
    addresses = [steady_address(), steady_address()]
    if socket.has_ipv6 and has_loopback_of_ipv6():
        addresses.append(f"[::1]:{steady_address().rpartition(':')[2]}")
    made = server("--name", "bench 3", listen=addresses)
    for address in made.addresses:
        with Asker(address) as asker:
            assert asker.ask()["name"] == "bench 3"
    asked = [word for address in addresses for word in ("--to", address)]
    found = dory("discover", "--json", *asked).objects()
    assert sorted(each["address"] for each in found) == sorted(addresses)


def has_loopback_of_ipv6():
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@linux
def test_a_udp_port_that_is_taken_is_told_and_files_are_served(server):
    address = steady_address()
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(wire.split_address(address))
        made = server(listen=[address])
        assert made.ask("info").status == "ok"
        assert re.match(rf"doryd: {address}: not found by dory discover: \S.*\n$", made.err)


@linux
def test_without_discovery_no_datagram_is_taken(server):
    made = server("--no-discovery", listen=[steady_address()])
    assert made.ask("info").status == "ok"
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(made.address)
        sock.send(question())
        with pytest.raises(ConnectionRefusedError):
            sock.recv(1000)


# --- boards ---


@pytest.mark.board("hosted", "mps2-an385", "lm3s6965evb", "emcraft-sf2")
def test_a_board_counts_what_it_did_not_answer(board):
    made = board()

    def counts():
        made.statistics()
        words = re.findall(r"^datagrams answered (\d+) ignored (\d+) too many (\d+)$", made.out, re.MULTILINE)
        return [int(word) for word in words[-1]] if words else None

    with Asker(made.address) as asker:
        asker.ask()
        before = poll_until(counts, "counts")
        assert before[0] >= 1

        def ignored_all():
            for datagram in list(WRONG.values())[:8]:
                asker.send(datagram)
            return counts()[1] >= before[1] + 8

        poll_until(ignored_all, "8 ignored datagrams")

        def was_too_much():
            for i in range(30):
                asker.send(question(id=i))
            return counts()[2] > before[2]

        poll_until(was_too_much, "a question too many")
        assert asker.ask()["status"] == "ok"


@pytest.mark.board("hosted", "lm3s6965evb")
def test_a_board_without_storage_is_found_all_the_same(board, dory):
    made = board(storage=False)
    with Asker(made.address) as asker:
        answer = asker.ask()
    assert answer["status"] == "ok" and answer["name"]
    result = dory("discover", "--to", made.at, "--timeout", 10)
    assert result.code == DONE and answer["name"] in result.out


# --- dory discover ---


def test_discover_finds_whom_it_asks(target, dory):
    result = dory("discover", "--to", target.at, "--timeout", 20)
    assert result.code == DONE, result
    head, line = result.out.splitlines()
    assert re.split("  +", head) == ["NAME", "ADDRESS", "BOARD", "FIRMWARE", "FREE"]
    info = target.info
    assert re.split("  +", line)[:4] == [info["name"], target.at, info["board"], info["firmware"] or "-"]
    assert re.fullmatch(r"[\d.]+ (B|[KMGT]iB)", re.split("  +", line)[4])


def test_discover_tells_it_as_json(target, dory):
    (found,) = dory("discover", "--json", "--to", target.at, "--timeout", 20).objects()
    info = target.info
    assert found.pop("free") >= 0
    assert found == {"name": info["name"], "address": target.at, "board": info["board"], "firmware": info["firmware"]}


class FakeServer:
    """Answers each datagram with those that answer(the question's id, how many there were) gives, in a thread of its own."""

    def __init__(self, answer, address=("127.0.0.1", 0)):
        self.sock = socket.socket(type=socket.SOCK_DGRAM)
        self.sock.bind(address)
        self.sock.settimeout(0.1)
        self.at = wire.join_address(self.sock.getsockname())
        self.answer = answer
        self.questions = []
        self.over = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.over:
            with contextlib.suppress(TimeoutError):
                datagram, peer = self.sock.recvfrom(65536)
                self.questions.append(datagram)
                number = wire.parse_object(datagram[4:])["id"]
                for each in self.answer(number, len(self.questions)):
                    self.sock.sendto(each, peer)

    def close(self):
        self.over = True
        self.thread.join()
        self.sock.close()


def answer(number, **fields):
    fields = {"id": number, "status": "ok", "name": "x", "board": "b", "firmware": "1", "free": 5, "data_size": 0, **fields}
    return wire.frame({key: value for key, value in fields.items() if value is not None})


@linux
def test_the_question_is_one_that_a_server_answers(network, dory):
    made = network(FakeServer, lambda number, _: [answer(number)])
    assert dory("discover", "--to", made.at).code == DONE
    assert made.questions
    for each in made.questions:
        assert len(each) == 512
        header = wire.parse_object(each[4:])
        assert int.from_bytes(each[:4], "little") == 508
        assert header["cmd"] == "info" and 0 <= header["id"] < 2**53
    again = network(FakeServer, lambda number, _: [answer(number)])
    assert dory("discover", "--to", again.at).code == DONE
    assert again.questions[0] != made.questions[0], "an id that nobody can guess"


@linux
def test_a_lost_question_is_asked_again_and_answers_count_once(network, dory):
    made = network(FakeServer, lambda number, count: [answer(number), answer(number, name="y")] if count >= 3 else [])
    (found,) = dory("discover", "--json", "--to", made.at, "--timeout", 8).objects()
    assert found["name"] == "x" and found["address"] == made.at
    assert len(made.questions) >= 3


@linux
@pytest.mark.parametrize(
    "hostile",
    [
        lambda number: b"",
        lambda number: b"x" * 100,
        lambda number: b"\xff\xff\xff\xff{}",
        lambda number: answer(number + 1),
        lambda number: answer(str(number)),
        lambda number: answer(number, status="busy"),
        lambda number: answer(number, status=None),
        lambda number: answer(number, name=None),
        lambda number: answer(number, name=7),
        lambda number: answer(number, free=-1),
        lambda number: answer(number, board=["x"]),
        lambda number: answer(number) + b" ",
        lambda number: answer(number)[:-1],
        lambda number: answer(number) * 2,
        lambda number: answer(number, pad="x" * 512),
        lambda number: answer(number, pad="x" * 60000),
        lambda number: answer(number, name="x\xffy").replace("ÿ".encode(), b"\xff"),
        lambda number: wire.frame({"cmd": "info", "id": number, "pad": "x" * 460}),
    ],
)
def test_a_hostile_answer_is_none(network, dory, hostile):
    made = network(FakeServer, lambda number, _: [hostile(number)])
    result = dory("discover", "--to", made.at, "--timeout", 0.3)
    assert (result.code, result.out) == (TIMEOUT, "")
    assert re.fullmatch(r"dory discover: timeout: .+\n", result.err)


@linux
def test_a_good_answer_counts_among_hostile_ones(network, dory):
    made = network(FakeServer, lambda number, _: [b"x", answer(number + 1), answer(number, name="good"), b"y" * 9000])
    (found,) = dory("discover", "--json", "--to", made.at).objects()
    assert found["name"] == "good"


@linux
def test_nothing_in_an_answer_reaches_the_terminal_but_text(network, dory):
    name = "a\x1b[2J\x00b\r\n\x7f\u009bc"
    made = network(FakeServer, lambda number, _: [answer(number, name=name, board="\t", firmware="é\x07" * 30)])
    result = dory("discover", "--to", made.at)
    assert result.code == DONE
    _, line = result.out.splitlines()
    assert re.fullmatch(r"a\?\[2J\?b\?{5}c  +\S+  +\?  +(é\?){13}  5 B", line), line
    (found,) = dory("discover", "--json", "--to", made.at).objects()
    assert found["name"] == "a?[2J?b?????c"


@linux
def test_an_answer_may_leave_out_what_it_can_not_tell(network, dory):
    made = network(FakeServer, lambda number, _: [answer(number, free=None, board=None, firmware="")])
    result = dory("discover", "--to", made.at)
    assert re.split("  +", result.out.splitlines()[1]) == ["x", made.at, "-", "-", "-"]


@linux
def test_whoever_answers_first_is_not_waited_for_any_longer(network, dory):
    made = network(FakeServer, lambda number, _: [answer(number)])
    begun = time.monotonic()
    assert dory("discover", "--to", made.at, "--timeout", 3600).code == DONE
    assert time.monotonic() - begun < 3600


@linux
def test_when_some_answer_they_are_told(network, dory):
    made = network(FakeServer, lambda number, _: [answer(number)])
    result = dory("discover", "--to", made.at, "--to", steady_address(), "--to", "no.such.host.invalid", "--timeout", 0.5)
    assert result.code == DONE
    assert len(result.out.splitlines()) == 2
    assert "no.such.host.invalid:9002" in result.err


@linux
def test_nobody_there_is_a_timeout_and_nobody_to_ask_no_connection(dory):
    result = dory("discover", "--to", steady_address(), "--timeout", 0.3)
    assert (result.code, result.out) == (TIMEOUT, "")
    assert "0.3 s" in result.err
    result = dory("discover", "--to", "no.such.host.invalid", "--timeout", 0.3)
    assert (result.code, result.out) == (NO_CONNECTION, "")
    assert len(result.err.splitlines()) == 2


@linux
@pytest.mark.parametrize(
    "words", [["x"], ["--to"], ["--to", "a/b"], ["--to", ""], ["--to", "a:b"], ["--timeout", "0"], ["--to", "a:1"] * 65, ["-r"]]
)
def test_wrong_usage_is_told(dory, words):
    result = dory("discover", *words)
    assert (result.code, result.out) == (USAGE, "")
    assert result.err.startswith("dory")


# --- a network of our own ---


DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]  # entering a namespace forgets what was arranged before


def shell(words):
    return subprocess.run([str(word) for word in words], capture_output=True, timeout=PATIENCE, check=True)


class Lan:
    """Two hosts, each a network namespace, joined by a cable: 192.0.2.1 (hosts[0]) and 192.0.2.2 (hosts[1])."""

    def __init__(self):
        self.holders = []
        try:
            one = self._hold([])
            two = self._hold(self.inside(one))
            shell([*self.inside(one), "ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1"])
            shell([*self.inside(one), "ip", "link", "set", "cable1", "netns", two])
            for i, host in enumerate((one, two)):
                shell([*self.inside(host), "ip", "link", "set", "lo", "up"])
                shell([*self.inside(host), "ip", "address", "add", f"192.0.2.{i + 1}/24", "broadcast", "+", "dev", f"cable{i}"])
                shell([*self.inside(host), "ip", "link", "set", f"cable{i}", "up"])
            self.hosts = [self.inside(one), self.inside(two)]
        except BaseException:
            self.close()
            raise

    def _hold(self, before):
        """A process with a network namespace of its own; its number, as this machine counts."""
        how = ["unshare", "-n"] if before else ["unshare", "-Urn"]
        words = [*before, *how, *DIE_WITH_PARENT, "sh", "-c", "echo ready; exec sleep 1000"]
        holder = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)
        self.holders.append(holder)
        if holder.stdout.readline() != b"ready\n":
            raise OSError("no namespace")
        return holder.pid

    def inside(self, pid):
        return ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(pid)]

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()
            holder.stdout.close()


@pytest.fixture
def lan():
    try:
        made = Lan()
    except (OSError, subprocess.SubprocessError) as problem:
        pytest.skip(f"no right to make networks: {problem}")
    yield made
    made.close()


@pytest.fixture
def doryd_inside(tmp_path):
    """doryd_inside(before, *options) starts a doryd in a namespace."""
    made = []

    def start(before, *options):
        root = tmp_path / f"root{len(made)}"
        root.mkdir()
        words = [*before, *DIE_WITH_PARENT, harness.DORYD, "--root", root, *options]
        process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)
        made.append(process)
        for option in options:
            if option == "--listen":
                assert process.stdout.readline().startswith(b"listening on ")
        return process

    yield start
    for process in made:
        process.terminate()
        assert process.wait(PATIENCE) == 0
        process.stdout.close()


@linux
def test_a_broadcast_finds_everybody_on_the_network(lan, doryd_inside, dory):
    """Whoever listens on all addresses, and whoever listens on one; here and at the other end; not who is for itself."""
    doryd_inside(lan.hosts[0], "--name", "here", "--listen", "0.0.0.0:9002")
    doryd_inside(lan.hosts[1], "--name", "there", "--listen", "192.0.2.2:9002")
    doryd_inside(lan.hosts[1], "--name", "itself", "--listen", "127.0.0.1:9002")

    def find(host):
        result = dory("discover", "--json", "--timeout", 3, before=host)
        assert result.code == DONE, result
        return [(each["name"], each["address"]) for each in result.objects()]

    expected = [("here", "192.0.2.1:9002"), ("there", "192.0.2.2:9002")]
    for host in lan.hosts:
        poll_until(lambda host=host: find(host) == expected, "both, though a question or an answer may get lost")
    result = dory("discover", "--to", "192.0.2.255", "--timeout", 2, before=lan.hosts[0])
    assert "192.0.2.2:9002" in result.out


@linux
def test_without_an_answer_or_a_network_the_exit_code_tells_which(lan, dory):
    result = dory("discover", "--timeout", 0.3, before=lan.hosts[0])
    assert (result.code, result.out) == (TIMEOUT, "")
    shell([*lan.hosts[0], "ip", "link", "set", "cable0", "down"])
    result = dory("discover", "--timeout", 0.3, before=lan.hosts[0])
    assert (result.code, result.out) == (NO_CONNECTION, "")
    result = dory("discover", "--to", "198.51.100.1", "--timeout", 0.3, before=lan.hosts[0])
    assert result.code == NO_CONNECTION and "Nobody could be asked" in result.err
