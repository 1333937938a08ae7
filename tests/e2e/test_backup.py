"""What a backup takes, leaves out and reports."""

import os
import signal
import sqlite3

from program import (DONE, INTERRUPTED, NOT_FOUND, PARTIAL, SOURCE_FAILED, UNSUPPORTED, USAGE,
                     ProgramTest)


class Backup(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()

    def paths(self, snapshot="latest"):
        listing = self.run_program("ls", "-R", snapshot, "--json").json["entries"]
        return {entry["path"] for entry in listing}

    def test_first_full_then_incremental_then_full_again(self):
        kinds = [self.backup()["snapshot"]["kind"], self.backup()["snapshot"]["kind"],
                 self.backup(self.source, "--full")["snapshot"]["kind"]]
        self.assertEqual(kinds, ["full", "incremental", "full"])

    def test_schema(self):
        run = self.backup(self.source, "--tag", "nightly", "--tag", "two")
        self.assertEqual(set(run), {"site", "snapshot", "packs_resumed", "problems"})
        snapshot = run["snapshot"]
        self.assertEqual(set(snapshot), {
            "id", "site", "host", "kind", "time", "finished", "partial", "tags", "items", "parent",
            "hold", "locked_until", "sequence", "tool_version", "statistics"})
        self.assertEqual(set(snapshot["statistics"]), {
            "files", "directories", "bytes", "files_new", "bytes_read", "bytes_new",
            "bytes_stored", "problems", "milliseconds"})
        self.assertEqual(snapshot["site"], "default")
        self.assertEqual(snapshot["tags"], ["nightly", "two"])
        self.assertRegex(snapshot["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        self.assertEqual(snapshot["statistics"]["files"], 3)
        self.assertEqual([item["path"] for item in snapshot["items"]], [self.source])
        self.assertEqual(self.snapshots()[0], snapshot)

    def test_excludes(self):
        self.write("source/skip.tmp", b"x")
        self.write("source/cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n")
        self.write("source/cache/thing", b"x")
        self.write("source/large", b"x" * 5000)
        patterns = self.write("patterns", b"# comment\nfolder/\n")
        self.backup(self.source, "-e", "*.tmp", "--exclude-file", patterns, "--skip-caches",
                    "--max-file-size", "4k")
        names = {os.path.relpath(path, self.source) for path in self.paths()
                 if path.startswith(self.source + "/")}
        self.assertEqual(names, {"readme.txt", "link", "cache", "cache/CACHEDIR.TAG"})

    def test_dry_run_stores_nothing(self):
        run = self.backup(self.source, "--dry-run")
        self.assertEqual(run["snapshot"]["statistics"]["files"], 3)
        self.assertEqual(self.snapshots(), [])

    def test_the_repository_is_not_in_its_own_backup(self):
        self.backup(self.home)
        self.assertFalse({path for path in self.paths() if path.startswith(self.repository)})
        self.assertFalse({path for path in self.paths() if path.startswith(self.path("cache"))})

    def test_list_of_files(self):
        listed = [self.path("source/readme.txt"), self.path("source/folder/data.bin")]
        self.backup("--files-from", "-", "--null", stdin="\0".join(listed).encode())
        self.assertLessEqual(set(listed), self.paths())
        self.assertNotIn(self.path("source/link"), self.paths())
        plain = self.write("list", "\n".join(listed[:1]).encode())
        self.backup("--files-from", plain)
        self.assertNotIn(listed[1], self.paths())

    def test_standard_input(self):
        self.backup("--stdin", "--stdin-name", "/dump.sql", stdin=b"select 1;\n")
        self.assertEqual(self.run_program("cat", "latest:/dump.sql").out, b"select 1;\n")

    def test_output_of_a_command(self):
        self.backup("--command", "hello.txt", "--", "printf", "%s", "-h hello")
        self.assertEqual(self.run_program("cat", "latest:/hello.txt").out, b"-h hello")

    def test_a_command_that_fails_makes_no_snapshot(self):
        result = self.run_program("backup", "--command", "x", "--", "sh", "-c",
                                  "echo partial; echo broken pump >&2; exit 3",
                                  expect=SOURCE_FAILED)
        self.assertIn("broken pump", result.err)
        self.assertEqual(self.snapshots(), [])

    def test_database_in_a_folder_is_taken_once_and_consistently(self):
        database = self.path("source/shop.db")
        with sqlite3.connect(database) as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("create table t (a)")
            connection.executemany("insert into t values (?)", [(i,) for i in range(1000)])
            connection.commit()
            taken = self.backup(self.source, "--sqlite", database)["snapshot"]
        connection.close()
        self.assertEqual([item["kind"] for item in taken["items"]], ["database", "files"])
        self.assertEqual(taken["items"][0]["engine"], "sqlite")
        self.assertFalse({p for p in self.paths() if p.endswith(("-wal", "-shm", "-journal"))})
        self.run_program("restore", "latest:" + self.source, "--to", self.path("out"))
        restored = sqlite3.connect(self.path("out/shop.db"))
        self.assertEqual(restored.execute("pragma integrity_check").fetchone(), ("ok",))
        self.assertEqual(restored.execute("select count(*), sum(a) from t").fetchone(),
                         (1000, 499500))
        restored.close()

    def test_names_that_are_not_utf8(self):
        name = os.fsencode(self.source) + b"/bad-\xff-name"
        with open(name, "wb") as file:
            file.write(b"x")
        self.backup()
        entries = self.run_program("ls", "-R", "latest", "--json").json["entries"]
        odd = [entry for entry in entries if "path_bytes" in entry]
        self.assertEqual([bytes.fromhex(entry["path_bytes"]) for entry in odd], [name])
        self.assertIn("bad-\ufffd-name", odd[0]["path"])
        self.run_program("restore", "latest:" + self.source, "--to", self.path("out"))
        self.assertIn(b"bad-\xff-name", os.listdir(os.fsencode(self.path("out"))))

    def test_missing_source_alone_and_among_others(self):
        self.run_program("backup", self.path("nothing"), expect=NOT_FOUND)
        run = self.backup(self.source, self.path("nothing"), expect=PARTIAL)
        self.assertTrue(run["snapshot"]["partial"])
        self.assertEqual([problem["path"] for problem in run["problems"]], [self.path("nothing")])

    def test_contradictions(self):
        for arguments in (("--stdin", "--command", "x", "--", "true"), ("--stdin-name", "/x"),
                          ("--null",), ("--command", "x"), ("--site", "not a name", self.source)):
            self.run_program("backup", *arguments, expect=USAGE)

    def test_nothing_to_take(self):
        self.assertIn("holdfast.yaml", self.run_program("backup", expect=USAGE).err)

    def test_quiet_says_nothing_and_progress_is_json_lines(self):
        result = self.run_program("backup", self.source, "--quiet")
        self.assertEqual(result.err, "")
        result = self.run_program("backup", self.source, "--full", "--progress", "json", "--json")
        for line in result.err.splitlines():
            self.assertIn('"event":"progress"', line)

    def test_interruption_says_what_comes_next(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        process = self.start("backup", "--command", "slow", "--json", "--", "cat", fifo)
        with open(fifo, "wb") as pipe:  # opens when the command reads
            pipe.write(b"x" * 100_000)
            pipe.flush()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED, err)
        self.assertIn(b"interrupted: no snapshot was made", err)
        self.assertIn(b'"kind":"interrupted"', out)
        self.assertEqual(self.snapshots(), [])


class Sites(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.write("other/file", b"other")

    def config(self, text):
        return self.write("holdfast.yaml", text.encode())

    def test_all_sites_one_site_and_paths(self):
        self.config("sites:\n  one: {files: [source], exclude: [folder/]}\n"
                    "  two: {config: [other/file]}\n")
        runs = self.run_program("backup", "--json").json["runs"]
        self.assertEqual([run["site"] for run in runs], ["one", "two"])
        self.assertEqual(runs[0]["snapshot"]["statistics"]["files"], 2)
        self.assertEqual(runs[1]["snapshot"]["items"][0]["kind"], "config")
        self.assertEqual(self.backup("two")["site"], "two")
        self.assertEqual(self.backup("--site", "one")["site"], "one")
        self.assertEqual(self.backup("./other")["site"], "default")
        self.run_program("backup", "one", "./other", expect=USAGE)
        self.assertIn("did you mean one?",
                      self.run_program("backup", "--site", "onne", expect=NOT_FOUND).err)

    def test_a_site_that_fails_does_not_stop_the_others(self):
        self.config("sites:\n  bad: {files: [nothing]}\n  good: {files: [source]}\n")
        result = self.run_program("backup", "--json", expect=NOT_FOUND)
        self.assertEqual(result.json["runs"][0]["error"]["kind"], "not_found")
        self.assertEqual(result.json["runs"][1]["snapshot"]["site"], "good")

    def test_what_this_version_does_not_do_is_said(self):
        self.config("sites:\n  blog:\n    files: [source]\n    objectives: {rto: 1h}\n"
                    "    schedule: {full: '0 2 * * 0'}\n")
        result = self.run_program("backup", "--json")
        self.assertEqual(len(result.json["warnings"]), 2)
        self.assertIn("objectives are not watched", result.err)
        self.config("sites:\n  shop:\n    files: [source]\n"
                    "    databases: [postgresql: {url: 'postgresql://localhost/shop'}]\n")
        result = self.run_program("backup", expect=UNSUPPORTED)
        self.assertIn("holdfast.yaml:4:", result.err)

    def test_all_mistakes_at_once(self):
        self.config("sites:\n  blog: {fils: [x], keep: {daily: often}}\n")
        result = self.run_program("backup", expect=USAGE)
        self.assertIn("holdfast.yaml:2:10: unknown key 'sites.blog.fils'", result.err)
        self.assertIn("hint: did you mean 'files'?", result.err)
        self.assertIn("holdfast.yaml:2:", result.err)
        self.assertIn("3 mistakes", result.err)

    def test_configured_repository_and_passphrase(self):
        self.config(f"repository: {self.repository}\npassphrase_file: passphrase\n"
                    "sites: {blog: {files: [source]}}\n")
        self.run_program("backup", HOLDFAST_REPO=None, HOLDFAST_PASSPHRASE_FILE=None)
        self.run_program("snapshots", "--config", "holdfast.yaml", HOLDFAST_REPO=None,
                         HOLDFAST_PASSPHRASE_FILE=None, expect=DONE)
