"""Repair from where else something is: other copies, another repository, the source itself."""

import os
import shutil

from program import CORRUPT, DONE, USAGE, ProgramTest


class Mending(ProgramTest):
    def setUp(self):
        super().setUp()
        self.run_program("init", "--passphrase-memory", "64KiB", "--parity", "0")

    def objects(self, prefix):
        return sorted(os.path.join(folder, name)
                      for folder, _, names in os.walk(os.path.join(self.repository, prefix))
                      for name in names)

    def damage(self, path, begin=None, size=1):
        begin = os.path.getsize(path) // 2 if begin is None else begin
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            file.seek(begin)
            old = file.read(size)
            file.seek(begin)
            file.write(bytes(byte ^ 0x55 for byte in old))

    def damage_data(self):
        """All of the largest pack but its header and directory."""
        pack = max(self.objects("packs"), key=os.path.getsize)
        self.damage(pack, 1000, os.path.getsize(pack) - 40_000)
        self.run_program("check", "--read-data", expect=CORRUPT)

    def repair(self, *arguments, expect=DONE):
        return self.run_program("repair", "--yes", "--json", *arguments, expect=expect).json

    def restored(self, name):
        out = self.path("out")
        shutil.rmtree(out, ignore_errors=True)
        self.run_program("restore", "latest", "--to", out)
        return self.read("out" + self.source + "/" + name)

    def write_sparse(self, name):
        with open(self.path(name), "wb") as file:
            for begin in (0, 3_000_000, 9_000_000):
                file.seek(begin)
                file.write(os.urandom(1_500_000))

    def test_lost_content_comes_back_from_the_source(self):
        self.write("source/large", os.urandom(6_000_000))
        self.write_sparse("source/sparse")
        self.backup(self.source)
        wanted = {name: self.read("source/" + name) for name in ("large", "sparse", "readme.txt")}
        self.damage_data()
        plan = self.run_program("repair", "--dry-run", "--from-source", "--json").json
        self.assertGreater(plan["steps"][0]["from_source"], 0)
        done = self.repair("--from-source")
        self.assertEqual([step["lost"] for step in done["steps"]], [0])
        self.assertGreater(done["steps"][0]["from_source"], 0)
        self.run_program("check", "--read-data")
        for name, content in wanted.items():
            self.assertEqual(self.restored(name), content, name)

    def test_only_what_is_still_there_comes_back(self):
        gone = self.write("source/gone", os.urandom(3_000_000))
        before = os.urandom(5_000_000)
        self.write("source/changed", before)
        self.backup(self.source)
        os.remove(gone)
        self.write("source/changed", os.urandom(100_000) + before)  # all of it stands elsewhere
        self.damage_data()
        done = self.repair("--from-source", expect=CORRUPT)
        self.assertGreater(done["steps"][0]["lost"], 0)
        self.run_program("restore", "latest", "--to", self.path("out"), "--path",
                         self.path("source/readme.txt"))
        report = self.run_program("check", "--read-data", "--json", expect=CORRUPT).json
        hurt = {who["name"].rsplit("/")[-1] for problem in report["problems"]
                for who in problem["affected"]}
        self.assertIn("gone", hurt)

    def test_another_file_in_its_place_is_not_taken(self):
        self.write("source/large", os.urandom(4_000_000))
        self.backup(self.source)
        self.write("source/large", os.urandom(4_000_000))
        self.damage_data()
        done = self.repair("--from-source", expect=CORRUPT)
        self.assertGreater(done["steps"][0]["lost"], 0)
        os.remove(self.path("source/large"))
        os.symlink("/etc/passwd", self.path("source/large"))
        self.repair("--from-source", expect=CORRUPT)

    def test_copies_of_an_epoch_are_mended_from_each_other(self):
        self.backup(self.source)
        self.run_program("key", "rotate")
        for name in self.objects("epochs")[:2]:
            self.damage(name)
        self.run_program("check", expect=CORRUPT)
        self.assertEqual({step["kind"] for step in self.repair()["steps"]}, {"epoch_copy"})
        self.run_program("check")

    def test_a_key_slot_is_mended_from_a_copy(self):
        self.backup(self.source)
        added = self.run_program("key", "add", "--role", "reader", "--generate", "reader.key",
                                 "--json").json
        copy = self.path("copy")
        shutil.copytree(self.repository, copy)
        slot = "repository/keys/" + added["id"]
        whole = self.read(slot)
        self.damage(self.path(slot))
        self.run_program("check", expect=CORRUPT)
        self.repair(expect=CORRUPT)
        done = self.repair("--from", copy, "--from-key-file", "reader.key")
        self.assertEqual([step["kind"] for step in done["steps"]], ["key_slot"])
        self.assertEqual(self.read(slot), whole)
        self.run_program("check")

    def test_a_key_file_opens_the_copy_too(self):
        self.backup(self.source)
        self.run_program("key", "add", "--role", "owner", "--generate", "owner.key")
        copy = self.path("copy")
        shutil.copytree(self.repository, copy)
        self.run_program("repair", "--dry-run", "--from", copy, "--key-file", "owner.key",
                         HOLDFAST_PASSPHRASE_FILE=None)

    def test_options_that_contradict_each_other(self):
        for wrong in (("--from-key-file", "x"), ("index", "--from-source"),
                      ("index", "--from", "x")):
            self.run_program("repair", *wrong, expect=USAGE)
