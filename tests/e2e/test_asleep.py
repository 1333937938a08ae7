"""A laptop that is closed in the middle of a run and opened the next day."""

import os
import shutil
import signal
import threading

import clocks
import nginx
import sleepy_line
import sshd
import trees
from program import CONFLICT, DONE, ProgramTest

SENT_BYTES = 4_000_000  # of the run when the lid is closed
REFUSALS = 6            # connections that fail before there is a network again


class Asleep(ProgramTest):
    def setUp(self):
        super().setUp()
        self.variables = {}
        self.write("source/large", os.urandom(24_000_000))

    def environment(self, **changes):
        return super().environment(**{**self.variables, **changes})

    def line(self, port):
        line = sleepy_line.Line(port)
        self.addCleanup(line.stop)
        return line

    @staticmethod
    def wait_until(running, is_true):
        while not is_true() and running.poll() is None:
            threading.Event().wait(0.01)

    def expect_goes_on(self, line, *command, jump=lambda: None, **changes):
        """The machine sleeps in the middle of the command, wakes up without a network, and the
        command is done as if nothing had been."""
        began_at = line.sent
        running = self.start(*command, **changes)
        self.wait_until(running, lambda: line.sent > began_at + SENT_BYTES)
        running.send_signal(signal.SIGSTOP)
        self.assertIsNone(running.poll(), "the run was too fast")
        line.lose()
        jump()
        line.come_back(REFUSALS)
        running.send_signal(signal.SIGCONT)
        _, errors = running.communicate()
        self.assertEqual(running.returncode, DONE, errors)
        self.assertEqual(line.refused, REFUSALS)

    def expect_whole(self, *where):
        self.run_program(*where, "check", "--read-data")
        shutil.rmtree(self.path("out"), ignore_errors=True)
        self.run_program(*where, "restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_a_backup_goes_on_the_next_day(self):
        server = nginx.Server(self.path("nginx"), self.path("files"))
        self.addCleanup(server.stop)
        line = self.line(server.tls_port)
        clock = clocks.JumpingClock(self)
        self.repository = f"webdavs://{server.user}@127.0.0.1:{line.port}/site"
        self.variables["HOLDFAST_WEBDAV_PASSWORD"] = server.password
        self.write("holdfast.yaml", f"stores: {{ far: {{ url: '{self.repository}', "
                   f"ca_file: {server.ca_file} }} }}\n".encode())
        self.init()
        self.expect_goes_on(line, "backup", self.source, "--limit-upload", "8MiB",
                            jump=lambda: clock.jump("+1d"), **clock.variables)
        self.expect_whole()

    def test_a_copy_goes_on(self):
        server = sshd.Server(self.path("sshd"))
        self.addCleanup(server.stop)
        line = self.line(server.port)
        with open(server.path("host.pub"), encoding="utf-8") as key:
            server.write("known_hosts", f"[127.0.0.1]:{line.port} {key.read()}")
        self.variables["HOLDFAST_SSH_CONFIG"] = server.config
        far = f"sftp://root@127.0.0.1:{line.port}{self.path('far')}"
        self.init()
        self.backup()
        self.expect_goes_on(line, "copy", far, "--create", "--limit-upload", "8MiB")
        self.expect_whole("-r", far)

    def test_a_run_whose_lease_was_taken_away_is_run_again(self):
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.write("source/more", os.urandom(24_000_000))
        running = self.start("backup", self.source, "--limit-upload", "8MiB")
        packs = os.path.join(self.repository, "packs")
        before = self.bytes_in(packs)
        self.wait_until(running, lambda: self.bytes_in(packs) > before + SENT_BYTES)
        running.send_signal(signal.SIGSTOP)
        # Another machine tidies up the next day: what the sleeper relies on goes.
        self.run_program("forget", first, "--allow-empty", "--prune", "--yes",
                         **clocks.clock_at(self, "+1d"))
        running.send_signal(signal.SIGCONT)
        _, errors = running.communicate()
        self.assertEqual(running.returncode, CONFLICT, errors)
        self.assertIn(b"was taken away", errors)
        self.assertIn(b"run it again", errors)
        self.assertEqual(self.snapshots(), [])
        self.backup()
        self.expect_whole()
