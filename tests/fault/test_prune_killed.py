"""kill -9 at sampled system calls of a prune that deletes packs and writes others anew.

At once and with no manual step everything restores and another backup and prune work; once the dead
prune's lease has expired a prune comes to its end. HOLDFAST_FAULT_POINTS says how many calls are
tried, and HOLDFAST_TEST_SEED repeats a choice. Every call to the store is tried in process, see
src/repository/kill_points_test.cpp.
"""

import itertools
import json
import os
import shutil
import tempfile
import unittest

from clocks import clock_at
from every_kind import Site
from faults import Expectation, Place, count_calls, each, kill_at, sample, say, seed
from program import DONE
from test_killed import CALLS, KILLED
from trees import describe

POINTS = int(os.environ.get("HOLDFAST_FAULT_POINTS", "100"))
PRUNE = ("prune", "--yes", "--json")
FILES = 24
FILE_SIZE = 20_000


class PruneKilled(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-prune-killed."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.numbers = itertools.count()
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_FAULT_POINTS={POINTS}")
        self.later = clock_at(self, "+2h")
        self.place = Place(os.path.join(self.home, "place")).init()
        self.site = Site(os.path.join(self.home, "site"), seed=self.seed)
        self.path = os.fsdecode(self.site.root)
        self.acknowledged = {}
        self.fill()

    def fill(self):
        """Packs of which nothing, little and all is needed."""
        for number in range(FILES):
            self.site.write(f"file-{number}", self.site.noise(FILE_SIZE))
        forgotten = [self.back_up(self.place)]
        for number in range(FILES):
            if number % 6:
                os.unlink(self.site.path(f"file-{number}"))
        self.site.write("other", self.site.noise(FILE_SIZE))
        self.acknowledged[self.back_up(self.place)] = describe(self.path)
        self.site.write("third", self.site.noise(FILE_SIZE))
        forgotten.append(self.back_up(self.place))
        os.unlink(self.site.path("third"))
        self.acknowledged[self.back_up(self.place)] = describe(self.path)
        self.run_well(self.place, "forget", *forgotten)

    @staticmethod
    def run_well(place, *arguments, **changes):
        completed = place.run(*arguments, **changes)
        if completed.returncode != DONE:
            raise RuntimeError(f"{arguments}: {completed.stderr}{completed.stdout}")
        return completed

    def back_up(self, place):
        return json.loads(self.run_well(place, "backup", "--json", self.path).stdout)["runs"][0][
            "snapshot"]["id"]

    def copy(self):
        return self.place.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))

    def test_every_part_of_a_prune(self):
        clean = self.copy()
        calls = count_calls(clean, CALLS, *PRUNE)
        planned = json.loads(self.run_well(self.copy(), *PRUNE).stdout)
        self.assertTrue(planned["deleted"] and planned["repacked"], planned)
        self.back_up(clean)
        self.run_well(clean, *PRUNE)
        self.clean_size = clean.size()
        chosen = sample(calls, POINTS, self.seed)
        say(self, f"{len(chosen)} of {len(calls)} calls")
        self.assertEqual("\n".join(each(chosen, self.wrong_after_kill)), "")

    def wrong_after_kill(self, call):
        place = self.copy()
        try:
            ended = place.run(*PRUNE, prefix=kill_at(call)).returncode
            found = [] if ended in (KILLED, DONE) else [f"ended with {ended}"]
            found += Expectation(self.path, None, self.acknowledged).wrong_with(place)
            taken = self.back_up(place)
            self.run_well(place, *PRUNE)  # marks, and leaves to the next what the dead might need
            last = json.loads(self.run_well(place, *PRUNE, **self.later).stdout)
            if not last["finished"]:
                found.append(f"two hours later: {last}")
            found += self.left_behind(place)
            expected = {**self.acknowledged, taken: describe(self.path)}
            found += Expectation(self.path, None, expected).wrong_with(place)
            return [f"{call.name} {call.number}: {sentence}" for sentence in found]
        except RuntimeError as error:
            return [f"{call.name} {call.number}: {error}"]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)

    def left_behind(self, place):
        found = []
        if place.leftovers():
            found.append(f"left over: {place.leftovers()}")
        for folder in ("leases", "tombs"):
            names = os.listdir(os.path.join(place.repository, folder))
            names = [name for name in names if not name.startswith(".")]
            if names:
                found.append(f"{folder} left: {names}")
        if place.size() > self.clean_size + 100_000:
            found.append(f"{place.size()} bytes where a run without a fault has {self.clean_size}")
        return found


if __name__ == "__main__":
    unittest.main()
