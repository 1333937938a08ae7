"""The independent reader: what it extracts equals what was backed up, in every respect."""

import hashlib
import os
import shutil
import socket
import sqlite3
import stat
import subprocess

from program import ProgramTest

READER = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "read_repository.py")
HOLE_CHUNK = 64 * 1024


def state(path):
    """Everything that a backup keeps of what is at `path`, as values that compare."""
    entry = os.lstat(path)
    known = {"mode": entry.st_mode, "owner": (entry.st_uid, entry.st_gid),
             "mtime": entry.st_mtime_ns, "attributes": {
                 name: os.getxattr(path, name, follow_symlinks=False)
                 for name in os.listxattr(path, follow_symlinks=False)}}
    if stat.S_ISLNK(entry.st_mode):
        known["target"] = os.readlink(path)
    elif stat.S_ISREG(entry.st_mode):
        with open(path, "rb") as file:
            known["content"] = hashlib.file_digest(file, "sha256").hexdigest()
        known["size"] = entry.st_size
        known["holes"] = entry.st_blocks * 512 < entry.st_size - HOLE_CHUNK
    elif not stat.S_ISDIR(entry.st_mode):
        known["device"] = entry.st_rdev
    return known


def tree_state(root):
    """Relative path -> state, and the groups of names that are one file."""
    states, files = {}, {}
    for folder, directories, names in os.walk(root):
        for name in [".", *directories, *names] if folder == root else directories + names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            states[relative] = state(path)
            if not os.path.isdir(path):
                files.setdefault(os.lstat(path).st_ino, set()).add(relative)
    return states, {frozenset(names) for names in files.values() if len(names) > 1}


class ReaderTest(ProgramTest):
    maxDiff = None

    def reader(self, *arguments, expect=0):
        run = subprocess.run(
            ["/usr/bin/python3", "-B", READER, "--repo", self.repository, "--passphrase-file",
             self.passphrase_file, *arguments], capture_output=True, timeout=200, check=False)
        self.assertEqual(run.returncode, expect, run.stderr.decode())
        return run

    def make_site(self):
        for number in range(400):
            self.write(f"source/many/{number:04}.txt", f"file {number}\n".encode() * (number % 50))
        self.write("source/empty", b"")
        os.makedirs(self.path("source/no files"))
        self.write("source/noise.bin", os.urandom(9_000_000))
        os.link(self.path("source/noise.bin"), self.path("source/folder/same.bin"))
        self.write("source/deep/" + "d/" * 40 + "end", b"end")
        self.write(os.fsdecode(b"source/not utf-8 \xff\n"), b"name")
        os.symlink("nowhere/at/all", self.path("source/dangling"))
        os.mkfifo(self.path("source/fifo"), 0o640)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path("source/socket"))
        os.setxattr(self.path("source/readme.txt"), "user.note", b"\0binary\xff")
        os.setxattr(self.path("source/folder"), "user.folder", b"yes")
        os.chmod(self.path("source/readme.txt"), 0o4751)
        if os.geteuid() == 0:
            os.chown(self.path("source/empty"), 1234, 4321)
            os.chown(self.path("source/link"), 77, 78, follow_symlinks=False)
            os.mknod(self.path("source/null"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.utime(self.path("source/empty"), ns=(5, -1_500_000_001))
        self.make_sparse("source/few holes", [(1 << 20, b"a"), (900 << 20, b"z" * 100_000)])
        self.make_sparse("source/many holes", [(n * 2 * HOLE_CHUNK, b"x") for n in range(1, 300)])
        self.write("source/long list.bin", os.urandom(1 << 20) * 100 + os.urandom(70 << 20))

    def make_sparse(self, name, pieces):
        with open(self.path(name), "wb") as file:
            for offset, data in pieces:
                file.seek(offset)
                file.write(data)
            file.truncate(file.tell() + 10 * HOLE_CHUNK)

    def make_database(self, rows):
        os.makedirs(self.path("data"), exist_ok=True)
        with sqlite3.connect(self.path("data/site.db")) as database:
            database.execute("create table if not exists t (id integer primary key, v blob)")
            database.executemany("insert into t (v) values (?)",
                                 [(os.urandom(2000),) for _ in range(rows)])
            database.execute("update t set v = zeroblob(2000) where id % 7 = 3")
        database.close()

    def change(self, number):
        """A small change in a large directory, which makes an overlay, and in the database."""
        self.write("source/many/0100.txt", f"changed {number}".encode())
        self.write(f"source/many/new-{number}.txt", b"new")
        os.unlink(self.path(f"source/many/{number:04}.txt"))
        self.make_database(50)

    def back_up_all(self):
        id = self.backup("--sqlite", self.path("data/site.db"), self.source)["snapshot"]["id"]
        return id, [tree_state(self.source), state(self.path("data/site.db"))]

    def compare(self, snapshot, expected):
        target = self.path("out-" + snapshot[:8])
        self.reader("extract", snapshot, target)
        self.assertEqual([tree_state(target + self.source),
                          state(target + self.path("data/site.db"))], expected)
        shutil.rmtree(target)

    def test_every_snapshot_of_a_site_comes_back_whole(self):
        self.init()
        self.make_site()
        self.make_database(3000)
        expected = {}
        for number in range(4):
            snapshot, states = self.back_up_all()
            expected[snapshot] = states
            self.change(number)
            if number == 1:
                self.run_program("key", "rotate")
        listed = [line.split()[0] for line in self.reader("list").stdout.decode().splitlines()]
        self.assertEqual(sorted(listed), sorted(expected))
        self.reader("check")
        for snapshot, states in expected.items():
            self.compare(snapshot, states)

    def test_forgotten_snapshots_do_not_count_and_the_chain_holds(self):
        self.init()
        ids = [self.backup(self.source)["snapshot"]["id"] for _ in range(3)]
        self.run_program("forget", ids[1])
        listed = [line.split()[0] for line in self.reader("list").stdout.decode().splitlines()]
        self.assertEqual(sorted(listed), sorted([ids[0], ids[2]]))

    def test_without_its_index_a_repository_is_read_from_its_packs(self):
        self.init()
        self.make_database(300)
        snapshot, states = self.back_up_all()
        shutil.rmtree(os.path.join(self.repository, "index"))
        self.compare(snapshot, states)

    def test_each_changed_object_is_named(self):
        self.init()
        snapshot = self.backup(self.source)["snapshot"]["id"]
        for folder, _, names in list(os.walk(self.repository)):
            for name in names:
                relative = os.path.relpath(os.path.join(folder, name), self.repository)
                if relative.split("/")[0] in ("format", "packs", "index", "keys", "snapshots"):
                    self.assert_change_is_named(relative)
        self.reader("extract", snapshot, self.path("unchanged"))

    def assert_change_is_named(self, name):
        path = os.path.join(self.repository, name)
        with open(path, "rb") as file:
            whole = file.read()
        at = len(whole) * 2 // 3
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ 0x40]))
        self.assertIn(name, self.reader("check", expect=1).stderr.decode())
        with open(path, "r+b") as file:
            file.write(whole)
