# SPDX-License-Identifier: MIT
"""dorysign: its images are what images.py expects, those of images.py are what it accepts, and nothing else is."""

import os
import re
import stat
import subprocess

import pytest

import harness
import images
from harness import DONE, LOCAL_FILE, REFUSED, USAGE, pattern

pytestmark = pytest.mark.linux


@pytest.fixture
def dorysign(tmp_path):
    """dorysign(*words) runs it in a folder of its own, dorysign.folder."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*words, **options):
        options.setdefault("cwd", folder)
        return harness.run_program(harness.DORYSIGN, *words, **options)

    run.folder = folder
    return run


@pytest.fixture
def key(dorysign):
    return images.make_key(dorysign.folder / "key.pem")


@pytest.fixture
def binary(dorysign):
    path = dorysign.folder / "in.bin"
    path.write_bytes(pattern(1000))
    return path


def expect(result, code):
    assert result.code == code, result
    if code != DONE:
        assert result.err.startswith("dorysign: "), f"a failure is explained: {result}"
        assert result.err.count("\n") <= 2, result
    return result


def sign(dorysign, key, binary, *options, version="1.2.3+4"):
    """Signs to out.img and returns its bytes."""
    expect(dorysign("sign", "--key", key, "--version", version, *options, binary, "out.img"), DONE)
    return (dorysign.folder / "out.img").read_bytes()


def verify(dorysign, key, data):
    (dorysign.folder / "verified.img").write_bytes(data)
    return dorysign("verify", "--key", key, "verified.img")


# --- what it signs, another implementation verifies ---


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 1000, 100_001])
def test_a_signed_image_is_what_mcuboot_expects(dorysign, key, size):
    (dorysign.folder / "in.bin").write_bytes(pattern(size))
    image = images.Image(sign(dorysign, key, "in.bin"))
    image.check(key)
    assert image.version == (1, 2, 3, 4)
    assert (image.header_size, image.flags, image.load_addr) == (512, 0, 0)
    assert image.binary == pattern(size)
    assert image.protected == []
    assert [kind for kind, _ in image.tlvs] == [images.SHA256, images.KEY_HASH, images.ECDSA]


@pytest.mark.parametrize(
    "options, header_size, protected",
    [
        (["--header-size", "32"], 32, []),
        (["--header-size", "0x400"], 1024, []),
        (["--header-size", "65535"], 65535, []),
        (["--security-counter", "0"], 512, [(images.COUNTER, b"\0\0\0\0")]),
        (["--security-counter", "4294967295"], 512, [(images.COUNTER, b"\xff\xff\xff\xff")]),
        (["--board", "b"], 512, [(images.BOARD, b"b")]),
        (["--board", "n" * 32, "--security-counter", "258"], 512,
         [(images.COUNTER, b"\2\1\0\0"), (images.BOARD, b"n" * 32)]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value and isinstance(value[0], str) else "",
)
def test_options_of_sign_are_found_in_the_image(dorysign, key, binary, options, header_size, protected):
    image = images.Image(sign(dorysign, key, binary, *options))
    image.check(key)
    assert image.header_size == header_size
    assert image.protected == protected


@pytest.mark.parametrize("text, address", [("0x20000400", 0x20000400), ("0", 0), ("4294967295", 0xFFFFFFFF)])
def test_an_image_that_is_copied_to_ram_says_where(dorysign, key, binary, text, address):
    image = images.Image(sign(dorysign, key, binary, "--load-addr", text))
    image.check(key)
    assert (image.flags, image.load_addr) == (0x20, address)
    assert f"flags: 0x20, address: 0x{address:08x}\n" in expect(dorysign("show", "out.img"), DONE).out


@pytest.mark.parametrize(
    "text, version",
    [("0", (0, 0, 0, 0)), ("1.2", (1, 2, 0, 0)), ("1.2.3", (1, 2, 3, 0)), ("1+7", (1, 0, 0, 7)),
     ("255.255.65535+4294967295", (255, 255, 65535, 4294967295))],
)
def test_a_version_is_read_as_imgtool_reads_it(dorysign, key, binary, text, version):
    assert images.Image(sign(dorysign, key, binary, version=text)).version == version


def test_the_same_image_is_signed_the_same_each_time(dorysign, key, binary):
    assert sign(dorysign, key, binary) == sign(dorysign, key, binary)


def test_what_was_signed_is_told_and_verifies(dorysign, key, binary):
    words = ["sign", "--key", key, "--version", "1.2.3+4", "--board", "board-1", "--security-counter", "7"]
    told = expect(dorysign(*words, binary, "out.img"), DONE).out
    digest = images.Image((dorysign.folder / "out.img").read_bytes()).check(key)
    size = (dorysign.folder / "out.img").stat().st_size
    assert told.splitlines() == ["version: 1.2.3+4", "board: board-1", "security counter: 7", f"image: {digest.hex()}",
                                 f"size: {size}"]
    assert expect(dorysign("verify", "--key", key, "out.img"), DONE).out == told
    assert expect(dorysign("show", "out.img"), DONE).out.startswith(told)


# --- what another implementation signs, it verifies ---


@pytest.mark.parametrize("form", ["PRIVATE KEY", "EC PRIVATE KEY", "EC PRIVATE KEY with parameters"])
def test_keys_of_openssl_sign_and_verify_in_both_forms(dorysign, binary, form):
    path = dorysign.folder / "other.pem"
    images.make_key(path, form=form.split(" with")[0], parameters="with" in form)
    images.Image(sign(dorysign, path, binary)).check(path)
    image = images.sign(path, pattern(777), version=(9, 8, 7, 6), counter=5, board="board-1", header_size=256)
    assert "version: 9.8.7+6\nboard: board-1\nsecurity counter: 5\n" in expect(verify(dorysign, path, image), DONE).out
    (dorysign.folder / "public.pem").write_bytes(images.openssl("pkey", "-in", path, "-pubout"))
    expect(verify(dorysign, "public.pem", image), DONE)


@pytest.mark.parametrize(
    "options",
    [{}, {"counter": 0}, {"board": "x"}, {"flags": 0x20, "load_addr": 0x20000000}, {"flags": 1}, {"header_size": 4096},
     {"extra": images.tlv(0x60, b"boot record") + images.tlv(0x40, bytes(12)) + images.tlv(0xA0, b"")}],
    ids=str,
)
def test_images_of_another_tool_verify(dorysign, key, options):
    for _ in range(4):  # signatures of openssl differ each time, in length too
        expect(verify(dorysign, key, images.sign(key, pattern(300), **options)), DONE)


def test_a_key_whose_first_bytes_are_zero_works(dorysign, binary):
    """Such a number has been written shorter by some tools."""
    path = dorysign.folder / "small.pem"
    secret = bytes(31) + b"\x07"
    inner = b"\x30\x25\x02\x01\x01\x04\x20" + secret
    head = bytes.fromhex("304102010030130607 2a8648ce3d0201 06082a8648ce3d030107 0427".replace(" ", ""))
    path.write_bytes(images.openssl("pkey", "-inform", "DER", data=head + inner))
    images.Image(sign(dorysign, path, binary)).check(path)


# --- what is not as it was signed is refused ---


@pytest.mark.slow
def test_an_image_with_one_byte_changed_is_refused(dorysign, key):
    """Some bytes of everything; the unit tests change each bit."""
    image = images.sign(key, pattern(16), counter=1, board="b")
    for at in [*range(32), *range(32, len(image), 3)]:
        changed = bytearray(image)
        changed[at] ^= 1 << at % 8
        result = expect(verify(dorysign, key, bytes(changed)), REFUSED)
        assert re.search(r"verified\.img: bad_(image|signature): [A-Z]", result.err), result
        assert result.out == ""


def test_an_image_cut_or_continued_is_refused(dorysign, key):
    image = images.sign(key, pattern(16), counter=1)
    for size in [*range(0, len(image), 20), len(image) - 1]:
        assert "bad_image" in expect(verify(dorysign, key, image[:size]), REFUSED).err
    assert "bad_image" in expect(verify(dorysign, key, image + b"\xff"), REFUSED).err


def test_an_image_signed_with_another_key_is_refused(dorysign, key):
    other = images.make_key(dorysign.folder / "other.pem")
    result = expect(verify(dorysign, other, images.sign(key, pattern(16))), REFUSED)
    assert "bad_signature: It is signed with another key." in result.err


def test_an_image_without_signature_is_refused_but_shown(dorysign, key):
    image = images.Image(images.sign(key, pattern(16)))
    unsigned = image.signed + images.area(images.TLV, images.tlv(*image.tlvs[0]))
    assert "bad_signature" in expect(verify(dorysign, key, unsigned), REFUSED).err
    assert "signature" not in expect(dorysign("show", "verified.img"), DONE).out


def test_show_refuses_what_is_no_image(dorysign, binary):
    assert "bad_image" in expect(dorysign("show", binary), REFUSED).err


def test_show_keeps_from_the_terminal_what_a_stranger_wrote(dorysign, key):
    (dorysign.folder / "odd.img").write_bytes(images.sign(key, pattern(16), board="a\x1b[2Jb"))
    result = expect(dorysign("show", "odd.img"), DONE)
    assert "board: a?[2Jb\n" in result.out and "\x1b" not in result.out


# --- keys ---


def test_a_new_key_is_for_its_owner_alone_and_openssl_reads_it(dorysign, binary):
    mask = os.umask(0)
    try:
        expect(dorysign("keygen", "-o", "new.pem"), DONE)
    finally:
        os.umask(mask)
    path = dorysign.folder / "new.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"prime256v1" in images.openssl("pkey", "-in", path, "-noout", "-text", "-check")
    images.Image(sign(dorysign, path, binary)).check(path)
    assert sorted(os.listdir(dorysign.folder)) == ["in.bin", "new.pem", "out.img"]


def test_a_key_is_replaced_only_when_told_to(dorysign, key):
    before = key.read_bytes()
    key.chmod(0o644)
    assert "exists" in expect(dorysign("keygen", "-o", key), LOCAL_FILE).err
    assert key.read_bytes() == before
    expect(dorysign("keygen", "-f", "-o", key), DONE)
    assert key.read_bytes() != before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert os.listdir(dorysign.folder) == ["key.pem"]


def test_each_new_key_is_another(dorysign):
    assert len({expect(dorysign("keygen"), DONE).data for _ in range(4)}) == 4


def test_the_public_key_is_told_as_pem_raw_and_c(dorysign, key):
    der = images.public_key(key)
    assert expect(dorysign("pubkey", "--format", "raw", key), DONE).data == der
    pem = expect(dorysign("pubkey", "--format", "pem", key), DONE).data
    assert images.openssl("pkey", "-pubin", "-outform", "DER", data=pem) == der
    expect(dorysign("pubkey", "-o", "key.c", key), DONE)
    main = '#include <stdio.h>\n#include "key.c"\nint main(void) { return fwrite(image_key, sizeof image_key, 1, stdout) != 1; }\n'
    (dorysign.folder / "main.c").write_text(main)
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", "main", "main.c"], cwd=dorysign.folder, check=True)
    assert subprocess.run([dorysign.folder / "main"], stdout=subprocess.PIPE, check=True).stdout == der


# --- local files ---


def bad_keys():
    def encrypted():
        return images.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-aes128", "-pass",
                              "pass:x")

    def changed_point():
        der = bytearray(openssl_der(images.openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                                                   "ec_paramgen_curve:prime256v1")))
        der[-1] ^= 1
        return pem("PUBLIC KEY", bytes(der))

    return {
        "rsa": lambda: images.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        "p384": lambda: images.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
        "ed25519": lambda: images.openssl("genpkey", "-algorithm", "ED25519"),
        "encrypted": encrypted,
        "beside the curve": changed_point,
        "empty": lambda: b"",
        "zeros": lambda: bytes(1000),
        "no end": lambda: b"-----BEGIN PRIVATE KEY-----\nMIGH\n",
        "bad base64": lambda: b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        "cut DER": lambda: pem("PRIVATE KEY", bytes.fromhex("3081870201003013")),
        "zero": lambda: pem("EC PRIVATE KEY", b"\x30\x31\x02\x01\x01\x04\x20" + bytes(32) + P256),
        "too large": lambda: pem("EC PRIVATE KEY", b"\x30\x31\x02\x01\x01\x04\x20" + b"\xff" * 32 + P256),
        "a long object": lambda: pem("PRIVATE KEY", bytes(3000)),
        "certificate": lambda: pem("CERTIFICATE", bytes(100)),
    }


P256 = bytes.fromhex("a00a06082a8648ce3d030107")


def pem(name, der):
    import base64

    return f"-----BEGIN {name}-----\n{base64.encodebytes(der).decode()}-----END {name}-----\n".encode()


def openssl_der(private):
    return images.openssl("pkey", "-pubout", "-outform", "DER", data=private)


@pytest.mark.parametrize("kind", sorted(bad_keys()))
def test_a_file_that_holds_no_fitting_key_is_refused_by_name(dorysign, binary, kind):
    path = dorysign.folder / "bad.pem"
    path.write_bytes(bad_keys()[kind]())
    for words in (["sign", "--key", path, "--version", "1", binary, "out.img"], ["verify", "--key", path, binary],
                  ["pubkey", path]):
        result = expect(dorysign(*words), LOCAL_FILE)
        assert "bad.pem: " in result.err and result.out == ""
    assert ("is encrypted" in result.err) == (kind == "encrypted")
    assert not (dorysign.folder / "out.img").exists()


def test_a_public_key_does_not_sign(dorysign, key, binary):
    (dorysign.folder / "public.pem").write_bytes(images.openssl("pkey", "-in", key, "-pubout"))
    result = expect(dorysign("sign", "--key", "public.pem", "--version", "1", binary, "out.img"), LOCAL_FILE)
    assert "public.pem: is a public key" in result.err
    assert not (dorysign.folder / "out.img").exists()


def test_files_that_cannot_be_read_are_named(dorysign, key, binary):
    os.mkfifo(dorysign.folder / "fifo")
    (dorysign.folder / "folder").mkdir()
    for name in ("missing", "fifo", "folder"):
        for words in (["sign", "--key", key, "--version", "1", name, "out.img"], ["show", name], ["pubkey", name],
                      ["sign", "--key", name, "--version", "1", binary, "out.img"], ["verify", "--key", key, name]):
            assert f"{name}: " in expect(dorysign(*words), LOCAL_FILE).err
    assert not (dorysign.folder / "out.img").exists()


@pytest.mark.parametrize("start, word", [(b"", "empty"), (b"\x7fELF\1\1\1", "ELF"), (b"\x3d\xb8\xf3\x96", "already")])
def test_what_is_no_binary_is_not_signed(dorysign, key, start, word):
    (dorysign.folder / "in.bin").write_bytes(start and start + bytes(100))
    result = expect(dorysign("sign", "--key", key, "--version", "1", "in.bin", "out.img"), LOCAL_FILE)
    assert "in.bin: " in result.err and word in result.err
    assert not (dorysign.folder / "out.img").exists()


def test_when_the_disk_is_full_the_old_file_stays(dorysign, key, binary):
    out = dorysign.folder / "out.img"
    out.write_bytes(b"old")
    words = ["sign", "--key", key, "--version", "1", binary, "out.img"]
    assert "out.img: " in expect(dorysign(*words, limits=[harness.file_size_limit(1000)]), LOCAL_FILE).err
    assert out.read_bytes() == b"old"
    assert "new.pem: " in expect(dorysign("keygen", "-o", "new.pem", limits=[harness.file_size_limit(100)]),
                                 LOCAL_FILE).err
    assert sorted(os.listdir(dorysign.folder)) == ["in.bin", "key.pem", "out.img"]


def test_standard_output_that_is_full_is_a_failure(dorysign):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([harness.DORYSIGN, "keygen"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == LOCAL_FILE
    assert b"standard output" in done.stderr


def test_a_file_that_is_replaced_keeps_its_permissions_and_links_to_it(dorysign, key, binary):
    folder = dorysign.folder
    (folder / "real.img").write_bytes(b"old")
    (folder / "real.img").chmod(0o640)
    (folder / "out.img").symlink_to("real.img")
    sign(dorysign, key, binary)
    assert (folder / "out.img").is_symlink()
    images.Image((folder / "real.img").read_bytes()).check(key)
    assert stat.S_IMODE((folder / "real.img").stat().st_mode) == 0o640


def test_what_is_no_regular_file_is_not_written_to(dorysign, key, binary):
    os.mkfifo(dorysign.folder / "fifo")
    words = ["sign", "--key", key, "--version", "1", binary]
    for name in ("fifo", "."):
        assert f"{name}: is no regular file" in expect(dorysign(*words, name), LOCAL_FILE).err
    assert "missing/out.img: " in expect(dorysign(*words, "missing/out.img"), LOCAL_FILE).err


# --- help and wrong words ---


def test_help_fits_a_screen_and_shows_an_example(dorysign):
    for words in (["--help"], ["sign", "-h"]):
        result = expect(dorysign(*words), DONE)
        lines = result.out.rstrip("\n").split("\n")
        assert len(lines) <= 24 and max(map(len, lines)) <= 80
        assert "Example: " in result.out and result.err == ""


def test_version_is_told(dorysign):
    assert re.fullmatch(r"dorysign \d+\.\d+\.\d+\S*\n", expect(dorysign("--version"), DONE).out)


def test_the_transcript_of_the_readme_is_what_happens(dorysign, tmp_path):
    readme = (harness.REPOSITORY / "README.md").read_text()
    (text,) = [block for block in re.findall(r"^```\n(.*?)^```$", readme, re.M | re.S) if "$ dorysign keygen" in block]
    other = images.make_key(tmp_path / "other.pem")
    (dorysign.folder / "other.img").write_bytes(images.sign(other, pattern(100)))
    (dorysign.folder / "app.bin").write_bytes(pattern(32_723))
    lines = text.splitlines()
    commands = "\n".join(line[2:] for line in lines if line.startswith("$ "))
    path = f"{os.path.dirname(harness.DORYSIGN)}:{os.environ['PATH']}"
    done = subprocess.run(["sh"], input=commands.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=dorysign.folder, env={**os.environ, "PATH": path}, check=True)

    def general(line):
        return re.sub(r"image: [0-9a-f]+…?", "image: …", re.sub(r"size: \d+", "size: …", line))

    expected = [general(line) for line in lines if not line.startswith("$ ")]
    assert [general(line) for line in done.stdout.decode().splitlines()] == expected


SIGN = ["sign", "--key", "key.pem", "--version", "1"]
FILES = ["in.bin", "out.img"]


@pytest.mark.parametrize(
    "words, wrong",
    [
        ([], "command"),
        (["frobnicate"], "frobnicate"),
        ([*SIGN, "--frobnicate", *FILES], "--frobnicate"),
        (["-x", "show"], "-x"),
        ([*SIGN, "in.bin"], "missing"),
        ([*SIGN, *FILES, "stray"], "stray"),
        (["show"], "missing"),
        (["show", "in.bin", "stray"], "stray"),
        (["keygen", "stray"], "stray"),
        (["verify", "in.bin"], "--key"),
        (["sign", "--version", "1", *FILES], "--key"),
        (["sign", "--key", "key.pem", *FILES], "--version"),
        (["sign", "--key", "key.pem", "--version", "1.2.3.4", *FILES], "1.2.3.4"),
        (["sign", "--key", "key.pem", "--version", "1.256", *FILES], "1.256"),
        (["sign", "--key", "key.pem", "--version", "v1", *FILES], "v1"),
        ([*SIGN, "--security-counter", "-1", *FILES], "-1"),
        ([*SIGN, "--security-counter", "4294967296", *FILES], "4294967296"),
        ([*SIGN, "--security-counter", "auto", *FILES], "auto"),
        ([*SIGN, "--security-counter", "", *FILES], "security counter"),
        ([*SIGN, "--header-size", "31", *FILES], "31"),
        ([*SIGN, "--header-size", "65536", *FILES], "65536"),
        ([*SIGN, "--header-size", "0x", *FILES], "0x"),
        ([*SIGN, "--header-size", "0x20x", *FILES], "0x20x"),
        ([*SIGN, "--load-addr", "0x100000000", *FILES], "0x100000000"),
        ([*SIGN, "--load-addr", "ram", *FILES], "ram"),
        ([*SIGN, "--board", "", *FILES], "board"),
        ([*SIGN, "--board", "n" * 33, *FILES], "n" * 33),
        ([*SIGN, "--board", "a\nb", *FILES], "board"),
        ([*SIGN, *FILES, "--board"], "--board"),
        (["pubkey", "--format", "der", "key.pem"], "der"),
        (["show", "--board", "b", "in.bin"], "board"),
        (["keygen", "--key", "key.pem"], "key"),
        (["pubkey", "-f", "key.pem"], "force"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else None,
)
def test_wrong_usage_names_the_wrong_word(dorysign, key, binary, words, wrong):
    result = expect(dorysign(*words), USAGE)
    assert wrong in result.err
    assert result.data == b""
    assert sorted(os.listdir(dorysign.folder)) == ["in.bin", "key.pem"]
