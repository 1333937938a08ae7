"""What safety costs: parity in packs, and a key that can only write. Rounds take turns, so that a
slower minute of the machine is in all of them."""
import os
import statistics

import data
import measure
import tools

ROUNDS = 3
COST_GOAL = 1.05


class Variant(tools.Holdfast):
    """Holdfast with its own repository, initialised in its own way."""

    def __init__(self, work, label, *init_arguments):
        place = os.path.join(work, label)
        os.makedirs(place, exist_ok=True)
        super().__init__(place)
        self.init_arguments = init_arguments
        self.passphrase = self.env["HOLDFAST_PASSPHRASE_FILE"]

    def init(self):
        measure.remove(self.repository)
        measure.remove(self.cache)
        self.env["HOLDFAST_PASSPHRASE_FILE"] = self.passphrase
        self.env.pop("HOLDFAST_KEY_FILE", None)
        self.call("init", *self.init_arguments)


class Writer(Variant):
    """Backs up with a writer's key file."""

    def init(self):
        super().init()
        key = os.path.join(os.path.dirname(self.repository), "writer.key")
        if os.path.exists(key):
            os.remove(key)
        self.call("key", "add", "--role", "writer", "--generate", key)
        measure.remove(self.cache)
        del self.env["HOLDFAST_PASSPHRASE_FILE"]
        self.env["HOLDFAST_KEY_FILE"] = key


def row(label, costs, reference, goal):
    """One line: medians, and the ratio of processor time and of wall time to the reference."""
    ours, theirs = measure.median(costs), measure.median(reference)
    cpu = statistics.median(c.cpu for c in costs) / statistics.median(c.cpu for c in reference)
    wall = ours.seconds / theirs.seconds
    verdict = "" if goal is None else f"{goal} {'reached' if cpu <= goal else 'MISSED'}"
    return (f"| {label} | {ours.seconds:.2f} s ({ours.cpu:.2f}), {ours.memory:.0f} MB "
            f"| {wall:.2f} ({cpu:.2f}) | {verdict} |")


def section(work, scratch):
    tree = data.kernel_tree(work)
    bare = Variant(scratch, "bare", "--parity", "0")
    owner = Variant(scratch, "owner")
    writer = Writer(scratch, "writer")
    costs = {name: [] for name in ("bare", "owner", "writer", "owner again", "writer again")}
    for _ in range(ROUNDS):
        for name, tool in (("bare", bare), ("owner", owner), ("writer", writer)):
            tool.init()
            measure.settle(scratch, tree)
            costs[name].append(tool.backup(tree))
            if name != "bare":
                costs[f"{name} again"].append(tool.backup(tree))
    sizes = [measure.size_of(tool.repository) for tool in (bare, owner)]
    lines = ["### Safety", "",
             f"Source tree, {ROUNDS} rounds in turns; the ratio is of wall time, in brackets of "
             "processor time, which the goal is about.", "",
             "| work | cost | ratio | goal |", "|---|---|---|---|",
             row("first backup without parity", costs["bare"], costs["bare"], None),
             row("with parity of 3 %, against without", costs["owner"], costs["bare"], COST_GOAL),
             row("with a writer's key, against the owner's", costs["writer"], costs["owner"],
                 COST_GOAL),
             row("unchanged, owner's key", costs["owner again"], costs["owner again"], None),
             row("unchanged, writer's key", costs["writer again"], costs["owner again"], COST_GOAL),
             "", f"Repository: {sizes[0]:.1f} MB without parity, {sizes[1]:.1f} MB with it.", ""]
    print("\n".join(lines))
    return lines
