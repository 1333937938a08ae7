"""A machine that holds a writer's key only: as fast and as small, and it reads nothing."""

import json
import os
import random
import shutil
import subprocess

from program import ProgramTest
from trees import describe, differences

THIEF = os.path.join(os.path.dirname(__file__), "key_thief.py")
OLD = b"canary: written before there was a writer's key; "
NEW = b"canary: written by the writer itself; "
OTHER = b"canary: of another machine; "


class WriterTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()

    def key(self, role):
        path = self.path(role + ".key")
        self.run_program("key", "add", "--role", role, "--generate", path)
        return path

    def as_key(self, role):
        """Changes of the environment for a machine with only this key."""
        return {"HOLDFAST_PASSPHRASE_FILE": None, "HOLDFAST_KEY_FILE": self.path(role + ".key"),
                "HOLDFAST_CACHE_DIR": self.path(role + "-cache")}

    def steal(self, role):
        os.makedirs(self.path(role + "-cache"), exist_ok=True)
        run = subprocess.run(
            ["/usr/bin/python3", "-B", THIEF, self.repository, self.path(role + ".key"),
             self.path(role + "-cache")], capture_output=True, timeout=250, check=False)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        found = json.loads(run.stdout)
        found["texts"] = [bytes.fromhex(text) for text in found["texts"]]
        return found


class Secrecy(WriterTest):
    def make_history(self):
        """Snapshots of before, of another machine, of the writer, before and after a rotation."""
        self.write("source/small.txt", OLD)
        self.write("source/old-canary.bin", OLD * 3000 + os.urandom(200_000))
        self.backup()
        self.write("elsewhere/other-canary.txt", OTHER * 2)
        self.backup(self.path("elsewhere"), "--site", "other")
        for role in ("writer", "reader"):
            self.key(role)
        self.write("source/new-canary.bin", NEW * 3000 + os.urandom(200_000))
        self.write("source/small.txt", NEW)
        self.backup(**self.as_key("writer"))
        self.run_program("key", "rotate")
        self.write("source/newest.bin", NEW * 2000 + os.urandom(100_000))
        self.write("source/small.txt", NEW * 2)
        self.backup(**self.as_key("writer"))

    def test_it_reads_nothing_with_everything_it_holds(self):
        self.make_history()
        found = self.steal("writer")
        self.assertEqual(found["records"], 4)
        self.assertGreaterEqual(found["packs"], 8)
        self.assertEqual(found["packs_opened"], 0)
        self.assertGreater(found["candidates"], 500)
        cache, *records = found["texts"]
        for text in found["texts"]:
            for canary in (OLD, NEW, OTHER, b"other-canary"):
                self.assertNotIn(canary[:20], text)
        # What it does give away, as docs/roles.md says: its own last run, and records.
        self.assertIn(b"new-canary", cache)
        self.assertTrue(any(b"elsewhere" in record for record in records))
        self.assertFalse(any(b"old-canary" in record for record in records))

    def test_the_same_attempt_with_a_readers_key_opens_every_pack(self):
        self.make_history()
        found = self.steal("reader")
        self.assertEqual(found["packs_opened"], found["packs"])
        self.assertTrue(any(b"newest.bin" in text for text in found["texts"]))


class Equality(WriterTest):
    """The owner and a writer, each with a repository of its own, take the same changing site."""

    def setUp(self):
        super().setUp()
        shuffled = random.Random(4)
        for number in range(300):
            self.write(f"source/many/{number:04}", shuffled.randbytes(shuffled.randrange(3000)))
        self.write("source/large", shuffled.randbytes(16_000_000))
        self.key("writer")
        self.other = self.path("owner-repository")
        shutil.copytree(self.repository, self.other)
        self.shuffled = shuffled

    def change(self):
        for number in self.shuffled.sample(range(300), 6):
            self.write(f"source/many/{number:04}", self.shuffled.randbytes(2000))
        with open(self.path("source/large"), "r+b") as file:
            file.seek(self.shuffled.randrange(15_000_000))
            file.write(self.shuffled.randbytes(100))

    def test_it_reads_and_stores_as_little(self):
        for number in range(4):
            taken = {}
            for role, extra in (("owner", {"HOLDFAST_REPO": self.other}),
                                ("writer", self.as_key("writer"))):
                taken[role] = self.backup(**extra)["snapshot"]["statistics"]
            for name in ("files_new", "bytes_read", "bytes_new"):
                self.assertEqual(taken["writer"][name], taken["owner"][name], name)
            self.assertLess(abs(taken["writer"]["bytes_stored"] - taken["owner"]["bytes_stored"]),
                            taken["owner"]["bytes_stored"] // 50 + 1000)
            if number > 0:
                # Two chunks of 4 MiB at most have changed in the large file.
                self.assertLess(taken["writer"]["bytes_stored"], 9_500_000)
            self.change()

    def test_what_it_took_is_what_there_was(self):
        expected = {}
        for _ in range(4):
            snapshot = self.backup(**self.as_key("writer"))["snapshot"]["id"]
            expected[snapshot] = describe(self.source)
            self.change()
        self.run_program("check", "--read-data")
        for snapshot, description in expected.items():
            target = self.path("out-" + snapshot)
            self.run_program("restore", snapshot, "--to", target)
            self.assertEqual(differences(description, describe(target + self.source)), [])


if __name__ == "__main__":
    import unittest
    unittest.main()
