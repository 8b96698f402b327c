#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_corpus.py: writes the seed corpus of each fuzz target, in corpus/ beside this file.

The files are small, and each says something of its own; libFuzzer finds the rest. Run this again after a change here.
"""

import json
import pathlib
import shutil
import struct
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
(PUT_A, PUT_CORRUPT, PUT_IN_A, RESUME_EMPTY, PUT_BAD, PUT_B, GET_A, GET_B, STAT_A, STAT_B, LIST, DELETE_A, INFO, BOOT_X,
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
    "boot": script(request(BOOT_X, INFO), header(cmd="boot", id=1, mode="confirm", image="00" * 32), settle, choices=8),
    "boot-later": script(fault(LATER, 3), fault(COMMIT, 2), request(PUT_A, BOOT_X, STAT_A, BOOT_X), step(CLOCK, 7), settle,
                         choices=9),
    "boot-without-image": script(header(cmd="boot", id=1, mode="test"), header(cmd="boot", id=2, mode="x", image="y"),
                                 header(cmd="boot", mode="test", image="y"), request(STAT_A), settle, choices=8),
    "hidden": script(request(PUT_A, GET_A, STAT_A, GET_WRONG, LIST), settle, choices=24),
    "longest-name": script(header(cmd="put", id=1, filename="n" * 150, filesize=1), raw(b"x"), request(LIST), settle),
}

# ---- clients: a script of steps, see fuzz_client.c ----

(C_CALL, C_BYTES, C_ANSWER, C_REPLY, C_SEND, C_WORK, C_FAULT, C_FOLLOW, C_LIMIT, C_SETTLE) = range(10)
(C_INFO, C_PUT, C_PUT_PLAIN, C_PUT_EMPTY, C_RESUME, C_RESUME_CALLER, C_LARGE, C_RESUME_LARGE, C_GET, C_GET_REST, C_GET_3,
 C_STAT, C_STAT_CHECK, C_LIST, C_RUN, C_DELETE) = range(16)
(OK, OK_STAT, OK_GET, MORE_GET, MORE_REST, MORE_3, MORE_LIST, MORE_EMPTY, CONTINUE_0, CONTINUE_4, CONTINUE_ALL, NO_SPACE,
 ON_FIRE, BUSY, BAD_HEADER, FAREWELL) = range(16)
(C_NO_FAULT, C_READ, C_READ_LATER, C_WRITE, C_WRITE_LATER, C_PIECE) = range(6)


def call(*which):
    return b"".join(step(C_CALL, number) for number in which)


def reply(*which):
    return b"".join(step(C_REPLY, number) for number in which)


def answer(body=b"", **fields):
    text = json.dumps({"data_size": len(body), **fields}, separators=(",", ":")).encode()
    return step(C_ANSWER) + bytes([len(text)]) + text + (step(C_BYTES) + bytes([len(body)]) + body if body else b"")


def client_fault(which, number=0):
    return step(C_FAULT, which) + bytes([number])


send = step(C_SEND, 15)
done = step(C_SETTLE)
ALL_OF_INFO = {"name": "n", "server": "s", "board": "b", "firmware": "f", "max_header": 4096, "max_name": 255,
               "max_file": 9, "free": 9, "sessions": 2, "writers": 1, "uptime_ms": 5, "dory": 1}
FIRMWARE = {"firmware": "1", "image": "00" * 32, "confirmed": False, "boot_id": "0123456789abcdef", "slot": "pending"}

CLIENTS = {
    "nothing": b"",
    "unasked": reply(OK),
    "too-early": call(C_INFO) + reply(OK),
    "info": call(C_INFO) + send + answer(id=1, status="ok", **ALL_OF_INFO),
    "info-firmware": call(C_INFO) + send + answer(id=1, status="ok", **FIRMWARE),
    "all-calls": call(*range(16)) + done,
    "puts-piecewise": client_fault(C_READ_LATER, 2) + client_fault(C_PIECE, 2)
    + call(C_PUT, C_PUT_PLAIN, C_PUT_EMPTY) + done + reply(OK, OK, OK),
    "puts": call(C_PUT, C_PUT_PLAIN, C_PUT_EMPTY) + done + reply(OK, NO_SPACE, OK),
    "put-ok-too-early": call(C_LARGE) + send + send + reply(OK),
    "put-refused-early": call(C_LARGE, C_INFO) + send + step(C_SEND, 12) + reply(NO_SPACE) + done,
    "put-refused-near-its-end": call(C_LARGE, C_INFO) + send + send * 72 + reply(NO_SPACE) + done + reply(OK),
    "put-more": call(C_PUT) + done + reply(MORE_EMPTY, MORE_EMPTY, OK),
    "resume-new": call(C_RESUME, C_INFO) + done + reply(CONTINUE_0) + done + reply(OK) + done + reply(OK),
    "resume-4": call(C_RESUME, C_RESUME_CALLER) + done + reply(CONTINUE_4) + done + reply(OK) + done
    + reply(CONTINUE_4) + done + reply(OK),
    "resume-all": call(C_RESUME, C_LIST) + done + reply(CONTINUE_ALL) + done + reply(OK) + done + reply(OK),
    "resume-other": call(C_RESUME, C_LIST) + done + answer(id=1, status="continue", offset=4, prefix_crc32="deadbeef") + done,
    "resume-beyond": call(C_RESUME) + done + answer(id=1, status="continue", offset=12, prefix_crc32="00000000") + done,
    "resume-twice": call(C_RESUME) + done + reply(CONTINUE_0, CONTINUE_0),
    "resume-bytewise": call(C_RESUME) + done + reply(CONTINUE_4) + step(C_WORK) + step(C_WORK) + step(C_SEND) + done
    + reply(OK),
    "resume-refused": call(C_RESUME, C_INFO) + done + reply(NO_SPACE) + done + reply(OK),
    "resume-refused-checking": call(C_RESUME) + done + reply(CONTINUE_4, NO_SPACE) + done,
    "resume-large": call(C_RESUME_LARGE) + done + answer(id=1, status="continue", offset=3000, prefix_crc32=crc(
        bytes(ord("a") + i % 26 for i in range(3000)))) + done + reply(OK),
    "get": call(C_GET, C_GET) + done + reply(MORE_GET, OK_GET, NO_SPACE),
    "get-rest": call(C_GET_REST) + done + reply(MORE_REST, OK),
    "get-3": call(C_GET_3) + done + reply(MORE_3) + answer(id=1, status="ok", crc32=crc(b"AAA")),
    "get-parts": call(C_GET) + done + answer(b"AA", id=1, status="more", filesize=5, offset=0) + reply(MORE_LIST, MORE_EMPTY)
    + answer(b"A", id=1, status="ok", crc32=crc(b"AAAAA")),
    "get-too-much": call(C_GET) + done + reply(MORE_GET, MORE_LIST),
    "get-too-little": call(C_GET) + done + reply(MORE_3, OK_GET),
    "get-rest-too-little": call(C_GET_REST) + done + answer(b"AA", id=1, status="more", filesize=5, offset=2) + reply(OK),
    "get-mismatch": call(C_GET, C_INFO) + done + reply(MORE_GET) + answer(id=1, status="ok", crc32="00000000")
    + reply(OK),
    "get-from-elsewhere": call(C_GET) + done + reply(MORE_REST),
    "get-without-size": call(C_GET) + done + reply(MORE_EMPTY, MORE_LIST),
    "get-no-crc32": call(C_GET) + done + reply(MORE_GET, OK),
    "get-dawdling": client_fault(C_WRITE_LATER, 2) + client_fault(C_PIECE, 1) + call(C_GET) + done + reply(MORE_GET, OK_GET),
    "stat": call(C_STAT, C_STAT_CHECK, C_STAT_CHECK) + done + reply(OK_STAT, OK_STAT, OK),
    "list": call(C_LIST, C_LIST) + done + reply(MORE_LIST, MORE_LIST, OK) + answer(b"{}\n", id=2, status="ok"),
    "delete": call(C_DELETE, C_DELETE) + done + reply(OK, ON_FIRE),
    "run": call(C_RUN, C_RUN) + done + reply(MORE_GET, MORE_EMPTY, MORE_LIST, OK, NO_SPACE),
    "run-dawdling": client_fault(C_WRITE_LATER, 2) + client_fault(C_PIECE, 1) + call(C_RUN) + done + reply(MORE_GET, OK),
    "run-no-stream": call(C_RUN) + done + reply(MORE_3),
    "run-no-exit": call(C_RUN) + done + reply(MORE_LIST, OK_GET),
    "run-ends-with-output": call(C_RUN) + done + answer(b"out", id=1, status="ok", stream=2, exit=255),
    "run-exit-too-large": call(C_RUN) + done + answer(id=1, status="ok", exit=256),
    "busy": call(C_INFO) + done + answer(status="busy", message="full"),
    "farewell": call(C_INFO, C_PUT) + done + reply(OK, FAREWELL),
    "bad-header": call(C_INFO, C_PUT) + done + reply(OK) + answer(status="bad_header", message="too long"),
    "after-a-refusal": call(C_LARGE) + send + reply(NO_SPACE, OK),
    "after-a-refusal-near-its-end": call(C_LARGE) + send * 73 + reply(NO_SPACE, OK) + done,
    "no-status": call(C_INFO) + done + answer(id=1),
    "wrong-types": call(C_INFO) + done + answer(id=1, status=7),
    "another-id": call(C_INFO) + done + answer(id=7, status="ok"),
    "follow": step(C_FOLLOW, C_STAT) + call(C_INFO) + done + reply(OK) + done + reply(OK_STAT) + done,
    "check-fails": call(C_RESUME) + done + reply(CONTINUE_4) + client_fault(C_READ, 1) + done,
    "fault-passes": client_fault(C_READ_LATER, 1) + client_fault(C_NO_FAULT) + call(C_PUT) + done + reply(OK),
    "read-fails": client_fault(C_READ, 1) + call(C_INFO, C_PUT, C_INFO) + done + reply(OK),
    "body-fails": client_fault(C_READ, 4) + call(C_LARGE) + done,
    "write-fails": client_fault(C_WRITE, 1) + call(C_GET, C_INFO) + done + reply(MORE_GET, OK_GET),
    "bytewise": step(C_LIMIT, 1) + call(C_GET, C_STAT) + done + reply(MORE_GET) + done + reply(OK_GET) + done
    + reply(OK_STAT) + done,
    "bad-length": call(C_INFO) + done + step(C_BYTES) + b"\4\xff\xff\xff\xff",
    "bad-json": call(C_INFO) + done + step(C_ANSWER) + b"\2{]",
}

# ---- plain commands: a script of steps, see fuzz_plain.c ----

(P_BYTES, P_FILL, P_TICK, P_CLOCK, P_WRITABLE, P_END, P_LOST, P_OTHER, P_SETTLE) = range(9)
SIZED, HEADED, ROOMY, WIDE = 0, 1, 2, 4


def line(text):
    return step(P_BYTES) + bytes([len(text)]) + text


def plain(*steps, choices=ROOMY | WIDE):
    return bytes([choices]) + b"".join(steps)


tick = step(P_TICK)
other = step(P_OTHER)
everything = step(P_SETTLE)

PLAIN = {
    "one": plain(line(b"hello"), everything),
    "headed": plain(line(b"hello\n"), everything, line(b"again"), everything, choices=HEADED | ROOMY | WIDE),
    "bytewise-scratch": plain(line(b"gUz0"), everything, choices=HEADED | ROOMY),
    "cut": plain(line(b"gUz0"), everything, choices=SIZED | WIDE | 5 << 3),
    "cut-and-ended": plain(line(b"gUz2"), everything, line(b"wUz3"), everything, choices=HEADED | WIDE | 9 << 3),
    "timeout": plain(line(b"c\1\5\2"), everything),
    "too-large": plain(line(b"c\6\7\3"), everything),
    "refused": plain(line(b"!no"), everything, line(b"yes"), everything),
    "empty": plain(line(b"\n"), everything, line(b""), everything),
    "not-utf-8": plain(line(b"caf\xe9"), everything),
    "utf-8": plain(line("café".encode()), everything),
    "cr": plain(line(b"a\r\n"), everything, line(b"b"), everything),
    "lf": plain(line(b"a\nb"), everything),
    "nul": plain(line(b"a\0"), everything),
    "post": plain(line(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:9003\r\n\r\nreboot"), everything),
    "pieces": plain(line(b"say "), line(b"it"), tick, line(b"ne"), line(b"xt"), everything),
    "longest": plain(step(P_FILL, 12), line(b"x" * 64 + b"\n"), everything),
    "too-long": plain(step(P_FILL, 12), line(b"x" * 65), everything),
    "too-long-while-running": plain(line(b"gUz0"), tick, step(P_FILL, 13), step(P_FILL, 2), everything),
    "slow-reader": plain(step(P_WRITABLE, 2), line(b"gUz0"), tick, step(P_WRITABLE, 5), tick, step(P_WRITABLE, 9), tick),
    "nobody-reads": plain(step(P_WRITABLE), line(b"gUz0"), tick, step(P_CLOCK, 8), everything),
    "idle": plain(line(b"gUz0"), everything, step(P_CLOCK, 9), everything),
    "ends": plain(line(b"gUz0"), tick, line(b"more"), step(P_END), everything),
    "lost": plain(line(b"gUz0"), tick, step(P_LOST), line(b"gUz0"), everything),
    "three": plain(line(b"gUz0"), other, line(b"wUz0"), other, line(b"aUz0"), everything, other, line(b"bUz0"), everything),
    "evicted": plain(line(b"a"), everything, other, line(b"b"), everything, other, line(b"c"), everything),
}


# ---- images: rules, pieces, then an image whose hash is zeros, see fuzz_image.c ----

BOARD_B, COUNTER_7, MAJOR_1, ANY_SIZE = 1, 2, 4, 8


def tlv(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def area(magic, *entries):
    return struct.pack("<HH", magic, 4 + len(b"".join(entries))) + b"".join(entries)


HASH, KEY_HASH, SIGNATURE = tlv(0x10, bytes(32)), tlv(0x01, bytes(32)), tlv(0x22, b"\x30" + bytes(70))
COUNTER, BOARD = tlv(0x50, b"\7\0\0\0"), tlv(0xD0, b"b")


def image(*protected, tlvs=(HASH, KEY_HASH, SIGNATURE), header_size=32, size=None, flags=0, body=b"body"):
    signed = area(0x6908, *protected) if protected else b""
    size = len(body) if size is None else size
    head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, header_size, len(signed), size, flags, 1, 2, 3, 4, 0)
    return head.ljust(header_size, b"\0") + body + signed + area(0x6907, *tlvs)


IMAGES = {
    "plain": (0, image()),
    "full": (BOARD_B | COUNTER_7 | MAJOR_1, image(COUNTER, BOARD, header_size=48)),
    "any-size": (ANY_SIZE, image(COUNTER)),
    "other-rules": (BOARD_B | COUNTER_7 | MAJOR_1 | ANY_SIZE, image()),
    "unknown-tlvs": (0, image(tlv(0x40, bytes(12)), tlv(0xA0, b""), tlvs=(tlv(0x110, b"x"), HASH, SIGNATURE, KEY_HASH))),
    "twice": (0, image(COUNTER, COUNTER)),
    "unprotected": (0, image(tlvs=(COUNTER, HASH, KEY_HASH, SIGNATURE))),
    "unsigned": (0, image(tlvs=(HASH,))),
    "no-hash": (0, image(tlvs=(KEY_HASH, SIGNATURE))),
    "bad-signature": (0, image(tlvs=(HASH, KEY_HASH, tlv(0x22, bytes(72))))),
    "wraps": (ANY_SIZE, image(size=0xFFFFFFE0)),
    "flags": (0, image(flags=0x121)),
    "encrypted": (0, image(flags=4)),
    "cut": (ANY_SIZE, image(COUNTER)[:-1]),
    "trailing": (ANY_SIZE, image(COUNTER) + b"\xff"),
    "no-image": (0, b"\xff" * 40),
}


# ---- firmware: a script of steps, see fuzz_firmware.c ----

(F_IMAGE, F_BYTE, F_BYTES, F_START, F_BEGIN, F_PUT, F_WRITE, F_REREAD, F_COMMIT, F_ABORT, F_BOOT, F_REMOVE, F_OPEN, F_RUN,
 F_LATER, F_FAIL) = range(16)
(F_TEST, F_PERMANENT, F_STARTED, F_CONFIRM, F_ADOPT) = range(5)
(CRC32, RESUME, DAMAGED, TRAILING) = (1, 2, 4, 8)
SLOT = 5 * 256


def fill(slot, body, plan=None, counter=0):
    return bytes([F_IMAGE, slot | (0 if plan is None else 2 | plan << 2) | counter << 5]) + body.to_bytes(2, "big")


def at_off(step_kind, off):
    return bytes([step_kind]) + off.to_bytes(2, "big")


def put_step(body, choice):
    return at_off(F_PUT, body) + bytes([choice]) + (70).to_bytes(2, "big")


def raw_bytes(slot, off, content):
    return bytes([F_BYTES, slot]) + off.to_bytes(2, "big") + bytes([len(content)]) + content


FACTORY = fill(0, 500) + bytes([F_START])
PUT_ALL = put_step(600, CRC32) + at_off(F_WRITE, 400) + at_off(F_WRITE, 1000) + at_off(F_COMMIT, 0)
TEST_IT, CONFIRM_IT = bytes([F_BOOT, 0]), bytes([F_BOOT, 2])

FIRMWARE = {
    "nothing": b"",
    "factory": FACTORY,
    "update": FACTORY + PUT_ALL + TEST_IT * 9 + bytes([F_START]) + CONFIRM_IT * 3 + bytes([F_START]),
    "revert": FACTORY + PUT_ALL + TEST_IT * 9 + bytes([F_START, F_START]) + TEST_IT * 9,
    "permanent": FACTORY + PUT_ALL + bytes([F_BOOT, 1]) * 9 + bytes([F_START]) + PUT_ALL,
    "cut-and-resume": FACTORY + put_step(600, CRC32) + at_off(F_WRITE, 600) + bytes([F_START]) +
    put_step(600, CRC32 | RESUME) + at_off(F_REREAD, 0) + at_off(F_REREAD, 100) + at_off(F_WRITE, 1000) * 2 + at_off(F_COMMIT, 0),
    "kept-and-resumed": FACTORY + put_step(600, CRC32) + at_off(F_WRITE, 333) + at_off(F_ABORT, 1) + put_step(600, CRC32 | RESUME) +
    at_off(F_REREAD, 5) + at_off(F_WRITE, 1000) + at_off(F_COMMIT, 0),
    "other-content": FACTORY + put_step(600, CRC32) + at_off(F_WRITE, 600) + at_off(F_ABORT, 1) + put_step(500, CRC32 | RESUME) +
    at_off(F_WRITE, 1000) + at_off(F_COMMIT, 0),
    "damaged": FACTORY + put_step(600, CRC32 | DAMAGED) + at_off(F_WRITE, 1000) + at_off(F_COMMIT, 0) + at_off(F_ABORT, 0),
    "trailing": FACTORY + put_step(600, TRAILING) + at_off(F_WRITE, 1000) + at_off(F_COMMIT, 0),
    "removed": FACTORY + PUT_ALL + at_off(F_OPEN, 3) + bytes([F_REMOVE]) + at_off(F_COMMIT, 0) * 3,
    "dawdling": FACTORY + bytes([F_LATER, 9]) + PUT_ALL + at_off(F_COMMIT, 0) * 9 + TEST_IT + bytes([F_RUN] * 9 + [F_START]),
    "failing": FACTORY + bytes([F_FAIL, 6]) + PUT_ALL + at_off(F_ABORT, 1) + put_step(600, CRC32 | RESUME) + at_off(F_WRITE, 1000),
    "both": fill(0, 300, F_ADOPT, 1) + fill(1, 400, F_TEST, 2) + bytes([F_START, F_START]),
    "both-confirmed": fill(0, 300, F_ADOPT, 7) + fill(1, 400, F_ADOPT, 0) + bytes([F_START]) + TEST_IT * 9 + bytes([F_START]),
    "notes": FACTORY + raw_bytes(1, SLOT - 256, b"d001" + bytes(28)) + bytes([F_START]) + put_step(600, CRC32 | RESUME),
    "marks": FACTORY + raw_bytes(1, SLOT - 40, bytes(24) + bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")) + bytes([F_START]),
    "lengths": FACTORY + fill(1, 700, F_TEST, 2) + raw_bytes(1, 8, b"\xff" * 8) + bytes([F_START]) + raw_bytes(1, 734, b"\xff\xff") +
    bytes([F_START]),
}


# ---- datagrams: a choice, then a datagram or its header ----

QUESTION, ANSWER, HEADER = 0, 1, 2


def padded(header):
    return frame(header[:-1] + b',"pad":"' + b"." * (498 - len(header) + 1) + b'"}')


ASK = b'{"cmd":"info","id":7}'
TELL = b'{"id":7,"status":"ok","name":"a","board":"b","firmware":"1","free":5,"data_size":0}'

DATAGRAMS = {
    "question": bytes([QUESTION]) + padded(ASK),
    "question-short": bytes([QUESTION]) + frame(ASK),
    "question-twice": bytes([QUESTION]) + padded(ASK) * 2,
    "question-cut": bytes([QUESTION]) + padded(ASK)[:-1],
    "question-long": bytes([QUESTION]) + (1028).to_bytes(4, "little") + b" " * 1028,
    "question-length": bytes([QUESTION]) + b"\xff" * 520,
    "question-header": bytes([QUESTION | HEADER]) + ASK,
    "question-escapes": bytes([QUESTION | HEADER]) + b'{"\\u0063md":"inf\\u006f","id":0,"x":[{}]}',
    "question-body": bytes([QUESTION | HEADER]) + b'{"cmd":"info","id":7,"data_size":1}',
    "question-other": bytes([QUESTION | HEADER]) + b'{"cmd":"put","id":7,"filename":"f","filesize":0}',
    "answer": bytes([ANSWER]) + frame(TELL),
    "answer-header": bytes([ANSWER | HEADER]) + TELL,
    "answer-other-id": bytes([ANSWER | HEADER]) + TELL.replace(b"7", b"8"),
    "answer-escapes": bytes([ANSWER | HEADER]) + b'{"id":7,"status":"ok","name":"\\u0000\\u001b[2J\\ud83d\\udea3"}',
    "answer-long": bytes([ANSWER | HEADER]) + TELL + b" " * 600,
    "answer-refused": bytes([ANSWER | HEADER]) + b'{"id":7,"status":"busy","data_size":0}',
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
    write("fuzz_image", {name: bytes([rules, index]) + data for index, (name, (rules, data)) in enumerate(IMAGES.items())})
    write("fuzz_firmware", FIRMWARE)
    write("fuzz_server", SESSIONS)
    write("fuzz_client", CLIENTS)
    write("fuzz_plain", PLAIN)
    write("fuzz_datagram", DATAGRAMS)


if __name__ == "__main__":
    main()
