"""Removing snapshots."""

from program import NOT_FOUND, USAGE, ProgramTest


class Forget(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.ids = [self.backup("--site", "blog", self.source)["snapshot"]["id"]
                    for _ in range(3)]
        shop = self.backup("--site", "shop", self.source, "--tag", "release")
        self.other = shop["snapshot"]["id"]

    def left(self):
        return [snapshot["id"] for snapshot in self.snapshots()]

    def test_rules_work_site_by_site(self):
        report = self.run_program("forget", "--keep-last", "1", "--json").json
        self.assertEqual([row["id"] for row in report["removed"]], self.ids[:2])
        self.assertEqual([row["id"] for row in report["kept"]], [self.ids[2], self.other])
        self.assertIn("last 1", report["kept"][0]["reasons"])
        self.assertFalse(report["space_freed"])
        self.assertEqual(self.left(), [self.ids[2], self.other])
        self.run_program("check")

    def test_dry_run_removes_nothing_and_gives_reasons(self):
        text = self.run_program("forget", "--keep-last", "2", "--dry-run").text
        self.assertIn("would be removed", text)
        self.assertIn("last 2", text)
        self.assertEqual(len(self.left()), 4)

    def test_by_name(self):
        self.run_program("forget", self.ids[0][:8], self.ids[1])
        self.assertEqual(self.left(), [self.ids[2], self.other])

    def test_a_site_is_not_emptied_by_chance(self):
        self.run_program("forget", self.other, expect=USAGE)
        self.assertIn(self.other, self.left())
        self.run_program("forget", self.other, "--allow-empty")
        self.assertNotIn(self.other, self.left())

    def test_one_site_only(self):
        self.run_program("forget", "--site", "blog", "--keep-last", "1")
        self.assertEqual(self.left(), [self.ids[2], self.other])
        self.run_program("forget", "--site", "nobody", "--keep-last", "1", expect=NOT_FOUND)

    def test_rules_of_the_configuration(self):
        self.write("holdfast.yaml", b"sites:\n  blog: {files: [source], keep: {last: 2}}\n")
        report = self.run_program("forget", "--json").json
        self.assertEqual([row["id"] for row in report["removed"]], self.ids[:1])
        kept = {row["id"]: row["reasons"] for row in report["kept"]}
        self.assertEqual(kept[self.other], ["no rule for this site"])

    def test_tags_and_ages_keep(self):
        report = self.run_program("forget", "--keep-tag", "release", "--keep-within", "1h",
                                  "--dry-run", "--json").json
        self.assertEqual(report["removed"], [])

    def test_something_must_say_what_to_keep(self):
        self.assertIn("--keep-daily", self.run_program("forget", expect=USAGE).err)
        self.run_program("forget", self.ids[0], "--keep-last", "1", expect=USAGE)
        self.run_program("forget", "nobody", expect=NOT_FOUND)
