"""Writers, prune, check, forget and restore at once on one repository, at random killed or stopped.

Every acknowledged snapshot that nobody forgot must restore identically at all times, each other is
absent or whole, nothing needs a manual step, and in the end a prune leaves nothing behind.
HOLDFAST_STRESS_SECONDS says how long (ten minutes at night), HOLDFAST_TEST_SEED repeats the
choices, though not how the processes happen to meet.
"""

import collections
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from clocks import clock_at
from every_kind import Site
from faults import TIMEOUT_SECONDS, Place, say, seed
from program import BINARY, CONFLICT, DONE
from trees import describe, differences

SECONDS = float(os.environ.get("HOLDFAST_STRESS_SECONDS", "20"))
WRITERS = 2
KEPT_MAX = 6
KILL_SHARE, STOP_SHARE = 0.2, 0.15
DELAY_SECONDS_MAX = 0.3
# A prune whose clock is so far ahead gives up on every lease, those of living runs too. Those who
# only read are not promised to get through that; writers must notice and commit nothing.
FAR_AHEAD = "+1h"
FAR_AHEAD_SHARE = 0.3


class Turns:
    """Several readers at a time, or one who disturbs them."""

    def __init__(self):
        self.changed = threading.Condition()
        self.reading = 0
        self.waiting = False

    @contextlib.contextmanager
    def shared(self):
        with self.changed:
            self.changed.wait_for(lambda: not self.waiting)
            self.reading += 1
        try:
            yield
        finally:
            with self.changed:
                self.reading -= 1
                self.changed.notify_all()

    @contextlib.contextmanager
    def alone(self):
        with self.changed:
            self.waiting = True
            self.changed.wait_for(lambda: self.reading == 0)
        try:
            yield
        finally:
            with self.changed:
                self.waiting = False
                self.changed.notify_all()


class Ended(Exception):
    """The time is over."""


class Stress(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-stress."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_STRESS_SECONDS={SECONDS}")
        self.place = Place(os.path.join(self.home, "place")).init()
        self.ahead = clock_at(self, FAR_AHEAD)
        self.lock = threading.Lock()
        self.turns = Turns()
        self.kept = {}       # content by snapshot: acknowledged, and nobody began to forget it
        self.going = {}      # likewise, of those that somebody began to forget
        self.gone = set()    # forgetting was acknowledged
        self.unsure = []     # contents of runs that were killed: there may be snapshots of them
        self.wrong = []
        self.done = collections.Counter()

    # ---- one process ----

    def run_disturbed(self, chance, *arguments, **changes):
        """Runs the program; maybe kills it, or stops it for a while. Returns code, output, errors;
        the code is None when it was killed."""
        if time.monotonic() > self.until or self.wrong:
            raise Ended
        process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   errors="replace", env=self.place.environment(changes))
        choice, delay = chance.random(), chance.random() * DELAY_SECONDS_MAX
        killed = False
        if choice < KILL_SHARE + STOP_SHARE:
            try:
                process.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                killed = choice < KILL_SHARE
                process.send_signal(signal.SIGKILL if killed else signal.SIGSTOP)
                if not killed:
                    threading.Event().wait(chance.random() * 4 * DELAY_SECONDS_MAX)
                    process.send_signal(signal.SIGCONT)
        try:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.complain(f"{' '.join(arguments)} hangs")
            raise Ended from None
        code = None if killed and process.returncode == -signal.SIGKILL else process.returncode
        self.done[arguments[0], "killed" if code is None else code] += 1
        return code, out, err

    def complain(self, sentence):
        with self.lock:
            self.wrong.append(sentence)

    def expect(self, what, allowed, code, out, err):
        if code not in (*allowed, None):
            self.complain(f"{what} ended with {code}: {err}{out}")

    # ---- what they do ----

    def write(self, number, chance):
        site = Site(os.path.join(self.home, f"site-{number}"), seed=self.seed + number)
        path = os.fsdecode(site.root)
        while True:
            site.write(f"file-{chance.randrange(6)}", site.noise(chance.randrange(200_000)))
            site.write(f"text-{chance.randrange(6)}", b"%d " % chance.randrange(9) * 9_000)
            content = describe(path)
            code, out, err = self.run_disturbed(chance, "backup", "--json", "--site", f"s{number}",
                                                path)
            # CONFLICT: a prune whose clock was wrong took its lease away, and nothing was promised.
            self.expect("backup", (DONE, CONFLICT), code, out, err)
            with self.lock:
                if code == DONE:
                    taken = json.loads(out)["runs"][0]["snapshot"]["id"]
                    self.kept[taken] = (path, content)
                else:
                    self.unsure.append((path, content))

    def forget(self, chance):
        while True:
            with self.lock:
                chosen = sorted(self.kept)
                chosen = chance.choice(chosen) if len(chosen) > KEPT_MAX else None
                if chosen:
                    self.going[chosen] = self.kept.pop(chosen)
            if not chosen:
                self.run_disturbed(chance, "snapshots")
                continue
            code, out, err = self.run_disturbed(chance, "forget", "--allow-empty", chosen)
            self.expect("forget", (DONE,), code, out, err)
            if code == DONE:
                with self.lock:
                    self.gone.add(chosen)

    def prune(self, chance):
        while True:
            if chance.random() < FAR_AHEAD_SHARE:
                with self.turns.alone():
                    ended = self.run_disturbed(chance, "prune", "--yes", **self.ahead)
            else:
                ended = self.run_disturbed(chance, "prune", "--yes")
            self.expect("prune", (DONE,), *ended)

    def check(self, chance):
        while True:
            with self.turns.shared():
                ended = self.run_disturbed(chance, "check", "--read-data")
            self.expect("check", (DONE,), *ended)

    def restore(self, chance):
        while True:
            with self.lock:
                chosen = chance.choice(sorted(self.kept)) if self.kept else None
                path, content = self.kept.get(chosen, (None, None))
            if not chosen:
                self.run_disturbed(chance, "snapshots")
                continue
            target = tempfile.mkdtemp(dir=self.home)
            with self.turns.shared():
                ended = self.run_disturbed(chance, "restore", chosen, "--to", target,
                                           "--into-existing")
            with self.lock:
                was_kept = chosen in self.kept
            if was_kept:
                self.expect(f"restore of {chosen[:8]}", (DONE,), *ended)
                if ended[0] == DONE:
                    for difference in differences(content, describe(target + path)):
                        self.complain(f"{chosen[:8]}: {difference}")
            shutil.rmtree(target)

    # ---- all of them ----

    def until_the_end(self, work, number):
        try:
            work(random.Random(self.seed * 100 + number))
        except Ended:
            return

    def test_at_once(self):
        writers = [lambda chance, number=number: self.write(number, chance)
                   for number in range(WRITERS)]
        works = [*writers, self.forget, self.prune, self.check, self.restore]
        self.until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(len(works)) as pool:
            running = [pool.submit(self.until_the_end, work, number)
                       for number, work in enumerate(works)]
        for result in running:
            result.result()
        say(self, ", ".join(f"{name} {code}: {count}"
                            for (name, code), count in sorted(self.done.items(), key=str)))
        self.assertEqual("\n".join(self.wrong), "")
        self.assert_all_is_well()

    def assert_all_is_well(self):
        """Two hours later by the clock of the last prune."""
        report = json.loads(self.run_last("prune", "--yes", "--json", **clock_at(self, "+2h")))
        self.assertTrue(report["finished"], {**report, "deleted": [], "repacked": []})
        for folder in ("leases", "tombs"):
            self.assertEqual(os.listdir(os.path.join(self.place.repository, folder)), [])
        self.run_last("check", "--read-data")
        listed = self.place.snapshots()
        self.assertLessEqual(set(self.kept), set(listed))
        self.assertEqual(self.gone & set(listed), set())
        known = {**self.kept, **self.going}
        for snapshot in listed:
            candidates = [known[snapshot]] if snapshot in known else self.unsure
            self.assertTrue(self.restores_to_one_of(snapshot, candidates), snapshot)
        plan = json.loads(self.run_last("prune", "--dry-run", "--json"))
        self.assertEqual((plan["deleted"], plan["repacked"]), ([], []))

    def run_last(self, *arguments, **changes):
        completed = self.place.run(*arguments, **changes)
        self.assertEqual(completed.returncode, DONE, completed.stderr + completed.stdout)
        return completed.stdout

    def restores_to_one_of(self, snapshot, candidates):
        target = tempfile.mkdtemp(dir=self.home)
        self.run_last("restore", snapshot, "--to", target, "--into-existing")
        return any(not differences(content, describe(target + path))
                   for path, content in candidates if os.path.isdir(target + path))


if __name__ == "__main__":
    unittest.main()
