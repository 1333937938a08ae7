"""Freeing the space of forgotten snapshots."""

import os

from program import USAGE, ProgramTest


class Prune(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.write("source/large", os.urandom(3_000_000))
        self.first = self.backup(self.source)["snapshot"]["id"]
        os.remove(os.path.join(self.source, "large"))
        self.second = self.backup(self.source)["snapshot"]["id"]

    def prune(self, *arguments):
        return self.run_program("prune", "--json", *arguments).json

    def test_nothing_goes_while_everything_is_needed(self):
        report = self.prune()
        self.assertEqual(report["packs_deleted"], 0)
        self.assertTrue(report["finished"])
        self.run_program("check", "--read-data")

    def test_what_was_forgotten_goes(self):
        self.run_program("forget", self.first)
        plan = self.prune("--dry-run")
        self.assertGreater(plan["bytes_freed"], 2_800_000)
        self.assertEqual(plan["pages_read"], 0)
        report = self.prune("--yes")
        self.assertTrue(report["finished"])
        self.assertGreater(report["bytes_deleted"], 2_800_000)
        self.run_program("check", "--read-data")
        again = self.prune()
        self.assertEqual(again["deleted"] + again["repacked"], [])

    def test_most_of_everything_is_asked_for(self):
        self.run_program("forget", self.first)
        self.run_program("prune", expect=USAGE)
        self.assertGreater(self.prune("--dry-run")["bytes_freed"], 2_800_000)

    def test_forget_can_prune(self):
        report = self.run_program("forget", self.first, "--prune", "--yes", "--json").json
        self.assertTrue(report["space_freed"])
        self.assertGreater(report["bytes_deleted"], 2_800_000)
        self.run_program("check", "--read-data")
