"""kill -9 at sampled system calls while keys change: everybody who could open the repository still
can, or the next run of the same command finishes what was begun; nothing is lost.

HOLDFAST_FAULT_POINTS says how many calls are tried in all, and HOLDFAST_TEST_SEED repeats a choice.
"""

import itertools
import json
import os
import shutil
import tempfile
import unittest

from faults import LEFTOVERS_MAX, count_calls, each, kill_at, sample, say, seed
from program import DONE, PASSPHRASE, WRONG_KEY
from small_site import Beginnings
from test_killed import CALLS, KILLED
from trees import describe, differences

POINTS = int(os.environ.get("HOLDFAST_FAULT_POINTS", "100"))
ROTATIONS = POINTS // 2
NEW_PASSPHRASE = "another passphrase for the same key"


class KeysKilled(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-keys-killed."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.beginnings = Beginnings(self.home)
        self.beginning = self.beginnings.used
        self.numbers = itertools.count()
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_FAULT_POINTS={POINTS}")
        self.key_file = os.path.join(self.home, "reader.key")
        self.new_passphrase = os.path.join(self.home, "new")
        for path, text in ((self.new_passphrase, NEW_PASSPHRASE),):
            with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(text)
        self.run_well(self.beginning, "key", "add", "--role", "reader", "--generate", self.key_file)
        self.run_well(self.beginning, "key", "add", "--role", "writer", "--label", "leaving",
                      "--new-passphrase-file", self.new_passphrase, "--passphrase-memory", "8KiB")

    @staticmethod
    def run_well(place, *arguments):
        completed = place.run(*arguments)
        if completed.returncode != DONE:
            raise RuntimeError(f"{arguments}: {completed.stderr}{completed.stdout}")
        return completed

    def copy(self):
        return self.beginning.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))

    def slots(self, place):
        return json.loads(self.run_well(place, "key", "list", "--json").stdout)["slots"]

    def try_kills(self, count, arguments, finish):
        """Kills the command at `count` calls; `finish(place)` runs it to its end and returns what
        is wrong after that."""
        place = self.copy()
        calls = count_calls(place, CALLS, *arguments)
        shutil.rmtree(place.home)
        chosen = sample(calls, count, self.seed)
        say(self, f"{len(chosen)} of {len(calls)} calls of {' '.join(arguments[:2])}")
        wrong = each(chosen, lambda call: self.killed(call, arguments, finish))
        self.assertEqual("\n".join(wrong), "")

    def killed(self, call, arguments, finish):
        place = self.copy()
        try:
            ended = place.run(*arguments, prefix=kill_at(call)).returncode
            found = [] if ended in (KILLED, DONE) else [f"ended with {ended}"]
            found += finish(place)
            if len(place.leftovers()) > LEFTOVERS_MAX:
                found.append(f"left over: {place.leftovers()}")
            return [f"{call.name} {call.number}: {sentence}" for sentence in found]
        except RuntimeError as error:
            return [f"{call.name} {call.number}: {error}"]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)

    def all_is_well(self, place):
        """Old and new snapshots restore for the owner and for the reader's key file."""
        expectation = self.beginnings.expectation_of(self.beginning)
        found = expectation.wrong_with(place)
        new = self.beginnings.back_up(place)
        found += expectation.restored_differs(place, new)
        target = place.target
        completed = place.run("restore", new, "--to", target, "--key-file", self.key_file)
        if completed.returncode != DONE:
            return found + [f"the reader: {completed.stderr}"]
        return found + differences(describe(self.beginnings.path),
                                   describe(target + self.beginnings.path))

    def test_rotate(self):
        def finish(place):
            found = self.all_is_well(place)
            before = json.loads(self.run_well(place, "key", "list", "--json").stdout)["epoch"]
            after = json.loads(self.run_well(place, "key", "rotate", "--json").stdout)["epoch"]
            if before not in (1, 2) or after != before + 1:
                found.append(f"epoch {before} was followed by {after}")
            epochs = os.listdir(os.path.join(place.repository, "epochs"))
            if len(epochs) != 3 * (after - 1):
                found.append(f"copies of epochs: {epochs}")
            return found + self.all_is_well_again(place)

        self.try_kills(ROTATIONS, ("key", "rotate"), finish)

    def all_is_well_again(self, place):
        shutil.rmtree(place.target, ignore_errors=True)
        return self.all_is_well(place)

    def test_remove(self):
        leaving = next(slot["id"] for slot in self.slots(self.beginning)
                       if slot["label"] == "leaving")

        def finish(place):
            if any(slot["id"] == leaving for slot in self.slots(place)):
                self.run_well(place, "key", "remove", leaving)
            found = self.all_is_well(place)
            if len(self.slots(place)) != 2:
                found.append("the slot is still there")
            return found

        self.try_kills(POINTS // 4, ("key", "remove", leaving), finish)

    def test_passwd(self):
        changed = os.path.join(self.home, "changed")
        with open(changed, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write("changed " + PASSPHRASE)
        arguments = ("key", "passwd", "--new-passphrase-file", changed, "--passphrase-memory",
                     "8KiB")

        def finish(place):
            code = place.run(*arguments).returncode
            if code not in (DONE, WRONG_KEY):  # WRONG_KEY: it was changed before
                return [f"passwd ended with {code}"]
            shutil.copy(changed, place.passphrase_file)
            found = self.all_is_well(place)
            if len(self.slots(place)) > 3:
                found.append(f"{len(self.slots(place))} slots")
            return found

        self.try_kills(POINTS // 4, arguments, finish)


if __name__ == "__main__":
    unittest.main()
