# SPDX-License-Identifier: MIT
"""A reference client of dory's wire protocol, written from the specification and sharing no code with dory.

It gives raw access (any bytes, half-close, reset, tiny receive buffers) next to a few polite helpers, and checks
what holds for every answer: its length, its JSON, its status, its id. It is no example of a good client: it has no
retries, and it holds bodies in memory.
"""

import json
import os
import select
import socket
import struct
import time
import zlib

# Machines that run tests stall; boards and sanitizers are slow. A wait ends when it must, a failure after this long.
PATIENCE = 20.0 * float(os.environ.get("DORY_PATIENCE", "1"))

ANSWER_LIMIT = 512
BIGGEST_NUMBER = 2**53 - 1
STATUSES = set(
    "ok continue more bad_header bad_request unknown_cmd bad_name not_found changed busy no_space too_large corrupt "
    "bad_image bad_signature forbidden unauthorized unsupported io_error timeout".split()
)


class Closed(ConnectionError):
    """The stream ended before what was waited for had arrived."""


class WireError(AssertionError):
    """The server said something that the protocol does not allow."""


def crc32(data):
    return "%08x" % zlib.crc32(data)


def frame(header, body=b""):
    """One message; `header` is a dict, or bytes that are sent as they are."""
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return struct.pack("<I", len(header)) + header + body


def split_address(text):
    """`HOST:PORT` or `[HOST]:PORT` as a pair."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def join_address(address):
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_object(text):
    """A JSON object in which no key stands twice."""

    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise WireError(f"a key stands twice: {text!r}")
        return dict(pairs)

    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except ValueError as error:
        raise WireError(f"no JSON: {text!r}: {error}") from error
    if not isinstance(value, dict):
        raise WireError(f"no JSON object: {text!r}")
    return value


class Answer:
    """One final answer with everything that its parts brought; `parts` are the headers in their order."""

    def __init__(self, parts, data):
        self.parts = parts
        self.header = {key: value for part in parts for key, value in part.items()}
        self.status = self.header["status"]
        self.data = data

    def __getitem__(self, key):
        return self.header[key]

    def __contains__(self, key):
        return key in self.header

    def __repr__(self):
        return f"<answer {self.parts} {self.data[:40]!r}, {len(self.data)} bytes>"


class Conn:
    """One connection. Nothing here waits longer than `patience` seconds without a byte moving."""

    def __init__(self, address, receive_buffer=None, patience=PATIENCE, segment=None):
        self.patience = patience
        self.buffer = bytearray()
        self.ended = False
        self.was_reset = False
        self.last_id = 0
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if receive_buffer is not None:  # before connect, since the window is agreed there
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if segment is not None:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            # Thousands of our ports end up in TIME_WAIT; with this, servers that start meanwhile may use them.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.settimeout(patience)
            self.sock.connect(address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock.setblocking(False)
        except OSError:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- bytes ---

    def wait(self, events, seconds):
        """The events of poll() that came within that time; 0 when none did."""
        poller = select.poll()
        poller.register(self.sock, events)
        found = poller.poll(max(0, seconds) * 1000)
        return found[0][1] if found else 0

    def _receive(self):
        try:
            chunk = self.sock.recv(262144)
        except BlockingIOError:
            return
        except ConnectionError:
            self.ended = self.was_reset = True
            return
        if chunk:
            self.buffer += chunk
        else:
            self.ended = True

    def send(self, data, read=True):
        """Send everything; reads meanwhile (a client must), unless told not to."""
        view = memoryview(data)
        deadline = time.monotonic() + self.patience
        while view:
            events = select.POLLOUT | (select.POLLIN if read and not self.ended else 0)
            found = self.wait(events, deadline - time.monotonic())
            if not found:
                raise TimeoutError(f"{len(view)} bytes could not be sent")
            if found & select.POLLIN:
                self._receive()
            try:
                sent = self.sock.send(view[:1048576])
            except BlockingIOError:
                continue
            except ConnectionError as error:
                self.was_reset = True
                raise Closed("closed while sending") from error
            view = view[sent:]
            deadline = time.monotonic() + self.patience

    def try_send(self, data):
        """As send, but a server that closes is no surprise. True when everything went out."""
        try:
            self.send(data)
        except Closed:
            return False
        return True

    def poll_input(self, seconds):
        """Take in what arrives within that time; True when something did, the end of the stream included."""
        if self.ended:
            return True
        if not self.wait(select.POLLIN, seconds):
            return False
        self._receive()
        return True

    def take(self, count):
        """Exactly that many bytes."""
        while len(self.buffer) < count:
            if self.ended:
                raise Closed(f"closed; {len(self.buffer)} of {count} bytes were there: {bytes(self.buffer[:80])!r}")
            if not self.poll_input(self.patience):
                raise TimeoutError(f"nothing came; {len(self.buffer)} of {count} bytes were there")
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def drain(self):
        """Everything up to the end of the stream."""
        while not self.ended:
            if not self.poll_input(self.patience):
                raise TimeoutError(f"not closed; {len(self.buffer)} bytes came")
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Drop the connection the hard way: the peer gets RST in place of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    # --- messages ---

    def header(self):
        """The header of the next answer; its data stays in the stream."""
        size = int.from_bytes(self.take(4), "little")
        if not 2 <= size <= ANSWER_LIMIT:
            raise WireError(f"an answer with a header of {size} bytes")
        header = parse_object(self.take(size))
        if header.get("status") not in STATUSES:
            raise WireError(f"no status: {header}")
        length = header.get("data_size")
        if type(length) is not int or not 0 <= length <= BIGGEST_NUMBER:
            raise WireError(f"no data_size: {header}")
        return header

    def answer(self):
        """One answer, be it a part or final, as (header, data)."""
        header = self.header()
        return header, self.take(header["data_size"])

    def final(self, wanted_id=None):
        """The parts of one answer up to the final one; `continue` counts as final here."""
        parts, data = [], []
        while True:
            header, piece = self.answer()
            if header.get("id") != wanted_id:
                raise WireError(f"an answer to {wanted_id} was expected: {header}")
            parts.append(header)
            data.append(piece)
            if header["status"] != "more":
                return Answer(parts, b"".join(data))

    def new_id(self):
        self.last_id += 1
        return self.last_id

    def request(self, cmd, body=b"", **fields):
        """Send a request with an id of its own and return that id."""
        number = self.new_id()
        self.send(frame({"cmd": cmd, "id": number, **fields}, body))
        return number

    def ask(self, cmd, body=b"", **fields):
        """Send a request and wait for its final answer."""
        return self.final(self.request(cmd, body, **fields))

    def put(self, name, data, crc=True, **fields):
        if crc:
            fields.setdefault("crc32", crc32(data))
        return self.ask("put", data, filename=name, filesize=len(data), **fields)

    def put_header(self, name, data, crc=True, **fields):
        """Only the header of a put; its body is the caller's to send. Returns the id."""
        if crc:
            fields.setdefault("crc32", crc32(data))
        return self.request("put", filename=name, filesize=len(data), **fields)

    def resume(self, name, data, **fields):
        """Ask to resume; returns (id, answer), with the answer `continue` or final."""
        number = self.put_header(name, data, resume=True, **fields)
        return number, self.final(number)

    def in_step(self):
        """The stream still means what we think: a new question is answered."""
        answer = self.ask("info")
        assert answer.status == "ok", answer
        return True
