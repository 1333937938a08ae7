"""Looking at a repository: snapshots, ls, cat, diff, find, stats, check."""

import glob
import os
import subprocess

from program import BINARY, CORRUPT, NOT_FOUND, USAGE, ProgramTest


class Look(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.first = self.backup("--site", "blog", self.source, "--tag", "one")["snapshot"]["id"]
        self.write("source/readme.txt", b"read me again\n")
        self.write("source/new/file", b"new")
        os.unlink(self.path("source/link"))
        os.chmod(self.path("source/folder/data.bin"), 0o600)
        self.second = self.backup("--site", "blog", self.source)["snapshot"]["id"]

    def test_snapshots_are_filtered(self):
        self.assertEqual([s["id"] for s in self.snapshots()], [self.first, self.second])
        tagged = self.run_program("snapshots", "--tag", "one", "--json").json["snapshots"]
        self.assertEqual([s["id"] for s in tagged], [self.first])
        last = self.run_program("snapshots", "blog", "--last", "1", "--json").json["snapshots"]
        self.assertEqual([s["id"] for s in last], [self.second])
        self.assertIn("no snapshots", self.run_program("snapshots", "other").text)
        self.assertIn(self.first[:8], self.run_program("snapshots").text)

    def test_ls(self):
        self.assertEqual(self.run_program("ls", "latest").text, self.source + "/\n")
        listing = self.run_program("ls", "latest:" + self.source).text.splitlines()
        self.assertEqual(listing, [f"{self.source}/{name}" for name in
                                   ("folder/", "new/", "readme.txt")])
        entries = self.run_program("ls", "-R", f"latest:{self.source}", "--json").json["entries"]
        self.assertEqual([entry["type"] for entry in entries],
                         ["directory", "file", "directory", "file", "file"])
        data = entries[1]
        self.assertEqual((data["mode"], data["size"]), ("0600", 256_000))
        details = self.run_program("ls", "-l", f"latest:{self.source}/folder").text
        self.assertIn("-rw-------", details)
        missing = self.run_program("ls", f"latest:{self.source}/nothing/x", expect=NOT_FOUND)
        self.assertIn(f"{self.source} has no nothing", missing.err)

    def test_cat(self):
        old = self.run_program("cat", f"{self.first}:{self.source}/readme.txt")
        self.assertEqual(old.out, b"read me\n")
        data = self.run_program("cat", f"blog:{self.source}/folder/data.bin")
        self.assertEqual(data.out, bytes(range(256)) * 1000)
        as_json = self.run_program("cat", f"blog:{self.source}/folder/data.bin", "--json").json
        self.assertEqual(bytes.fromhex(as_json["content_bytes"]), data.out)
        self.run_program("cat", "latest:" + self.source, expect=USAGE)
        self.run_program("cat", "latest", expect=USAGE)

    def test_cat_fills_holes(self):
        with open(self.path("source/sparse"), "wb") as file:
            file.write(b"begin")
            file.seek(1_000_000)
            file.write(b"end")
            file.truncate(2_000_000)
        self.backup("--site", "blog", self.source)
        content = self.run_program("cat", f"latest:{self.source}/sparse").out
        self.assertEqual(content, self.read("source/sparse"))

    def test_a_full_disk_is_an_error_and_a_closed_pipe_is_none(self):
        with open("/dev/full", "wb") as full:
            completed = subprocess.run([BINARY, "cat", f"latest:{self.source}/readme.txt"],
                                       stdout=full, stderr=subprocess.PIPE, check=False,
                                       env=self.environment())
        self.assertNotEqual(completed.returncode, 0)
        self.assertIn(b"writing to standard output", completed.stderr)
        piped = subprocess.run(
            ["bash", "-c", f'"{BINARY}" cat latest:{self.source}/folder/data.bin | head -c 1'],
            capture_output=True, check=False, env=self.environment())
        self.assertEqual(piped.stderr, b"")

    def test_diff(self):
        report = self.run_program("diff", self.first, self.second, "--json").json
        changes = {(change["change"], os.path.relpath(change["path"], self.source))
                   for change in report["changes"]}
        self.assertEqual(changes, {("content", "readme.txt"), ("added", "new"),
                                   ("added", "new/file"), ("removed", "link"),
                                   ("metadata", "folder/data.bin")})
        self.assertEqual(report["summary"]["added"], 2)
        text = self.run_program("diff", f"{self.first}:{self.source}/folder", "latest").text
        self.assertEqual(text.splitlines()[0], f"m {self.source}/folder/data.bin")
        self.assertIn("no differences", self.run_program("diff", "blog", "latest").text)

    def test_find_shows_every_version(self):
        matches = self.run_program("find", "README*", "-i", "--json").json["matches"]
        self.assertEqual([(m["size"], m["snapshots"]) for m in matches],
                         [(8, [self.first]), (14, [self.second])])
        matches = self.run_program("find", "*/source/folder/*", "--json").json["matches"]
        self.assertEqual(len(matches), 2)
        none = self.run_program("find", "fold*", "--type", "file", "--json").json
        self.assertEqual(none["matches"], [])
        self.assertIn("nothing was found", self.run_program("find", "x.y").text)
        self.run_program("find", expect=USAGE)

    def test_find_by_size_and_time(self):
        os.utime(self.path("source/readme.txt"), (1_000_000_000, 1_000_000_000))
        self.backup("--site", "blog", self.source)

        def found(*options):
            matches = self.run_program("find", *options, "--json").json["matches"]
            return {os.path.basename(match["path"]) for match in matches}

        self.assertEqual(found("--larger", "10kB"), {"data.bin"})
        self.assertEqual(found("--smaller", "4"), {"file"})
        self.assertEqual(found("--older", "2001-12-31"), {"readme.txt"})
        self.assertEqual(found("read*", "--newer", "2020-01-01", "--smaller", "10"), {"readme.txt"})
        self.run_program("find", "--newer", "yesterdayish", expect=USAGE)

    def test_history(self):
        os.unlink(self.path("source/readme.txt"))
        third = self.backup("--site", "blog", self.source)["snapshot"]["id"]
        path = self.path("source/readme.txt")
        versions = self.run_program("history", path, "--json").json["versions"]
        self.assertEqual([(v["change"], v["first"], v["snapshots"]) for v in versions],
                         [("added", self.first, 1), ("content", self.second, 1),
                          ("removed", third, 1)])
        self.assertEqual([v["entry"] and v["entry"]["size"] for v in versions], [8, 14, None])
        self.assertIn("gone", self.run_program("history", path).text)
        self.assertIn("gone", self.run_program("history", "source/readme.txt").text)
        self.run_program("history", path, "--site", "shop", expect=NOT_FOUND)
        self.run_program("history", "/nowhere", expect=NOT_FOUND)

    def test_stats(self):
        stats = self.run_program("stats", "--json").json
        self.assertEqual(stats["snapshots"], 2)
        self.assertEqual(stats["sites"][0]["site"], "blog")
        self.assertGreater(stats["snapshot_bytes"], stats["stored_bytes"])
        self.assertIn("deduplication", self.run_program("stats").text)

    def test_check(self):
        report = self.run_program("check", "--json").json
        self.assertTrue(report["clean"])
        self.assertEqual(report["snapshots"], 2)
        report = self.run_program("check", "--read-data", "--json").json
        self.assertGreater(report["bytes_verified"], 0)

    def test_check_names_what_is_damaged(self):
        pack = max(glob.glob(self.repository + "/packs/*/*"), key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(1000)
            file.write(b"damage")
        report = self.run_program("check", "--read-data", "--json", expect=CORRUPT).json
        self.assertFalse(report["clean"])
        self.assertIn(os.path.basename(pack), report["problems"][0]["object"])
