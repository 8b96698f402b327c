#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_size.py FOLDER SOURCE…: what the check of firmware images takes on a Cortex-M3, against its budget: core/image.c,
port/bearssl and, of BearSSL, the sources named. Measured as size.py measures core; the stack is a bound, too.
"""

import os
import pathlib
import shutil
import sys

import size
from size import CFLAGS, CROSS, Broken, run

FLASH = 13312  # bytes: 13 KiB
STACK = 6144

ROOTS = ["dory_image_begin", "dory_image_feed", "dory_image_wants", "dory_image_finish", "image_bearssl"]

# The indirect call of BearSSL, which assigns members by their order.
TABLE = [["impl->muladd", "api_muladd"]]


def compile_all(out, sources, bearssl):
    folder = bearssl[0].parents[1]
    objects = []
    for source in [*sources, *bearssl]:
        objects.append(out / f"{source.stem}.o")
        own = ["-I", folder] if source in bearssl else ["-Wextra", "-Wconversion"]
        run(f"{CROSS}gcc", *CFLAGS, "-Wno-unused-parameter", *own, "-isystem", folder.parent / "inc", "-c", source,
            "-o", objects[-1])
    return objects


def main(out, *names):
    os.chdir(size.TOP)
    out = pathlib.Path(out)
    bearssl = [pathlib.Path(name) for name in names]
    sources = [*sorted(pathlib.Path("core").glob("image*.c")), *sorted(pathlib.Path("port/bearssl").glob("*.c"))]
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    objects = compile_all(out, sources, bearssl)
    size.check_memory(objects)
    image, linker_map = size.link(out, "check", objects, ROOTS)
    flash = size.flash_by_object(linker_map)
    libraries = flash.pop("libraries", 0)
    (stack, path), frames, _ = size.measure_stack(image, objects, TABLE, [*sources, *bearssl])

    total = sum(flash.values())
    own = sum(flash[source.stem] for source in sources)
    print(f"check of images: {total:,} ({'OVER THE GATE of' if total > FLASH else 'gate'} {FLASH:,})"
          f" = core and port {own:,} + BearSSL {total - own:,}; apart: libgcc, newlib {libraries:,}")
    print(f"its deepest stack: {stack:,} ({'OVER THE GATE of' if stack > STACK else 'gate'} {STACK:,})")
    for name in path:
        print(f"  {frames[name]:>5}  {name.replace(str(bearssl[0].parents[1]) + '/', '')}")
    return 1 if total > FLASH or stack > STACK else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Broken as problem:
        sys.exit(f"check_size.py: {problem}")
