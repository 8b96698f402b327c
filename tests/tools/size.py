#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""size.py FOLDER: compiles core/ for a Cortex-M3 as a small device would, and holds it against its budget.

Flash: core is linked with --gc-sections from the functions of core/server.h, those of core/client.h, and both; the
CRC-32 of core is part of each, with the table that dory_config.h chooses. What the linker kept of core's own objects
counts (.text, .rodata and .data), and the linker's padding; what it took from libgcc and newlib is told apart. RAM:
core may have no .data or .bss; a session is its struct and its buffer.

Stack: the compiler tells each function's own (-fstack-usage) and whom it calls (-fcallgraph-info), library functions
are disassembled. Indirect calls reach every function that core assigns to a member of that name (`.start = put_start`),
or what indirect_calls.txt says. A cycle, a frame of unknown size or an indirect call of unknown target is an error, so
that the depth is a bound. What a store or another callback needs is its own affair.
"""

import bisect
import collections
import fnmatch
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
CROSS = "arm-none-eabi-"
MACHINE = ["-mcpu=cortex-m3", "-mthumb"]
CFLAGS = [*MACHINE, "-std=c11", "-Wall", "-Wextra", "-Werror", "-Os", "-ffunction-sections", "-fdata-sections",
          "-fstack-usage", "-fcallgraph-info=su"]
LDFLAGS = [*MACHINE, "--specs=nano.specs", "-nostartfiles", "-Wl,--gc-sections"]

# (gate, goal) in bytes: a gate that is broken fails, a goal is only told.
BUDGET = {"server": (7168, 6144), "session": (1024, 768), "stack": (1024, 512)}
MAX_HEADER = 512  # bytes, of the session that is measured
MAX_NAME = 64

ALLOCATORS = {"malloc", "calloc", "realloc", "free", "aligned_alloc", "_sbrk", "_malloc_r", "_free_r"}
INDIRECT = "__indirect_call"


class Broken(Exception):
    pass


def run(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Broken(f"failed: {shlex.join(str(word) for word in words)}")
    return done.stdout.decode()


# ---- Building ---------------------------------------------------------------


def bring_jsmn(out):
    """jsmn.h in a folder of its own: the host's other headers must not be seen by the cross compiler."""
    folders = [os.environ.get("JSMN_DIR") or "/usr/include", "/usr/local/include"]
    for folder in folders:
        if os.path.isfile(os.path.join(folder, "jsmn.h")):
            (out / "include").mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.join(folder, "jsmn.h"), out / "include")
            return
    raise Broken(f"no jsmn.h in {' or '.join(folders)}")


def compile_core(out):
    objects = []
    for source in sorted(pathlib.Path("core").glob("*.c")):
        objects.append(out / f"{source.stem}.o")
        run(f"{CROSS}gcc", *CFLAGS, "-isystem", out / "include", "-c", source, "-o", objects[-1])
    return objects


def public_functions(*headers):
    names = []
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", pathlib.Path(header).read_text(), flags=re.S)
        names += re.findall(r"^(?!typedef)[a-z][\w \*]*?\b(dory_\w+)\([^{;]*\);", text, re.M)
    return sorted(set(names))


def link(out, name, objects, roots):
    """Links what `roots` need of core. Returns the image and the linker's map."""
    image, linker_map = out / f"{name}.elf", out / f"{name}.map"
    wanted = [f"-Wl,--require-defined={root}" for root in roots]
    run(f"{CROSS}gcc", *LDFLAGS, *wanted, f"-Wl,-e,{roots[0]}", f"-Wl,-Map={linker_map}", *objects, "-o", image)
    return image, linker_map.read_text().split("Linker script and memory map", 1)[1]


# ---- Flash and RAM ----------------------------------------------------------

SECTION = re.compile(r"^ (\*fill\*|\.[\w.$]+|COMMON)\s+0x[0-9a-f]+ +0x([0-9a-f]+)(?: (\S+))?", re.M)


def flash_by_object(linker_map):
    """Bytes of flash by object of core; the rest as `padding` and `libraries`."""
    sizes = collections.Counter()
    for section, size, origin in SECTION.findall(linker_map):
        size = int(size, 16)
        if section == "*fill*":
            sizes["padding"] += size
        elif re.match(r"\.(text|rodata|data|ARM\.ex)", section):
            sizes["libraries" if origin.endswith(")") else pathlib.Path(origin).stem] += size
    return sizes


def check_memory(objects):
    for path in objects:
        for line in run(f"{CROSS}size", "-A", path).splitlines():
            match = re.match(r"(\.(?:data|bss)\S*)\s+([1-9]\d*)\s", line)
            if match:
                raise Broken(f"{path}: {match[2]} bytes of {match[1]}: core has no globals")
        used = set(re.findall(r"\bU (\w+)", run(f"{CROSS}nm", "-u", path)))
        if used & ALLOCATORS:
            raise Broken(f"{path} refers to {', '.join(sorted(used & ALLOCATORS))}: core does not allocate")


def struct_bytes(out, names):
    """sizeof of some structs of core/server.h, on the target."""
    source = out / "probe.c"
    lines = [f"char probe_{name}[sizeof(struct {name})];" for name in names]
    source.write_text("\n".join([f'#include "{TOP}/core/server.h"', *lines, ""]))
    run(f"{CROSS}gcc", *MACHINE, "-std=c11", "-isystem", out / "include", "-c", source, "-o", out / "probe.o")
    symbols = run(f"{CROSS}nm", "-S", out / "probe.o")
    return {name: int(size, 16) for size, name in re.findall(r"([0-9a-f]{8}) \w probe_(\w+)", symbols)}


def buffer_bytes(out):
    """What dory_session_buffer_size() answers for a small device; core says so itself, on this machine."""
    source = out / "buffer.c"
    source.write_text(
        f'#include <stdio.h>\n#include "{TOP}/core/server.h"\n'
        "int main(void)\n{\n"
        f"    static struct dory_server server = {{.max_header = {MAX_HEADER}, .max_name = {MAX_NAME}}};\n"
        '    return printf("%u", (unsigned)dory_session_buffer_size(&server)) < 0;\n}\n'
    )
    run("gcc", "-std=c11", "-isystem", out / "include", source, *sorted(pathlib.Path("core").glob("*.c")),
        "-o", out / "buffer")
    return int(run(out / "buffer"))


# ---- Stack ------------------------------------------------------------------


def read_call_graph(objects):
    """From the compiler: bytes of each function's frame, and its calls as (callee, where)."""
    frames, calls = {}, collections.defaultdict(set)
    for path in objects:
        text = path.with_suffix(".ci").read_text()
        for title, label in re.findall(r'^node: { title: "([^"]+)" label: "([^"]+)"', text, re.M):
            match = re.search(r"\\n(\d+) bytes \((.*?)\)", label)
            if match and match[2] != "static":
                raise Broken(f"{title}: its stack frame is {match[2]}, so the depth has no bound")
            if match:
                frames[title] = int(match[1])
        for edge in re.findall(r"^edge: {(.*)}", text, re.M):
            words = dict(re.findall(r'(\w+): "([^"]*)"', edge))
            calls[words["sourcename"]].add((words["targetname"], words.get("label", "")))
    return frames, calls


def library_call_graph(image, known):
    """The same for library functions, from their machine code; every push of a function is counted, taken or not."""
    lines = run(f"{CROSS}objdump", "-d", "--no-show-raw-insn", image).splitlines()
    heads = filter(None, (re.match(r"([0-9a-f]+) <(\S+)>:", line) for line in lines))
    starts = {int(head[1], 16): head[2] for head in heads}
    addresses = sorted(starts)
    frames, calls = collections.Counter(), collections.defaultdict(set)
    for line in lines:
        match = re.match(r" *([0-9a-f]+):\t(.*)", line)
        name = match and starts[addresses[bisect.bisect(addresses, int(match[1], 16)) - 1]]
        if not match or name in known:
            continue
        frames[name] += pushed_bytes(match[2])
        jump = re.match(r"(?:bl?(?:\w\w)?(?:\.[nw])?|cbn?z)\t(?:\w+, )?([0-9a-f]+) <", match[2])
        callee = jump and starts[addresses[bisect.bisect(addresses, int(jump[1], 16)) - 1]]
        if jump and callee != name:
            calls[name].add(callee)
    return frames, calls


def pushed_bytes(instruction):
    match = re.match(r"(?:push|stmdb)(?:\.w)?\t(?:sp!, )?{(.*)}", instruction)
    if match:
        return 4 * sum(count_registers(item) for item in match[1].split(", "))
    match = re.match(r"sub(?:w|\.w)?\tsp, (?:sp, )?#(\d+)", instruction)
    match = match or re.match(r"str[dbh]?(?:\.w)?\t.*\[sp, #-(\d+)\]!", instruction)
    return int(match[1]) if match else 0


def count_registers(item):
    match = re.fullmatch(r"r(\d+)-r(\d+)", item)
    return int(match[2]) - int(match[1]) + 1 if match else 1


class Targets:
    """Whom indirect calls may reach."""

    def __init__(self, functions, table, sources):
        """`table`: rows of a pattern and names, as in indirect_calls.txt."""
        self.sources = {str(path): path.read_text().splitlines() for path in sources}
        self.by_name = collections.defaultdict(set)
        for title in functions:
            self.by_name[title.split(":")[-1]].add(title)
        self.by_member = collections.defaultdict(set)
        for path, lines in self.sources.items():
            for member, value in re.findall(r"\.(\w+) = &?(\w+)", "\n".join(lines)):
                own = {f"{path}:{value}"} & self.by_name[value]
                self.by_member[member] |= own or self.by_name[value]
        self.table = table
        self.used, self.reached = set(), set()

    def named(self, patterns):
        names = [name for name in self.by_name if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
        return set().union(*(self.by_name[name] for name in names))

    def statement(self, place):
        """The source from FILE:LINE:COLUMN to the end of the statement, and what stands before it in the line."""
        path, line, column = place.rsplit(":", 2)
        text = "\n".join(self.sources[os.path.normpath(path)][int(line) - 1 :])
        return re.match(r"[^;{]*", text[int(column) - 1 :]).group(), text[: int(column) - 1]

    def resolve(self, callee):
        """Whom `session->operation->start` may reach; None when it isn't known."""
        for pattern, *names in self.table:
            if fnmatch.fnmatchcase(callee, pattern):
                self.used.add(pattern)
                return set() if names == ["outside"] else self.named(names)
        return self.by_member.get(re.split(r"->|\.", callee)[-1])

    def find(self, place):
        """None when it can't be told."""
        statement, before = self.statement(place)
        callees = [match[1] for match in re.finditer(r"((?:[\w.]|->|\[[^\]]*\])+)\(", statement)]
        if not callees or not statement.startswith(callees[0]):
            # `(a ? f : g)(x)`: whatever function the line names, but for those that it calls by name.
            return self.named(set(re.findall(r"\w+", before + statement)) - set(callees)) or None
        found = self.resolve(callees[0])
        if found is None and callees[0] in self.by_name:
            # The compiler gave the place of a call around it, as in `go_on(operation->work(x))`.
            inner = [targets for targets in map(self.resolve, callees[1:]) if targets is not None]
            found = set().union(*inner) if inner else None
        return found

    def of(self, place):
        """Whom the indirect call at FILE:LINE:COLUMN may reach."""
        found = self.find(place)
        if found is None:
            raise Broken(f"{place}: whom does this call? Please tell in tests/tools/indirect_calls.txt")
        self.reached |= found
        return found

    def unused(self):
        return [pattern for pattern, *_ in self.table if pattern not in self.used]


def resolve(frames, calls, targets):
    """The call graph with the indirect calls resolved: function -> set of functions."""
    graph = {name: set() for name in frames}
    for caller, callees in calls.items():
        for callee, place in callees:
            graph.setdefault(caller, set())
            graph[caller] |= targets.of(place) if callee == INDIRECT else {callee}
    return graph


def check_addresses(objects, targets):
    """No function's address may be taken but in a place that `targets` knows: else the bound would be none."""
    for path in objects:
        for name in re.findall(r"R_ARM_\w*ABS\w*\s+(\w+)", run(f"{CROSS}objdump", "-r", path)):
            loose = targets.by_name.get(name, set()) - targets.reached
            if loose:
                raise Broken(f"{path}: {name}() has its address taken, but no indirect call is known to reach it")


def deepest(graph, frames, roots):
    """The most bytes of stack that a call of a root needs, and the path."""
    depth, path = {}, []

    def visit(name):
        if name in path:
            raise Broken("recursion: " + " -> ".join(path[path.index(name):] + [name]))
        if name not in depth:
            if name not in frames:
                raise Broken(f"{name}: called by {path[-1] if path else 'nobody'}, but its stack is not known")
            path.append(name)
            below = max((visit(callee) for callee in sorted(graph.get(name, ()))), default=(0, []))
            path.pop()
            depth[name] = (frames[name] + below[0], [name, *below[1]])
        return depth[name]

    return max(visit(root) for root in roots)


def measure_stack(image, objects, table, sources):
    """The deepest stack and its path, everybody's frames, and whom indirect calls reach."""
    frames, calls = read_call_graph(objects)
    names = {title.split(":")[-1] for title in frames}
    library_frames, library_calls = library_call_graph(image, names)
    targets = Targets(list(frames), table, sources)
    graph = resolve(frames, calls, targets)
    graph.update(library_calls)
    if targets.unused():
        print(f"note: no indirect call is like {', '.join(targets.unused())} (any more)")
    everything = {**library_frames, **frames}
    return deepest(graph, everything, list(frames)), everything, targets


def measure_stack_of_core(out, objects):
    image, _ = link(out, "everything", objects, public_functions(*sorted(pathlib.Path("core").glob("*.h"))))
    lines = (TOP / "tests/tools/indirect_calls.txt").read_text().splitlines()
    table = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    stack, frames, targets = measure_stack(image, objects, table, pathlib.Path("core").glob("*.[ch]"))
    check_addresses(objects, targets)
    return stack, frames


# ---- Telling ----------------------------------------------------------------


def verdict(what, size):
    gate, goal = BUDGET[what]
    if size > gate:
        return f"OVER THE GATE of {gate:,}"
    return f"gate {gate:,}, goal {goal:,}" + ("" if size <= goal else f" missed by {size - goal:,}")


def print_flash(flash):
    columns = list(flash)
    print(f"{'flash (.text, .rodata, .data)':34}" + "".join(f"{name:>9}" for name in columns))
    for name in sorted({key for sizes in flash.values() for key in sizes} - {"padding", "libraries"}):
        print(f"  {name + '.c':32}" + "".join(f"{sizes[name]:>9,}" for sizes in flash.values()))
    print(f"  {'padding':32}" + "".join(f"{sizes['padding']:>9,}" for sizes in flash.values()))
    totals = {name: sum(sizes.values()) - sizes["libraries"] for name, sizes in flash.items()}
    print(f"  {'core':32}" + "".join(f"{total:>9,}" for total in totals.values()))
    print(f"  {'apart: libgcc, newlib':32}" + "".join(f"{sizes['libraries']:>9,}" for sizes in flash.values()))
    return totals


def main(out):
    os.chdir(TOP)
    out = pathlib.Path(out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    bring_jsmn(out)
    objects = compile_core(out)
    check_memory(objects)
    parts = {"server": ["core/server.h"], "client": ["core/client.h"]}
    parts["both"] = parts["server"] + parts["client"]
    flash = {}
    for name, headers in parts.items():
        roots = public_functions("core/crc32.h", *headers)
        flash[name] = flash_by_object(link(out, name, objects, roots)[1])
    structs = struct_bytes(out, ["dory_session", "dory_server", "dory_writer"])
    buffer = buffer_bytes(out)
    (stack, path), frames = measure_stack_of_core(out, objects)

    version = run(f"{CROSS}gcc", "-dumpfullversion").strip()
    print(f"core on a Cortex-M3, arm-none-eabi-gcc {version} -Os, in bytes\n")
    sizes = {"server": print_flash(flash)["server"], "session": structs["dory_session"] + buffer, "stack": stack}
    print(f"\nserver core: {sizes['server']:,} ({verdict('server', sizes['server'])})")
    print(f"one session: {sizes['session']:,} ({verdict('session', sizes['session'])})"
          f" = struct {structs['dory_session']} + buffer {buffer}")
    print(f"  once for all sessions: struct dory_server {structs['dory_server']}; a writer at least"
          f" {structs['dory_writer']}")
    print(f"deepest stack: {stack:,} ({verdict('stack', stack)})")
    for name in path:
        print(f"  {frames[name]:>5}  {name}")
    print("no allocator is referenced, no .data, no .bss, no recursion")
    return 1 if any(size > BUDGET[what][0] for what, size in sizes.items()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build/size"))
    except Broken as problem:
        sys.exit(f"size.py: {problem}")
