"""Repair: what is lost comes back from parity or a copy, also when repair is killed at any call.

HOLDFAST_FAULT_POINTS says how many calls are tried, and HOLDFAST_TEST_SEED repeats a choice.
"""

import itertools
import json
import os
import shutil
import tempfile
import unittest

from every_kind import Site
from faults import Expectation, Place, count_calls, each, kill_at, sample, say, seed
from program import CORRUPT, DONE
from test_killed import CALLS, KILLED
from trees import describe

POINTS = int(os.environ.get("HOLDFAST_FAULT_POINTS", "120"))
LOST = 1 << 20


class RepairTest(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-repair."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.place = Place(os.path.join(self.home, "place")).init()
        self.site = Site(os.path.join(self.home, "site"), seed=4)
        self.path = os.fsdecode(self.site.root)
        self.numbers = itertools.count()
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_FAULT_POINTS={POINTS}")

    def back_up(self, noise):
        self.site.write("noise", self.site.noise(noise))
        completed = self.place.run("backup", "--json", self.path)
        self.assertEqual(completed.returncode, DONE, completed.stderr)
        taken = json.loads(completed.stdout)["runs"][0]["snapshot"]["id"]
        self.expectation = Expectation(self.path, None, {taken: describe(self.path)})

    def packs(self, place):
        """Paths of the packs, the largest first."""
        found = [os.path.join(folder, name)
                 for folder, _, names in os.walk(os.path.join(place.repository, "packs"))
                 for name in names]
        return sorted(found, key=os.path.getsize, reverse=True)

    def destroy(self, path, begin, size):
        with open(path, "r+b") as file:
            file.seek(begin)
            file.write(bytes(min(size, os.path.getsize(path) - begin)))

    def assert_whole(self, place):
        checked = place.run("check", "--read-data")
        self.assertEqual(checked.returncode, DONE, checked.stdout + checked.stderr)
        self.assertEqual(self.expectation.wrong_with(place), [])

    def test_any_mebibyte_of_a_pack_comes_back(self):
        self.back_up(40_000_000)
        size = os.path.getsize(self.packs(self.place)[0])
        self.assertGreater(size, 32_000_000)
        for begin in (0, 1, 5_000_001, size // 2 + 77, size - 2 * LOST, size - LOST - 5):
            place = self.place.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))
            self.destroy(self.packs(place)[0], begin, LOST)
            self.assertEqual(place.run("check", "--read-data").returncode, CORRUPT)
            mended = place.run("repair", "--yes", "--json")
            self.assertEqual(mended.returncode, DONE, mended.stdout + mended.stderr)
            self.assertEqual([step["lost"] for step in json.loads(mended.stdout)["steps"]], [0])
            self.assert_whole(place)
            shutil.rmtree(place.home)

    def test_each_missing_object_comes_back_from_a_copy(self):
        self.back_up(300_000)
        copy = self.place.copy(os.path.join(self.home, "copy"))
        for folder, _, names in list(os.walk(self.place.repository)):
            for name in names:
                relative = os.path.relpath(os.path.join(folder, name), self.place.repository)
                if relative.split("/")[0] in ("keys", "snapshots"):
                    continue
                place = self.place.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))
                shutil.rmtree(place.cache)
                os.unlink(os.path.join(place.repository, relative))
                mended = place.run("repair", "--yes", "--from", copy.repository)
                self.assertEqual(mended.returncode, DONE,
                                 relative + mended.stdout + mended.stderr)
                self.assert_whole(place)
                shutil.rmtree(place.home)

    def test_what_is_lost_for_good_is_named_and_stored_again(self):
        self.back_up(300_000)
        os.unlink(self.packs(self.place)[0])
        for _ in range(2):
            planned = self.place.run("repair", "--dry-run", "--json")
            self.assertEqual(planned.returncode, CORRUPT, planned.stderr)
            (step,) = json.loads(planned.stdout)["steps"]
            self.assertGreater(step["lost"], 0)
            self.assertTrue(any("noise" in who["name"] for who in step["affected"]), step)
            self.place.run("repair", "--yes")  # keeps it in the index, for a later copy
        self.assertEqual(self.place.run("repair", "--yes", "--give-up-lost").returncode, CORRUPT)
        again = self.place.run("backup", "--full", "--json", self.path)
        self.assertEqual(again.returncode, DONE, again.stderr)
        taken = json.loads(again.stdout)["runs"][0]["snapshot"]["id"]
        self.expectation.acknowledged[taken] = describe(self.path)
        self.assert_whole(self.place)

    def test_killed(self):
        self.back_up(2_000_000)
        self.destroy(self.packs(self.place)[0], 400_000, 40_000)
        place = self.place.copy(os.path.join(self.home, "counted"))
        chosen = sample(count_calls(place, CALLS, "repair", "--yes"), POINTS, self.seed)
        say(self, f"{len(chosen)} calls")
        self.assertEqual("\n".join(each(chosen, self.wrong_after_kill)), "")

    def wrong_after_kill(self, call):
        place = self.place.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))
        try:
            ended = place.run("repair", "--yes", prefix=kill_at(call)).returncode
            found = [] if ended in (KILLED, DONE) else [f"ended with {ended}"]
            again = place.run("repair", "--yes")
            if again.returncode != DONE:
                found.append(f"the next repair: {again.stdout}{again.stderr}")
            checked = place.run("check", "--read-data")
            if checked.returncode != DONE:
                found.append(checked.stdout)
            found += self.expectation.wrong_with(place)
            return [f"{call.name} {call.number}: {sentence}" for sentence in found]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
