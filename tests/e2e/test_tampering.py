"""A store that goes back: what commands say, what they refuse, and how a real loss is accepted."""

import os
import shutil

from program import PARTIAL, TAMPERED, ProgramTest


class TamperingTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.oldest = self.backup()["snapshot"]["id"]
        shutil.copytree(self.repository, self.path("old"), symlinks=True)
        self.write("source/readme.txt", b"changed\n")
        self.newest = self.backup()["snapshot"]["id"]

    def roll_back(self):
        shutil.rmtree(self.repository)
        shutil.copytree(self.path("old"), self.repository, symlinks=True)

    def test_a_rollback_is_named_and_not_written_on(self):
        self.roll_back()
        result = self.run_program("snapshots", "--json", expect=PARTIAL)
        self.assertEqual(len(result.json["snapshots"]), 1)
        self.assertIn(self.newest, result.json["warnings"][0])
        self.assertIn("rolled back to record 1", result.json["warnings"][0])
        refused = self.run_program("backup", "--json", self.source, expect=TAMPERED)
        self.assertEqual(refused.json["error"]["kind"], "tampered")
        self.assertIn("--trust-head", refused.json["error"]["hint"])
        self.run_program("forget", self.oldest, "--allow-empty", expect=TAMPERED)
        checked = self.run_program("check", "--json", expect=TAMPERED).json
        self.assertTrue(checked["tampered"])
        self.assertIn("snapshots/" + self.newest, [p["object"] for p in checked["problems"]])
        self.run_program("restore", "latest", "--to", self.path("out"), expect=PARTIAL)

    def test_a_loss_is_accepted_once_and_recorded(self):
        self.roll_back()
        self.run_program("snapshots", "--trust-head")
        self.run_program("backup", self.source)
        self.run_program("check")
        self.assertEqual(len(os.listdir(os.path.join(self.repository, "deletions"))), 1)
        self.roll_back()
        self.run_program("snapshots", expect=PARTIAL)

    def test_without_its_cache_a_machine_trusts_what_it_sees(self):
        self.roll_back()
        shutil.rmtree(self.path("cache"))
        self.run_program("backup", self.source)
        self.run_program("check")

    def test_one_record_that_is_removed_is_named(self):
        os.unlink(os.path.join(self.repository, "snapshots", self.newest))
        self.assertIn(self.newest, self.run_program("snapshots", expect=PARTIAL).err)

    def test_what_was_forgotten_is_not_lost(self):
        self.run_program("forget", self.newest)
        self.run_program("backup", self.source)
        self.run_program("check")
