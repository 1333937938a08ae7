"""The comparison must fail on each single difference: a blind one lets every other test pass."""

import os
import shutil
import stat
import tempfile
import unittest

from every_kind import STRANGE_UID, Shop, Site, access_list
from trees import compare_trees, describe, differences


class CompareTrees(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="holdfast-trees.")
        self.addCleanup(shutil.rmtree, self.home)
        self.left = self.make("left")
        self.right = self.make("right")

    def make(self, name):
        site = Site(os.path.join(self.home, name), seed=7, large=200_000).make_everything()
        return os.fsdecode(site.root)

    def change(self, act, name=""):
        """Runs `act` on a path of the right tree and keeps the times of the folder above."""
        path = os.path.join(self.right, name)
        above = os.path.dirname(path)
        status = os.lstat(above)
        act(path)
        os.utime(above, ns=(status.st_atime_ns, status.st_mtime_ns))

    def assert_found(self, what):
        found = compare_trees(self.left, self.right)
        self.assertTrue(any(what in sentence for sentence in found), f"{what!r} not in {found}")

    def keep_times(self, name, act):
        path = os.path.join(self.right, name)
        status = os.lstat(path)
        act(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)

    def test_equal_trees_are_equal(self):
        self.assertEqual(compare_trees(self.left, self.right), [])
        self.assertGreater(len(describe(self.left)), 60)

    def test_missing_and_extra_entries(self):
        self.change(os.unlink, "text")
        self.assert_found("b'text' is missing")
        self.change(lambda path: os.symlink("x", path), "extra")
        self.assert_found("b'extra' is too much")

    def test_content_of_the_same_size(self):
        def flip(path):
            with open(path, "r+b") as file:
                file.seek(1234)
                byte = file.read(1)[0]
                file.seek(1234)
                file.write(bytes([byte ^ 1]))
        self.keep_times("large", flip)
        self.assert_found("b'large': content was")

    def test_size(self):
        self.keep_times("text", lambda path: os.truncate(path, 10))
        self.assert_found("b'text': size was 100000, is 10")

    def test_kind(self):
        def replace(path):
            os.unlink(path)
            os.mkfifo(path)
        self.change(replace, "empty")
        self.assert_found("b'empty': kind was 'file', is 'fifo'")

    def test_mode(self):
        for name in ("all may", "empty directory", "fifo", "sticky"):
            os.chmod(os.path.join(self.right, name), 0o710)
            self.assert_found(f"b'{name}': mode was")

    def test_owner_of_files_and_links(self):
        for name in ("text", "to file", "sticky"):
            os.chown(os.path.join(self.right, name), STRANGE_UID, -1, follow_symlinks=False)
            self.assert_found(f"b'{name}': uid was")
            os.chown(os.path.join(self.right, name), -1, 77, follow_symlinks=False)
            self.assert_found(f"b'{name}': gid was")

    def test_one_nanosecond(self):
        for name in ("text", "to file", "empty directory", "one byte", ""):
            path = os.path.join(self.right, name)
            time = os.lstat(path).st_mtime_ns + 1
            os.utime(path, ns=(time, time), follow_symlinks=False)
            self.assert_found(f"b'{name or '.'}': mtime was")

    def test_target_of_a_link(self):
        def point_elsewhere(path):
            os.unlink(path)
            os.symlink("nowhere/else", path)
        self.change(point_elsewhere, "dangling")
        self.assert_found("b'dangling': target was")

    def test_hard_links_that_became_copies(self):
        def copy(path):
            with open(path, "rb") as file:
                content = file.read()
            os.unlink(path)
            with open(path, "wb") as file:
                file.write(content)
        self.change(copy, "links/second")
        self.assert_found("b'links/first': linked with was")
        self.assert_found("b'links/first': nlink was 3, is 2")

    def test_device_numbers(self):
        def replace(path):
            os.unlink(path)
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        self.change(replace, "null")
        self.assert_found("b'null': device was (1, 3), is (1, 5)")

    def test_extended_attributes_and_access_lists(self):
        def attribute(name, value):
            return lambda path: os.setxattr(path, name, value, follow_symlinks=False)
        for name, act in (("attributes/file", attribute("user.binary", b"")),
                          ("attributes/file", lambda path: os.removexattr(path, "user.empty")),
                          ("dangling", attribute("trusted.link", b"other")),
                          ("attributes", attribute("user.directory", b"e")),
                          ("attributes/capable",
                           lambda path: os.removexattr(path, "security.capability")),
                          ("attributes/owned",
                           attribute("system.posix_acl_access", access_list(3, 4)))):
            act(os.path.join(self.right, name))
            self.assert_found(f"b'{name}': xattrs was")

    def test_a_hole_that_was_filled_and_a_new_one(self):
        def fill(path):
            with open(path, "r+b") as file:
                file.seek(1 << 20)
                file.write(bytes(3 << 20))
        self.keep_times("only a hole", fill)
        self.assert_found("b'only a hole': holes was")
        found = differences({b"x": {"holes": []}}, {b"x": {"holes": [(0, 1 << 20)]}})
        self.assertEqual(len(found), 1)

    def test_what_is_left_out_is_not_compared(self):
        self.keep_times("text", lambda path: os.truncate(path, 10))
        self.assertEqual(compare_trees(self.left, self.right, leave_out=["text"]), [])


class Database(unittest.TestCase):
    def test_rows_and_soundness(self):
        home = tempfile.mkdtemp(prefix="holdfast-shop.")
        self.addCleanup(shutil.rmtree, home)
        path = os.path.join(home, "shop.db")
        shop = Shop(path, rows=300)
        self.assertTrue(os.path.getsize(path + "-wal") > 0)
        self.assertEqual(len(Shop.rows_of(path)), 300)
        shop.connection.execute("pragma wal_checkpoint(truncate)")
        shop.close()
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xee" * 4096)
        self.assertRaises(Exception, Shop.rows_of, path)


if __name__ == "__main__":
    unittest.main()
