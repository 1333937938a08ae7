"""Power cuts: states of an ext4 disk with a repository, cut at any moment of backups or prunes.

In every state each acknowledged snapshot restores identically, each other is absent or whole, and
the next backup works. With fsync switched off the same search must find violations.

HOLDFAST_POWER_CUTS says how many states of each kind are tried (nightly more), HOLDFAST_TEST_SEED
repeats a choice.
"""

import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import unittest
from dataclasses import dataclass

from block_log import LoggedDisk
from clocks import clock_at
from every_kind import Site
from faults import Place, each, say, seed
from program import DONE
from trees import describe, differences

STATES = int(os.environ.get("HOLDFAST_POWER_CUTS", "100"))
CONTROL_STATES = 12
DISK_SIZE = 48 << 20
RUNS = 4
NEVER = float("inf")


@dataclass
class Promise:
    """A snapshot: what it holds, and from where to where in the log it must be there."""
    content: dict
    acknowledged: float
    forgetting: float = NEVER  # from here on it may be gone,
    forgotten: float = NEVER   # and from here on it must


class PowerCut(unittest.TestCase):
    def setUp(self):
        # In memory where there is such a place: what is durable is decided by the log.
        parent = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-power-cut.", dir=parent))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_POWER_CUTS={STATES}")
        self.site = Site(os.path.join(self.home, "site"), seed=self.seed)
        self.path = os.fsdecode(self.site.root)
        self.numbers = itertools.count()
        self.promises = {}
        self.changes = {}
        self.disk = LoggedDisk(self, self.home, DISK_SIZE)
        self.place = Place(os.path.join(self.disk.mounted, "place"))
        self.mounting = threading.Lock()

    # ---- what is cut ----

    def run_well(self, *arguments):
        completed = self.place.run(*arguments, **self.changes)
        if completed.returncode != DONE:
            raise RuntimeError(f"{arguments}: {completed.stderr}{completed.stdout}")
        return completed.stdout

    def change_site(self):
        number = next(self.numbers)
        self.site.write("text", b"another text %d\n" % number * 500)
        self.site.write(f"file-{number % 8}", self.site.noise(40_000))
        self.site.write(f"folder/{number}", self.site.noise(5_000))

    def back_up(self, position=lambda: 0):
        self.change_site()
        content = describe(self.path)
        taken = json.loads(self.run_well("backup", "--json", self.path))["runs"][0]["snapshot"]
        self.promises[taken["id"]] = Promise(content, position())

    def forget(self, snapshot):
        promise = self.promises[snapshot]
        promise.forgetting = self.disk.position()
        self.run_well("forget", snapshot)
        promise.forgotten = self.disk.position()

    def fill(self, snapshots):
        def work(_):
            self.place.init()
            for _ in range(snapshots):
                self.back_up()
        self.disk.fill(work)

    def run_backups(self):
        self.fill(1)
        self.disk.begin()
        for _ in range(RUNS):
            self.back_up(self.disk.position)
        self.disk.end()

    def run_prunes(self):
        self.fill(RUNS)
        oldest = iter(list(self.promises))
        self.disk.begin()
        for _ in range(RUNS - 1):
            self.forget(next(oldest))
            report = json.loads(self.run_well("prune", "--yes", "--json", "--repack-below", "95"))
            self.assertTrue(report["deleted"] or report["repacked"], report)
        self.disk.end()

    # ---- what is left ----

    def wrong_after_cut(self, state_seed, examine_next):
        """What is wrong with one state: one sentence each."""
        image, cut = self.disk.state(random.Random(state_seed))
        mounted = image + ".mounted"
        os.mkdir(mounted)
        try:
            with self.mounting:  # two mounts at once may choose one loop device
                done = subprocess.run(["mount", "-o", "loop", image, mounted], check=False,
                                      capture_output=True, text=True)
            if done.returncode != 0:
                return [f"seed {state_seed}: the file system: {done.stderr}"]
            try:
                place = Place(os.path.join(mounted, "place"))
                found = self.broken_promises(place, cut) or examine_next(place)
            finally:
                subprocess.run(["umount", mounted], check=True)
            return [f"state {state_seed} cut at {cut}: {sentence}" for sentence in found]
        except (RuntimeError, OSError) as error:
            return [f"state {state_seed} cut at {cut}: {error}"]
        finally:
            os.unlink(image)
            os.rmdir(mounted)

    def broken_promises(self, place, cut):
        checked = place.run("check", "--read-data")
        if checked.returncode != DONE:
            return [f"check ended with {checked.returncode}: {checked.stdout}{checked.stderr}"]
        listed = place.snapshots()
        found = []
        for snapshot, promise in self.promises.items():
            there = snapshot in listed
            if not there and promise.acknowledged <= cut < promise.forgetting:
                found.append(f"{snapshot[:8]}, acknowledged at {promise.acknowledged}, is gone")
            if there and cut >= promise.forgotten:
                found.append(f"{snapshot[:8]} was forgotten at {promise.forgotten} and is back")
        for snapshot in listed:
            if snapshot in self.promises:
                found += self.restored_differs(place, snapshot, self.promises[snapshot].content)
            else:
                found.append(f"nobody ever took {snapshot}")
        return found

    def restored_differs(self, place, snapshot, expected):
        target = tempfile.mkdtemp(dir=self.home)
        os.rmdir(target)
        try:
            completed = place.run("restore", snapshot, "--to", target)
            if completed.returncode != DONE:
                return [f"restore of {snapshot[:8]} ended with {completed.returncode}: "
                        f"{completed.stderr}{completed.stdout}"]
            return differences(expected, describe(target + self.path))
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def next_backup(self, place):
        completed = place.run("backup", "--json", self.path)
        if completed.returncode != DONE:
            return [f"the next backup: {completed.stderr}{completed.stdout}"]
        taken = json.loads(completed.stdout)["runs"][0]["snapshot"]["id"]
        return self.restored_differs(place, taken, self.now)

    def next_prune(self, place):
        """Goes on where the cut one was, once nobody waits for its lease any more."""
        found = self.next_backup(place)
        completed = place.run("prune", "--yes", "--json", **clock_at(self, "+2h"))
        if completed.returncode != DONE or not json.loads(completed.stdout)["finished"]:
            found.append(f"the next prune: {completed.stderr}{completed.stdout}")
        checked = place.run("check", "--read-data")
        if checked.returncode != DONE:
            found.append(f"check after it: {checked.stdout}{checked.stderr}")
        return found

    def violations(self, states, examine_next):
        self.now = describe(self.path)
        flushes = sum(kind == 2 for kind, *_ in self.disk.operations)
        say(self, f"{len(self.disk.operations)} operations, {flushes} flushes, {states} states")
        seeds = [self.seed + number for number in range(states)]
        return each(seeds, lambda chosen: self.wrong_after_cut(chosen, examine_next))

    def test_backup(self):
        self.run_backups()
        self.assertEqual("\n".join(self.violations(STATES, self.next_backup)), "")

    def test_prune(self):
        self.run_prunes()
        self.assertEqual("\n".join(self.violations(STATES, self.next_prune)), "")

    def test_without_fsync_violations_are_found(self):
        self.changes = {"LD_PRELOAD": os.environ["HOLDFAST_WITHOUT_SYNC"]}
        self.run_backups()
        found = self.violations(CONTROL_STATES, lambda _: [])
        say(self, f"{len(found)} sentences about {CONTROL_STATES} states")
        self.assertGreater(len(found), CONTROL_STATES // 2)


if __name__ == "__main__":
    unittest.main()
