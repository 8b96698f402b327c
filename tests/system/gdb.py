# SPDX-License-Identifier: MIT
"""As much of GDB's remote protocol as it takes to make a program in QEMU go wrong: registers, no more.

https://sourceware.org/gdb/current/onlinedocs/gdb.html/Remote-Protocol.html
"""

import socket

PATIENCE_SECONDS = 30
R0, R1, R2, SP, LR, PC, XPSR = 0, 1, 2, 13, 14, 15, 25


class Stopped:
    """A processor that stands still from the beginning of the block to its end; `path` is QEMU's socket for gdb."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_SECONDS)
        self.sock.connect(str(path))
        self.input = self.sock.makefile("rb")

    def __enter__(self):
        self.command("qXfer:features:read:target.xml:0,ffb")  # who asks for this may name single registers
        return self

    def __exit__(self, *_):
        self.command("D")
        self.input.close()
        self.sock.close()

    def _byte(self):
        byte = self.input.read(1)
        assert byte, "QEMU is gone"
        return byte

    def _packet(self):
        while self._byte() != b"$":
            pass  # acknowledgements
        text = b""
        while not text.endswith(b"#"):
            text += self._byte()
        self.input.read(2)
        self.sock.sendall(b"+")
        return text[:-1].decode()

    def command(self, text):
        """Sends a packet and returns the answer's text."""
        self.sock.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) % 256))
        answer = self._packet()
        while answer.startswith("T"):  # tells once, by itself, that the processor stands still
            answer = self._packet()
        return answer

    def get(self, register):
        return int.from_bytes(bytes.fromhex(self.command(f"p{register:x}")), "little")

    def set(self, register, value):
        assert self.command(f"P{register:x}={value.to_bytes(4, 'little').hex()}") == "OK"
