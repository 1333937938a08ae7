"""A repository in a directory of another machine that is mounted with sshfs."""

import os
import signal
import subprocess
import threading

import sshd
import trees
from program import NOT_FOUND
from test_doctor import DoctorTest


class Mounted(DoctorTest):
    def setUp(self):
        super().setUp()
        self.server = sshd.Server(self.path("sshd"))
        self.addCleanup(self.server.stop)
        for name in ("far", "here"):
            os.mkdir(self.path(name))
        self.mount()
        self.repository = self.path("here/repository")

    def mount(self):
        # In the foreground, so that it can be ended as a machine that goes down ends it.
        self.sshfs = subprocess.Popen(
            ["sshfs", "-f", "-F", self.server.config, "-p", str(self.server.port),
             f"root@127.0.0.1:{self.path('far')}", self.path("here")])
        self.addCleanup(self.unmount)
        while not os.path.ismount(self.path("here")):
            self.assertIsNone(self.sshfs.poll(), "sshfs ended")
            threading.Event().wait(0.02)

    def unmount(self):
        if self.sshfs.poll() is None:
            self.sshfs.kill()
        self.sshfs.wait()
        subprocess.run(["fusermount3", "-u", "-z", self.path("here")], check=False,
                       capture_output=True)

    def test_what_goes_there_comes_back(self):
        self.init()
        first = self.backup()["snapshot"]
        self.write("source/large", os.urandom(5_000_000))
        self.backup()
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        self.run_program("forget", first["id"], "--prune", "--yes")
        self.run_program("check", "--read-data")

    def test_a_share_that_goes_away_in_the_middle_loses_nothing(self):
        self.write("holdfast.yaml", "stores: {{ nas: {{ url: '{}', patience: 1s }} }}".format(
            self.repository).encode())
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.write("source/large", os.urandom(90_000_000))
        running = self.start("backup", self.source)
        packs = self.path("far/repository/packs")
        while self.bytes_in(packs) < 2_000_000 and running.poll() is None:
            threading.Event().wait(0.01)
        self.sshfs.send_signal(signal.SIGKILL)
        _, errors = running.communicate()
        self.assertNotIn(running.returncode, (0, 3), errors)
        self.assertIn(b"still mounted", errors)
        self.unmount()
        self.assertEqual(os.listdir(self.path("here")), [], "nothing is written below it")
        result = self.run_program("snapshots", expect=NOT_FOUND)
        self.assertIn("mounted", result.err)
        self.mount()
        self.assertEqual([snapshot["id"] for snapshot in self.snapshots()], [first])
        self.backup()
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_doctor_tells_a_share_that_is_dead_and_one_that_is_absent(self):
        self.init()
        self.sshfs.kill()
        self.sshfs.wait()
        self.expect_fault(self.repository, "place", "ransport endpoint is not connected", "mounted")
        self.unmount()
        self.expect_fault(self.repository, "place", "is not there", "mounted")
