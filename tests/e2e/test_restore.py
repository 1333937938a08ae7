"""Bringing things back: targets, parts, times, in place."""

import os
import shutil

from program import CONFLICT, CORRUPT, NOT_FOUND, USAGE, ProgramTest


class Restore(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.first = self.backup("--site", "blog", self.source)["snapshot"]["id"]
        self.out = self.path("out")

    def test_recreates_sources_beneath_the_target(self):
        report = self.run_program("restore", "latest", "--to", self.out, "--json").json
        self.assertEqual(report["snapshot"], self.first)
        self.assertEqual(report["files_written"], 2 + 1)
        self.assertEqual(report["problems"], [])
        beneath = self.out + self.source
        self.assertEqual(self.read(beneath + "/readme.txt"), b"read me\n")
        self.assertEqual(os.readlink(beneath + "/link"), "readme.txt")

    def test_contents_of_a_part_land_directly_in_the_target(self):
        self.run_program("restore", f"{self.first[:8]}:{self.source}/folder", "--to", self.out)
        self.assertEqual(os.listdir(self.out), ["data.bin"])

    def test_single_paths(self):
        self.run_program("restore", "blog", "--path", self.path("source/readme.txt"),
                         "--to", self.out)
        self.assertEqual(os.listdir(self.out + self.source), ["readme.txt"])

    def test_every_way_to_name_a_snapshot(self):
        self.write("source/later", b"x")
        later = self.backup("--site", "blog", self.source)["snapshot"]
        for text, expected in (("latest", later["id"]), ("blog", later["id"]),
                               ("latest:blog", later["id"]), (self.first[:6], self.first),
                               (self.first, self.first), ("blog@" + later["time"], later["id"])):
            answer = self.run_program("restore", text, "--to", "t", "--dry-run", "--json")
            self.assertEqual(answer.json["snapshot"], expected, text)
        answer = self.run_program("restore", "blog", "--at", later["time"], "--to", self.path("t"),
                                  "--dry-run", "--json")
        self.assertEqual(answer.json["snapshot"], later["id"])
        self.run_program("restore", "blog", "--at", "1999-01-01", "--to", self.out,
                         expect=NOT_FOUND)
        self.run_program("restore", "nobody", "--to", self.out, expect=NOT_FOUND)

    def test_dry_run_writes_nothing(self):
        report = self.run_program("restore", "latest", "--to", self.out, "--dry-run", "--json").json
        self.assertEqual(report["plan"]["bytes"], 8 + 256_000)
        self.assertFalse(os.path.exists(self.out))

    def test_live_data_is_not_written_over_by_chance(self):
        self.write("out/precious", b"x")
        self.run_program("restore", "latest", "--to", self.out, expect=CONFLICT)
        self.run_program("restore", "latest", "--to", self.out, "--into-existing")
        self.assertEqual(self.read("out/precious"), b"x")

    def test_options_that_contradict_each_other(self):
        for arguments in ((), ("--to", "x", "--in-place"), ("--to", "x", "--delete"),
                          ("--in-place", "--no-safety-snapshot")):
            self.run_program("restore", "latest", *arguments, expect=USAGE)

    def test_in_place_needs_a_yes(self):
        asked = self.run_program("restore", "latest", "--in-place", expect=USAGE)
        self.assertIn("--yes", asked.err)

    def test_in_place_writes_what_differs_and_can_be_undone(self):
        self.write("source/readme.txt", b"changed\n")
        self.write("source/extra", b"extra\n")
        report = self.run_program("restore", "latest", "--in-place", "--yes", "--json").json
        self.assertEqual(self.read("source/readme.txt"), b"read me\n")
        self.assertEqual(self.read("source/extra"), b"extra\n")
        self.assertEqual(report["files_written"], 1)
        safety = report["safety_snapshot"]
        self.assertEqual([s["kind"] for s in self.snapshots() if s["id"] == safety], ["safety"])
        # The safety point is there to undo with, and is not what "latest" means.
        latest = self.run_program("restore", "latest", "--to", "t", "--dry-run", "--json").json
        self.assertEqual(latest["snapshot"], self.first)
        self.run_program("restore", safety[:10], "--in-place", "--yes", "--no-safety-snapshot")
        self.assertEqual(self.read("source/readme.txt"), b"changed\n")

    def test_in_place_deletes_extras_when_asked(self):
        self.write("source/extra", b"extra\n")
        result = self.run_program("restore", "latest", "--in-place", "--yes", "--delete")
        self.assertIn(self.path("source/extra"), result.err)
        self.assertFalse(os.path.exists(self.path("source/extra")))
        self.assertTrue(os.path.exists(self.path("source/readme.txt")))

    def test_in_place_after_everything_is_gone(self):
        shutil.rmtree(self.source)
        report = self.run_program("restore", "latest", "--in-place", "--yes", "--json").json
        self.assertIsNone(report["safety_snapshot"])
        self.assertEqual(self.read("source/readme.txt"), b"read me\n")

    def test_streams_have_no_place_of_their_own(self):
        self.backup("--stdin", stdin=b"x")
        self.run_program("restore", "latest", "--in-place", "--yes", expect=USAGE)
        self.run_program("restore", "latest", "--to", self.out)
        self.assertEqual(self.read("out/stdin"), b"x")


class WithoutIndex(ProgramTest):
    """A repository that lost its index, seen by a machine that never saw it before."""

    def setUp(self):
        super().setUp()
        self.init()
        self.first = self.backup(self.source)["snapshot"]["id"]
        self.write("source/later", os.urandom(300_000))
        self.backup(self.source)
        shutil.rmtree(self.path("repository/index"))

    def run_elsewhere(self, *arguments, **options):
        shutil.rmtree(self.path("cache"))
        return self.run_program(*arguments, **options)

    def test_commands_that_read_do_and_say_what_to_do(self):
        result = self.run_elsewhere("restore", "latest", "--to", self.path("out"))
        self.assertIn("holdfast repair index", result.err)
        for name in ("later", "folder/data.bin"):
            self.assertEqual(self.read("out" + self.source + "/" + name),
                             self.read("source/" + name))
        self.assertIn("later", self.run_elsewhere("ls", "latest:" + self.source).text)
        self.assertEqual(self.run_elsewhere("cat", "latest:" + self.path("source/later")).out,
                         self.read("source/later"))
        self.assertIn("later", self.run_elsewhere("diff", self.first, "latest").text)
        self.assertIn("later", self.run_elsewhere("find", "later").text)
        self.run_elsewhere("export", "latest", "-o", self.path("out.tar"))

    def test_a_backup_builds_on_nothing_that_is_not_indexed(self):
        self.run_elsewhere("backup", self.source)
        self.run_elsewhere("restore", "latest", "--to", self.path("out"))
        self.run_program("repair", "index", "--yes")
        self.run_elsewhere("check", "--read-data")
        result = self.run_elsewhere("restore", self.first, "--to", self.path("first"))
        self.assertNotIn("repair", result.err)

    def test_check_names_the_next_step(self):
        self.assertIn("holdfast repair", self.run_elsewhere("check", expect=CORRUPT).text)
