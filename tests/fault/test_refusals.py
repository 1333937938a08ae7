"""What cannot be done is said in one clear sentence with its exit code, and nothing is lost."""

import os
import shutil
import struct
import subprocess

from mounts import mount_tmpfs, remount
from program import (ACCESS_DENIED, CORRUPT, IO, NOT_FOUND, PARTIAL, UNSUPPORTED, WRONG_KEY)
from site_case import SiteTest

ENVELOPE_VERSION_AT = 8
CHECKSUM_SIZE = 32
PACK_VERSION_AT, PACK_CHECKSUM_AT = 8, 160


def blake3(test, content):
    if shutil.which("b3sum") is None:
        test.fail("b3sum is missing: install the Debian package b3sum")
    return subprocess.run(["b3sum", "--raw"], input=content, capture_output=True,
                          check=True).stdout


class Refusals(SiteTest):
    def assert_one_sentence(self, result, *words):
        errors = [line for line in result.err.splitlines() if line.startswith("holdfast: error: ")]
        self.assertEqual(len(errors), 1, result.err)
        for word in words:
            self.assertIn(word, result.err)

    def test_wrong_passphrase(self):
        wrong = self.write("wrong", b"not the passphrase\n")
        os.chmod(wrong, 0o600)
        for command in (("backup", self.source), ("snapshots",), ("check",),
                        ("restore", "latest", "--to", self.path("out"))):
            result = self.run_program(*command, "--passphrase-file", wrong, expect=WRONG_KEY)
            self.assert_one_sentence(result, "passphrase")
        self.assert_nothing_lost()

    def test_not_a_repository(self):
        empty = self.path("empty")
        os.mkdir(empty)
        for place in (empty, self.path("absent"), self.source):
            for command in (("backup", self.source), ("snapshots",)):
                result = self.run_program(*command, "--repo", place, expect=NOT_FOUND)
                self.assert_one_sentence(result, place)
        self.assertEqual(os.listdir(empty), [])

    def test_future_format(self):
        for name in ("format", "format.2", "format.3"):
            self.raise_envelope_version(name)
        for command in (("backup", self.source), ("snapshots",), ("check",)):
            result = self.run_program(*command, expect=UNSUPPORTED)
            self.assert_one_sentence(result, "version 2", "hint: ")

    def test_future_snapshot_beside_ours(self):
        later = self.back_up_again()
        self.raise_envelope_version("snapshots/" + later)
        result = self.run_program("snapshots", expect=None)
        self.assertIn(later[:8], result.err)
        self.assertIn("version 2", result.err)
        self.assert_restores(self.first)

    def test_future_pack(self):
        for pack in self.objects("packs"):
            self.rewrite(pack, self.with_pack_version)
        result = self.run_program("restore", "latest", "--to", self.path("out"), expect=None)
        self.assertIn(result.code, (UNSUPPORTED, PARTIAL), result.err)
        self.assertIn("version 2", result.err + result.text)

    def with_pack_version(self, content):
        changed = content[:PACK_VERSION_AT] + struct.pack("<H", 2) + content[PACK_VERSION_AT + 2:]
        checksum = blake3(self, changed[:PACK_CHECKSUM_AT])[:8]
        return changed[:PACK_CHECKSUM_AT] + checksum + changed[PACK_CHECKSUM_AT + 8:]

    def raise_envelope_version(self, name):
        def change(content):
            body = content[:ENVELOPE_VERSION_AT] + struct.pack("<I", 2) + \
                content[ENVELOPE_VERSION_AT + 4:-CHECKSUM_SIZE]
            return body + blake3(self, body)
        self.rewrite(os.path.join(self.repository, name), change)

    def test_read_only_repository(self):
        mounted = mount_tmpfs(self, self.path("mounted"), 64 << 20)
        shutil.copytree(self.repository, os.path.join(mounted, "repository"))
        self.repository = os.path.join(mounted, "repository")
        remount(self, mounted, "ro")
        self.write("source/later", b"later")
        result = self.run_program("backup", self.source, expect=None)
        self.assertIn(result.code, (ACCESS_DENIED, IO), result.err)
        self.assert_one_sentence(result, "Read-only file system")
        self.assert_nothing_lost()


class Foreign(SiteTest):
    """Objects of another repository, of the same passphrase, that were copied into ours."""

    def setUp(self):
        super().setUp()
        self.ours, self.repository = self.repository, self.path("theirs")
        self.init()
        self.write("source/theirs", b"theirs")
        self.theirs = self.backup()["snapshot"]["id"]
        self.their_packs = self.objects("packs")
        self.foreign, self.repository = self.repository, self.ours
        os.unlink(self.path("source/theirs"))

    def copy(self, path):
        target = os.path.join(self.repository, os.path.relpath(path, self.foreign))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
        return os.path.relpath(target, self.repository)

    def test_packs(self):
        for pack in self.their_packs:
            self.copy(pack)
        report = self.run_program("check", "--read-data", "--json", expect=None)
        self.assertIn(report.code, (0, CORRUPT))
        self.assertTrue(report.json["unused_packs"] or report.json["problems"])
        self.assert_restores(self.first)
        self.backup()

    def test_packs_in_place_of_ours(self):
        for mine, other in zip(self.objects("packs"), self.their_packs):
            shutil.copyfile(other, mine)
        report = self.run_program("check", "--read-data", "--json", expect=CORRUPT)
        named = {problem["object"] for problem in report.json["problems"]}
        for mine in self.objects("packs"):
            self.assertIn(os.path.relpath(mine, self.repository), named)
        result = self.run_program("restore", "latest", "--to", self.path("out"), expect=None)
        self.assertNotEqual(result.code, 0)

    def test_snapshot(self):
        name = self.copy(os.path.join(self.foreign, "snapshots", self.theirs))
        self.assertIn(name, self.run_program("snapshots", expect=None).err)
        report = self.run_program("check", "--json", expect=CORRUPT)
        self.assertIn(name, [problem["object"] for problem in report.json["problems"]])
        result = self.run_program("restore", self.theirs, "--to", self.path("out"), expect=None)
        self.assertNotEqual(result.code, 0)
        self.assert_restores(self.first)

    def test_format(self):
        for name in ("format", "format.2", "format.3"):
            self.copy(os.path.join(self.foreign, name))
        result = self.run_program("snapshots", expect=None)
        self.assertIn(result.code, (CORRUPT, WRONG_KEY), result.err)
