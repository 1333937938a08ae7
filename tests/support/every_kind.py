"""A site with every kind of entry that a file system holds, for tests of backup and restore."""

import os
import random
import socket
import sqlite3
import stat
import struct

BASE_TIME_NS = 1_500_000_000_123_456_789
LONG_NAME = b"n" * 255
HOSTILE_NAMES = (b"new\nline", b"escape\x1b[31mred\x1b[0m", b"invalid-\xff\xfe-utf8", b" ", b"-rf",
                 b"quote'\"\\", "\u202eright to left".encode(), LONG_NAME)
PATH_MAX = 4096
STRANGE_UID, STRANGE_GID = 3_000_000_123, 3_000_000_321  # nobody has these


def access_list(user, permissions):
    """A POSIX ACL as the kernel keeps it: one named user, owner, group, mask, others."""
    no_id = 0xFFFFFFFF
    entries = ((1, 6, no_id), (2, permissions, user), (4, 4, no_id), (16, 7, no_id),
               (32, 0, no_id))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


class Site:
    """Makes the entries below `root`, the same bytes for the same seed.

    `without` names features that the file system below does not have, so that a test says which.
    Times are set at the end, by `close`.
    """

    def __init__(self, root, seed=1, large=5 << 20, without=()):
        self.root = os.fsencode(root)
        self.random = random.Random(seed)
        self.large = large
        self.without = frozenset(without)
        self.is_root = os.geteuid() == 0
        os.makedirs(self.root, exist_ok=True)

    def path(self, name):
        return os.path.join(self.root, os.fsencode(name))

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def noise(self, size):
        return self.random.randbytes(size)

    def make_everything(self):
        self.make_files()
        self.make_links()
        self.make_sparse_files()
        self.make_names()
        self.make_long_path()
        self.make_special_files()
        self.make_attributes()
        self.set_times()
        return self

    def make_files(self):
        self.write("empty", b"")
        self.write("one byte", b"1")
        self.write("text", b"the same line again\n" * 5000)
        self.write("large", self.noise(self.large))
        self.write("a/b/c/deep", b"deep")
        os.mkdir(self.path("empty directory"))
        os.mkdir(self.path("closed directory"), 0o500)
        os.chmod(self.write("nobody reads", b"secret"), 0)
        os.chmod(self.write("all may", b"x"), 0o777)
        os.mkdir(self.path("sticky"))
        os.chmod(self.path("sticky"), 0o1777)

    def make_links(self):
        first = self.write("links/first", b"one content, three names")
        os.link(first, self.path("links/second"))
        os.link(first, self.path("a/third"))
        for name, target in (("to file", "text"), ("dangling", "nowhere/at all"),
                             ("absolute", "/etc/hostname"), ("upwards", "../../../.."),
                             ("to directory", "a/b"), ("long target", "t" * 1000)):
            os.symlink(target, self.path(name))

    def make_sparse_files(self):
        with open(self.path("holes"), "wb") as file:
            for at in (0, 1 << 20, 3 << 20, 9 << 20):
                file.seek(at)
                file.write(self.noise(100_000))
            file.truncate(12 << 20)
        with open(self.path("only a hole"), "wb") as file:
            file.truncate(8 << 20)
        with open(self.path("hole first"), "wb") as file:
            file.seek(5 << 20)
            file.write(b"end")

    def make_names(self):
        for name in HOSTILE_NAMES:
            self.write(b"names/" + name, name)
            os.mkdir(self.path(b"names/" + name[:200] + b".dir"))

    def make_long_path(self):
        """A file whose path is longer than any call takes."""
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        part = b"p" * 250
        for _ in range(PATH_MAX // len(part) + 2):
            os.mkdir(part, dir_fd=fd)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        file = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
        os.write(file, b"far down")
        os.close(file)
        os.close(fd)

    def make_special_files(self):
        os.mkfifo(self.path("fifo"), 0o640)
        listener = socket.socket(socket.AF_UNIX)
        here = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        listener.bind(f"/proc/self/fd/{here}/socket")  # addresses are short
        listener.close()
        os.close(here)
        if self.is_root:
            os.mknod(self.path("null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
            os.mknod(self.path("disk"), stat.S_IFBLK | 0o660, os.makedev(250, 300))

    def make_attributes(self):
        path = self.write("attributes/file", b"x")
        if self.is_root:
            os.chown(path, STRANGE_UID, STRANGE_GID)
            os.chown(self.write("attributes/owned", b"x"), 1, 2)
            os.chown(self.path("dangling"), STRANGE_UID, 0, follow_symlinks=False)
            setuid = self.write("attributes/setuid", b"#!/bin/false\n")
            os.chown(setuid, STRANGE_UID, 0)
            os.chmod(setuid, 0o6755)
            os.setxattr(path, "trusted.holdfast", b"root only")
            os.setxattr(self.path("dangling"), "trusted.link", b"on a link", follow_symlinks=False)
            capability = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
            os.setxattr(self.write("attributes/capable", b"x"), "security.capability", capability)
        if "user xattrs" not in self.without:
            os.setxattr(path, "user.empty", b"")
            os.setxattr(path, "user.binary", bytes(range(256)))
            os.setxattr(self.path("attributes"), "user.directory", b"d" * 1000)
        os.setxattr(path, "system.posix_acl_access", access_list(1, 6))
        os.setxattr(self.path("attributes"), "system.posix_acl_default", access_list(2, 7))

    def set_times(self):
        """Every entry gets a time of its own, with nanoseconds; folders after what is in them."""
        nanoseconds = self.random.randrange(1000)
        for directory, names, files, fd in os.fwalk(self.root, topdown=False):
            for name in [*files, *names]:
                nanoseconds += 1_000_001
                time = BASE_TIME_NS + nanoseconds
                os.utime(name, ns=(time, time), dir_fd=fd, follow_symlinks=False)
        before_the_epoch = -86_400 * 365 * 10**9 + 5
        os.utime(self.path("one byte"), ns=(before_the_epoch, before_the_epoch))
        os.utime(self.root, ns=(BASE_TIME_NS, BASE_TIME_NS))


class Shop:
    """A SQLite database in WAL mode with rows, kept open so that its log is in use."""

    def __init__(self, path, rows=2000):
        self.path = os.fspath(path)
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma wal_autocheckpoint = 0")
        self.connection.execute("create table orders (id integer primary key, text)")
        self.add(rows)

    def add(self, rows):
        self.connection.execute("begin")
        self.connection.executemany("insert into orders (text) values (?)",
                                    ((f"order of {i} things",) for i in range(rows)))
        self.connection.execute("commit")

    def close(self):
        self.connection.close()

    @staticmethod
    def rows_of(path):
        """All rows of a restored database. Errors: ValueError when it is not sound."""
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            verdict = connection.execute("pragma integrity_check").fetchone()[0]
            if verdict != "ok":
                raise ValueError(verdict)
            return connection.execute("select * from orders order by id").fetchall()
        finally:
            connection.close()
