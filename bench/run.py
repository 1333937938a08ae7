"""The benchmark: `./dev bench`. Quote ratios from one run; the machine's noise is in both."""
import argparse
import os
import platform
import subprocess
import sys
import time

import browse
import data
import limits
import measure
import network
import prune
import safety
import tools

# What each ratio must reach against Debian's restic, as decided in the project's goals.
GOALS = {
    "tree first backup": 4.5, "tree unchanged backup": 14, "tree restore": 4,
    "tree check all data": 4,
    "large first backup": 6, "large restore": 3,
}
SIZE_GOAL = 0.80
MEMORY_GOAL = 1.0
MEMORY_LIMIT = 160
SECTIONS = ["tree", "large", "touched", "many", "index", "browse", "safety",
            "prune", "limits", "network"]


def work_rounds(label, tool, path, runs, verbs, scratch):
    """Each verb `runs` times on fresh repositories; the medians."""
    costs = {verb: [] for verb in verbs}
    size = 0
    for turn in range(min(runs, tool.runs_max)):
        tool.init()
        measure.settle(scratch, path)
        costs["first backup"].append(tool.backup(path))
        size = measure.size_of(tool.repository)
        if "unchanged backup" in verbs:
            measure.settle(scratch, path)
            costs["unchanged backup"].append(tool.backup(path))
        if "restore" in verbs:
            # What is restored is deleted at the very end: ext4 avoids inodes that were freed in the
            # last minutes, and looking for others would be what is measured.
            measure.settle(scratch, tool.repository)
            target = os.path.join(scratch, f"restored-{label}-{tool.name}-{turn}")
            costs["restore"].append(tool.restore(target))
        if "check all data" in verbs:
            measure.settle(scratch, tool.repository)
            costs["check all data"].append(tool.check())
    return {verb: measure.median(c) for verb, c in costs.items() if c}, size


def compare(label, path, verbs, runs, scratch, everyone):
    rows = {}
    for tool in everyone:
        print(f"{label}: {tool.name} ...", flush=True)
        rows[tool.name] = work_rounds(label, tool, path, runs, verbs, scratch)
        for verb, cost in rows[tool.name][0].items():
            print(f"  {verb}: {cost.seconds:.2f} s ({cost.cpu:.2f} s cpu), {cost.memory:.0f} MB")
        print(f"  repository {rows[tool.name][1]:.1f} MB", flush=True)
    return rows


def floors(path, scratch):
    """Seconds of the work that cannot be left out, see floor.cpp: by verb."""
    program = built("floor")
    measure.settle(scratch, path)
    compressing = measure.run([program, "compress", path])[1]
    measure.settle(scratch, path)
    copying = measure.run([program, "copy", path, os.path.join(scratch, "copied")])[1]
    return {"first backup": float(compressing), "restore": float(copying)}


def floor_line(verb, floor, columns, theirs):
    what = {"first backup": "read and compress", "restore": "read and write"}[verb]
    cells = [f"{floor:.2f} s"] + [""] * (columns - 1)
    return (f"| {verb}: floor ({what}, nothing else) | " + " | ".join(cells)
            + f" | {theirs / floor:.1f} | |")


def table(label, rows, verbs, floor):
    lines = [f"### {label}", "", "| work | " + " | ".join(rows) + " | restic / holdfast | goal |",
             "|---|" + "---|" * (len(rows) + 2)]
    for verb in verbs:
        cells = [f"{r[verb].seconds:.2f} s ({r[verb].cpu:.2f}), {r[verb].memory:.0f} MB"
                 if verb in r else ""
                 for r, _ in rows.values()]
        ours, theirs = rows["holdfast"][0][verb], rows["restic"][0][verb]
        ratio = theirs.seconds / ours.seconds
        goal = GOALS[f"{label} {verb}"]
        lines.append(f"| {verb} | " + " | ".join(cells)
                     + f" | **{ratio:.1f}** | {goal} {'reached' if ratio >= goal else 'MISSED'} |")
        if verb in floor:
            lines.append(floor_line(verb, floor[verb], len(rows), theirs.seconds))
        memory = ours.memory / theirs.memory
        good = memory <= MEMORY_GOAL and ours.memory < MEMORY_LIMIT
        lines.append(f"| {verb}: memory | " + " | ".join("" for _ in rows)
                     + f" | {memory:.2f} of restic's | {MEMORY_GOAL} "
                     f"{'reached' if good else 'MISSED'} |")
    sizes = {name: size for name, (_, size) in rows.items()}
    share = sizes["holdfast"] / sizes["restic"]
    goal = f"{SIZE_GOAL} {'reached' if share <= SIZE_GOAL else 'MISSED'}" if label == "tree" else ""
    lines.append("| repository | " + " | ".join(f"{s:.1f} MB" for s in sizes.values())
                 + f" | {share:.3f} of restic's | {goal} |")
    return lines + [""]


def touched_section(work, scratch):
    """The bytes of a second snapshot after 1 % of the files changed, against those files alone."""
    tree = os.path.join(scratch, "touched-tree")
    measure.remove(tree)
    subprocess.run(["cp", "-a", data.kernel_tree(work), tree], check=True)
    holdfast = tools.Holdfast(scratch)
    holdfast.init()
    holdfast.backup(tree)
    before = measure.size_of(holdfast.repository)
    changed = data.touch_files(tree, 0.01, 3)
    holdfast.backup(tree)
    grown = measure.size_of(holdfast.repository) - before
    listing = os.path.join(scratch, "changed.list")
    with open(listing, "w") as out:
        out.write("\n".join(changed) + "\n")
    alone = sum(len(subprocess.run(["zstd", "-3", "-c", "-q", name], check=True,
                                   capture_output=True).stdout)
                for name in changed) / 1e6
    archive = subprocess.run(["tar", "-c", "-T", listing, "-P"], check=True,
                             capture_output=True).stdout
    solid = len(subprocess.run(["zstd", "-3", "-c", "-q"], input=archive, check=True,
                               capture_output=True).stdout) / 1e6
    measure.remove(tree)
    print(f"touched 1 %: {len(changed)} files, repository grew by {grown:.3f} MB; "
          f"the files compressed one by one "
          f"{alone:.3f} MB, as one archive {solid:.3f} MB")
    ratio = grown / alone
    return ["### 1 % of the files touched", "",
            "| changed files | each compressed alone (zstd 3) | as one archive "
            "| second snapshot stored | ratio | goal |",
            "|---|---|---|---|---|---|",
            f"| {len(changed)} | {alone:.3f} MB | {solid:.3f} MB | {grown:.3f} MB "
            f"| **{ratio:.2f}** ({grown / solid:.2f} of the archive) "
            f"| 1.3 {'reached' if ratio <= 1.3 else 'MISSED'} |", ""]


def many_section(work, scratch):
    path = data.many_files(work)
    holdfast = tools.Holdfast(scratch)
    holdfast.init()
    first = holdfast.backup(path)
    measure.settle(scratch, path)
    again = measure.median([holdfast.backup(path) for _ in range(3)])
    good = again.seconds < 5 and again.memory < 200
    print(f"1,000,000 files: first {first.seconds:.1f} s {first.memory:.0f} MB, "
          f"unchanged {again.seconds:.2f} s {again.memory:.0f} MB")
    return ["### 1,000,000 small files", "",
            "| first backup | unchanged backup | goal |", "|---|---|---|",
            f"| {first.seconds:.1f} s, {first.memory:.0f} MB "
            f"| **{again.seconds:.2f} s, {again.memory:.0f} MB** "
            f"| 5 s, 200 MB {'reached' if good else 'MISSED'} |", ""]


def built(name):
    """A measuring program of ours beside the holdfast that is measured."""
    return os.path.join(os.path.dirname(tools.binary()), name)


def index_section(scratch):
    place = os.path.join(scratch, "index")
    output = subprocess.run([built("index_bench"), place], check=True, capture_output=True,
                            text=True).stdout
    print(output)
    return ["### Index of 10 million chunks", "", "```", output.strip(), "```", "",
            "Goal: at most 2 bytes resident a chunk.", ""]


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "?")
    memory = next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return (f"{os.cpu_count()} cores ({model}), {int(memory) / 1e6:.0f} GB, "
            f"Linux {platform.release()}, "
            f"{time.strftime('%Y-%m-%d')}")


def tree_section(options, work, scratch, everyone):
    path = data.kernel_tree(work)
    verbs = ["first backup", "unchanged backup", "restore", "check all data"]
    rows = compare("tree", path, verbs, options.runs, scratch, everyone)
    return table("tree", rows, verbs, floors(path, scratch))


def large_section(options, work, scratch, everyone):
    path = data.large_file(work)
    verbs = ["first backup", "restore"]
    rows = compare("large", path, verbs, options.runs, scratch, everyone)
    return table("large", rows, verbs, floors(os.path.dirname(path), scratch))


def measured(name, options, work, scratch, everyone):
    """The lines of one section, with when and what was measured."""
    lines = {
        "tree": lambda: tree_section(options, work, scratch, everyone),
        "large": lambda: large_section(options, work, scratch, everyone),
        "touched": lambda: touched_section(work, scratch),
        "many": lambda: many_section(work, scratch),
        "index": lambda: index_section(scratch),
        "browse": lambda: browse.section(work, scratch),
        "safety": lambda: safety.section(work, scratch),
        "prune": lambda: prune.section(scratch, built("many_chunks")),
        "limits": lambda: limits.section(scratch),
        "network": lambda: network.section(work, scratch, options.runs, built("many_chunks")),
    }[name]()
    heading, rest = lines[0], lines[1:]
    return [heading, "", f"Measured {time.strftime('%Y-%m-%d %H:%M')} at {commit()}."] + rest


def commit():
    """The commit that is measured, if git knows it."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() or "an unknown commit"


def earlier_sections(path):
    """Section -> its text, as an earlier run left them in `path`."""
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        parts = file.read().split("<!-- section ")[1:]
    return {part.split(" -->\n", 1)[0]: part.split(" -->\n", 1)[1].strip() for part in parts}


def header(options, everyone):
    return ["# Benchmark", "", f"Machine: {machine()}.",
            "Versions: " + ", ".join(t.version() for t in everyone)
            + ". All at their defaults, borg with zstd 3.",
            f"Medians of {options.runs} runs (borg once) on a warm page cache, memory full of "
            "clean pages and nothing waiting to be written (`settle` in measure.py); processor "
            "seconds in brackets; peak resident memory.",
            "A floor is what no tool can go below: its work alone, on all cores (floor.cpp). "
            "In the column of ratios it is the best that could be reached here.",
            "Made by `./dev bench`; quote the ratios, not the seconds. A run with `--only` leaves "
            "the other sections as they were.", ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each work (default 3)")
    parser.add_argument("--only", nargs="+", choices=SECTIONS)
    parser.add_argument("--data", default="build/bench-data", help="where test data is kept")
    parser.add_argument("--no-borg", action="store_true")
    parser.add_argument("--output", default="bench/results.md")
    options = parser.parse_args()
    work = os.path.abspath(options.data)
    scratch = os.path.join(work, "scratch")
    os.makedirs(scratch, exist_ok=True)
    everyone = [tools.Holdfast(scratch), tools.Restic(scratch)]
    if not options.no_borg:
        everyone.append(tools.Borg(scratch))
    sections = earlier_sections(options.output)
    for name in options.only or SECTIONS:
        sections[name] = "\n".join(measured(name, options, work, scratch, everyone)).strip()
    measure.remove(scratch)
    with open(options.output, "w") as out:
        out.write("\n".join(header(options, everyone)))
        for name in SECTIONS:
            if name in sections:
                out.write(f"\n<!-- section {name} -->\n{sections[name]}\n")
    print(f"written: {options.output}")


if __name__ == "__main__":
    sys.exit(main())
