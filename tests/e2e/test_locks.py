"""A repository in a bucket that locks objects: what a thief of the credentials can do, and what the
program says of stores that only pretend."""

import datetime
import os
import shutil
import time
import uuid

import s3_requests
import servers
import trees
from program import CONFLICT, DONE, NOT_FOUND, PARTIAL, UNSUPPORTED, ProgramTest

KEPT = ("format", "keys/", "packs/", "index/", "snapshots/", "reach/", "deletions/")


class Locks(ProgramTest):
    def setUp(self):
        super().setUp()
        self.use("rgw")

    def use(self, name):
        self.server = servers.address_of(os.environ["HOLDFAST_TEST_SERVERS"], name)
        self.bucket = s3_requests.Bucket(self.server, "holdfast-" + uuid.uuid4().hex)
        self.repository = f"s3://{self.bucket.name}/r"

    def environment(self, **changes):
        return super().environment(**{
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server['port']}",
            "AWS_ACCESS_KEY_ID": self.server["access_key"],
            "AWS_SECRET_ACCESS_KEY": self.server["secret_key"], **changes})

    def configure(self, *lines):
        text = "".join(f"    {line}\n" for line in lines)
        self.write("holdfast.yaml",
                   f"stores:\n  far:\n    url: {self.repository}\n{text}".encode())

    def kept(self):
        """Versions of what is kept."""
        return [(key, version) for key, version, is_mark in self.bucket.versions("r/")
                if not is_mark and key[2:].startswith(KEPT)]

    def locked_until(self, key, version):
        _, headers, _ = self.bucket.send("HEAD", key, {"versionId": version})
        until = headers.get("x-amz-object-lock-retain-until-date", "1970-01-01T00:00:00")
        return datetime.datetime.fromisoformat(until[:19] + "+00:00").timestamp()

    def expect_whole(self):
        self.run_program("check", "--read-data")
        shutil.rmtree(self.path("out"), ignore_errors=True)
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_a_thief_of_the_credentials_destroys_nothing(self):
        self.configure("lock: 1h")
        self.init()
        self.write("source/large", os.urandom(15_000_000))
        self.backup()
        for key, version in self.kept():
            self.assertGreater(self.locked_until(key, version), time.time() + 3500, key)
            status, _, text = self.bucket.send("DELETE", key, {"versionId": version})
            self.assertEqual((status, b"AccessDenied" in text), (403, True), key)
        # He can hide everything, and that is found and undone without a key.
        for key in {key for key, _ in self.kept()}:
            self.bucket.send("DELETE", key)
        self.assertIn("no repository", self.run_program("snapshots", expect=NOT_FOUND).err)
        self.assert_doctor_finds("hidden")
        planned = self.run_program("repair", "hidden", "--dry-run", "--json").json
        self.assertEqual(len(planned["altered"]), len(self.kept()))
        done = self.run_program("repair", "hidden", "--yes", "--json").json
        self.assertEqual((done["brought_back"], done["stuck"]), (len(self.kept()), []))
        self.expect_whole()
        # Or put something else over it.
        packs = [key for key, _ in self.kept() if "/packs/" in key]
        self.bucket.send("PUT", packs[0], body=b"nothing")
        self.assert_doctor_finds("1 overwritten")
        self.assertIn("overwritten", self.run_program("repair", "hidden", "--yes").text)
        self.expect_whole()
        self.assertIn("nothing is hidden", self.run_program("repair", "hidden").text)

    def assert_doctor_finds(self, what):
        subjects = self.run_program("doctor", "far", "--json", expect=PARTIAL).json["subjects"]
        found = {finding["layer"]: finding for finding in subjects[0]["findings"]}["versions"]
        self.assertEqual(found["verdict"], "failed")
        self.assertIn(what, found["says"])
        self.assertIn("holdfast repair hidden", found["next_step"])

    def test_a_prune_waits_for_locks(self):
        self.configure("lock: 12s")
        self.init()
        self.write("source/first", os.urandom(3_000_000))
        self.backup()
        os.remove(self.path("source/first"))
        self.write("source/second", os.urandom(100_000))
        self.backup()
        pruned = self.run_program("forget", "--keep-last", "1", "--prune", "--yes", "--json").json
        self.assertTrue(pruned["finished"])
        self.assertEqual(pruned["bytes_deleted"], 0)
        held = pruned["locked"]
        self.assertGreater(held["bytes"], 3_000_000)
        text = self.run_program("prune").text
        self.assertIn("removed and locked until", text)
        self.run_program("check", "--read-data")
        # Nothing waits: prune by prune the locks end.
        end = time.monotonic() + 60
        while self.run_program("prune", "--json").json["locked"]["objects"] != 0:
            self.assertLess(time.monotonic(), end, "the locks never end")
        self.assertLess(sum(len(self.bucket.send("GET", key, {"versionId": version})[2])
                            for key, version in self.kept()), 3_000_000)
        self.expect_whole()

    def is_on_hold(self, key, version):
        _, headers, _ = self.bucket.send("HEAD", key, {"versionId": version})
        return headers.get("x-amz-object-lock-legal-hold") == "ON"

    def test_what_is_held_outlasts_its_locks(self):
        self.configure("lock: 2s")
        self.init()
        self.write("source/first", os.urandom(3_000_000))
        first = self.backup()["snapshot"]["id"]
        os.remove(self.path("source/first"))
        self.write("source/second", os.urandom(100_000))
        self.backup()
        held = self.run_program("hold", first, "--reason", "audit", "--json").json["held"][0]
        self.assertEqual((held["id"], held["by_store"]), (first, True))
        self.assertIn("held: audit", self.run_program("snapshots").text)
        result = self.run_program("forget", first, "--prune", "--yes", expect=CONFLICT)
        self.assertIn("held: audit", result.err)
        self.run_program("forget", "--keep-last", "1", "--prune", "--yes")
        self.assertEqual(len(self.snapshots()), 2)
        # The locks end; the thief gets what is not held.
        end = time.monotonic() + 30
        while any(self.locked_until(*there) > time.time() for there in self.kept()):
            self.assertLess(time.monotonic(), end, "the locks never end")
        kept = [there for there in self.kept() if self.is_on_hold(*there)]
        for key, version in self.kept():
            status, _, _ = self.bucket.send("DELETE", key, {"versionId": version})
            self.assertEqual(status == 403, (key, version) in kept, key)
        self.assertEqual(self.kept(), kept)
        anew = {"HOLDFAST_CACHE_DIR": self.path("another machine")}
        left = self.run_program("snapshots", "--json", **anew).json["snapshots"]
        self.assertEqual([snapshot["id"] for snapshot in left], [first])
        self.run_program("restore", first, "--to", self.path("out"), **anew)
        self.assertEqual(os.path.getsize(self.path("out") + self.path("source/first")), 3_000_000)

    def test_what_is_released_goes(self):
        self.configure("lock: 1s")
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.write("source/second", os.urandom(100_000))
        second = self.backup()["snapshot"]["id"]
        self.run_program("hold", first, second)
        self.run_program("hold", "--release", first)
        on_hold = {key for key, version in self.kept() if self.is_on_hold(key, version)}
        self.assertIn(f"r/snapshots/{second}", on_hold)
        self.assertNotIn(f"r/snapshots/{first}", on_hold)
        self.run_program("hold", "--release", second)
        self.assertEqual([key for key, version in self.kept() if self.is_on_hold(key, version)], [])
        self.assertIn("is not held", self.run_program("hold", "--release", second,
                                                      expect=NOT_FOUND).err)

    def test_a_copy_has_locks_of_its_own(self):
        self.configure("lock: 1h")
        self.repository = self.path("repository")
        config = self.read("holdfast.yaml").decode() + (
            f"repository: {self.repository}\n"
            f"sites:\n  s:\n    files: [{self.source}]\n    copies: [far]\n")
        self.write("holdfast.yaml", config.encode())
        self.init()
        self.run_program("copy", "far", "--create")
        self.run_program("backup")
        self.assertGreater(len(self.kept()), 5)
        for key, version in self.kept():
            self.assertGreater(self.locked_until(key, version), time.time() + 3500, key)
        score = self.run_program("score", "--json", expect=PARTIAL).json
        places = {place["name"]: place for place in score["sites"][0]["places"]}
        self.assertEqual([places[name]["out_of_reach"] for name in ("repository", "far")],
                         [False, True])

    def expect_refused(self, why, next_step):
        result = self.run_program("init", "--passphrase-memory", "64KiB", expect=UNSUPPORTED)
        self.assertIn(why, result.err)
        self.assertIn(next_step, result.err)
        found = self.run_program("doctor", "far", "--json", expect=PARTIAL).json["subjects"][0]
        failed = [finding for finding in found["findings"] if finding["verdict"] == "failed"]
        self.assertEqual([finding["layer"] for finding in failed], ["versions"])
        self.assertIn(why, failed[0]["says"])
        self.assertIn(next_step, failed[0]["next_step"])
        self.run_program("snapshots", expect=NOT_FOUND)

    def test_a_store_that_only_pretends_is_refused(self):
        self.use("swift")
        self.configure("lock: 30 days", "exclusive_create: by-looking")
        self.expect_refused("accepts object-lock headers and does not enforce them",
                            "use a store that enforces object lock")

    def test_a_bucket_without_object_lock_is_refused(self):
        self.assertEqual(self.bucket.send("PUT")[0], 200)
        self.configure("lock: 30 days")
        self.expect_refused("was made without object lock", "a bucket gets that when it is made")

    def test_versions_of_a_bucket_do_not_pile_up(self):
        self.assertEqual(self.bucket.send("PUT")[0], 200)
        status, _, text = self.bucket.send(
            "PUT", query={"versioning": ""},
            body=b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        self.assertEqual(status, 200, text)
        self.init()
        self.write("source/first", os.urandom(3_000_000))
        self.backup()
        os.remove(self.path("source/first"))
        self.backup()
        self.run_program("forget", "--keep-last", "1", "--prune", "--yes")
        seen = self.bucket.versions("r/")
        self.assertEqual([key for key, _, is_mark in seen if is_mark], [])
        self.assertEqual(len({key for key, _, _ in seen}), len(seen))
        self.assertEqual([key for key, _, _ in seen if "/leases/" in key], [])
        self.expect_whole()
        self.assertEqual(self.run_program("repair", "hidden").code, DONE)
