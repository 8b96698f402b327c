# SPDX-License-Identifier: MIT
"""Clients of the two older forms of the command service, written straight from their description: one send of the
command, then the size, then as many bytes. They know of nothing else."""

import json
import socket
import struct

from wire import PATIENCE


class Plain:
    """A plain client of a port."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=3 * PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def take(self, size):
        """So many bytes."""
        data = b""
        while len(data) < size:
            part = self.sock.recv(min(65536, size - len(data)))
            assert part, f"the connection ended behind {data!r}"
            data += part
        return data

    def send(self, command):
        command = command if isinstance(command, bytes) else command.encode()
        assert self.sock.send(command) == len(command)

    def ask(self, command):
        self.send(command)
        return self.answer()

    def size(self):
        raise NotImplementedError

    def answer(self):
        return self.take(self.size())

    def rest(self):
        """What comes until the end of the connection."""
        data = b""
        while part := self.sock.recv(65536):
            data += part
        return data

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Sized(Plain):
    """struct.unpack("i", …) of four bytes, then the output."""

    def size(self):
        return struct.unpack("<i", self.take(4))[0]


class Headed(Plain):
    """The header's length, the header, then the output."""

    def size(self):
        header = self.take(struct.unpack("<i", self.take(4))[0])
        size = json.loads(header)["data_size"]
        assert header == b'{"data_size": %d}' % size
        return size
