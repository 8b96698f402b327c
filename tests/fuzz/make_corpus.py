#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_corpus.py: writes the seed corpus of each fuzz target, in corpus/ beside this file.

The files are small, and each says something of its own; libFuzzer finds the rest. Run this again after a change here.
"""

import json
import pathlib
import shutil
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"


def frame(header):
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
    return len(header).to_bytes(4, "little") + header


def crc(data):
    return f"{zlib.crc32(data):08x}"


# ---- headers ----

HEADERS = {
    "empty": b"{}",
    "info": b'{"cmd":"info","id":1}',
    "put": b'{"cmd":"put","id":9007199254740991,"filename":"a/b.txt","filesize":123,"crc32":"0d4a1185"}',
    "resume": b'{"cmd":"put","id":1,"filename":"a","filesize":0,"crc32":"00000000","resume":true}',
    "get": b'{"cmd":"get","id":1,"filename":"a","offset":1,"length":2,"if_version":"0123456789abcdef","check":false}',
    "spaces": b' { "id" :\t1 ,\r\n"cmd": "x" } ',
    "escapes": b'{"filename":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\udea3\\u0000"}',
    "escaped-key": b'{"\\u0069\\u0064":7}',
    "utf8": '{"filename":"é€🚣"}'.encode(),
    "twice": b'{"id":1,"i\\u0064":2}',
    "wrong-types": b'{"id":"1","cmd":2,"filename":null,"filesize":-1,"crc32":"ABCDEF01","resume":1,"if_version":"v"}',
    "numbers": b'{"a":[0,-0,1.5,1e3,2E-7,-12.25e+10],"id":9007199254740992}',
    "nested": b'{"x":[{"y":[[{"id":1}]]},{}],"id":2,"z":{"cmd":"no"}}',
    "literals": b'{"a":true,"b":false,"c":null,"resume":false}',
    "array": b'["id",1]',
    "trailing": b'{"id":1}x',
    "trailing-comma": b'{"id":1,}',
    "lone-surrogate": b'{"cmd":"\\ud800"}',
    "bad-utf8": b'{"cmd":"\xc0\xaf"}',
    "nul": b'{"cmd":"\0"}',
    "deep": b'{"a":' + b"[" * 140 + b"]" * 140 + b"}",
    "tokens": b'{"a":[' + b",".join([b"0"] * 140) + b"]}",
    "names": b'{"filename":"../.dory/a//b\\\\c"}',
}

# ---- framing: limit, pieces, then a stream ----

BODY = frame({"data_size": 5}) + b"hello"
FRAMES = {
    "one": frame(b"{}"),
    "two": frame({"id": 1}) + frame({"id": 2}),
    "bodies": BODY + BODY + frame(b"{}"),
    "zero": bytes(4),
    "one-byte": b"\x01\0\0\0{",
    "huge": b"\xff\xff\xff\xff{}",
    "sign": b"\xff\xff\xff\x7f{}",
    "cut-prefix": b"\x02\0",
    "cut-header": frame(b"{}")[:-1],
    "cut-body": BODY[:-1],
    "no-json": frame(b"[]") + frame(b"{}"),
    "long-body": frame({"data_size": 9007199254740991}) + b"x",
}

# ---- sessions: a script of steps, see fuzz_server.c ----

(BYTES, HEADER, REQUEST, CLOCK, RUN, OUTPUT, FAULT, HANG_UP, OTHER, AGAIN, SETTLE, PARTIAL) = range(12)
(PUT_A, PUT_CORRUPT, PUT_IN_A, RESUME_EMPTY, PUT_BAD, PUT_B, GET_A, GET_B, STAT_A, STAT_B, LIST, DELETE_A, INFO, RUN_X,
 NOTHING, GET_WRONG) = range(16)
(NO_FAULT, WRITE, READ, REREAD, COMMIT, COMMIT_LATER, LATER, PIECE, OPEN, PUT, REMOVE, LISTING, NEXT, ROOM, WRITERS,
 CAPACITY) = range(16)


def step(kind, number=0):
    return bytes([kind | number << 4])


def raw(data):
    return b"".join(step(BYTES) + bytes([len(part)]) + part for part in (data[i:i + 255] for i in range(0, len(data), 255)))


def header(**fields):
    text = json.dumps(fields, separators=(",", ":")).encode()
    return step(HEADER) + bytes([len(text)]) + text


def request(*which):
    return b"".join(step(REQUEST, number) for number in which)


def fault(which, number=0):
    return step(FAULT, which) + bytes([number])


def script(*steps, choices=0):
    return bytes([choices]) + b"".join(steps)


WORLD = b"hello world"
PUT_WORLD = {"cmd": "put", "id": 1, "filename": "a", "filesize": 11, "crc32": crc(WORLD)}
RESUME_WORLD = {**PUT_WORLD, "resume": True}
settle = step(SETTLE)

SESSIONS = {
    "nothing": script(),
    "all-requests": script(request(*range(16)), settle),
    "all-requests-small": script(request(*range(16)), settle, choices=7),
    "all-requests-bytewise": script(step(PARTIAL, 1), request(*range(16)), settle),
    "pipelined": script(fault(COMMIT_LATER, 3), request(PUT_A, PUT_B, PUT_A, GET_A, DELETE_A, STAT_A, LIST, PUT_A), settle),
    "dawdling": script(fault(LATER, 2), fault(PIECE, 3), request(PUT_A, PUT_B, GET_A, GET_B, STAT_B, LIST), settle),
    "put-without-id": script(header(cmd="put", filename="x", filesize=3), raw(b"abc"), request(STAT_A), settle),
    "resume": script(header(**PUT_WORLD), raw(WORLD[:5]), settle, step(AGAIN), header(**RESUME_WORLD), settle, raw(WORLD[5:])),
    "ghost": script(header(**PUT_WORLD), raw(WORLD[:5]), settle, step(OTHER), header(**RESUME_WORLD), settle, raw(WORLD[5:])),
    "busy-name": script(header(cmd="put", filename="a", filesize=2), settle, step(OTHER),
                        header(cmd="put", filename="a", filesize=3), raw(b"new"), step(CLOCK, 6), settle, step(CLOCK, 7), settle),
    "reread-fails": script(header(**PUT_WORLD), raw(WORLD[:5]), step(AGAIN), fault(REREAD, 2), header(**RESUME_WORLD)),
    "write-fails": script(fault(WRITE, 4), request(PUT_A, PUT_B, PUT_A), settle, fault(NO_FAULT), request(PUT_A, GET_A)),
    "read-fails": script(request(PUT_A, PUT_B), settle, fault(READ, 9), request(STAT_B, GET_A), settle),
    "commit-fails": script(fault(COMMIT, 1), fault(COMMIT_LATER, 1), request(PUT_A, PUT_B, DELETE_A, PUT_A), settle),
    "replaced": script(request(PUT_B), settle, request(GET_B), step(OUTPUT, 15), step(OTHER), request(PUT_B), settle,
                       step(OTHER), settle),
    "list-fails": script(request(PUT_A, PUT_B), fault(NEXT, 1), request(LIST), settle, fault(NO_FAULT), fault(LISTING), request(LIST)),
    "other-faults": script(fault(OPEN, 3), fault(PUT, 1), fault(REMOVE, 1), fault(ROOM, 1), request(*range(16)), settle),
    "no-writers": script(fault(WRITERS, 0), fault(COMMIT_LATER, 200), request(PUT_A, PUT_B, PUT_A), settle),
    "full": script(fault(CAPACITY, 1), request(PUT_A, PUT_B), settle),
    "bad-length": script(request(PUT_A), raw(b"\xff\xff\xff\xff"), settle),
    "bad-json": script(raw(frame(b'{"cmd":"stat","id":1,}')), settle),
    "array": script(raw(frame(b"[]")), request(INFO), settle),
    "no-filesize": script(header(cmd="put", id=1, filename="a"), settle),
    "skip-too-much": script(header(cmd="nothing", id=1, data_size=1048577), settle),
    "skip": script(header(cmd="nothing", id=1, data_size=9), raw(b"123456789"), request(INFO), settle),
    "header-timeout": script(raw(b"\x20\0"), step(CLOCK, 7), step(RUN)),
    "body-timeout": script(header(**PUT_WORLD), raw(b"hel"), settle, step(CLOCK, 8), step(RUN), settle),
    "idle-timeout": script(step(CLOCK, 9), step(RUN), choices=4),
    "output-timeout": script(request(PUT_B, GET_B), step(OUTPUT, 3), step(CLOCK, 8), step(RUN)),
    "more": script(fault(COMMIT_LATER, 255), request(PUT_A), step(CLOCK, 6), step(CLOCK, 6), step(RUN), settle),
    "hangs-up": script(request(PUT_A, GET_A), step(HANG_UP), settle),
    "hangs-up-inside": script(header(**PUT_WORLD), raw(b"hel"), step(HANG_UP), settle),
    "longest-name": script(header(cmd="put", id=1, filename="n" * 150, filesize=1), raw(b"x"), request(LIST), settle),
}


def write(target, files):
    folder = CORPUS / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def main():
    write("fuzz_header", HEADERS)
    write("fuzz_frame", {name: bytes([40, index]) + stream for index, (name, stream) in enumerate(FRAMES.items())})
    write("fuzz_server", SESSIONS)


if __name__ == "__main__":
    main()
