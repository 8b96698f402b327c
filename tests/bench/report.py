# SPDX-License-Identifier: MIT
"""Turns the raw numbers into medians, ratios and goals, as a table for people and JSON for programs."""

import os
import pathlib
import platform
import re
import statistics
import subprocess

from rivals import PACKAGES

# The rivals that a put of one big file is held against.
PUT_RIVALS = ("rsync", "curl-nginx", "curl-vsftpd", "socat")
PUT_GOAL = 1.5
IDLE_GOAL = (10000, 16 * 1024)


def first_match(pattern, path):
    found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    return found[1].strip() if found else "unknown"


def package_versions():
    """Where there is no dpkg the versions are left out; they explain numbers, nothing depends on them."""
    argv = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return {}
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if not line.endswith(" "))


def machine_facts():
    return {
        "cpu": first_match(r"^model name\s*:(.*)$", "/proc/cpuinfo"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": int(first_match(r"^MemTotal:\s*(\d+)", "/proc/meminfo")) // 1024,
        "kernel": f"{platform.system()} {platform.release()}",
        "system": first_match(r'^PRETTY_NAME="?([^"\n]*)', "/etc/os-release"),
        "load_before": round(os.getloadavg()[0], 2),
        "packages": package_versions(),
    }


def summarize(runs, amounts):
    """Medians of runs, {measure: {rival: [one result a round]}}, and ratios where dory took part.

    amounts: {measure: (number, unit)}, what one transfer moves, for the rate.
    """
    summary = {}
    for measure, by_rival in runs.items():
        amount, unit = amounts[measure]
        rows = {}
        for rival, results in by_rival.items():
            seconds = [result["seconds"] for result in results]
            median = statistics.median(seconds)
            rows[rival] = {
                "seconds": [round(value, 4) for value in seconds],
                "median_s": round(median, 4),
                "rate": round(amount / median, 1),
                "rate_unit": f"{unit}/s",
                "server_cpu_s": round(statistics.median(result["server_cpu_s"] for result in results), 3),
                "server_peak_kib": max(result["server_peak_kib"] for result in results),
            }
        if "dory" in rows:
            for row in rows.values():
                row["ratio_to_dory"] = round(row["median_s"] / rows["dory"]["median_s"], 3)
        summary[measure] = rows
    return summary


def goals(summary, idle, titles):
    """Each goal that this run can judge: what it says, the number reached, and whether it holds."""
    found = []
    put, small = summary.get("put", {}), summary.get("small", {})
    ratios = {name: put[name]["ratio_to_dory"] for name in PUT_RIVALS if name in put and "dory" in put}
    if ratios:
        name = min(ratios, key=ratios.get)
        goal = f"{titles['put']}: {PUT_GOAL} times as fast as the fastest rival, here {name}"
        found.append((goal, ratios[name], ratios[name] >= PUT_GOAL))
    if "dory" in small and "rsync" in small:
        ratio = small["rsync"]["ratio_to_dory"]
        found.append((f"{titles['small']}: faster than rsync", ratio, ratio > 1))
    count, limit_kib = IDLE_GOAL
    memory = idle.get("dory", {}).get(str(count), {}).get("rss_kib")
    if memory:
        found.append((f"{count} idle connections: at most {limit_kib} KiB resident", memory, memory <= limit_kib))
    return [{"goal": goal, "reached": reached, "holds": holds} for goal, reached, holds in found]


def table(header, rows):
    """Columns padded to their widest cell; the first is text, the others are numbers."""
    cells = [header] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = []
    for row in cells:
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
        lines.append("  ".join([row[0].ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines)


def transfer_table(rows):
    unit = next(iter(rows.values()))["rate_unit"]
    header = ["", "seconds", "slowest/fastest", unit, "time/dory's", "server CPU s", "server peak MiB"]
    lines = []
    for rival, row in rows.items():
        spread = max(row["seconds"]) / min(row["seconds"])
        ratio = f"{row['ratio_to_dory']:.2f}" if "ratio_to_dory" in row else "-"
        lines.append(
            [
                rival,
                f"{row['median_s']:.3f}",
                f"{spread:.2f}",
                f"{row['rate']:.0f}",
                ratio,
                f"{row['server_cpu_s']:.2f}",
                f"{row['server_peak_kib'] / 1024:.1f}",
            ]
        )
    return table(header, lines)


def idle_table(idle):
    header = ["", "connections", "processes", "PSS MiB", "PSS bytes/connection", "RSS MiB"]
    lines, skipped = [], []
    for rival, by_count in idle.items():
        for count, memory in by_count.items():
            if "skipped" in memory:
                skipped.append(f"{rival}, {count} connections: skipped, {memory['skipped']}")
                continue
            each = (memory["pss_kib"] - memory["pss_kib_before"]) * 1024 // int(count)
            pss, rss = (f"{memory[key] / 1024:.1f}" for key in ("pss_kib", "rss_kib"))
            lines.append([rival, count, memory["processes"], pss, each, rss])
    return "\n".join(([table(header, lines)] if lines else []) + skipped)


def goal_line(goal):
    return f"{'holds' if goal['holds'] else 'MISSED'}: {goal['goal']}: {goal['reached']}"


def text(report, titles):
    machine = report["machine"]
    head = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mib']} MiB, {machine['kernel']}, "
        f"{machine['system']}; load before {machine['load_before']}",
        f"Rounds: {report['rounds']}; times are medians, memory is the highest seen. Loopback, files in memory.",
        "time/dory's: above 1, dory is faster; below 1, the rival is.",
        ", ".join(" ".join(package) for package in machine["packages"].items()),
    ]
    parts = ["\n".join(filter(None, head))]
    for measure, rows in report["transfers"].items():
        parts.append(f"{titles[measure]}\n{transfer_table(rows)}")
    if report["idle"]:
        title = "idle connections, each answered once (RSS counts shared pages once a process)"
        parts.append(f"{title}\n{idle_table(report['idle'])}")
    if report["goals"]:
        parts.append("goals\n" + "\n".join(map(goal_line, report["goals"])))
    return "\n\n".join(parts)
