#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""image_size.py IMAGE.elf [FLASH RAM]: what a board's image takes, and who takes it, against its budget in bytes.

Flash is what is loaded (.text, .rodata, .data), RAM is .data, .bss and the stack. Code is told by the source file that
the line table names for each address, so it is right also where link-time optimisation has moved functions into each
other; what has no line are constants. RAM is told by symbols.
"""

import collections
import pathlib
import re
import subprocess
import sys

CROSS = "arm-none-eabi-"
# The first pattern that matches the path decides.
GROUPS = (("jsmn", r"jsmn\.h$"), ("lwIP", r"lwip.*/src/"), ("core", r"^core/"), ("slot store", r"^port/flash/"),
          ("BearSSL", r"bearssl.*/src/"), ("port", r"^port/"), ("drivers", r"^boards/"))
LIBRARIES = "libc, libgcc"
CONSTANTS = "constants"
COLUMNS = ("flash", "RAM")


def run(tool, *words):
    return subprocess.run([CROSS + tool, *words], stdout=subprocess.PIPE, check=True, text=True).stdout


OWN = {path.name: str(path) for path in pathlib.Path("boards").rglob("*.c")}


def group_of(path):
    path = OWN.get(path, path)  # without link-time optimisation the line table names no folder
    return next((name for name, pattern in GROUPS if re.search(pattern, path)), LIBRARIES)


def sections(image):
    """{name: (address, size, is loaded)} of what has a place in memory."""
    text = run("objdump", "-h", image)
    rows = re.findall(r"^ +\d+ (\S+) +([0-9a-f]+) +([0-9a-f]+) .*\n +(.*)$", text, re.M)
    return {name: (int(address, 16), int(size, 16), "LOAD" in flags.split(", "))
            for name, size, address, flags in rows if "ALLOC" in flags.split(", ")}


def line_starts(image):
    """Sorted [(address, path)]: from there on code is of that file; "" where a sequence ends."""
    starts, path = {}, ""
    for line in run("objdump", "--dwarf=decodedline", image).splitlines():
        if line.endswith(":") and not line.startswith(" "):
            path = line[:-1].split(" ")[-1]
        row = re.match(r"(?:\S+) +(\d+|-) +0x([0-9a-f]+)\b(.*)", line)
        if row:
            starts[int(row[2], 16)] = "" if row[1] == "-" or "END" in row[3] else path
    return sorted(starts.items())


def symbols(image):
    """Sorted [(address, size, name)]."""
    rows = re.findall(r"^([0-9a-f]+) ([0-9a-f]+) \w (\S+)$", run("nm", "-S", image), re.M)
    return sorted((int(address, 16), int(size, 16), name) for address, size, name in rows)


def flash_by_group(image, first, size):
    """Bytes of the section by group."""
    starts = line_starts(image)
    found = collections.Counter()
    for (address, path), (after, _) in zip(starts, [*starts[1:], (first + size, "")]):
        if first <= address < first + size and path:
            found[group_of(path)] += min(after, first + size) - address
    found[CONSTANTS] = size - sum(found.values())
    return found


def ram_by_group(image, whole):
    """Bytes of RAM by group, told by the names that are known."""
    known = (("lwIP's pools and heap", r"^memp_memory_|^ram_heap"), ("sessions, store, net", r"^device$"),
             ("storage", r"^storage$"))
    found = collections.Counter()
    for first, size, _ in whole:
        total = size
        for address, length, name in symbols(image):
            if first <= address < first + size:
                group = next((group for group, pattern in known if re.search(pattern, name.split(".")[0])), None)
                if group:
                    found[group] += length
                    total -= length
        found["other"] += total
    return found


def fits(what, size, budget):
    """Tells what a size is beside its budget; returns whether that passes."""
    gate = int(budget)
    print(f"{what}: {size:,} ({'OVER THE GATE of' if size > gate else 'gate'} {gate:,})")
    return size <= gate


def main(image, *budgets):
    found = sections(image)
    ram = {name: part for name, part in found.items() if 0x20000000 <= part[0] < 0x40000000}  # ARMv7-M, B3.1: SRAM
    flash_size = sum(size for _, size, loaded in found.values() if loaded)
    ram_size = sum(size for _, size, _ in ram.values())
    code = next(part for name, part in found.items() if name == ".text")
    print(f"{image}, in bytes\n\nflash")
    by_group = flash_by_group(image, code[0], code[1])
    by_group["start values of variables"] = flash_size - code[1]
    for name, size in by_group.most_common():
        print(f"  {name:28}{size:>9,}")
    print(f"  {'all':28}{flash_size:>9,}\n\nRAM")
    by_group = ram_by_group(image, [part for name, part in ram.items() if name != ".stack"])
    by_group["stack"] = ram.get(".stack", (0, 0))[1]
    for name, size in by_group.most_common():
        print(f"  {name:28}{size:>9,}")
    print(f"  {'all':28}{ram_size:>9,}\n")
    return 1 if [what for what, *more in zip(COLUMNS, (flash_size, ram_size), budgets) if not fits(what, *more)] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
