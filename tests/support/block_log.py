"""What a power cut leaves on a disk: any prefix of the writes, and of those that no flush followed
any subset, some of them torn.

An nbdkit disk writes down every block write and flush; nbdfuse makes it a file, and a loop device
of that file carries the file system.
"""

import os
import shutil
import struct
import subprocess
import time

RECORD = struct.Struct("<BQI")
WRITE, FLUSH = 1, 2
SECTOR = 512
# One unflushed write in two is lost, and one in five of the rest is torn.
LOST_SHARE, TORN_SHARE = 0.5, 0.2
TOOLS = {"nbdkit": "nbdkit", "nbdfuse": "libnbd-bin", "fusermount3": "fuse3",
         "mkfs.ext4": "e2fsprogs"}
START_SECONDS_MAX = 20
PLUGIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "block_log_plugin.py")


def _run(*command):
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {completed.stderr.strip()}")


class LoggedDisk:
    """An ext4 file system at `mounted` whose block writes are written down.

    Call begin() when what the states start from is there; the log counts from then on.
    """

    def __init__(self, test, home, size):
        for tool, package in TOOLS.items():
            if shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
                test.fail(f"{tool} is missing: install the Debian package {package}")
        self.test = test
        self.home = home
        self.image, self.base = self._path("image"), self._path("base")
        self.log = self._path("log")
        self.mounted = self._path("mounted")
        for folder in (self.mounted, self._path("fuse")):
            os.mkdir(folder)
        with open(self.image, "wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-N", "4096",
             "-E", "lazy_itable_init=0", self.image)

    def _path(self, name):
        return os.path.join(self.home, name)

    def fill(self, work):
        """Runs `work(directory)` on the file system before anything is written down."""
        _run("mount", "-o", "loop", self.image, self.mounted)
        try:
            work(self.mounted)
        finally:
            _run("umount", self.mounted)
        _run("cp", "--sparse=always", self.image, self.base)

    def begin(self):
        with open(self.log, "wb"):
            pass
        socket = self._path("socket")
        server = subprocess.Popen(["nbdkit", "-f", "-U", socket, "python", PLUGIN,
                                   f"img={self.image}", f"log={self.log}"])
        self.test.addCleanup(self._end, server)
        self._wait(lambda: os.path.exists(socket), server)
        disk = self._path("fuse")
        fuse = subprocess.Popen(["nbdfuse", disk, f"nbd+unix:///?socket={socket}"],
                                stderr=subprocess.DEVNULL)
        self.test.addCleanup(self._end, fuse)
        self.test.addCleanup(subprocess.run, ["fusermount3", "-u", "-q", disk], check=False)
        self._wait(lambda: os.path.exists(os.path.join(disk, "nbd")), fuse)
        _run("mount", "-o", "loop", os.path.join(disk, "nbd"), self.mounted)
        self.test.addCleanup(subprocess.run, ["umount", "-q", self.mounted], check=False)

    @staticmethod
    def _end(process):
        process.terminate()
        process.wait()

    @staticmethod
    def _wait(ready, process):
        until = time.monotonic() + START_SECONDS_MAX
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{process.args[0]} does not come up")
            os.sched_yield()

    def position(self):
        """How far the log is: what was promised now holds in every state cut after this."""
        return os.path.getsize(self.log)

    def end(self):
        _run("umount", self.mounted)
        with open(self.log, "rb") as file:
            self.operations = list(_operations(file.read()))

    def state(self, random):
        """An image as a power cut could leave it. Returns its path and the position of the cut."""
        cut = random.randrange(1, len(self.operations) + 1)
        done = self.operations[:cut]
        flushed = max((i for i, operation in enumerate(done) if operation[0] == FLUSH), default=-1)
        image = self._path(f"state-{random.getrandbits(64):x}")
        _run("cp", self.base, image)
        fd = os.open(image, os.O_RDWR)
        try:
            for i, (kind, offset, data, _) in enumerate(done):
                if kind != WRITE:
                    continue
                if i > flushed:
                    if random.random() < LOST_SHARE:
                        continue
                    if random.random() < TORN_SHARE:
                        data = data[:SECTOR * random.randrange(len(data) // SECTOR + 1)]
                os.pwrite(fd, data, offset)
        finally:
            os.close(fd)
        return image, done[-1][3]


def _operations(log):
    at = 0
    while at < len(log):
        kind, offset, size = RECORD.unpack_from(log, at)
        at += RECORD.size + (size if kind == WRITE else 0)
        yield kind, offset, log[at - size:at] if kind == WRITE else b"", at
