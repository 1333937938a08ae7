"""A full disk is said as such, loses nothing, and is forgotten when there is space again."""

import collections
import os
import shutil

from clocks import clock_at
from mounts import mount_tmpfs, resize_tmpfs
from program import DONE, NO_SPACE
from site_case import SiteTest
from trees import describe, differences, wrongly_finished

MIB = 1 << 20
SIZES = 50


class FullDisk(SiteTest):
    def noise(self, name, size):
        self.write("source/" + name, os.urandom(size))

    def test_repository(self):
        disk = mount_tmpfs(self, self.path("disk"), 6 * MIB)
        shutil.copytree(self.repository, os.path.join(disk, "repository"))
        self.repository = os.path.join(disk, "repository")
        self.noise("large", 12 * MIB)
        result = self.run_program("backup", self.source, expect=NO_SPACE)
        self.assertIn(self.repository, result.err)
        self.assert_nothing_lost()
        resize_tmpfs(self, disk, 64 * MIB)
        self.back_up_again()
        self.assert_nothing_lost()
        self.assertLess(self.used(), 32 * MIB)

    def test_repository_at_fifty_sizes(self):
        """Full at any moment of a backup: less room each time."""
        self.noise("large", MIB)
        disk = mount_tmpfs(self, self.path("disk"), 64 * MIB)
        begun, begun_cache = self.repository, self.path("begun cache")
        shutil.copytree(self.path("cache"), begun_cache)
        self.repository = os.path.join(disk, "repository")
        outcomes = collections.Counter()
        for size in range(SIZES):
            room = 3 * MIB // 2 * (SIZES - 1 - size) // (SIZES - 1)
            with self.subTest(room=room):
                shutil.rmtree(self.repository, ignore_errors=True)
                shutil.copytree(begun, self.repository)
                shutil.rmtree(self.path("cache"))
                shutil.copytree(begun_cache, self.path("cache"))
                resize_tmpfs(self, disk, self.used() + room)
                result = self.run_program("backup", self.source, expect=None)
                self.assertIn(result.code, (DONE, NO_SPACE), result.err)
                outcomes[result.code] += 1
                self.run_program("check", "--read-data")
                self.assert_restores(self.first)
                resize_tmpfs(self, disk, 64 * MIB)
                taken = self.back_up_again()
                self.assert_restores(taken)
                self.assertLess(self.used(), 4 * MIB, "what the first left is bounded")
                del self.expected[taken]
        self.assertEqual(outcomes.total(), SIZES)
        self.assertGreater(outcomes[NO_SPACE], SIZES // 2)
        self.assertGreater(outcomes[DONE], 0)

    def fill(self, disk):
        """Leaves not a byte."""
        resize_tmpfs(self, disk, self.used())
        with self.assertRaises(OSError), open(os.path.join(disk, "one byte"), "wb") as file:
            file.write(b"1")
            file.flush()
        os.unlink(os.path.join(disk, "one byte"))

    def on_a_disk(self):
        disk = mount_tmpfs(self, self.path("disk"), 64 * MIB)
        shutil.copytree(self.repository, os.path.join(disk, "repository"))
        self.repository = os.path.join(disk, "repository")
        return disk

    def test_prune_without_a_byte_free(self):
        disk = self.on_a_disk()
        self.noise("large", 4 * MIB)
        forgotten = self.back_up_again()
        os.unlink(self.path("source/large"))
        self.back_up_again()
        del self.expected[forgotten]
        self.run_program("forget", forgotten)
        self.fill(disk)
        before = self.used()
        self.assertEqual(self.run_program("backup", self.source, expect=None).code, NO_SPACE)
        report = self.run_program("prune", "--yes", "--json").json
        self.assertTrue(report["finished"], report)
        self.assertLess(self.used(), before - 3 * MIB)
        self.assert_nothing_lost()
        self.noise("large", 2 * MIB)
        self.back_up_again()
        self.assert_nothing_lost()

    def test_prune_that_can_only_write_anew(self):
        """Without a pack that can simply go there is no room to begin with: said, and harmless."""
        disk = self.on_a_disk()
        for number in range(20):
            self.noise(f"part {number}", 100_000)
        forgotten = self.back_up_again()
        for number in range(1, 20):
            os.unlink(self.path(f"source/part {number}"))
        self.back_up_again()
        del self.expected[forgotten]
        self.run_program("forget", forgotten)
        self.fill(disk)
        result = self.run_program("prune", "--yes", expect=None)
        self.assertIn(result.code, (DONE, NO_SPACE), result.err)
        self.assert_nothing_lost()
        resize_tmpfs(self, disk, 64 * MIB)
        report = self.run_program("prune", "--yes", "--json", **clock_at(self, "+2h")).json
        self.assertTrue(report["finished"], report)
        self.assertLess(self.used(), 2 * MIB)
        self.assert_nothing_lost()

    def used(self):
        status = os.statvfs(self.repository)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def test_cache(self):
        """The cache is a help, not a condition."""
        disk = mount_tmpfs(self, self.path("small"), 64 * 1024)
        for size in (64 * 1024, 4096):
            with open(os.path.join(disk, "filler"), "wb") as file:
                free = os.statvfs(disk).f_bavail * 4096
                file.write(bytes(max(0, free - size)))
            result = self.run_program("backup", self.source, expect=None, HOLDFAST_CACHE_DIR=disk)
            self.assertIn(result.code, (0, NO_SPACE), result.err)
            if result.code == NO_SPACE:
                self.assertIn(disk, result.err)
            self.assert_nothing_lost()

    def test_target(self):
        self.noise("large", 4 * MIB)
        taken = self.back_up_again()
        disk = mount_tmpfs(self, self.path("disk"), 2 * MIB)
        target = os.path.join(disk, "out")
        result = self.run_program("restore", "latest", "--to", target, expect=None)
        self.assertNotEqual(result.code, 0)
        self.assertIn("No space left on device", result.err + result.text)
        self.assertEqual(wrongly_finished(self.expected[taken], describe(target + self.source)), [])
        resize_tmpfs(self, disk, 64 * MIB)
        self.run_program("restore", "latest", "--to", target, "--into-existing")
        self.assertEqual(differences(self.expected[taken], describe(target + self.source)), [])
