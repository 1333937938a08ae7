"""Archives for people without Holdfast: read back with tar, unzip, zstd, gpg and age."""

import os
import pty
import shutil
import subprocess
import zipfile

import every_kind
import trees
from program import ALREADY_EXISTS, BINARY, CORRUPT, IO, NOT_FOUND, USAGE, ProgramTest

TAR_EXTRACT = ("tar", "--acls", "--xattrs", "--xattrs-include=*", "--same-owner", "-xpf")


class ExportTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()

    def tool(self, *command, package, **options):
        if shutil.which(command[0]) is None:
            self.fail(f"{command[0]} is missing: install the Debian package {package}")
        done = subprocess.run(command, capture_output=True, check=False, **options)
        self.assertEqual(done.returncode, 0, (command, done.stderr))
        return done.stdout

    def untar(self, archive, name="extracted", *options):
        os.makedirs(self.path(name))
        self.tool(*TAR_EXTRACT, archive, "-C", self.path(name), *options, package="tar")
        return self.path(name)

    def restored(self, target):
        self.run_program("restore", target, "--to", self.path("restored"))
        return self.path("restored")

    def damage_content(self):
        """Backs up what does not compress, and damages the pack that it is in."""
        self.write("source/noise", os.urandom(300_000))
        self.backup(self.source)
        for folder, _, names in os.walk(self.repository + "/packs"):
            for path in (os.path.join(folder, name) for name in names):
                if os.path.getsize(path) > 300_000:
                    with open(path, "r+b") as pack:
                        pack.seek(1000)
                        pack.write(b"damage")

    def left_over(self):
        return [name for name in os.listdir(self.home) if name.startswith(".holdfast")]


class Tar(ExportTest):
    def make_site(self):
        """Everything but what no tar program extracts: a path that is longer than PATH_MAX."""
        site = every_kind.Site(self.source)
        site.make_long_path = lambda: None
        site.make_everything()
        self.backup("--site", "all", self.source)

    def test_holds_everything_that_a_restore_brings_back(self):
        self.make_site()
        report = self.run_program("export", f"all:{self.source}", "-o", "all.tar", "--json").json
        self.assertEqual([one["path"] for one in report["left_out"]], [self.source + "/socket"])
        self.assertEqual(report["bytes_written"], os.path.getsize(self.path("all.tar")))
        self.assertLess(report["bytes_written"], report["bytes"] / 2, "holes take no space")
        extracted = self.untar(self.path("all.tar"))
        restored = self.restored(f"all:{self.source}")
        self.assertEqual(trees.compare_trees(restored, extracted, leave_out=["socket"],
                                             ignore=["mtime"]), [])
        # The times of what a restore brings back are tested there.
        self.assertEqual(trees.compare_trees(self.source, extracted, leave_out=["socket"]), [])

    def test_whole_snapshots_have_absolute_paths_without_the_slash(self):
        self.backup(self.source)
        self.run_program("export", "latest", "-o", "all.tar")
        self.assertEqual(trees.compare_trees(
            self.source, self.untar(self.path("all.tar")) + self.source), [])

    def test_single_files(self):
        self.backup(self.source)
        self.run_program("export", f"latest:{self.source}/readme.txt", "-o", "one.tar")
        listing = self.tool("tar", "-tf", self.path("one.tar"), package="tar")
        self.assertEqual(listing, b"readme.txt\n")
        self.run_program("export", f"latest:{self.source}/x", "-o", "x.tar", expect=NOT_FOUND)
        self.assertFalse(os.path.exists(self.path("x.tar")))

    def test_into_a_pipe(self):
        self.backup(self.source)
        piped = self.run_program("export", f"latest:{self.source}", "--output", "-")
        self.assertIn("exported", piped.err)
        with open(self.path("piped.tar"), "wb") as file:
            file.write(piped.out)
        self.assertEqual(trees.compare_trees(self.source, self.untar(self.path("piped.tar"))), [])
        self.assertEqual(self.run_program("export", f"latest:{self.source}").out, piped.out)

    def test_zstd(self):
        self.write("source/text", b"the same line\n" * 100_000)
        self.backup(self.source)
        self.run_program("export", f"latest:{self.source}", "-o", "a.tar.zst")
        self.assertLess(os.path.getsize(self.path("a.tar.zst")), 300_000)
        self.tool("zstd", "-d", self.path("a.tar.zst"), package="zstd")
        self.assertEqual(trees.compare_trees(self.source, self.untar(self.path("a.tar"))), [])

    def test_databases_and_large_files_come_whole(self):
        shop = every_kind.Shop(self.path("source/shop.db"))
        self.addCleanup(shop.close)
        self.write("source/large", os.urandom(90_000_000))
        self.backup(self.source, "--sqlite", self.path("source/shop.db"))
        self.run_program("export", f"latest:{self.source}", "-o", "a.tar")
        extracted = self.untar(self.path("a.tar"))
        self.assertEqual(len(shop.rows_of(extracted + "/shop.db")), 2000)
        self.assertEqual(self.read("extracted/large"), self.read("source/large"))
        content = self.run_program("cat", f"latest:{self.source}/large").out
        self.assertEqual(content, self.read("source/large"))


class Zip(ExportTest):
    def test_holds_what_zip_can(self):
        os.link(self.path("source/readme.txt"), self.path("source/second"))
        os.mkfifo(self.path("source/fifo"))
        self.write("source/caf\u00e9", b"x")
        os.chmod(self.path("source/folder"), 0o750)
        self.backup(self.source)
        report = self.run_program("export", f"latest:{self.source}", "-o", "a.zip", "--json").json
        self.assertEqual([one["path"] for one in report["left_out"]], [self.source + "/fifo"])
        self.tool("unzip", "-q", self.path("a.zip"), "-d", self.path("extracted"),
                  package="unzip", env={**os.environ, "LC_ALL": "C.UTF-8"})
        found = trees.compare_trees(
            self.source, self.path("extracted"), leave_out=["fifo"],
            ignore=["mtime", "linked with", "nlink", "uid", "gid"])
        self.assertEqual(found, [])
        with zipfile.ZipFile(self.path("a.zip")) as archive:
            self.assertIsNone(archive.testzip())


class Output(ExportTest):
    def setUp(self):
        super().setUp()
        self.backup(self.source)

    def test_files_are_not_written_over_by_chance(self):
        self.write("a.tar", b"precious")
        self.run_program("export", "latest", "-o", "a.tar", expect=ALREADY_EXISTS)
        self.assertEqual(self.read("a.tar"), b"precious")
        self.run_program("export", "latest", "-o", "a.tar", "--overwrite")
        self.assertNotEqual(self.read("a.tar"), b"precious")
        self.assertEqual(os.stat(self.path("a.tar")).st_mode & 0o777, 0o600)

    def test_a_terminal_gets_no_archive(self):
        leader, follower = pty.openpty()
        done = subprocess.run([BINARY, "export", "latest"], stdout=follower, cwd=self.home,
                              stderr=subprocess.PIPE, env=self.environment(), check=False)
        os.close(follower)
        os.close(leader)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn(b"terminal", done.stderr)

    def test_options_that_make_no_sense(self):
        for arguments in (("--format", "rar"), ("--json", "-o", "-"),
                          ("--gpg", "a", "--age", "b", "-o", "x")):
            self.run_program("export", "latest", *arguments, expect=USAGE)

    def test_what_cannot_be_read_leaves_no_half_archive(self):
        self.damage_content()
        failed = self.run_program("export", "latest", "-o", "a.tar", expect=CORRUPT)
        self.assertIn("source/noise", failed.err)
        self.assertFalse(os.path.exists(self.path("a.tar")))
        self.assertEqual(self.left_over(), [])

    def test_progress_is_on_standard_error(self):
        shown = self.run_program("export", "latest", "-o", "a.tar", "--progress", "json").err
        self.assertIn('"phase":"export"', shown)


class Sealed(ExportTest):
    def setUp(self):
        super().setUp()
        self.backup(self.source)

    def make_gpg_key(self):
        home = self.path("g")
        os.mkdir(home, 0o700)
        self.gpg = {"GNUPGHOME": home}
        self.addCleanup(subprocess.run, ["gpgconf", "--kill", "all"], check=False,
                        env={**os.environ, **self.gpg})
        self.tool("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "a@example.org",
                  package="gpg", env={**os.environ, **self.gpg})

    def test_gpg(self):
        self.make_gpg_key()
        self.run_program("export", f"latest:{self.source}", "-o", "a.tar.gpg", "--gpg",
                         "a@example.org", **self.gpg)
        plain = self.tool("gpg", "--batch", "--decrypt", self.path("a.tar.gpg"), package="gpg",
                          env={**os.environ, **self.gpg})
        with open(self.path("a.tar"), "wb") as file:
            file.write(plain)
        self.assertEqual(trees.compare_trees(self.source, self.untar(self.path("a.tar"))), [])

    def test_keys_that_gpg_does_not_have_leave_no_file(self):
        self.make_gpg_key()
        failed = self.run_program("export", "latest", "-o", "a.tar.gpg", "--gpg", "b@example.org",
                                  expect=IO, **self.gpg)
        self.assertIn("sealing with gpg", failed.err)
        self.assertFalse(os.path.exists(self.path("a.tar.gpg")))
        self.assertEqual(self.left_over(), [])

    def test_age(self):
        self.tool("age-keygen", "-o", self.path("key"), package="age")
        key = self.tool("age-keygen", "-y", self.path("key"), package="age").decode().strip()
        sealed = self.run_program("export", f"latest:{self.source}", "--format", "tar.zst",
                                  "--age", key).out
        packed = self.tool("age", "-d", "-i", self.path("key"), package="age", input=sealed)
        plain = self.tool("zstd", "-dc", package="zstd", input=packed)
        with open(self.path("a.tar"), "wb") as file:
            file.write(plain)
        self.assertEqual(trees.compare_trees(self.source, self.untar(self.path("a.tar"))), [])

    def test_damage_ends_the_program_that_seals(self):
        self.tool("age-keygen", "-o", self.path("key"), package="age")
        key = self.tool("age-keygen", "-y", self.path("key"), package="age").decode().strip()
        self.damage_content()
        self.run_program("export", "latest", "-o", "a.tar.age", "--age", key, expect=CORRUPT)
        self.assertFalse(os.path.exists(self.path("a.tar.age")))
