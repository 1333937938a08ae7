"""kill -9 at sampled system calls: nothing acknowledged is lost, and the next run just works.

HOLDFAST_FAULT_POINTS says how many calls of backup (two thirds) and restore are tried, and
HOLDFAST_TEST_SEED repeats a choice.
"""

import itertools
import os
import shutil
import tempfile
import unittest

from faults import (LEFTOVERS_MAX, count_calls, each, kill_at, sample, say, seed)
from program import CONFLICT, DONE
from small_site import Beginnings
from trees import describe, differences, wrongly_finished

POINTS = int(os.environ.get("HOLDFAST_FAULT_POINTS", "300"))
KILLED = -9
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link",
         "linkat", "openat", "openat2", "unlink", "unlinkat", "mkdir", "mkdirat", "ftruncate",
         "close", "fchmod", "fchown", "utimensat", "flock", "copy_file_range", "fallocate",
         "symlinkat", "mknodat", "fsetxattr")


class Killed(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-killed."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.beginnings = Beginnings(self.home)
        self.numbers = itertools.count()
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_FAULT_POINTS={POINTS}")

    def copy(self, beginning):
        return beginning.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))

    def calls_of(self, beginning, *arguments):
        place = self.copy(beginning)
        calls = count_calls(place, CALLS, *arguments)
        clean_size = place.size()
        shutil.rmtree(place.home)
        return calls, clean_size

    def test_backup(self):
        for beginning, share in ((self.beginnings.empty, 3), (self.beginnings.used, 3)):
            calls, clean_size = self.calls_of(beginning, "backup", self.beginnings.path)
            chosen = sample(calls, POINTS // share, self.seed)
            say(self, f"{len(chosen)} of {len(calls)} calls")
            wrong = each(chosen, lambda call: self.backup_killed(beginning, call, clean_size))
            self.assertEqual("\n".join(wrong), "")

    def backup_killed(self, beginning, call, clean_size):
        place = self.copy(beginning)
        try:
            arguments = ("backup", self.beginnings.path)
            ended = place.run(*arguments, prefix=kill_at(call)).returncode
            expectation = self.beginnings.expectation_of(beginning)
            found = [] if ended in (KILLED, DONE) else [f"ended with {ended}"]
            found += expectation.wrong_with(place)
            self.beginnings.back_up(place)
            found += expectation.wrong_with(place)
            if len(place.leftovers()) > LEFTOVERS_MAX:
                found.append(f"left over: {place.leftovers()}")
            if place.size() > 2 * clean_size + 100_000:
                found.append(f"{place.size()} bytes where a run without a fault has {clean_size}")
            return [f"{call.name} {call.number}: {sentence}" for sentence in found]
        except RuntimeError as error:
            return [f"{call.name} {call.number}: {error}"]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)

    def test_restore(self):
        arguments = ("restore", "latest", "--to", os.path.join(self.home, "counted"))
        calls, _ = self.calls_of(self.beginnings.used, *arguments)
        chosen = sample(calls, POINTS // 3, self.seed)
        say(self, f"{len(chosen)} of {len(calls)} calls")
        self.assertEqual("\n".join(each(chosen, self.restore_killed)), "")

    def restore_killed(self, call):
        place = self.copy(self.beginnings.used)
        arguments = ("restore", "latest", "--to", place.target)
        restored = place.target + self.beginnings.path
        (expected,) = self.beginnings.expectation_of(self.beginnings.used).acknowledged.values()
        try:
            ended = place.run(*arguments, prefix=kill_at(call)).returncode
            found = [] if ended in (KILLED, DONE) else [f"ended with {ended}"]
            if os.path.isdir(restored):
                found += wrongly_finished(expected, describe(restored))
            again = place.run(*arguments)
            if again.returncode == CONFLICT:  # it wrote something: going on must be asked for
                again = place.run(*arguments, "--into-existing")
            if again.returncode != DONE:
                found.append(f"the next restore ended with {again.returncode}: {again.stderr}")
            found += differences(expected, describe(restored))
            found += self.beginnings.expectation_of(self.beginnings.used).wrong_with(place)
            return [f"{call.name} {call.number}: {sentence}" for sentence in found]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
