# SPDX-License-Identifier: MIT
"""Headers: what is valid JSON but odd, what is fatal to a connection, and what spoils one request only.

A fatal header is answered with `bad_header`, without id, and the connection ends. After any other fault the stream
stays in step.
"""

import json
import struct

import pytest

import wire
from wire import frame

MINIMAL_TOKENS = 32  # what every server takes


def assert_fatal(target, data, rest=b""):
    """The bytes must end the connection, with one bad_header as its last word."""
    conn = target.connect()
    conn.try_send(data + rest)
    header, body = conn.answer()
    header.pop("message", None)
    assert header == {"status": "bad_header", "data_size": 0}
    assert body == b""
    assert conn.drain() == b""
    conn.close()
    assert target.ask("info").status == "ok"


# --- the length ---


@pytest.mark.parametrize("length", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF], ids=hex)
def test_a_header_length_out_of_range_is_fatal(target, length):
    assert_fatal(target, struct.pack("<I", length))


def test_a_header_of_the_limit_is_taken_and_one_byte_more_is_fatal(target):
    limit = target.info["max_header"]
    bare = json.dumps({"cmd": "info", "id": 1, "pad": ""}, separators=(",", ":"))
    header = json.dumps({"cmd": "info", "id": 1, "pad": "x" * (limit - len(bare))}, separators=(",", ":"))
    assert len(header) == limit
    conn = target.connect()
    conn.send(frame(header.encode()))
    assert conn.final(1).status == "ok"
    assert_fatal(target, struct.pack("<I", limit + 1))


def test_the_length_is_little_endian(target):
    header = b'{"cmd":"info","id":1}'
    assert_fatal(target, struct.pack(">I", len(header)) + header)


def test_every_server_takes_headers_of_512_bytes(target):
    assert target.info["max_header"] >= 512


# --- JSON that is none ---

LONE_SURROGATES = [rb'"\ud800"', rb'"\udc00"', rb'"\ud800x"', rb'"\ud800\u0041"', rb'"\ud800\ud800"', rb'"\udfff\ud800"']
BAD_UTF8 = [
    b"\x80",
    b"\xff",
    b"\xc3",
    b"\xc0\xaf",  # overlong
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",  # a surrogate
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xe2\x82",
]
BAD_LITERALS = [b"tru", b"True", b"nul", b"nil", b"undefined", b"NaN", b"Infinity", b"-", b"01", b"-01", b"+1", b".5", b"1."]
BAD_LITERALS += [b"1e", b"1e+", b"0x10", b"1 2", b"--1", b"1_000", b"x", b""]
BAD_STRINGS = [rb'"\x41"', rb'"\u12"', rb'"\u12g4"', rb'"\U0041"', b"'a'", b'"a\nb"', b'"a\tb"', b'"a\x00b"', b'"a\x1fb"', b'"a']
BAD_STRUCTURE = [
    b"",
    b" ",
    b"[]",
    b'["cmd","info"]',
    b'"info"',
    b"1",
    b"null",
    b"true",
    b"{",
    b"}",
    b'{"cmd":"info","id":1',
    b'{"cmd":"info","id":1]',
    b'{"cmd":"info","id":1}}',
    b'{"cmd":"info","id":1}x',
    b'{"cmd":"info","id":1}\x00',
    b'{"cmd":"info","id":1}{"cmd":"info","id":2}',
    b'{"cmd":"info","id":1},',
    b'{"cmd":"info","id":1,}',
    b'{,"cmd":"info","id":1}',
    b'{"cmd":"info",,"id":1}',
    b'{"cmd":"info" "id":1}',
    b'{"cmd":"info";"id":1}',
    b'{"cmd" "info","id":1}',
    b'{"cmd"="info","id":1}',
    b'{"cmd"::"info","id":1}',
    b'{"cmd":"info":"x","id":1}',
    b'{"cmd":"info","id"}',
    b'{"cmd":"info","id":}',
    b'{"cmd":"info","id":1,"x"}',
    b'{"cmd":"info","id":1,"x":[1,]}',
    b'{"cmd":"info","id":1,"x":[,1]}',
    b'{"cmd":"info","id":1,"x":[1 2]}',
    b'{"cmd":"info","id":1,"x":[1}',
    b'{"cmd":"info","id":1,"x":[1:2]}',
    b'{"cmd":"info","id":1,"x":{"y"}}',
    b'{"cmd":"info","id":1,"x":{"y":1,}}',
    b'{"cmd":"info","id":1,"x":{1:2}}',
    b'{"cmd":"info","id":1,"x":{]}',
    b'{cmd:"info","id":1}',
    b'{"cmd":info,"id":1}',
    b'{1:"info","id":1}',
    b'{"cmd":"info","id":1/*why*/}',
    b'\xef\xbb\xbf{"cmd":"info","id":1}',  # a byte order mark
    b'\x00{"cmd":"info","id":1}',
    b'{"cmd":"info"\x00,"id":1}',
    b'{"cmd":"info",\x0b"id":1}',  # a vertical tab is no white space
    b'{"cmd":"info",\xc2\xa0"id":1}',
    b'{"cmd":"info\x00","id":1}',
]
BAD_VALUES = LONE_SURROGATES + BAD_LITERALS + BAD_STRINGS + [b'"' + text + b'"' for text in BAD_UTF8]


@pytest.mark.parametrize("text", BAD_STRUCTURE, ids=repr)
def test_what_is_no_json_object_is_fatal(target, text):
    assert_fatal(target, frame(text))


@pytest.mark.parametrize("value", BAD_VALUES, ids=repr)
def test_a_value_that_json_does_not_allow_is_fatal_even_under_an_unknown_key(target, value):
    assert_fatal(target, frame(b'{"cmd":"info","id":1,"x":' + value + b"}"))
    assert_fatal(target, frame(b'{"cmd":"info","id":1,"x":[{"y":' + value + b"}]}"))


@pytest.mark.parametrize("name", LONE_SURROGATES + [b'"' + text + b'"' for text in BAD_UTF8], ids=repr)
def test_a_name_that_is_no_text_is_fatal(target, name):
    assert_fatal(target, frame(b'{"cmd":"get","id":1,"filename":' + name + b"}"))


@pytest.mark.parametrize("text", BAD_UTF8, ids=repr)
def test_a_key_that_is_no_text_is_fatal(target, text):
    assert_fatal(target, frame(b'{"cmd":"info","id":1,"' + text + b'":1}'))


def test_nesting_beyond_the_tokens_is_fatal(target):
    for depth in (140, 230):
        assert_fatal(target, frame(b'{"cmd":"info","id":1,"x":' + b"[" * depth + b"]" * depth + b"}"))
    assert_fatal(target, frame(b'{"cmd":"info","id":1,"x":' + b"[" * 400))


def test_more_values_than_tokens_are_fatal(target):
    assert_fatal(target, frame(b'{"cmd":"info","id":1,"x":[' + b"0," * 220 + b"0]}"))


def test_a_header_of_32_tokens_is_taken(target):
    values = MINIMAL_TOKENS - 1 - 2 - 2 - 2  # the object, two pairs, a key and its array
    for value in (b"[" + b",".join([b"0"] * values) + b"]", b"[" * (values + 1) + b"]" * (values + 1)):
        conn = target.connect()
        conn.send(frame(b'{"cmd":"info","id":1,"x":' + value + b"}"))
        assert conn.final(1).status == "ok"
        conn.close()


# --- known keys with values that leave the stream out of step ---

BAD_NUMBERS = ["-1", "-0", "1.5", "1.0", "1e3", "1E3", '"12"', '""', "null", "true", "[]", "[1]", "{}"]
BAD_NUMBERS += [str(2**53), str(2**63), str(2**64), str(2**64 + 1), "9" * 40]


@pytest.mark.parametrize("value", BAD_NUMBERS)
@pytest.mark.parametrize("key", ["id", "filesize", "data_size"])
def test_a_bad_number_in_a_key_that_the_framing_needs_is_fatal(target, key, value):
    name = target.name()
    if key == "filesize":
        text = f'{{"cmd":"put","id":1,"filename":"{name}","filesize":{value}}}'
    elif key == "data_size":
        text = f'{{"cmd":"info","id":1,"data_size":{value}}}'
    else:
        text = f'{{"cmd":"info","id":{value}}}'
    assert_fatal(target, frame(text.encode()))


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", "{}", '["info"]'])
def test_a_cmd_that_is_no_string_is_fatal(target, value):
    assert_fatal(target, frame(f'{{"cmd":{value},"id":1}}'.encode()))


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", "{}", '["a"]'])
@pytest.mark.parametrize("cmd", ["put", "get"])
def test_a_filename_that_is_no_string_is_fatal(target, cmd, value):
    assert_fatal(target, frame(f'{{"cmd":"{cmd}","id":1,"filename":{value},"filesize":0}}'.encode()))


@pytest.mark.parametrize("value", ["1", "0", "null", '"true"', "[]", "{}", "[true]"])
def test_a_resume_that_is_neither_true_nor_false_is_fatal(target, value):
    text = f'{{"cmd":"put","id":1,"filename":"{target.name()}","filesize":4,"crc32":"00000000","resume":{value}}}'
    assert_fatal(target, frame(text.encode()), rest=b"body")


def test_a_request_without_cmd_is_fatal(target):
    assert_fatal(target, frame(b"{}"))
    assert_fatal(target, frame(b'{"id":1}'))
    assert_fatal(target, frame(b'{"id":1,"data_size":3}'), rest=b"abc")


def test_a_put_without_filesize_is_fatal(target):
    name = target.name()
    assert_fatal(target, frame({"cmd": "put", "id": 1, "filename": name}), rest=b"abc")
    assert_fatal(target, frame({"cmd": "put", "id": 1, "filename": name, "data_size": 3}), rest=b"abc")
    assert target.stat(name).status == "not_found"


PAIRS = ['"cmd":"put"', '"id":1', '"filename":"dup"', '"filesize":0', '"crc32":"00000000"', '"resume":false', '"data_size":0']


@pytest.mark.parametrize("pair", PAIRS)
def test_a_known_key_twice_is_fatal(target, pair):
    base = ['"cmd":"put"', '"id":1', '"filename":"dup"', '"filesize":0']
    fields = base + ([] if pair in base else [pair])
    for double in (fields + [pair], [pair] + fields):
        assert_fatal(target, frame(("{" + ",".join(double) + "}").encode()))
    assert target.stat("dup").status == "not_found"


def test_a_known_key_twice_is_fatal_however_it_is_spelled(target):
    assert_fatal(target, frame(rb'{"cmd":"info","id":1,"\u0069d":2}'))
    assert_fatal(target, frame(rb'{"cmd":"info","id":1,"c\u006Dd":"info"}'))


@pytest.mark.parametrize(
    "data",
    [struct.pack("<I", 0), struct.pack("<I", 0xFFFFFFFF), frame(b"[]"), frame(b'{"cmd":1}')],
    ids=["zero", "huge", "array", "bad cmd"],
)
def test_nothing_after_a_fatal_header_is_acted_on(target, data):
    name = target.name()
    body = b"must not appear"
    rest = frame({"cmd": "put", "id": 9, "filename": name, "filesize": len(body)}, body) + frame({"cmd": "info", "id": 10})
    assert_fatal(target, data, rest)
    assert target.stat(name).status == "not_found"


def test_the_answer_to_a_fatal_header_survives_unread_input(target):
    conn = target.connect()
    try:
        conn.send(struct.pack("<I", 1) + b"x" * 65536, read=False)
    except wire.Closed:
        pass  # the answer must be there all the same
    header, _ = conn.answer()
    assert header["status"] == "bad_header"


def test_requests_before_a_fatal_header_are_answered_first(target):
    conn = target.connect()
    conn.send(frame({"cmd": "info", "id": 1}) + frame({"cmd": "stat", "id": 2, "filename": target.name()}) + frame(b"[]"))
    assert conn.final(1).status == "ok"
    assert conn.final(2).status == "not_found"
    assert conn.final(None).status == "bad_header"
    assert conn.drain() == b""


# --- JSON that is odd, but fine ---

ODD_VALUES = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1.5e+10",
    "1E-7",
    "9" * 40,
    '""',
    r'"\"\\\/\b\f\n\r\t"',
    r'"\u0000"',
    r'"\ud83d\ude00"',
    '"\u20ac\U0001f600"',
    "[]",
    "{}",
    "[[],{}]",
    '{"cmd":"put","cmd":"delete","id":"x","filename":7}',  # known keys count at the top only
    '[{"filesize":-1}]',
]


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("key", ["x", "message", "", r"\u0000", "cmd ", "Cmd", "CMD", "c", "idx", "filename\\u0000"])
def test_an_unknown_key_is_ignored_whatever_it_holds(target, key, value):
    conn = target.connect()
    conn.send(frame(f'{{"{key}":{value},"cmd":"info","id":1}}'.encode()))
    conn.send(frame(f'{{"cmd":"info","id":2,"{key}":{value}}}'.encode()))
    assert conn.final(1).status == "ok"
    assert conn.final(2).status == "ok"


def test_white_space_between_tokens_is_fine(target):
    conn = target.connect()
    conn.send(frame(b' \t\r\n{ "cmd" :\n"info"\t,\r"id" : 1 , "x" : [ 1 , { "y" : 2 } ] }'))
    assert conn.final(1).status == "ok"


def test_keys_and_values_mean_the_same_however_they_are_escaped(target):
    name = target.name()
    target.put(name, b"escaped")
    escaped = "".join("\\u%04x" % ord(char) for char in name)
    conn = target.connect()
    conn.send(frame(f'{{"\\u0063m\\u0064":"\\u0067et","\\u0069d":1,"file\\u006eame":"{escaped}"}}'.encode()))
    answer = conn.final(1)
    assert (answer.status, answer.data) == ("ok", b"escaped")
    conn.send(frame(rb'{"cmd":"\u0049nfo","id":2}'))  # another letter is another command
    assert conn.final(2).status == "unknown_cmd"


def test_the_order_of_keys_does_not_matter(target):
    name = target.name()
    header = {"filesize": 3, "crc32": wire.crc32(b"abc"), "filename": name, "id": 5, "cmd": "put"}
    conn = target.connect()
    conn.send(frame(header, b"abc"))
    assert conn.final(5).status == "ok"
    assert target.get(name) == b"abc"


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32, 2**53 - 1])
def test_an_id_is_repeated_digit_by_digit(target, number):
    conn = target.connect()
    conn.send(frame({"cmd": "info", "id": number}))
    assert conn.final(number).status == "ok"


def test_an_id_may_be_used_again(target):
    conn = target.connect()
    conn.send(frame({"cmd": "info", "id": 7}) * 3)
    for _ in range(3):
        assert conn.final(7).status == "ok"


# --- faults of one request ---


@pytest.mark.parametrize("cmd", ["", "frobnicate", "Put", "put ", "puts", "pu", "x" * 200, "p\\u0000ut", "\u00fc"])
def test_the_body_of_an_unknown_command_is_skipped(target, cmd):
    conn = target.connect()
    skipped = b'\x15\0\0\0{"cmd":"info","id":9}'
    conn.send(frame(f'{{"cmd":"{cmd}","id":1,"data_size":{len(skipped)}}}'.encode(), skipped))
    assert conn.final(1).status == "unknown_cmd"
    assert conn.in_step()


def test_a_body_that_a_command_has_no_use_for_is_skipped(target):
    name = target.name()
    target.put(name, b"kept")
    conn = target.connect()
    for cmd, fields in (
        ("info", {}),
        ("get", {"filename": name}),
        ("stat", {"filename": name}),
        ("list", {}),
        ("get", {"filename": "../x"}),
        ("delete", {"filename": target.name()}),
    ):
        answer = conn.ask(cmd, b"y" * 1000, data_size=1000, **fields)
        assert answer.status in ("ok", "bad_name", "not_found")
        assert conn.in_step()


def test_only_a_put_has_a_body_of_filesize(target):
    conn = target.connect()
    assert conn.ask("info", filesize=5).status == "ok"
    assert conn.ask("stat", filename=target.name(), filesize=5).status == "not_found"
    assert conn.in_step()


def test_the_filesize_of_a_put_counts_before_its_data_size(target):
    name = target.name()
    conn = target.connect()
    assert conn.put(name, b"abc", data_size=77).status == "ok"
    assert conn.in_step()
    assert target.get(name) == b"abc"


BAD_CRC32 = ['"1234567"', '"123456789"', '"zzzzzzzz"', '"ABCDEF01"', '""', '"0x123456"', "12345678", "null", "true", "[]", "{}"]


@pytest.mark.parametrize("value", BAD_CRC32)
def test_a_put_with_a_malformed_crc32_is_a_bad_request_and_its_body_is_skipped(target, value):
    name = target.name()
    conn = target.connect()
    text = f'{{"cmd":"put","id":50,"filename":"{name}","filesize":4,"crc32":{value}}}'
    conn.send(frame(text.encode(), b"\x01\0\0\0"))
    assert conn.final(50).status == "bad_request"
    assert conn.in_step()
    assert target.stat(name).status == "not_found"


BAD_FIELDS = [("offset", value) for value in ("-1", "1.5", "1e1", '"1"', "null", "true", "[]", str(2**53))]
BAD_FIELDS += [("length", value) for value in ("-1", "1.5", "1e1", '"1"', "null", "true", "{}", str(2**53))]
BAD_FIELDS += [("if_version", value) for value in ("1", "null", "true", "[]")]
BAD_FIELDS += [("check", value) for value in ("1", "0", "null", '"true"', "[]")]


@pytest.mark.parametrize("key, value", BAD_FIELDS)
def test_a_get_with_a_field_of_a_wrong_kind_is_a_bad_request(target, key, value):
    name = target.name()
    target.put(name, b"0123456789")
    conn = target.connect()
    conn.send(frame(f'{{"cmd":"get","id":50,"filename":"{name}","{key}":{value},"data_size":4}}'.encode(), b"\x01\0\0\0"))
    assert conn.final(50).status == "bad_request"
    assert conn.in_step()


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", '["a"]'])
def test_a_list_with_a_prefix_of_a_wrong_kind_is_a_bad_request(target, value):
    conn = target.connect()
    conn.send(frame(f'{{"cmd":"list","id":50,"prefix":{value}}}'.encode()))
    assert conn.final(50).status == "bad_request"
    assert conn.in_step()


@pytest.mark.parametrize("cmd", ["put", "get", "stat", "delete"])
def test_a_request_that_names_no_file_is_a_bad_request(target, cmd):
    conn = target.connect()
    fields = {"filesize": 6} if cmd == "put" else {}
    assert conn.ask(cmd, b"skipme" if cmd == "put" else b"", **fields).status == "bad_request"
    assert conn.in_step()


def test_boot_is_known_but_not_supported_without_a_provider(target):
    if target.info["board"] != "linux":
        pytest.skip("a board may well have them")
    conn = target.connect()
    assert conn.ask("boot", mode="test", image="00").status == "unsupported"
    assert conn.in_step()


# --- without an id ---


def test_what_has_no_id_has_no_answer(target):
    name = target.name()
    target.put(name, b"stays")
    conn = target.connect()
    for header in (
        {"cmd": "info"},
        {"cmd": "get", "filename": name},
        {"cmd": "list"},
        {"cmd": "stat", "filename": name},
        {"cmd": "delete", "filename": name},
        {"cmd": "frobnicate"},
        {"cmd": "get", "filename": "../x"},
        {"cmd": "get", "filename": name, "offset": "x"},
    ):
        conn.send(frame(header))
        conn.send(frame({**header, "data_size": 30}, b"z" * 30))
    assert conn.in_step()
    assert target.get(name) == b"stays", "only put acts without an id"


# --- how the bytes are cut ---


def test_requests_may_come_one_byte_at_a_time(target):
    name = target.name()
    conn = target.connect()
    data = frame({"cmd": "put", "id": 1, "filename": name, "filesize": 5}, b"bytes") + frame(
        {"cmd": "get", "id": 2, "filename": name}
    )
    for byte in data:
        conn.send(bytes([byte]))
    assert conn.final(1).status == "ok"
    assert conn.final(2).data == b"bytes"


def test_many_requests_may_come_in_one_piece(target):
    names = [target.name() for _ in range(3)]
    conn = target.connect()
    data, number = b"", 0
    for _ in range(10):
        for name in names:
            data += frame({"cmd": "put", "id": number, "filename": name, "filesize": len(name)}, name.encode())
            data += frame({"cmd": "get", "id": number + 1, "filename": name})
            number += 2
    conn.send(data)
    for expected in range(0, number, 2):
        assert conn.final(expected).status == "ok"
        assert conn.final(expected + 1).data == names[expected // 2 % 3].encode()


def test_a_message_may_be_split_at_every_position(target):
    name = target.name()
    data = frame({"cmd": "put", "id": 1, "filename": name, "filesize": 3}, b"abc")
    conn = target.connect()
    for position in range(1, len(data)):
        conn.send(data[:position])
        conn.poll_input(0.001)  # let the first piece arrive on its own
        conn.send(data[position:])
        assert conn.final(1).status == "ok"


def test_what_is_whole_before_the_end_of_the_stream_is_answered(target):
    name = target.name()
    conn = target.connect()
    conn.send(frame({"cmd": "put", "id": 1, "filename": name, "filesize": 3}, b"end") + frame({"cmd": "info", "id": 2}))
    conn.half_close()
    assert conn.final(1).status == "ok"
    assert conn.final(2).status == "ok"
    assert conn.drain() == b""
    assert target.get(name) == b"end"


def test_a_connection_that_says_nothing_and_closes_is_no_trouble(target):
    for how in ("close", "half_close", "reset"):
        conn = target.connect()
        getattr(conn, how)()
        if how == "half_close":
            assert conn.drain() == b""
    assert target.ask("info").status == "ok"


def test_info_tells_the_limits(target):
    info = target.info
    assert info["dory"] == 1
    for key in ("name", "server", "board", "firmware"):
        assert isinstance(info[key], str), key
    for key in ("max_header", "max_name", "max_file", "free", "sessions", "writers", "uptime_ms"):
        assert type(info[key]) is int and 0 <= info[key] <= wire.BIGGEST_NUMBER, key
    assert info["max_name"] >= 64
    assert info["max_header"] >= 2 * info["max_name"] + 128
    assert info["sessions"] >= 1 and info["writers"] >= 1
    assert target.ask("info")["uptime_ms"] >= info["uptime_ms"]
