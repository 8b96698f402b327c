# SPDX-License-Identifier: MIT
"""What the documents say is so: each C block is compiled text, links lead somewhere, and the example of a product with
lwIP serves files.

A C block in DOCUMENTS is the text between the two marks of a file in SHOWN, and each such text is in some document.
"""

import re
import subprocess
import time

import pytest

from harness import DONE, REFUSED, REPOSITORY, die_with_parent, pattern, steady_address

pytestmark = pytest.mark.linux

DOCUMENTS = ["README.md", "core/PROTOCOL.md", "port/README.md", "boards/README.md"]
SHOWN = ["tests/embed/*.c", "port/example/*.[ch]"]
MARKED = re.compile(r"^/\* README: begin \*/\n(.*?)^/\* README: end \*/$", re.MULTILINE | re.DOTALL)
PRODUCT = REPOSITORY / "build/lib/product/product.elf"
START_SECONDS = 30


def blocks(document, language):
    text = (REPOSITORY / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shown():
    """{text between the marks: its file}"""
    files = [path for pattern_of_files in SHOWN for path in sorted(REPOSITORY.glob(pattern_of_files))]
    return {text: path.name for path in files for text in MARKED.findall(path.read_text())}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_c_block_is_compiled_text(document):
    known = shown()
    for block in blocks(document, "c"):
        assert block in known, f"{document}: no file of {SHOWN} has exactly this between its marks:\n{block}"


def test_each_example_is_shown():
    told = {block for document in DOCUMENTS for block in blocks(document, "c")}
    assert len(told) >= 5, "examples are expected"
    assert not [name for text, name in shown().items() if text not in told]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    folder = (REPOSITORY / document).parent
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", (REPOSITORY / document).read_text())
    assert not [link for link in links if not (folder / link).exists()]


def test_the_boards_that_are_documented_are_those_that_there_are():
    text = (REPOSITORY / "boards/README.md").read_text()
    folders = {path.parent.name for path in REPOSITORY.glob("boards/*/board_config.h")}
    assert set(re.findall(r"^\| \[([\w-]+)\]", text, re.MULTILINE)) == folders


@pytest.fixture
def product():
    """The example in QEMU; its HOST:PORT."""
    assert PRODUCT.exists(), "run `make lib-all` first"
    address = steady_address()
    words = ["qemu-system-arm", "-M", "mps2-an385", "-kernel", PRODUCT, "-display", "none", "-serial", "null"]
    words += ["-nic", f"user,restrict=on,hostfwd=tcp:{address}-:9002"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    yield address
    process.terminate()
    process.wait()


def test_the_example_of_a_product_with_lwip_serves_files(product, dory, local):
    deadline = time.monotonic() + START_SECONDS
    while dory("info", "--timeout", 5, product).code != DONE:
        assert time.monotonic() < deadline, "the example does not answer"
    path = local("f", pattern(20_000))
    assert dory("put", path, product).code == DONE
    assert dory("get", f"{product}/f", "back").code == DONE
    assert (dory.folder / "back").read_bytes() == path.read_bytes()


def test_the_example_has_the_commands_and_files_that_are_shown(product, dory):
    deadline = time.monotonic() + START_SECONDS
    while dory("info", "--timeout", 5, product).code != DONE:
        assert time.monotonic() < deadline, "the example does not answer"
    text = (REPOSITORY / "port/README.md").read_text()
    shown_block = re.search(r"^```\n(\$ dory run sensor help.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    for line, wanted in re.findall(r"^\$ dory (.*)\n((?:[^$].*\n)*)", shown_block, re.MULTILINE):
        result = dory(*line.replace("sensor", product).split())
        assert result.out + result.err == wanted, line
    assert dory("run", product, "led", "blue").code == 2
    counted = dory("run", product, "count")
    assert counted.out == "".join(f"{number}\n" for number in range(1, 1001))
    assert dory("rm", f"{product}/about.txt").code == REFUSED
