"""Prune: how long it thinks about 10 million chunks, and how fast it frees half of 10 GB."""
import os

import measure
import tools

SNAPSHOTS = 1000
PLAN_SECONDS, PLAN_MEMORY = 20, 300
FILES, FILE_SIZE = 10_000, 1_000_000
COPY_RATIO = 2


def verdict(good):
    return "reached" if good else "MISSED"


def plan_row(scratch, filler):
    """The older half of the snapshots is forgotten first, so that there is something to plan."""
    holdfast = tools.Holdfast(scratch)
    holdfast.init()
    made = measure.run([filler, holdfast.repository, holdfast.cache, "bench", str(SNAPSHOTS)])[1]
    holdfast.call("forget", "--keep-last", str(SNAPSHOTS // 2), "--yes")
    measure.settle(scratch, holdfast.cache)
    cost = holdfast.call("prune", "--dry-run")
    measure.remove(holdfast.repository)
    measure.remove(holdfast.cache)
    good = cost.seconds <= PLAN_SECONDS and cost.memory <= PLAN_MEMORY
    return (f"| plan of a prune: {made.decode().strip()}, the older half forgotten "
            f"| **{cost.seconds:.1f} s** ({cost.cpu:.1f}), {cost.memory:.0f} MB "
            f"| {PLAN_SECONDS} s, {PLAN_MEMORY} MB {verdict(good)} |")


def half_dead_repository(holdfast, scratch):
    """Every second file is forgotten, so that every pack is half in use."""
    tree = os.path.join(scratch, "half-dead")
    measure.remove(tree)
    names = []
    for number in range(FILES):
        if number % 100 == 0:
            os.makedirs(os.path.join(tree, str(number // 100)))
        names.append(os.path.join(tree, str(number // 100), f"file-{number}"))
        with open(names[-1], "wb") as file:
            file.write(os.urandom(FILE_SIZE))
    holdfast.init()
    holdfast.backup(tree)
    for name in names[::2]:
        os.unlink(name)
    holdfast.backup(tree)
    holdfast.call("forget", "--keep-last", "1", "--yes")
    measure.remove(tree)


def copy_half(repository, scratch):
    """What the disk allows: half of the packs copied and made durable, by cp and sync."""
    packs = [os.path.join(folder, name)
             for folder, _, files in os.walk(os.path.join(repository, "packs")) for name in files]
    target = os.path.join(scratch, "copied-packs")
    os.makedirs(target)
    listing = os.path.join(scratch, "packs.list")
    left = FILES // 2 * FILE_SIZE
    with open(listing, "w") as out:
        for pack in packs:
            if left <= 0:
                break
            out.write(pack + "\0")
            left -= os.path.getsize(pack)
    cost = measure.run(["sh", "-c", 'xargs -0 cp -t "$1" < "$2" && sync "$1"/*', "copy", target,
                        listing])[0]
    measure.remove(target)
    return cost


def half_row(scratch):
    holdfast = tools.Holdfast(scratch)
    half_dead_repository(holdfast, scratch)
    before = measure.size_of(holdfast.repository)
    measure.settle(scratch, holdfast.repository)
    floor = copy_half(holdfast.repository, scratch)
    measure.settle(scratch, holdfast.repository)
    cost = holdfast.call("prune", "--yes")
    freed = before - measure.size_of(holdfast.repository)
    if freed < before / 3:
        raise RuntimeError(f"only {freed:.0f} of {before:.0f} MB were freed")
    measure.remove(holdfast.repository)
    ratio = cost.seconds / floor.seconds
    return (f"| prune of half of {before / 1000:.1f} GB, all packs half in use (frees "
            f"{freed / 1000:.1f} GB; to copy as much by cp and sync takes {floor.seconds:.1f} s) "
            f"| **{cost.seconds:.1f} s** ({cost.cpu:.1f}), {cost.memory:.0f} MB "
            f"| {COPY_RATIO} times the copy: {ratio:.2f} {verdict(ratio <= COPY_RATIO)} |")


def section(scratch, filler):
    rows = []
    for row in (plan_row(scratch, filler), half_row(scratch)):
        print(row, flush=True)
        rows.append(row)
    return ["### Prune", "", "| work | holdfast | goal |", "|---|---|---|", *rows, ""]
