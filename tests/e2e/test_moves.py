"""Packs that leave the repository for one of its copies: how they go there and come back, and that
no command takes them for lost."""

import os
import shutil
import subprocess
import unittest

import cloud_bucket
import trees
from program import CONFLICT, CORRUPT, DONE, PARTIAL, ProgramTest

FROZEN = 16
DAY = 24 * 3600
READER = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "read_repository.py")


class MovesTest(ProgramTest):
    far_settings = ""

    def setUp(self):
        super().setUp()
        self.far = self.path("far")
        self.configure()

    def configure(self, rules="[{after: 30 days, store: far}]", more=""):
        self.write("holdfast.yaml", f"""
repository: {self.repository}
stores:
  local:
    url: {self.repository}
    lifecycle: {rules}
{more}
  far:
    url: {self.far}
{self.far_settings}
sites:
  s:
    files: [{self.source}]
    copies: [far]
""".encode())

    def begin(self):
        """A repository with a copy, and content that is older than the rule."""
        self.init()
        self.run_program("copy", "far", "--create")
        self.write("source/large", os.urandom(3_000_000))
        self.run_program("backup")
        self.age(31)

    def packs(self, root=None):
        return {name for _, _, names in os.walk(os.path.join(root or self.repository, "packs"))
                for name in names}

    def age(self, days):
        """Every pack of the repository, by what its directory says."""
        for folder, _, names in os.walk(os.path.join(self.repository, "packs")):
            for name in names:
                path = os.path.join(folder, name)
                then = os.stat(path).st_mtime - days * DAY
                os.utime(path, (then, then))

    def tier(self, *arguments, expect=DONE):
        return self.run_program("tier", *arguments, "--json", expect=expect).json["stores"][0]

    def expect_restored(self, *arguments, expect=DONE):
        result = self.run_program("restore", "latest", "--to", self.path("out"), *arguments,
                                  expect=expect)
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        shutil.rmtree(self.path("out"))
        return result

    def check(self, *arguments, **options):
        return self.run_program("check", *arguments, "--json", **options).json


class MovesToADirectory(MovesTest):
    def test_packs_go_are_used_and_come_back(self):
        self.begin()
        before = self.packs()
        self.assertEqual(self.packs(self.far), before)
        planned = self.tier("--dry-run")
        self.assertEqual(self.packs(), before)
        moved = self.tier()
        self.assertEqual(moved["moves"], planned["moves"])
        self.assertEqual(moved["moves"][0]["store"], "far")
        self.assertEqual(moved["packs_moved"], moved["moves"][0]["packs"])
        self.assertEqual((moved["packs_lacking"], moved["problems"]), (0, []))
        gone = before - self.packs()
        self.assertEqual(len(gone), moved["packs_moved"])
        self.assertEqual(self.packs(self.far), before)
        self.assertIn("nothing is due", self.run_program("tier").text)
        # Everything is read as before, and nothing is made of where it is.
        self.assertNotIn("reading it from", self.expect_restored().err)
        for reads in ((), ("--read-data",)):
            checked = self.check(*reads)
            self.assertEqual((checked["clean"], checked["elsewhere"]),
                             (True, [{"store": "far", "packs": len(gone), "looked_at": True,
                                      "bytes": moved["bytes_moved"]}]))
        self.assertEqual(checked["bytes_verified"] > 3_000_000, True)
        self.assertIn("nothing to", self.run_program("repair", "--dry-run").text)
        plan = self.run_program("restore", "latest", "--plan", "--json").json
        self.assertEqual([(place["store"], place["packs"]) for place in plan["elsewhere"]],
                         [("far", len(gone))])
        self.assertEqual(self.run_program("stats", "--json").json["packs_elsewhere"], len(gone))
        self.assertEqual(self.run_program("copies", "--json").json["packs_elsewhere"], len(gone))
        places = self.run_program("score", "--json", expect=PARTIAL).json["sites"][0]["places"]
        self.assertEqual({place["name"]: place["has_newest"] for place in places},
                         {"production": True, "repository": False, "far": True})
        # A backup stores nothing of that again.
        self.write("source/small", b"small\n")
        again = self.run_program("backup", "--json").json["runs"][0]
        self.assertLess(again["snapshot"]["statistics"]["bytes_new"], 100_000)
        self.expect_restored()
        # And back.
        back = self.run_program("tier", "--bring-back", "--json").json["stores"][0]
        self.assertEqual(back["packs_moved"], len(gone))
        self.assertLessEqual(before, self.packs())
        for root in (self.repository, self.far):
            self.assertEqual(os.listdir(os.path.join(root, "elsewhere")), [])
        shutil.rmtree(self.far)
        self.configure(rules="[]")
        self.assertEqual(self.check("--read-data")["elsewhere"], [])
        self.expect_restored()

    def test_without_the_copy_nothing_is_lost_and_the_next_step_is_told(self):
        self.begin()
        moved = self.tier()["packs_moved"]
        os.rename(self.far, self.far + ".away")
        checked = self.run_program("check", "--read-data")
        self.assertIn("kept in far only, which is not at hand", checked.text)
        self.assertTrue(self.check()["clean"])
        failed = self.run_program("cat", "latest:" + self.path("source/large"), expect=4)
        self.assertIn("kept in far only", failed.err)
        self.assertIn("--bring-back", failed.err)
        self.assertIn("not at hand", self.run_program("restore", "latest", "--plan").text)
        self.run_program("repair", "--yes")
        pruned = self.run_program("prune", "--yes", "--json").json
        self.assertEqual((pruned["packs_away"], pruned["deleted"]), (moved, []))
        reader = subprocess.run(
            ["/usr/bin/python3", "-B", READER, "--repo", self.repository, "--passphrase-file",
             self.passphrase_file, "check"], capture_output=True, timeout=100, check=False)
        self.assertEqual(reader.returncode, 1)
        self.assertIn("is kept in the store far only", reader.stderr.decode())
        os.rename(self.far + ".away", self.far)
        self.expect_restored()
        # What far loses is damage now, and named.
        lost = sorted(self.packs(self.far) - self.packs())[0]
        os.remove(os.path.join(self.far, "packs", lost[:2], lost))
        checked = self.check(expect=CORRUPT)
        self.assertEqual([problem["object"] for problem in checked["problems"]],
                         [f"packs/{lost[:2]}/{lost}"])

    def test_what_the_copy_lacks_stays_until_it_has_it(self):
        self.begin()
        shutil.rmtree(self.far)
        self.run_program("copy", "far", "--create")
        lost = sorted(self.packs(self.far))
        for name in lost:
            os.remove(os.path.join(self.far, "packs", name[:2], name))
        before = self.packs()
        moved = self.run_program("tier", "--json")
        self.assertIn("holdfast copy far", moved.err)
        self.assertEqual(moved.json["stores"][0]["packs_moved"], 0)
        self.assertEqual(self.packs(), before)
        self.run_program("copy", "far")
        self.assertGreater(self.tier()["packs_moved"], 0)
        self.expect_restored()

    def test_what_is_forgotten_goes_in_both_places(self):
        self.begin()
        self.tier()
        gone = self.packs(self.far) - self.packs()
        # All of it: a pack of which a part is needed is written anew nowhere.
        shutil.rmtree(self.source)
        self.write("source/other", b"other\n")
        self.run_program("backup")
        pruned = self.run_program("forget", "--keep-last", "1", "--prune", "--yes", "--json").json
        self.assertGreater(pruned["packs_released"], 0)
        # A prune of the copy alone keeps what was given up, as long as nobody says otherwise.
        self.run_program("copy")
        kept = self.run_program("prune", "--yes", "--json", "--repo", self.far,
                                HOLDFAST_CACHE_DIR=self.path("other")).json
        self.assertEqual(kept["packs_kept_for_others"], len(gone))
        self.assertLessEqual(gone, self.packs(self.far))
        self.run_program("copy", "--prune")
        self.assertTrue(gone - self.packs(self.far))
        self.check("--read-data")
        self.run_program("check", "--read-data", "--repo", self.far)
        self.expect_restored()

    def test_another_copy_gets_what_the_repository_gave_up(self):
        self.begin()
        self.tier()
        third = self.path("third")
        self.run_program("copy", third, "--create")
        self.run_program("check", "--read-data", "--repo", third)
        other = self.path("other")
        os.rename(self.far, self.far + ".away")
        failed = self.run_program("copy", other, "--create", "--json", expect=PARTIAL).json
        self.assertIn("kept in far only, which is not at hand",
                      failed["copies"][0]["problems"][0]["message"])
        # Far may be lost for good: any copy brings them back.
        self.run_program("tier", "--bring-back", third)
        self.configure(rules="[]")
        self.expect_restored()

    def test_rules_are_for_the_repository(self):
        self.begin()
        refused = self.run_program("tier", "local", "--repo", self.far, expect=CONFLICT)
        self.assertIn("is not the repository here", refused.err)


class MovesToABucket(MovesTest):
    """hot: 30 days in a directory, then IA, then Archive."""

    far_settings = ("    storage_class: IA\n"
                    "    lifecycle: [{after: 90 days, class: Archive}]")

    def setUp(self):
        super().setUp()
        self.cloud = cloud_bucket.CloudBuckets("oss")
        self.addCleanup(self.cloud.server_close)
        self.addCleanup(self.cloud.shutdown)
        self.far = "oss://blog-1250000000/prefix"
        self.configure()

    def environment(self, **changes):
        return super().environment(**{
            "OSS_ENDPOINT": f"http://localhost:{self.cloud.port}",
            "OSS_REGION": cloud_bucket.REGION,
            "OSS_ACCESS_KEY_ID": cloud_bucket.ACCESS_KEY,
            "OSS_ACCESS_KEY_SECRET": cloud_bucket.SECRET_KEY, **changes})

    def classes(self):
        return {stored.storage_class for key, stored in self.cloud.stored().items()
                if key.rsplit("/", 1)[-1] in self.gone}

    def test_hot_then_infrequent_then_archive(self):
        self.begin()
        before = self.packs()
        self.cloud.age(31)
        self.run_program("tier")
        self.gone = before - self.packs()
        self.assertTrue(self.gone)
        self.assertEqual(self.classes(), {"IA"})
        self.expect_restored()
        self.cloud.age(60)
        self.run_program("tier")
        self.assertEqual(self.classes(), {"Archive"})
        checked = self.check("--read-data")
        self.assertEqual((checked["clean"], checked["packs_frozen"]), (True, len(self.gone)))
        self.run_program("backup")
        self.run_program("prune", "--yes")
        failed = self.run_program("restore", "latest", "--to", self.path("out"), expect=FROZEN)
        self.assertIn("must be thawed", failed.err)
        plan = self.run_program("restore", "latest", "--plan", "--json").json
        self.assertEqual(len(plan["frozen"]), len(self.gone))
        self.assertEqual(plan["elsewhere"][0]["packs"], len(self.gone))
        self.assertTrue(plan["estimates"])
        refused = self.run_program("tier", "--bring-back", expect=PARTIAL)
        self.assertIn("must be thawed first", refused.err)
        self.expect_restored("--thaw")
        self.run_program("tier", "--bring-back")
        self.assertLessEqual(before, self.packs())


if __name__ == "__main__":
    unittest.main()
