"""Packs in archive classes of buckets: how they come there, what the commands say of them, and how
a restore gets them back. tests/support/cloud_bucket.py plays the three clouds."""

import os
import shutil
import unittest

import cloud_bucket
import trees
from program import INTERRUPTED, PARTIAL, UNSUPPORTED, USAGE, ProgramTest

FROZEN = 16
BUCKET = "blog-1250000000"


class TiersTest:
    """What all three clouds share."""

    dialect = ""
    archive = cheap = ""

    def setUp(self):
        super().setUp()
        self.cloud = cloud_bucket.CloudBuckets(self.dialect)
        self.addCleanup(self.cloud.server_close)
        self.addCleanup(self.cloud.shutdown)
        self.repository = f"{self.dialect}://{BUCKET}/prefix"
        self.configure(f"lifecycle: [{{after: 30 days, class: {self.cheap}}}, "
                       f"{{after: 90 days, class: {self.archive}}}]")

    def configure(self, *lines, store=None):
        text = "".join(f"    {line}\n" for line in lines)
        self.write("holdfast.yaml",
                   f"stores:\n  far:\n    url: {store or self.repository}\n{text}".encode())

    def environment(self, **changes):
        return super().environment(**{
            f"{self.dialect.upper()}_ENDPOINT": f"http://localhost:{self.cloud.port}",
            f"{self.dialect.upper()}_REGION": cloud_bucket.REGION,
            **self.keys(), **changes})

    def classes(self):
        """How many packs are in each class, and that nothing else left the usual one."""
        usual = cloud_bucket.CLASSES[self.dialect][0]
        found = {}
        for key, stored in self.cloud.stored().items():
            if "/packs/" in key:
                found[stored.storage_class] = found.get(stored.storage_class, 0) + 1
            elif "/.holdfast/" not in key:  # what tries whether the class is there
                self.assertEqual(stored.storage_class, usual, key)
        return found

    def archived(self):
        """A repository whose content is in the archive class."""
        self.init()
        self.write("source/large", os.urandom(3_000_000))
        self.backup()
        self.cloud.age(100)
        moved = self.run_program("tier", "--json").json["stores"][0]
        self.assertEqual([move["class"] for move in moved["moves"]], [self.archive])
        self.assertEqual(moved["packs_moved"], moved["moves"][0]["packs"])
        return moved

    def restored(self):
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_packs_go_from_class_to_class(self):
        self.init()
        self.write("source/large", os.urandom(3_000_000))
        self.backup()
        before = self.classes()
        planned = self.run_program("tier", "--dry-run", "--json").json["stores"][0]
        self.assertEqual(planned["moves"], [])
        self.cloud.age(30)
        self.run_program("tier", "--dry-run")
        self.assertEqual(self.classes(), before)
        self.assertIn(f"to {self.cheap}", self.run_program("tier").text)
        content = self.classes()[self.cheap]
        self.assertGreater(content, 0)
        self.run_program("check", "--read-data")
        self.assertIn("nothing is due", self.run_program("tier").text)
        self.cloud.age(59)
        self.assertIn("nothing is due", self.run_program("tier", "far").text)
        self.cloud.age(1)
        self.run_program("tier", "far")
        self.assertEqual(self.classes().get(self.archive), content)
        self.assertIn("nothing is due", self.run_program("tier").text)
        self.cloud.age(1000)
        self.assertIn("nothing is due", self.run_program("tier").text)

    def test_what_is_frozen_is_thawed_and_restored(self):
        moved = self.archived()
        frozen = self.run_program("restore", "latest", "--to", self.path("out"), expect=FROZEN)
        self.assertIn("must be thawed", frozen.err)
        self.assertIn("costs", frozen.err)
        self.assertIn("--thaw", frozen.err)
        self.assertFalse(os.path.exists(self.path("out")), "nothing was written")
        plan = self.run_program("restore", "latest", "--plan", "--json").json
        self.assertEqual(len(plan["frozen"]), moved["packs_moved"])
        self.assertEqual({pack["class"] for pack in plan["frozen"]}, {self.archive})
        self.assertEqual(plan["packs"], moved["packs_moved"])
        self.assertIn("standard", [estimate["speed"] for estimate in plan["estimates"]])
        text = self.run_program("restore", "latest", "--plan", "--verbose").text
        self.assertIn("must be thawed", text)
        self.assertIn("unchecked", text)
        self.assertIn("packs/", text)
        self.assertEqual(self.cloud.thawed, [], "a plan thaws nothing")
        done = self.run_program("restore", "latest", "--to", self.path("out"), "--thaw",
                                "--thaw-days", "5", "--json").json
        self.assertEqual(done["thaw"]["asked"], moved["packs_moved"])
        self.assertEqual(done["problems"], [])
        self.restored()
        self.assertEqual({days for _, _, days in self.cloud.thawed}, {5})
        # It stays thawed for that time, and then freezes.
        self.assertEqual(self.run_program("restore", "latest", "--plan", "--json").json["frozen"],
                         [])
        self.cloud.freeze()
        self.assertNotEqual(
            self.run_program("restore", "latest", "--plan", "--json").json["frozen"], [])

    def test_no_command_takes_frozen_packs_for_damaged(self):
        moved = self.archived()
        self.write("source/new", os.urandom(100_000))
        second = self.backup()
        self.assertEqual(second["problems"], [])
        self.assertLess(second["snapshot"]["statistics"]["bytes_new"], 200_000)
        for reads in ((), ("--read-data",)):
            checked = self.run_program("check", *reads, "--json").json
            self.assertEqual((checked["clean"], checked["packs_frozen"]),
                             (True, moved["packs_moved"]))
        self.run_program("ls", "latest")
        self.run_program("diff", "latest", second["snapshot"]["parent"])
        self.assertIn("nothing to", self.run_program("repair", "--dry-run").text)
        failed = self.run_program("cat", "latest:" + self.path("source/large"), expect=FROZEN)
        self.assertIn("restore --thaw", failed.err)
        # Most of it is not needed any more, and still nothing is thawed.
        os.remove(self.path("source/large"))
        self.backup()
        pruned = self.run_program("forget", "--keep-last", "1", "--prune", "--yes", "--json").json
        self.assertTrue(pruned["finished"])
        self.assertEqual(self.cloud.thawed, [])
        self.run_program("check")
        # A copy of it cannot be made before a thaw, and says so.
        failed = self.run_program("copy", self.path("copy"), "--create", "--json", expect=PARTIAL)
        problems = failed.json["copies"][0]["problems"]
        self.assertIn("must be thawed", problems[0]["message"])
        self.run_program("restore", "latest", "--to", self.path("out"), "--thaw")
        self.restored()

    def test_early_deletion_is_told(self):
        self.archived()
        os.remove(self.path("source/large"))
        shutil.rmtree(self.path("source/folder"))
        os.remove(self.path("source/readme.txt"))
        self.write("source/other", b"other\n")
        self.backup()
        pruned = self.run_program("forget", "--keep-last", "1", "--prune", "--yes")
        self.assertIn("before the minimum time of their class", pruned.text)
        self.assertNotIn(self.archive, self.classes())
        self.run_program("check", "--read-data")

    def test_a_copy_that_is_hot_is_read_instead(self):
        self.configure(f"lifecycle: [{{after: 1 days, class: {self.archive}}}]")
        text = self.read("holdfast.yaml").decode() + (
            f"  near:\n    url: {self.path('near')}\n"
            f"sites:\n  s:\n    files: [{self.source}]\n    copies: [near]\n")
        self.write("holdfast.yaml", text.encode())
        self.init()
        self.run_program("copy", "near", "--create")
        self.run_program("backup")
        self.cloud.age(2)
        self.run_program("tier")
        self.assertIn(self.archive, self.classes())
        plan = self.run_program("restore", "latest", "--plan")
        self.assertIn("nothing must be thawed", plan.text)
        self.assertEqual(plan.err.count("reading it from near"), 1, plan.err)
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.restored()
        self.assertEqual(self.cloud.thawed, [])

    def test_an_interrupted_thaw_is_gone_on_with(self):
        self.archived()
        self.cloud.thaw_looks = 10**9
        running = self.start("restore", "latest", "--to", self.path("out"), "--thaw",
                             "--progress", "json")
        for line in running.stderr:
            if b'"thaw"' in line:
                break
        running.terminate()
        running.communicate()
        self.assertEqual(running.returncode, INTERRUPTED)
        self.assertFalse(os.path.exists(self.path("out")))
        asked = len(self.cloud.thawed)
        self.assertGreater(asked, 0)
        plan = self.run_program("restore", "latest", "--plan", "--json").json
        self.assertTrue(all(pack["thawing"] for pack in plan["frozen"]))
        for stored in self.cloud.stored().values():
            stored.thaw = stored.thaw and 4
        done = self.run_program("restore", "latest", "--to", self.path("out"), "--thaw",
                                "--json").json
        self.assertEqual(done["thaw"]["under_way"], asked)
        self.assertEqual(len(self.cloud.thawed), asked, "nothing was asked for twice")
        self.restored()


class OssTiers(TiersTest, ProgramTest):
    dialect, archive, cheap = "oss", "Archive", "IA"

    @staticmethod
    def keys():
        return {"OSS_ACCESS_KEY_ID": cloud_bucket.ACCESS_KEY,
                "OSS_ACCESS_KEY_SECRET": cloud_bucket.SECRET_KEY}


class CosTiers(TiersTest, ProgramTest):
    dialect, archive, cheap = "cos", "DEEP_ARCHIVE", "STANDARD_IA"

    @staticmethod
    def keys():
        return {"COS_SECRET_ID": cloud_bucket.ACCESS_KEY,
                "COS_SECRET_KEY": cloud_bucket.SECRET_KEY}

    def test_a_speed_that_a_class_has_not_is_refused(self):
        self.archived()
        refused = self.run_program("restore", "latest", "--to", self.path("out"), "--thaw",
                                   "--thaw-speed", "expedited", expect=UNSUPPORTED)
        self.assertIn("use one of: standard, bulk", refused.err)
        self.assertEqual(self.cloud.thawed, [])
        self.run_program("restore", "latest", "--to", self.path("out"), "--thaw",
                         "--thaw-speed", "bulk")
        self.assertEqual({speed for _, speed, _ in self.cloud.thawed}, {"Bulk"})
        self.restored()


class S3Tiers(TiersTest, ProgramTest):
    dialect, archive, cheap = "s3", "GLACIER", "STANDARD_IA"

    def environment(self, **changes):
        return ProgramTest.environment(self, **{
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.cloud.port}",
            "AWS_REGION": cloud_bucket.REGION, **self.keys(), **changes})

    @staticmethod
    def keys():
        return {"AWS_ACCESS_KEY_ID": cloud_bucket.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": cloud_bucket.SECRET_KEY}

    def test_rules_and_options_that_make_no_sense_are_refused(self):
        self.init()
        self.configure()
        self.assertIn("lifecycle", self.run_program("tier", expect=USAGE).err)
        self.assertIn("has no rules", self.run_program("tier", "far", expect=USAGE).err)
        for options in (("--plan", "--thaw"), ("--thaw-days", "3"), ("--thaw", "--thaw-days", "0"),
                        ("--thaw", "--thaw-speed", "soon")):
            self.run_program("restore", "latest", "--to", self.path("out"), *options, expect=USAGE)
        self.configure("lock: 30 days", "lifecycle: [{after: 1 days, class: STANDARD_IA}]")
        refused = self.run_program("tier", expect=UNSUPPORTED)
        self.assertIn("locks its objects", refused.err)
        self.configure("lifecycle: [{after: 1 days, class: NO_SUCH_CLASS}]")
        self.write("source/file", b"content")
        self.backup()
        self.cloud.age(2)
        refused = self.run_program("tier", expect=USAGE)
        self.assertIn("InvalidStorageClass", refused.err)

    def test_what_the_newest_snapshot_needs_stays_warm(self):
        self.configure("lifecycle: [{after: 1 days, class: GLACIER}]", "keep_newest: true")
        self.init()
        self.write("source/old", os.urandom(500_000))
        self.backup()
        shutil.rmtree(self.source)
        self.write("source/new", os.urandom(500_000))
        self.backup()
        self.cloud.age(2)
        tiered = self.run_program("tier", "--json").json["stores"][0]
        self.assertEqual((tiered["moves"][0]["packs"], tiered["packs_moved"]), (1, 1))
        self.assertIn("newest", [left["reason"] for left in tiered["left"]])
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.restored()
        self.run_program("restore", self.snapshots()[0]["id"], "--to", self.path("old"),
                         expect=FROZEN)

    def test_new_packs_may_begin_in_an_archive(self):
        self.configure("storage_class: GLACIER",
                       "prices: [{class: GLACIER, speed: standard, gib: 1000}]", "currency: EUR")
        self.init()
        self.write("source/large", os.urandom(3_000_000))
        self.backup()
        self.assertIn("GLACIER", self.classes())
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("check")
        plan = self.run_program("restore", self.snapshots()[0]["id"], "--plan").text
        self.assertIn("about EUR", plan)


if __name__ == "__main__":
    unittest.main()
