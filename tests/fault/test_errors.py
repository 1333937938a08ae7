"""Every system call of a small backup fails once: it says so, or the snapshot is complete.

HOLDFAST_FAULT_POINTS bounds how many calls are tried for each error, and HOLDFAST_TEST_SEED repeats
a choice.
"""

import itertools
import json
import os
import shutil
import tempfile
import unittest

from faults import count_calls, each, fail_at, sample, say, seed
from program import DONE, IO, PARTIAL
from small_site import Beginnings
from trees import describe, differences

POINTS = int(os.environ.get("HOLDFAST_FAULT_POINTS", "300"))
WRITING = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat",
           "renameat2", "link", "linkat", "mkdir", "mkdirat", "openat")
READING = ("openat", "openat2", "read", "pread64", "getdents64", "newfstatat", "statx",
           "llistxattr", "flistxattr", "lgetxattr", "readlinkat", "flock", "unlink")
RESTORING = ("write", "pwrite64", "fsync", "ftruncate", "renameat", "renameat2", "linkat",
             "mkdirat", "openat2", "pread64", "symlinkat", "mknodat", "fchmod", "fchown",
             "fchownat", "utimensat", "fsetxattr", "setxattr", "lsetxattr")


class Errors(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-errors."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.beginnings = Beginnings(self.home)
        self.used = self.beginnings.used
        self.numbers = itertools.count()
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_FAULT_POINTS={POINTS}")

    def copy(self):
        return self.used.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))

    def choose(self, names, *arguments):
        place = self.copy()
        calls = count_calls(place, names, *arguments)
        shutil.rmtree(place.home)
        chosen = sample(calls, POINTS, self.seed)
        say(self, f"{len(chosen)} of {len(calls)} calls")
        return chosen

    def test_backup_on_a_full_disk(self):
        chosen = self.choose(WRITING, "backup", self.beginnings.path)
        self.assert_none(each(chosen, lambda call: self.backup_fails(call, "ENOSPC")))

    def test_backup_on_a_bad_disk(self):
        chosen = self.choose(sorted({*WRITING, *READING}), "backup", self.beginnings.path)
        self.assert_none(each(chosen, lambda call: self.backup_fails(call, "EIO")))

    def assert_none(self, found):
        self.assertEqual("\n".join(found), "")

    def backup_fails(self, call, error):
        place = self.copy()
        try:
            ended = place.run("backup", "--json", self.beginnings.path, prefix=fail_at(call, error))
            if call.name == "write" and not ended.stderr and ended.returncode == IO:
                found = []  # what failed may have been the writing of the very message
            else:
                found = self.wrong_with_run(place, ended)
            found += self.wrong_with_repository(place)
            self.beginnings.back_up(place)
            found += self.wrong_with_repository(place)
            return [f"{call.name} {call.number} {error}: {sentence}" for sentence in found]
        except RuntimeError as failure:
            return [f"{call.name} {call.number} {error}: {failure}"]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)

    def wrong_with_run(self, place, ended):
        if ended.returncode < 0:
            return [f"ended by signal {-ended.returncode}: {ended.stderr}"]
        if ended.returncode not in (DONE, PARTIAL):
            return [] if ended.stderr.strip() else [f"ended with {ended.returncode} and no word"]
        run = json.loads(ended.stdout)["runs"][0]
        if ended.returncode == PARTIAL and not run["problems"]:
            return ["partial, and no problem is listed"]
        return self.wrong_with_snapshot(place, run["snapshot"]["id"], run["problems"])

    def wrong_with_snapshot(self, place, snapshot, problems):
        """A snapshot that was reported holds everything but what it lists as missing."""
        target = os.path.join(place.home, "out")
        restored = place.run("restore", snapshot, "--to", target)
        if restored.returncode != DONE:
            return [f"its snapshot does not restore: {restored.stderr}"]
        listed = [os.path.relpath(problem["path"], self.beginnings.path).encode()
                  for problem in problems]
        expected = self.beginnings.expectation_of(self.used).now
        there = describe(target + self.beginnings.path)
        for path in list(listed):  # the other names of the same file
            listed += expected.get(path, {}).get("linked with", ())
        found = differences(self.without(expected, listed), self.without(there, listed),
                            ignore=("linked with", "nlink") if listed else ())
        shutil.rmtree(target)
        return [f"the snapshot with {problems}: {sentence}" for sentence in found]

    @staticmethod
    def without(description, listed):
        return {path: properties for path, properties in description.items()
                if not any(path == one or path.startswith(one + b"/") or one == b"."
                           for one in listed)}

    def wrong_with_repository(self, place):
        """Partial snapshots were looked at when they were made: only the others are compared."""
        expectation = self.beginnings.expectation_of(self.used)
        checked = place.run("check", "--read-data")
        found = [] if checked.returncode == DONE else [
            f"check ended with {checked.returncode}: {checked.stdout}{checked.stderr}"]
        listing = json.loads(place.run("snapshots", "--json").stdout)["snapshots"]
        if not set(expectation.acknowledged) <= {snapshot["id"] for snapshot in listing}:
            found.append("an acknowledged snapshot is gone")
        for snapshot in listing:
            if not snapshot["partial"]:
                found += expectation.restored_differs(place, snapshot["id"])
        return found

    def test_restore_on_a_full_or_bad_disk(self):
        arguments = ("restore", "latest", "--to")
        chosen = self.choose(RESTORING, *arguments, os.path.join(self.home, "counted"))
        chosen = sample(chosen, POINTS // 2, self.seed)
        for error in ("ENOSPC", "EIO"):
            found = each(chosen, lambda call: self.restore_fails(call, error, arguments))
            self.assert_none(found)

    def restore_fails(self, call, error, arguments):
        place = self.copy()
        restored = place.target + self.beginnings.path
        (expected,) = self.beginnings.expectation_of(self.used).acknowledged.values()
        try:
            ended = place.run(*arguments, place.target, prefix=fail_at(call, error))
            found = []
            if ended.returncode == DONE:
                found += differences(expected, describe(restored))
            elif ended.returncode < 0 or not (ended.stderr + ended.stdout).strip():
                found.append(f"ended with {ended.returncode}: {ended.stderr!r}")
            again = place.run(*arguments, place.target, "--into-existing")
            if again.returncode != DONE:
                found.append(f"the next restore ended with {again.returncode}: {again.stderr}")
            found += differences(expected, describe(restored))
            return [f"{call.name} {call.number} {error}: {sentence}" for sentence in found]
        except RuntimeError as failure:
            return [f"{call.name} {call.number} {error}: {failure}"]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
