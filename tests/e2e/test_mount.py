"""Snapshots as a file system, read through the kernel. Needs root or fusermount3, and /dev/fuse."""

import errno
import hashlib
import io
import os
import random
import select
import shutil
import signal
import stat
import subprocess
import tarfile

import every_kind
import trees
from program import DONE, NOT_FOUND, USAGE, ProgramTest, TIMEOUT_SECONDS


class MountTest(ProgramTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists("/dev/fuse"):
            self.fail("/dev/fuse is missing: load the kernel's fuse module")
        self.init()
        self.mount_point = self.path("mount")
        os.mkdir(self.mount_point)

    def mount(self, *options):
        """Mounts, and waits until it is there."""
        process = self.start("mount", self.mount_point, *options)
        self.addCleanup(subprocess.run, ["umount", "-l", self.mount_point], check=False,
                        stderr=subprocess.DEVNULL)
        ready, _, _ = select.select([process.stdout], [], [], TIMEOUT_SECONDS)
        self.assertTrue(ready, "it says when it is mounted")
        line = process.stdout.readline()
        self.assertIn(b"snapshot", line, line or process.stderr.read())
        return process

    def ended(self, process):
        process.wait(TIMEOUT_SECONDS)
        self.assertFalse(os.path.ismount(self.mount_point))
        self.assertEqual(os.listdir(self.mount_point), [])
        return process.returncode

    def mounted(self, name="latest"):
        return os.path.realpath(os.path.join(self.mount_point, name)) + self.source


class Tree(MountTest):
    def test_equals_what_is_restored(self):
        site = every_kind.Site(self.source)
        site.make_everything()
        self.backup("--site", "all", self.source)
        self.mount()
        self.assertEqual(trees.compare_trees(self.source, self.mounted()), [])

    def test_tar_of_it_equals_tar_of_the_restored_tree(self):
        site = every_kind.Site(self.source)
        site.make_long_path = lambda: None
        site.make_everything()
        os.unlink(self.path("source/socket"))  # tar has none
        self.backup("--site", "all", self.source)
        self.run_program("restore", f"all:{self.source}", "--to", self.path("restored"))
        self.mount()
        # The directory that a restore was sent to has a time of its own.
        os.utime(self.path("restored"), ns=(0, os.stat(self.mounted()).st_mtime_ns))
        for options in ([], ["--sparse"]):
            restored = self.tar(self.path("restored"), *options)
            mounted = self.tar(self.mounted(), *options)
            self.assertEqual(len(restored), len(mounted))
            for ours, theirs in zip(self.members(restored), self.members(mounted), strict=True):
                self.assertEqual(ours, theirs)

    def tar(self, folder, *options):
        # When somebody last looked, and the process of tar, are not what a tree holds.
        plain = "exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"
        done = subprocess.run(["tar", "--acls", "--xattrs", "--xattrs-include=*", "--sort=name",
                               "--format=posix", f"--pax-option={plain}", *options,
                               "-C", folder, "-c", "."], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    @staticmethod
    def members(archive):
        """All that the members say, whatever the order of attributes.

        The checksum of a sparse file's header covers a name with the process number of tar.
        """
        found = []
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                digest = hashlib.sha256(content.read()).digest() if content else None
                found.append({**member.get_info(), "chksum": None, "content": digest,
                              "headers": dict(member.pax_headers)})
        return found

    def test_any_part_of_large_files(self):
        content = random.Random(1).randbytes(30_000_000)
        self.write("source/large", content)
        with open(self.path("source/sparse"), "wb") as file:
            for at in range(0, 100):
                file.seek(at * 1_000_000)
                file.write(content[at * 1000:(at + 1) * 1000])
        shop = every_kind.Shop(self.path("source/shop.db"))
        self.addCleanup(shop.close)
        self.backup(self.source, "--sqlite", self.path("source/shop.db"))
        self.mount()
        shutil.copy(self.mounted() + "/shop.db", self.path("copy.db"))  # a reader makes a -shm
        self.assertEqual(len(shop.rows_of(self.path("copy.db"))), 2000)
        sparse = self.read("source/sparse")
        choose = random.Random(2)
        for name, whole in (("large", content), ("sparse", sparse)):
            with open(self.mounted() + "/" + name, "rb", buffering=0) as file:
                for _ in range(100):
                    at, size = choose.randrange(len(whole) + 10), choose.randrange(300_000)
                    self.assertEqual(os.pread(file.fileno(), size, at), whole[at:at + size])
            with open(self.mounted() + "/" + name, "rb") as file:
                self.assertEqual(file.read(), whole)

    def test_nothing_can_be_written(self):
        self.backup(self.source)
        self.mount()
        for write in (lambda: open(self.mounted() + "/new", "w"),
                      lambda: open(self.mounted() + "/readme.txt", "a"),
                      lambda: os.unlink(self.mounted() + "/readme.txt"),
                      lambda: os.mkdir(self.mount_point + "/folder")):
            with self.assertRaises(OSError) as caught:
                write()
            self.assertEqual(caught.exception.errno, errno.EROFS)

    def test_what_cannot_be_read_is_an_error_and_the_rest_is_there(self):
        self.write("source/noise", os.urandom(300_000))
        self.backup(self.source)
        packs = [os.path.join(folder, name) for folder, _, names
                 in os.walk(self.repository + "/packs") for name in names]
        with open(max(packs, key=os.path.getsize), "r+b") as pack:
            pack.seek(1000)
            pack.write(b"damage")
        self.mount()
        with self.assertRaises(OSError) as caught, open(self.mounted() + "/noise", "rb") as file:
            file.read()
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.assertEqual(os.readlink(self.mounted() + "/link"), "readme.txt")


class Folders(MountTest):
    def setUp(self):
        super().setUp()
        self.first = self.backup("--site", "blog", self.source)["snapshot"]
        self.write("source/readme.txt", b"changed\n")
        self.second = self.backup("--site", "shop", self.source)["snapshot"]

    def content(self, name):
        with open(f"{self.mount_point}/{name}{self.source}/readme.txt", "rb") as file:
            return file.read()

    def test_snapshots_by_time_id_and_site(self):
        self.mount()
        self.assertEqual(sorted(os.listdir(self.mount_point)),
                         ["ids", "latest", "sites", "snapshots"])
        self.assertEqual(sorted(os.listdir(self.mount_point + "/ids")),
                         sorted([self.first["id"], self.second["id"]]))
        self.assertEqual(len(os.listdir(self.mount_point + "/snapshots")), 2)
        self.assertEqual(sorted(os.listdir(self.mount_point + "/sites")), ["blog", "shop"])
        self.assertEqual(self.content("latest"), b"changed\n")
        self.assertEqual(self.content("ids/" + self.first["id"]), b"read me\n")
        self.assertEqual(self.content("sites/blog/latest"), b"read me\n")
        time = self.second["time"][:19]
        self.assertTrue(any(name.startswith(time)
                            for name in os.listdir(self.mount_point + "/sites/shop")))
        self.assertFalse(os.path.exists(self.mount_point + "/nothing"))

    def test_one_site(self):
        self.mount("--site", "blog")
        self.assertEqual(os.listdir(self.mount_point + "/sites"), ["blog"])
        self.assertEqual(self.content("latest"), b"read me\n")

    def test_other_users_are_held_to_the_modes(self):
        os.chmod(self.path("source/folder"), 0o700)
        os.chmod(self.home, 0o755)
        self.backup("--site", "shop", self.source)
        self.mount("--allow-other")
        look = [f"cat {self.mounted()}/readme.txt", f"ls {self.mounted()}/folder"]
        done = [subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", command],
                               capture_output=True, check=False) for command in look]
        self.assertEqual((done[0].returncode, done[0].stdout), (0, b"changed\n"))
        self.assertIn(b"Permission denied", done[1].stderr)

    def test_numbers_of_inodes_stay(self):
        self.mount()
        path = self.mounted() + "/folder/data.bin"
        number = os.stat(path).st_ino
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("2")
        self.assertEqual(os.stat(path).st_ino, number)
        self.assertTrue(stat.S_ISREG(os.stat(path).st_mode))


class End(MountTest):
    def setUp(self):
        super().setUp()
        self.backup(self.source)

    def test_signals_end_it(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.mount()
            process.send_signal(number)
            self.assertEqual(self.ended(process), DONE)

    def test_unmounting_ends_it(self):
        process = self.mount()
        subprocess.run(["umount", self.mount_point], check=True)
        self.assertEqual(self.ended(process), DONE)

    def test_a_signal_ends_it_while_a_file_is_open(self):
        process = self.mount()
        file = os.open(self.mounted() + "/readme.txt", os.O_RDONLY)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ended(process), DONE)
        with self.assertRaises(OSError):
            os.close(file)  # nobody is there to hear of it

    def test_places_that_cannot_be(self):
        self.run_program("mount", self.path("missing"), expect=NOT_FOUND)
        self.run_program("mount", self.path("source/readme.txt"), expect=USAGE)
        self.run_program("mount", self.mount_point, "--site", "nobody", expect=NOT_FOUND)
