# SPDX-License-Identifier: MIT
"""Firmware images in MCUboot's format, made and judged by nothing but Python and the openssl program: what dorysign and
the devices are held against. Source: docs/design.md and scripts/imgtool/image.py of MCUboot.
"""

import hashlib
import struct
import subprocess
import tempfile

MAGIC = 0x96F3B83D
HEADER = struct.Struct("<IIHHIIBBHII")
TLV, PROTECTED_TLV = 0x6907, 0x6908
KEY_HASH, SHA256, ECDSA, COUNTER, BOARD = 0x01, 0x10, 0x22, 0x50, 0xD0


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=True).stdout


def make_key(path, curve="prime256v1", form="PRIVATE KEY", parameters=False):
    """Writes a private key as openssl or imgtool do."""
    if form == "EC PRIVATE KEY":
        words = ["ecparam", "-name", curve, "-genkey"] + ([] if parameters else ["-noout"])
    else:
        words = ["genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"]
    path.write_bytes(openssl(*words))
    assert f"BEGIN {form}-" in path.read_text()
    return path


def public_key(path):
    """SubjectPublicKeyInfo in DER of a private key."""
    return openssl("pkey", "-in", path, "-pubout", "-outform", "DER")


def tlv(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def area(magic, entries):
    return struct.pack("<HH", magic, 4 + len(entries)) + entries


def sign(key, binary, version=(1, 0, 0, 0), header_size=32, counter=None, board=None, extra=b"", flags=0, load_addr=0):
    """The image that imgtool would make; `extra`: further protected TLVs."""
    protected = (tlv(COUNTER, struct.pack("<I", counter)) if counter is not None else b"") + extra
    protected += tlv(BOARD, board.encode()) if board is not None else b""
    protected = area(PROTECTED_TLV, protected) if protected else b""
    header = HEADER.pack(MAGIC, load_addr, header_size, len(protected), len(binary), flags, *version, 0)
    signed = header.ljust(header_size, b"\0") + binary + protected
    with tempfile.NamedTemporaryFile() as file:
        file.write(signed)
        file.flush()
        signature = openssl("dgst", "-sha256", "-sign", key, file.name)
    entries = tlv(SHA256, hashlib.sha256(signed).digest())
    entries += tlv(KEY_HASH, hashlib.sha256(public_key(key)).digest()) + tlv(ECDSA, signature)
    return signed + area(TLV, entries)


class Image:
    """An image taken apart; anything that is not as it should be is an assertion."""

    def __init__(self, data):
        (magic, self.load_addr, self.header_size, protected, size, self.flags, *version, pad) = HEADER.unpack_from(data)
        assert (magic, pad) == (MAGIC, 0)
        self.version = tuple(version)
        end = self.header_size + size
        assert not any(data[HEADER.size : self.header_size])
        self.binary = data[self.header_size : end]
        self.protected, signed_end = take_area(data, end, PROTECTED_TLV) if protected else ([], end)
        assert signed_end - end == protected
        self.signed = data[:signed_end]
        self.tlvs, whole_end = take_area(data, signed_end, TLV)
        assert whole_end == len(data)

    def check(self, key):
        """Hash and signature are right; `key`: the private key."""
        (digest,) = [value for kind, value in self.tlvs if kind == SHA256]
        (key_hash,) = [value for kind, value in self.tlvs if kind == KEY_HASH]
        (signature,) = [value for kind, value in self.tlvs if kind == ECDSA]
        assert digest == hashlib.sha256(self.signed).digest()
        assert key_hash == hashlib.sha256(public_key(key)).digest()
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            said = openssl("dgst", "-sha256", "-prverify", key, "-signature", file.name, data=self.signed)
        assert said == b"Verified OK\n"
        return digest


def take_area(data, at, magic):
    """The entries there, and where they end."""
    found, total = struct.unpack_from("<HH", data, at)
    assert found == magic
    end, entries = at + total, []
    at += 4
    while at < end:
        kind, length = struct.unpack_from("<HH", data, at)
        entries.append((kind, data[at + 4 : at + 4 + length]))
        at += 4 + length
    assert at == end
    return entries, end
