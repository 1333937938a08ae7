"""A repository on an SSH server."""

import os

import sshd
import trees
from program import ACCESS_DENIED, UNAVAILABLE, ProgramTest


class Sftp(ProgramTest):
    def setUp(self):
        super().setUp()
        self.server = sshd.Server(self.path("sshd"))
        self.addCleanup(self.server.stop)
        self.directory = self.path("far")
        self.repository = self.server.url(self.directory)

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_SSH_CONFIG": self.server.config, **changes})

    def test_what_goes_there_comes_back(self):
        self.init()
        first = self.backup()["snapshot"]
        self.write("source/large", os.urandom(5_000_000))
        self.backup()
        self.assertEqual(self.backup()["snapshot"]["statistics"]["bytes_new"], 0)
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        self.run_program("forget", first["id"], "--prune", "--yes")
        self.run_program("check", "--read-data")
        self.assertEqual([name for _, _, names in os.walk(self.directory) for name in names
                          if name.startswith(".")], [], "nothing temporary stays")

    def test_a_host_that_is_not_known_is_refused(self):
        self.init()
        unknown = self.server.write("careless", "StrictHostKeyChecking no\n"
                                    "UserKnownHostsFile /dev/null\n"
                                    f"IdentityFile {self.server.path('id')}\n")
        result = self.run_program("snapshots", expect=ACCESS_DENIED, HOLDFAST_SSH_CONFIG=unknown)
        self.assertIn("host key", result.err)

    def test_a_server_that_is_down_is_said(self):
        self.init()
        self.server.stop()
        result = self.run_program("snapshots", expect=UNAVAILABLE)
        self.assertIn("Connection refused", result.err)
        self.assertIn("whether sshd runs", result.err)
