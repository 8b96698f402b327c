#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of the house that no compiler knows: which folder may include which, what core/ keeps away from, names,
the SPDX line. Prints each offence and exits with 1 when there was one."""

import os
import pathlib
import re
import subprocess
import sys

# The headers that a freestanding compiler brings (C11 section 4), and string.h for mem*() and str*().
FREESTANDING = {f"{name}.h" for name in "float iso646 limits stdalign stdarg stdbool stddef stdint stdnoreturn".split()}
PORTABLE = FREESTANDING | {"string.h"}

# Folder: the folders it may include from, and the <headers> it may use (None: any). The first match counts.
LAYERS = {
    "core": (["core"], PORTABLE | {"jsmn.h"}),
    "port": (["core", "port"], PORTABLE),
    "port/flash": (["core", "port", "port/flash"], PORTABLE),
    "port/*": (["core", "port", "port/*"], None),
    "port/example/arch": ([], PORTABLE),
    "apps/*": (["core", "port", "port/*", "apps", "apps/*"], None),
    "boards/*": (["core", "port", "port/*", "boards", "boards/*"], None),
    "boards/*/boot": (["core", "port", "port/*", "boards/*"], None),
    "boards/common/arch": ([], PORTABLE),
    "tests/firmware": (["boards/*", "tests/firmware"], None),
    "tests/*": (["core", "port", "port/*", "apps/*", "tests/*"], None),
    "tests/embed/lwip": (["core", "port", "port/*", "boards", "boards/*"], None),
}

ALLOCATION = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|aligned_alloc|strdup|alloca)\s*\(")
CONDITION = re.compile(r"^\s*#\s*if", re.M)
MAX_CONDITIONS = 2
MAX_LINES = 60
DEFINITION = re.compile(r"^(?!static\b|typedef\b|#)[a-z][\w \*]*?\b(\w+)\([^;{]*\n?\{", re.M)
PROTOTYPE = re.compile(r"^(?!static\b|typedef\b|#)[a-z][\w \*]*?\b(\w+)\([^;{]*\);", re.M)
MACRO = re.compile(r"^\s*#\s*define\s+(\w+)", re.M)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\) ?")

# Where somebody happened to work has no place in the history.
WORDS = re.compile(r"(?<![\w.])/wor[k]/|/tmp/[w]/")

SOURCES = re.compile(r"\.(c|h|py|sh)$|(^|/)Makefile$|^\.ci/run$")


def offence(place, what):
    offence.count += 1
    print(f"{place}: {what}")


offence.count = 0


def in_git():
    return os.path.isdir(".git") or os.path.isfile(".git")


def git(*words):
    return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE).stdout.decode(errors="replace")


def has_commits():
    words = ["git", "rev-parse", "--quiet", "--verify", "HEAD"]
    return in_git() and subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode == 0


def list_files():
    """Every file that is tracked or about to be, relative to the top."""
    if in_git():
        names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    else:
        names = [str(path) for path in pathlib.Path(".").glob("**/*") if path.parts[0] != "build"]
    return sorted(name for name in set(names) if os.path.isfile(name))


def without_comments(text):
    """The text with comments, strings and characters blanked out, line by line in place."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def folder_matches(folder, pattern):
    return pathlib.PurePosixPath(folder).match(pattern) and folder.count("/") == pattern.count("/")


def layer_of(folder):
    return next((rule for pattern, rule in LAYERS.items() if folder_matches(folder, pattern)), None)


def check_includes(name, text):
    folder = os.path.dirname(name)
    layer = layer_of(folder)
    if layer is None:
        offence(name, "in a folder that has no layer (see LAYERS in layers.py)")
        return
    folders, system_headers = layer
    for match in re.finditer(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', text, re.M):
        place = f"{name}:{line_of(text, match.start())}"
        kind, header = match.groups()
        if kind == "<":
            if system_headers is not None and header not in system_headers:
                offence(place, f"<{header}> is not for {folder}/")
            continue
        target = os.path.normpath(os.path.join(folder, header))
        target_folder = os.path.dirname(target)
        if not os.path.isfile(target):
            offence(place, f'"{header}" is no file beside it')
        elif header.endswith(".c") and not folder.startswith("tests"):
            offence(place, f'"{header}" is no header')
        elif target_folder != folder and not any(folder_matches(target_folder, pattern) for pattern in folders):
            offence(place, f"{folder}/ includes from {target_folder}/")


def check_names_of_core(name, code):
    code = ATTRIBUTE.sub("", code)
    for pattern in (DEFINITION, PROTOTYPE):
        for match in pattern.finditer(code):
            if not match.group(1).startswith("dory_"):
                offence(f"{name}:{line_of(code, match.start())}", f"{match.group(1)}() is public, but has no dory_")
    if name.endswith(".h"):
        for match in MACRO.finditer(code):
            if not match.group(1).startswith(("DORY_", "JSMN_")):
                offence(f"{name}:{line_of(code, match.start())}", f"{match.group(1)} is public, but has no DORY_")


def check_code(name, text):
    code = without_comments(text)
    folder = os.path.dirname(name)
    if folder == "core" or folder == "port" or folder.startswith(("port/lwip", "port/flash", "port/example", "boards/")):
        for match in ALLOCATION.finditer(code):
            offence(f"{name}:{line_of(code, match.start())}", f"{match.group(1)}: nothing here allocates")
    if folder == "core":
        check_names_of_core(name, code)
        for match in re.finditer(r"^\s*default:", code, re.M):
            print(f"{name}:{line_of(code, match.start())}: note: a state machine needs no default")
    conditions = len(CONDITION.findall(code))
    if name.endswith(".c") and conditions > MAX_CONDITIONS:
        offence(name, f"{conditions} times #if; {MAX_CONDITIONS} are allowed")


def check_lengths(name, text):
    """clang-tidy does it as well, but not in tests. A main() that lists all tests may be as long as it likes."""
    for match in re.finditer(r"^\{\n((?:.*\n)*?)\}\n", text, re.M):
        length = match[1].count("\n")
        head = text[: match.start()].rsplit("\n\n", 1)[-1]
        if length > MAX_LINES and not re.search(r"^int main\(", head, re.M):
            offence(f"{name}:{line_of(text, match.start())}", f"a function of {length} lines; {MAX_LINES} are allowed")


def check_words(place, text):
    for match in WORDS.finditer(text):
        offence(f"{place}:{line_of(text, match.start())}", f"{match.group()} has no place here")


def main():
    os.chdir(pathlib.Path(__file__).resolve().parents[2])
    for name in list_files():
        text = pathlib.Path(name).read_text(errors="replace")
        check_words(name, text)
        if SOURCES.search(name) and "SPDX-License-Identifier: MIT" not in "\n".join(text.splitlines()[:3]):
            offence(name, "no SPDX line at the top")
        if name.endswith((".c", ".h")):
            check_includes(name, text)
            check_code(name, text)
            check_lengths(name, text)
    if has_commits():
        check_words("commit messages", git("log", "--format=%h %B"))
    return 1 if offence.count else 0


if __name__ == "__main__":
    sys.exit(main())
