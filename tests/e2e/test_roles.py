"""What each role can and cannot do with the repository; keys in files; shares."""

import glob
import os
import shutil

from program import (ACCESS_DENIED, ALREADY_EXISTS, CONFLICT, CORRUPT, DONE, NOT_FOUND, USAGE,
                     WRONG_KEY, ProgramTest)

ROLES = ("owner", "writer", "reader", "maintainer", "auditor")
EVERYBODY = set(ROLES)
READERS = {"owner", "reader"}
WRITERS = {"owner", "writer", "reader"}
CHEAP = ("--passphrase-memory", "64KiB")


class Keys(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("source/noise", os.urandom(300_000))
        self.init()

    def key_file(self, role, name=None):
        """A key file for `role`; returns its path."""
        path = self.path((name or role) + ".key")
        self.run_program("key", "add", "--role", role, "--label", role, "--generate", path)
        return path

    def as_key(self, path, *arguments, **options):
        """Runs a command with a key file and a cache of its own."""
        return self.run_program(*arguments, HOLDFAST_PASSPHRASE_FILE=None, HOLDFAST_KEY_FILE=path,
                                HOLDFAST_CACHE_DIR=path + ".cache", **options)

    def passphrase(self, name, text):
        path = self.write(name, text)
        os.chmod(path, 0o600)
        return path

    def slots(self):
        return self.run_program("key", "list", "--json").json["slots"]


class Matrix(Keys):
    def test_each_command_works_with_the_least_role(self):
        keys = {role: self.key_file(role) for role in ROLES}
        self.backup()
        doomed = [self.backup()["snapshot"]["id"] for _ in ROLES]
        auditor = next(slot["id"] for slot in self.slots() if slot["role"] == "auditor")
        share_folder = self.path("shares")
        for number, role in enumerate(reversed(ROLES)):
            rows = (
                (("snapshots",), EVERYBODY),
                (("key", "list"), EVERYBODY),
                (("key", "export"), EVERYBODY),
                (("check",), EVERYBODY),
                (("check", "--read-data"), EVERYBODY),
                (("stats",), EVERYBODY - {"auditor"}),
                (("backup", self.source), WRITERS),
                (("backup", "--full", self.source), WRITERS),
                (("ls", "-R", "latest"), READERS),
                (("cat", f"latest:{self.source}/readme.txt"), READERS),
                (("find", "readme*"), READERS),
                (("diff", doomed[number], "latest"), READERS),
                (("history", f"{self.source}/readme.txt"), READERS),
                (("export", "latest", "-o", self.path(f"{role}.tar")), READERS),
                (("restore", "latest", "--to", self.path("out-" + role)), READERS),
                (("forget", doomed[number]), {"owner", "maintainer"}),
                (("key", "add", "--role", "auditor", "--generate",
                  self.path(f"by-{role}.key")), {"owner"}),
                (("key", "rotate"), {"owner"}),
                (("key", "remove", auditor), {"owner"}),
                (("key", "split", "--shares", "3", "--threshold", "2", "--to", share_folder),
                 {"owner"}),
            )
            if role not in READERS:  # it would not end by itself
                rows += ((("mount", self.home), READERS),)
            for command, allowed in rows:
                with self.subTest(role=role, command=command):
                    expected = DONE if role in allowed else ACCESS_DENIED
                    result = self.as_key(keys[role], *command, expect=expected)
                    if expected == ACCESS_DENIED:
                        lines = result.err.strip().split("\n")
                        self.assertEqual(len(lines), 2, result.err)
                        self.assertIn(f"the key of a{'n' * (role == 'auditor')} {role} cannot ",
                                      lines[0])
                        self.assertIn("the owner", lines[1])
            self.assertEqual(os.path.exists(self.path(f"by-{role}.key")), role == "owner")
            self.assertEqual(os.path.exists(self.path("out-" + role)), role in READERS)

    def test_check_says_what_it_left_out(self):
        self.backup()
        for role, words in (("auditor", "the index, trees and contents"),
                            ("maintainer", "trees and contents"), ("writer", "trees and contents")):
            key = self.key_file(role)
            result = self.as_key(key, "check", "--read-data", "--json").json
            self.assertIn(words, result["left_out"])
            self.assertGreater(result["bytes_read"], 100_000)
        self.assertEqual(self.run_program("check", "--json").json["left_out"], "")

    def test_damage_is_found_without_keys_to_contents(self):
        self.backup()
        keys = [self.key_file(role) for role in ("auditor", "maintainer")]
        pack = max(glob.glob(self.repository + "/packs/*/*"), key=os.path.getsize)
        os.chmod(pack, 0o600)
        with open(pack, "r+b") as file:
            file.seek(70_000)
            byte = file.read(1)
            file.seek(70_000)
            file.write(bytes([byte[0] ^ 1]))
        for key in keys:
            result = self.as_key(key, "check", "--read-data", expect=CORRUPT)
            self.assertIn("are not what was written", result.text)


class Files(Keys):
    def test_a_key_file_that_others_may_use_is_refused(self):
        path = self.key_file("writer")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        for mode in (0o640, 0o604, 0o620, 0o644):
            os.chmod(path, mode)
            error = self.as_key(path, "snapshots", expect=ACCESS_DENIED).err
            self.assertIn("chmod 600", error)
        os.chmod(path, 0o400)
        self.as_key(path, "snapshots")

    def test_a_key_is_never_written_over_another(self):
        path = self.key_file("writer")
        before = self.read("writer.key")
        for command in (("key", "add", "--role", "reader", "--generate", path),
                        ("key", "generate", path)):
            self.run_program(*command, expect=ALREADY_EXISTS)
        self.assertEqual(self.read("writer.key"), before)

    def test_somebody_else_makes_the_pair(self):
        path = self.path("own.key")
        public = self.run_program("key", "generate", path).text.strip()
        self.run_program("key", "add", "--role", "reader", "--recipient", public)
        self.backup()
        self.assertEqual(self.as_key(path, "cat", f"latest:{self.source}/readme.txt").out,
                         b"read me\n")
        slip = public[:20] + ("0" if public[20] != "0" else "1") + public[21:]
        self.run_program("key", "add", "--role", "reader", "--recipient", slip, expect=USAGE)

    def test_a_key_file_made_here_is_for_this_owner_only(self):
        path = self.key_file("writer")
        other = self.path("other")
        self.run_program("init", other, *CHEAP)
        public = next(line[2:] for line in self.read("writer.key").decode().split("\n")
                      if line.startswith("# hfpub-"))
        self.run_program("key", "add", "--repo", other, "--role", "writer", "--recipient", public)
        error = self.as_key(path, "backup", "--repo", other, self.source, expect=CORRUPT).err
        self.assertIn("of another owner", error)

    def test_which_key_is_used(self):
        path = self.key_file("auditor")
        self.run_program("snapshots", "--key-file", path, "--passphrase-file", self.passphrase_file,
                         expect=USAGE)
        self.run_program("backup", "--key-file", path, self.source, expect=ACCESS_DENIED)
        self.run_program("backup", "--passphrase-file", self.passphrase_file, self.source,
                         HOLDFAST_KEY_FILE=path)
        self.run_program("snapshots", "--key-file", self.path("missing"), expect=NOT_FOUND)
        config = self.write("holdfast.yaml", b"key_file: auditor.key\n")
        self.run_program("snapshots", "--config", config, HOLDFAST_PASSPHRASE_FILE=None)
        self.run_program("backup", "--config", config, self.source, expect=ACCESS_DENIED,
                         HOLDFAST_PASSPHRASE_FILE=None)
        self.write("empty.key", b"")
        os.chmod(self.path("empty.key"), 0o600)
        self.run_program("snapshots", "--key-file", self.path("empty.key"), expect=USAGE)


class Changes(Keys):
    def test_passwd(self):
        new = self.passphrase("new", b"another passphrase\n")
        self.run_program("key", "passwd", "--new-passphrase-file", new, *CHEAP)
        self.run_program("snapshots", expect=WRONG_KEY)
        self.run_program("snapshots", HOLDFAST_PASSPHRASE_FILE=new)
        path = self.path("w.key")
        self.run_program("key", "add", "--role", "writer", "--generate", path,
                         HOLDFAST_PASSPHRASE_FILE=new)
        self.as_key(path, "key", "passwd", "--new-passphrase-file", new, expect=USAGE)

    def test_a_removed_reader_reads_nothing_new(self):
        path = self.key_file("reader")
        self.backup()
        shutil.copytree(self.repository, self.path("before"))
        slot = next(slot for slot in self.slots() if slot["role"] == "reader")
        removed = self.run_program("key", "remove", slot["id"][:8], "--json").json
        self.assertEqual((removed["id"], removed["epoch"]), (slot["id"], 2))
        self.as_key(path, "snapshots", expect=WRONG_KEY)
        self.write("source/secret.txt", b"only for those who stayed\n")
        self.backup("--full", self.source)
        # Whoever keeps the old slot still opens what there was, and nothing of what came later.
        shutil.copy(self.path("before/keys/" + slot["id"]), self.repository + "/keys")
        self.as_key(path, "snapshots")
        self.as_key(path, "cat", f"latest:{self.source}/secret.txt", expect=WRONG_KEY)
        self.assertEqual(self.run_program("cat", f"latest:{self.source}/secret.txt").out,
                         b"only for those who stayed\n")

    def test_the_last_owner_stays(self):
        own = self.slots()[0]["id"]
        self.run_program("key", "remove", own, expect=CONFLICT)
        self.run_program("key", "remove", "ffff", expect=NOT_FOUND)

    def test_rotation_reaches_everybody(self):
        reader = self.key_file("reader")
        writer = self.key_file("writer")
        first = self.backup()["snapshot"]["id"]
        self.assertEqual(self.run_program("key", "rotate", "--json").json["epoch"], 2)
        self.write("source/later.txt", b"later\n")
        self.as_key(writer, "backup", self.source)
        for command in (("cat", f"latest:{self.source}/later.txt"),
                        ("cat", f"{first}:{self.source}/readme.txt")):
            self.assertEqual(self.as_key(reader, *command).out, self.run_program(*command).out)

    def test_re_encryption_closes_what_there_was(self):
        reader = self.key_file("reader")
        first = self.backup()["snapshot"]["id"]
        slot = next(slot["id"] for slot in self.slots() if slot["role"] == "reader")
        before = self.path("before")
        shutil.copytree(self.repository, before)
        self.run_program("key", "remove", slot)
        self.run_program("key", "rotate", "--re-encrypt", "--yes")
        self.run_program("prune", "--yes")
        packs = {os.path.basename(path) for path in glob.glob(self.repository + "/packs/*/*")}
        old = {os.path.basename(path) for path in glob.glob(before + "/packs/*/*")}
        self.assertTrue(packs)
        self.assertFalse(packs & old)
        self.run_program("check", "--read-data")
        target = f"{first}:{self.source}/noise"
        self.assertEqual(self.run_program("cat", target).out, self.read("source/noise"))
        shutil.copy(before + "/keys/" + slot, self.repository + "/keys")
        self.as_key(reader, "cat", target, expect=WRONG_KEY)
        again = self.run_program("key", "rotate", "--re-encrypt", "--yes", "--json").json
        self.assertEqual(again["repacked"], [])

    def test_shares(self):
        self.backup()
        folder = self.path("shares")
        made = self.run_program("key", "split", "--shares", "5", "--threshold", "3", "--to", folder,
                                "--json").json
        self.assertEqual(len(made["files"]), 5)
        self.assertTrue(all(os.stat(path).st_mode & 0o777 == 0o600 for path in made["files"]))
        self.run_program("key", "rotate")
        some = [made["files"][i] for i in (4, 0, 2)]
        nobody = {"HOLDFAST_PASSPHRASE_FILE": None}
        rehearsed = self.run_program("key", "rehearse", *some, **nobody)
        self.assertIn("opens the repository as owner", rehearsed.text)
        self.run_program("key", "rehearse", *some[:2], expect=USAGE, **nobody)
        new = self.passphrase("new", b"from the vault\n")
        self.run_program("key", "join", *some, "--new-passphrase-file", new, *CHEAP, **nobody)
        self.run_program("restore", "latest", "--to", self.path("out"),
                         HOLDFAST_PASSPHRASE_FILE=new)
        self.assertEqual(len(self.slots()), 3)

    def test_secrets_are_nowhere_else(self):
        outputs = []
        key = self.path("w.key")
        folder = self.path("shares")
        new = self.passphrase("new", b"a new passphrase canary\n")
        for command in (("key", "add", "--role", "writer", "--generate", key),
                        ("key", "split", "--shares", "3", "--threshold", "2", "--to", folder),
                        ("key", "rehearse", "*"), ("key", "list"), ("key", "export"),
                        ("key", "rotate"), ("key", "join", "*", "--new-passphrase-file", new),
                        ("key", "add", "--role", "nonsense"), ("key", "remove", "ffff")):
            shares = sorted(glob.glob(folder + "/*"))[:2]
            words = [word for part in command for word in (shares if part == "*" else [part])]
            failing = "nonsense" in command or "ffff" in command
            for extra in ((), ("--json", "--verbose")):
                if extra and command[1] in ("add", "split") and not failing:
                    continue
                code = NOT_FOUND if "ffff" in command else USAGE if failing else DONE
                result = self.run_program(*words, *extra, expect=code)
                outputs += [result.out, result.err.encode()]
        secrets = [b"a new passphrase canary"]
        for path in [key, *glob.glob(folder + "/*")]:
            content = self.read(os.path.relpath(path, self.home)).decode()
            secret = next(line for line in content.split("\n")
                          if line.startswith(("hfkey-", "share ")))
            digits = secret.replace("share ", "").replace("hfkey-", "").replace(" ", "")
            secrets += [digits[24:64].encode(), bytes.fromhex(digits[24:64])]
        kept = [path for folder in ("repository", "cache")
                for path in glob.glob(self.path(folder) + "/**", recursive=True)
                if os.path.isfile(path)]
        outputs += [self.read(os.path.relpath(path, self.home)) for path in kept]
        for secret in secrets:
            self.assertFalse(any(secret in output for output in outputs))


if __name__ == "__main__":
    import unittest
    unittest.main()
