"""A full disk is said as such, loses nothing, and is forgotten when there is space again."""

import os
import shutil

from mounts import mount_tmpfs, resize_tmpfs
from program import NO_SPACE
from site_case import SiteTest
from trees import describe, differences, wrongly_finished

MIB = 1 << 20


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

    def test_repository_at_many_sizes(self):
        """Full at any moment of a backup."""
        self.noise("large", MIB)
        disk = mount_tmpfs(self, self.path("disk"), 64 * MIB)
        begun, begun_cache = self.repository, self.path("begun cache")
        shutil.copytree(self.path("cache"), begun_cache)
        self.repository = os.path.join(disk, "repository")
        for room in range(0, 2 * MIB, 128 * 1024):
            with self.subTest(room=room):
                shutil.rmtree(self.repository, ignore_errors=True)
                shutil.copytree(begun, self.repository)
                shutil.rmtree(self.path("cache"))
                shutil.copytree(begun_cache, self.path("cache"))
                resize_tmpfs(self, disk, self.used() + room)
                result = self.run_program("backup", self.source, expect=None)
                self.assertIn(result.code, (0, NO_SPACE), result.err)
                self.run_program("check", "--read-data")
                self.assert_restores(self.first)
                resize_tmpfs(self, disk, 64 * MIB)
                taken = self.back_up_again()
                self.assert_restores(taken)
                del self.expected[taken]

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
