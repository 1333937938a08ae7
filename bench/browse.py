"""Looking at a history: 100 snapshots of 100,000 files, and a mounted tree of source code."""
import json
import os
import subprocess
import time

import data
import measure
import tools

FILES = 100_000
FOLDERS = 2_000
SNAPSHOTS = 100
CHANGED = 0.001  # of the files, before each snapshot
SECONDS_GOAL = 1.0
OPENED_FILES = 20_000
OPENS_GOAL = 2_000


def section(work, scratch):
    lines = ["### Browsing", "", "| work | cost | goal |", "|---|---|---|"]
    lines += history_rows(work, scratch) + mount_rows(work, scratch)
    print("\n".join(lines))
    return lines + [""]


def history_rows(work, scratch):
    tree = os.path.join(scratch, "browsed-tree")
    measure.remove(tree)
    subprocess.run(["cp", "-a", data.many_files(work, FILES, FOLDERS), tree], check=True)
    holdfast = tools.Holdfast(scratch)
    holdfast.init()
    changed = []
    for turn in range(SNAPSHOTS):
        changed = data.touch_files(tree, CHANGED, turn)
        holdfast.backup(tree)
    name = os.path.basename(changed[0])
    listed = measure.run([holdfast.binary, "snapshots", "--json"], holdfast.env)[1]
    oldest = json.loads(listed)["snapshots"][0]["id"]
    works = {f"`find {name}`": ["find", name],
             "`find '*.txt' --larger 1kB`": ["find", "*.txt", "--larger", "1kB"],
             "`diff` of the first and the last": ["diff", oldest, "latest"],
             "`history` of one file": ["history", changed[0]]}
    rows = []
    for what, arguments in works.items():
        cost = measure.median([holdfast.call(*arguments) for _ in range(3)])
        goal = f"{SECONDS_GOAL:.0f} s {'reached' if cost.seconds < SECONDS_GOAL else 'MISSED'}"
        rows.append(f"| {what}, {SNAPSHOTS} snapshots of {FILES:,} files "
                    f"| **{cost.seconds:.2f} s** ({cost.cpu:.2f}), {cost.memory:.0f} MB | {goal} |")
    measure.remove(tree)
    return rows


def mount_rows(work, scratch):
    tree = data.kernel_tree(work)
    holdfast = tools.Holdfast(scratch)
    holdfast.init()
    holdfast.backup(tree)
    place = os.path.join(scratch, "mounted")
    os.makedirs(place, exist_ok=True)
    mounted = subprocess.Popen([holdfast.binary, "mount", place], stdout=subprocess.PIPE,
                               env={**os.environ, **holdfast.env})
    mounted.stdout.readline()  # it is there
    try:
        below = os.path.join(os.path.realpath(os.path.join(place, "latest")), tree.lstrip("/"))
        names = [os.path.join(folder, name) for folder, _, files in os.walk(below)
                 for name in files if not os.path.islink(os.path.join(folder, name))]
        begun = time.monotonic()
        for name in names[:OPENED_FILES]:
            with open(name, "rb", buffering=0) as file:
                file.readall()
        rate = OPENED_FILES / (time.monotonic() - begun)
    finally:
        mounted.terminate()
        mounted.wait()
    return [f"| opening and reading {OPENED_FILES:,} files of source code, mounted "
            f"| **{rate:,.0f} a second** "
            f"| {OPENS_GOAL:,} {'reached' if rate >= OPENS_GOAL else 'MISSED'} |"]
