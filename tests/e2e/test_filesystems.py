"""A restore equals the original in everything, on each file system that sites live on; the
repository is on the same."""

import os

from every_kind import Shop, Site
from mounts import mount_image, mount_tmpfs
from program import ProgramTest
from trees import compare_trees

TMPFS_SIZE = 128 << 20


class Filesystems(ProgramTest):
    def test_ext4(self):
        self.back_up_and_compare(mount_image(self, self.path("disk"), "ext4"))

    def test_xfs(self):
        self.back_up_and_compare(mount_image(self, self.path("disk"), "xfs"))

    def test_btrfs(self):
        self.back_up_and_compare(mount_image(self, self.path("disk"), "btrfs"))

    def test_tmpfs(self):
        disk = mount_tmpfs(self, self.path("disk"), TMPFS_SIZE)
        self.back_up_and_compare(disk, without=self.missing_features(disk))

    @staticmethod
    def missing_features(disk):
        """tmpfs has user attributes since Linux 6.6."""
        try:
            os.setxattr(disk, "user.probe", b"")
        except OSError:
            return ("user xattrs",)
        os.removexattr(disk, "user.probe")
        return ()

    def back_up_and_compare(self, disk, without=()):
        self.repository = os.path.join(disk, "repository")
        self.init()
        site = os.path.join(disk, "site")
        Site(site, without=without).make_everything()
        database = os.path.join(disk, "site", "shop.db")
        shop = Shop(database)
        self.addCleanup(shop.close)
        owned = ["shop.db", "shop.db-wal", "shop.db-shm"]
        os.utime(site, ns=(1_400_000_000_000_000_001,) * 2)
        for _ in ("first", "incremental"):
            self.backup(site, "--sqlite", database)
            out = os.path.join(disk, "out")
            self.run_program("restore", "latest", "--to", out)
            self.assertEqual(compare_trees(site, out + site, leave_out=owned), [])
            restored = out + database
            self.assertEqual(Shop.rows_of(restored), Shop.rows_of(database))
            for name in ("st_mode", "st_uid", "st_gid"):
                self.assertEqual(getattr(os.stat(restored), name),
                                 getattr(os.stat(database), name))
            os.rename(out, self.next_name(disk))
            shop.add(100)

    @staticmethod
    def next_name(disk):
        return os.path.join(disk, f"restored-{len(os.listdir(disk))}")

    def test_by_absolute_path_and_in_place(self):
        disk = mount_image(self, self.path("disk"), "ext4")
        site = os.path.join(disk, "site")
        made = Site(site).make_everything()
        self.init()
        self.backup(site)
        out = self.path("out")
        self.run_program("restore", "latest", "--to", out)
        self.assertEqual(compare_trees(site, out + site, ignore=("holes",)), [])
        original = os.path.join(disk, "kept")
        os.rename(out + site, os.path.join(self.home, "kept"))
        made.write("text", b"changed after the backup")
        made.write("extra", b"came after the backup")
        os.unlink(made.path("links/second"))
        self.run_program("restore", "latest", "--in-place", "--yes", "--delete", "--quiet")
        self.assertFalse(os.path.exists(original))
        self.assertEqual(compare_trees(self.path("kept"), site, ignore=("holes",)), [])
