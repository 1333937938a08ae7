"""Runs the program under strace so that calls fail or kill it, and says what must hold after.

A call is named by system call and number: strace counts them for each thread, so the n-th call is
the first that any thread makes for the n-th time.
"""

import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from program import BINARY, DONE, PASSPHRASE
from trees import describe, differences

Call = collections.namedtuple("Call", "name number")
TIMEOUT_SECONDS = 60
# Sanitizers trace themselves at exit, which cannot be done under strace.
SANITIZER_OPTIONS = "detect_leaks=0"
LEFTOVERS_MAX = 8
PRINTED_MAX = 5


def seed():
    """From HOLDFAST_TEST_SEED, or a new one."""
    return int(os.environ.get("HOLDFAST_TEST_SEED") or random.SystemRandom().randrange(1 << 32))


def say(test, text):
    """Prints how to repeat a random test."""
    print(f"{test.id()}: {text}", file=sys.stderr, flush=True)


class Place:
    """A repository, its cache and a passphrase below one directory that may be copied."""

    def __init__(self, home):
        self.home = home
        self.repository = os.path.join(home, "repository")
        self.cache = os.path.join(home, "cache")
        self.target = os.path.join(home, "target")
        self.passphrase_file = os.path.join(home, "passphrase")

    def init(self):
        os.makedirs(self.home, exist_ok=True)
        with open(self.passphrase_file, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(PASSPHRASE)
        completed = self.run("init", "--passphrase-memory", "8KiB")
        if completed.returncode != DONE:
            raise RuntimeError(completed.stderr)
        return self

    def copy(self, home):
        shutil.copytree(self.home, home, symlinks=True)
        return Place(home)

    def environment(self, changes):
        return {"PATH": os.environ["PATH"], "HOME": self.home, "TZ": "UTC",
                "ASAN_OPTIONS": SANITIZER_OPTIONS, "HOLDFAST_REPO": self.repository,
                "HOLDFAST_CACHE_DIR": self.cache, "HOLDFAST_PASSPHRASE_FILE": self.passphrase_file,
                **changes}

    def run(self, *arguments, prefix=(), **changes):
        """Runs the program to its end, with `changes` to its environment.
        Errors: RuntimeError when it does not come to one."""
        command = [*prefix, BINARY, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="replace",
                                   env=self.environment(changes), start_new_session=True)
        try:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # strace alone would leave the program running
            process.communicate()
            raise RuntimeError(f"{' '.join(command)} hangs") from None
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def snapshots(self):
        """Ids, oldest first."""
        completed = self.run("snapshots", "--json")
        if completed.returncode != DONE:
            raise RuntimeError(completed.stderr)
        return [snapshot["id"] for snapshot in json.loads(completed.stdout)["snapshots"]]

    def leftovers(self):
        return [name for _, _, files in os.walk(self.repository) for name in files
                if name.startswith(".")]

    def size(self):
        return sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, files in os.walk(self.repository) for name in files)


def strace(*options):
    return ("strace", "-f", "-qq", *options)


def count_calls(place, names, *arguments):
    """How often the busiest thread makes each call in a run that nothing disturbs.

    Returns the calls that can be hit, in order of name and number.
    """
    with tempfile.NamedTemporaryFile() as log:
        completed = place.run(*arguments,
                              prefix=strace("-o", log.name, "-e", "trace=" + ",".join(names)))
        if completed.returncode != DONE:
            raise RuntimeError(f"strace {' '.join(arguments)}: {completed.stderr}")
        counts = collections.Counter(
            re.findall(r"^(\d+) +(\w+)\(", log.read().decode(errors="replace"), re.MULTILINE))
    most = collections.Counter()
    for (_, name), count in counts.items():
        most[name] = max(most[name], count)
    return [Call(name, number) for name in names for number in range(1, most[name] + 1)]


def kill_at(call):
    return strace("-o", "/dev/null", "--seccomp-bpf", "-e", f"trace={call.name}",
                  "-e", f"inject={call.name}:signal=KILL:when={call.number}")


def fail_at(call, error):
    return strace("-o", "/dev/null", "--seccomp-bpf", "-e", f"trace={call.name}",
                  "-e", f"inject={call.name}:error={error}:when={call.number}")


def sample(items, count, chosen_seed):
    """At most `count` of `items`, evenly spread from a random start."""
    if len(items) <= count:
        return list(items)
    step = len(items) / count
    start = random.Random(chosen_seed).random() * step
    return [items[int(start + i * step)] for i in range(count)]


def each(items, work, workers=None):
    """Sentences that `work` returned for each of `items`, two at a time."""
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        return [sentence for sentences in pool.map(work, items) for sentence in sentences]


class Expectation:
    """What snapshots must restore to: `now` is what the site holds, `acknowledged` are descriptions
    of it by the id of the snapshot that was reported as taken."""

    def __init__(self, site, now, acknowledged):
        self.site = site
        self.now = now
        self.acknowledged = acknowledged

    def restored_differs(self, place, snapshot):
        """Restores one snapshot into an empty directory and compares everything."""
        expected = self.acknowledged.get(snapshot, self.now)
        target = tempfile.mkdtemp(dir=place.home)
        os.rmdir(target)
        completed = place.run("restore", snapshot, "--to", target)
        try:
            if completed.returncode != DONE:
                return [f"restore of {snapshot[:8]} ended with {completed.returncode}: "
                        f"{completed.stderr}{completed.stdout}"]
            return differences(expected, describe(target + self.site))
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def wrong_with(self, place):
        """What is wrong with a repository after a fault: one sentence each.

        Every snapshot that it lists must restore as a whole, and every acknowledged one be there.
        """
        checked = place.run("check", "--read-data")
        if checked.returncode != DONE:
            return [f"check ended with {checked.returncode}: {checked.stdout}{checked.stderr}"]
        snapshots = place.snapshots()
        found = [f"acknowledged snapshot {missing[:8]} is gone"
                 for missing in set(self.acknowledged) - set(snapshots)]
        for snapshot in snapshots:
            found += self.restored_differs(place, snapshot)
        return found
