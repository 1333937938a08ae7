"""Buckets of Aliyun with a retention policy, as tests/support/cloud_bucket.py plays them: nothing
can be deleted or overwritten for its days."""

import os
import shutil
import time

import cloud_bucket
import trees
from cloud_bucket import Refused
from program import CONFLICT, NOT_FOUND, PARTIAL, UNSUPPORTED
from test_doctor import DoctorTest

BUCKET = "blog-1250000000"
DAYS = 30


class WormTest(DoctorTest):
    def setUp(self):
        super().setUp()
        self.cloud = cloud_bucket.CloudBuckets("oss")
        self.addCleanup(self.cloud.server_close)
        self.addCleanup(self.cloud.shutdown)
        self.cloud.worm = ("Locked", DAYS)
        self.repository = f"oss://{BUCKET}/prefix"

    def environment(self, **changes):
        return super().environment(**{
            "OSS_ENDPOINT": f"http://localhost:{self.cloud.port}",
            "OSS_REGION": cloud_bucket.REGION, "OSS_ACCESS_KEY_ID": cloud_bucket.ACCESS_KEY,
            "OSS_ACCESS_KEY_SECRET": cloud_bucket.SECRET_KEY, **changes})

    def configure(self, *lines):
        text = "".join(f"    {line}\n" for line in lines)
        self.write("holdfast.yaml",
                   f"stores:\n  far:\n    url: {self.repository}\n{text}".encode())

    def keys(self, part):
        return {key for key in self.cloud.stored() if part in key}

    def bytes_stored(self):
        return sum(len(found.data) for found in self.cloud.stored().values())

    def expect_whole(self):
        self.assertTrue(self.run_program("check", "--read-data", "--json").json["clean"])
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        shutil.rmtree(self.path("out"))


class Held(WormTest):
    """Without `lock`: the policy is there, and nobody asked for it."""

    def test_what_is_removed_is_held_until_its_days_are_over(self):
        self.init()
        self.write("source/first", os.urandom(3_000_000))
        first = self.backup()["snapshot"]["id"]
        os.remove(self.path("source/first"))
        second = self.backup()["snapshot"]["id"]
        pruned = self.run_program("forget", first, "--prune", "--yes", "--json").json
        self.assertTrue(pruned["finished"], "leases that were removed hold nothing")
        self.assertEqual(pruned["waiting"], [])
        self.assertGreater(pruned["packs_deleted"], 0)
        held = self.run_program("prune", "--json").json["locked"]
        self.assertGreater(held["objects"], 3)
        self.assertGreater(held["bytes"], 3_000_000)
        self.assertGreater(self.bytes_stored(), 3_000_000)
        self.assertEqual([snapshot["id"] for snapshot in self.snapshots()], [second])
        self.expect_whole()
        self.assertIn("nothing to", self.run_program("repair", "--dry-run").text)
        # Nothing goes before, and everything after.
        self.cloud.age(DAYS - 1)
        self.run_program("prune")
        self.assertGreaterEqual(self.run_program("prune", "--json").json["locked"]["objects"],
                                held["objects"])
        self.cloud.age(2)
        self.run_program("prune")
        self.cloud.age(DAYS + 1)  # for what that prune itself removed
        self.assertEqual(self.run_program("prune", "--json").json["locked"]["objects"], 0)
        self.assertEqual(self.keys("/.holdfast/gone/"), set())
        self.assertLess(self.bytes_stored(), 1_000_000)
        self.expect_whole()

    def test_who_may_not_ask_for_the_policy_finds_out(self):
        def fault(handler):
            if "worm" in handler.path.partition("?")[2]:
                raise Refused(403, "AccessDenied")
        self.cloud.faults.append(fault)
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.write("source/second", b"2")
        self.backup()
        self.assertTrue(self.run_program("forget", first, "--prune", "--yes", "--json")
                        .json["finished"])
        self.assertEqual(len(self.snapshots()), 1)
        self.cloud.age(DAYS + 1)
        self.run_program("prune")
        self.expect_whole()

    def test_a_hold_that_was_released_cannot_be_set_again_at_once(self):
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.run_program("hold", first)
        self.run_program("hold", "--release", first)
        self.assertIn("is not held", self.run_program("hold", "--release", first,
                                                      expect=NOT_FOUND).err)
        again = self.run_program("hold", first, expect=CONFLICT)
        self.assertIn("is protected by the retention policy", again.err)

    def test_doctor_leaves_little_behind(self):
        self.init()
        findings = self.examine(self.repository, expect=0)
        self.assertIn("keeps its bytes", findings["delete"]["says"])
        self.assertEqual(findings["upload"]["verdict"], "skipped")
        self.assertLess(sum(len(found.data) for key, found in self.cloud.stored().items()
                            if "/doctor/" in key), 10_000)


class Locked(WormTest):
    def setUp(self):
        super().setUp()
        self.configure(f"lock: {DAYS} days")

    def test_all_that_is_stored_is_locked(self):
        self.init()
        result = self.run_program("backup", self.source)
        self.assertNotIn("locked for less", result.err)
        findings = self.examine("far", expect=0)
        self.assertIn("a policy of the bucket locks", findings["versions"]["says"])
        self.expect_whole()

    def backup_on_another_machine(self, name):
        """One that does not remember until when each object is locked."""
        self.write("source/" + name, os.urandom(1000))
        return self.run_program("backup", self.source, HOLDFAST_CACHE_DIR=self.path(name)).err

    def test_a_backup_warns_of_what_is_locked_for_less_and_locks_anew_what_is_not(self):
        self.init()
        self.backup()
        packs = self.keys("/packs/")
        marks = {key: self.cloud.stored()[key].metadata for key in packs}
        self.cloud.age(DAYS - 10)
        warned = self.backup_on_another_machine("second")
        self.assertIn("objects are locked for less than", warned)
        self.assertIn("extend the retention policy", warned)
        self.assertEqual(warned.count("locked for less"), 1)
        self.cloud.age(11)
        self.backup_on_another_machine("third")
        for key in packs:
            stored = self.cloud.stored()[key]
            self.assertLess(time.time() - stored.modified, 600, "its days began anew")
            self.assertEqual(stored.metadata, marks[key], "its writer still knows it")
        self.expect_whole()

    def test_the_score_counts_it_as_out_of_reach(self):
        config = self.read("holdfast.yaml").decode() + (
            f"repository: {self.repository}\nsites:\n  s:\n    files: [{self.source}]\n")
        self.write("holdfast.yaml", config.encode())
        self.init()
        self.run_program("backup")
        score = self.run_program("score", "--json", expect=PARTIAL).json
        places = {place["name"]: place for place in score["sites"][0]["places"]}
        self.assertTrue(places["repository"]["out_of_reach"], places)

    def expect_refused(self, why, next_step):
        result = self.run_program("init", "--passphrase-memory", "64KiB", expect=UNSUPPORTED)
        self.assertIn(why, result.err)
        self.assertIn(next_step, result.err)
        found = self.examine("far")
        failed = [layer for layer, finding in found.items() if finding["verdict"] == "failed"]
        self.assertEqual(failed, ["versions"])
        self.assertIn(why, found["versions"]["says"])
        self.assertIn(next_step, found["versions"]["next_step"])

    def test_doctor_tells_a_bucket_without_a_policy(self):
        self.cloud.worm = None
        self.cloud.buckets[BUCKET] = ({}, {})
        self.expect_refused("has no retention policy", "make and lock one")

    def test_doctor_tells_a_policy_that_is_not_locked(self):
        self.cloud.worm = ("InProgress", DAYS)
        self.cloud.buckets[BUCKET] = ({}, {})
        self.expect_refused("is not locked", "lock the policy")

    def test_doctor_tells_a_policy_that_is_too_short(self):
        self.cloud.worm = ("Locked", 10)
        self.cloud.buckets[BUCKET] = ({}, {})
        self.expect_refused("for 10 days only", "'lock: 10 days'")

    def test_doctor_tells_a_policy_that_is_not_enforced(self):
        self.cloud.worm_is_a_lie = True
        self.cloud.buckets[BUCKET] = ({}, {})
        self.expect_refused("let one be deleted", "another copy offline")

    def test_nobody_can_lift_it(self):
        self.configure(f"lock: {DAYS} days", "lock_mode: governance")
        result = self.run_program("init", expect=UNSUPPORTED)
        self.assertIn("nobody can lift a lock there", result.err)
