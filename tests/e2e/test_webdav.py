"""A repository in a folder of a WebDAV server."""

import os

import nginx
import trees
from mounts import mount_tmpfs, resize_tmpfs
from program import ACCESS_DENIED, NOT_FOUND, UNAVAILABLE, USAGE, ProgramTest


class Webdav(ProgramTest):
    def setUp(self):
        super().setUp()
        self.files = self.path("files")
        self.server = nginx.Server(self.path("nginx"), self.files)
        self.addCleanup(self.server.stop)
        self.repository = self.server.url("/backups/site")
        self.write("webdav-password", nginx.Server.password.encode() + b"\n")
        self.configure()

    def configure(self, *lines, **settings):
        values = {"url": self.repository, "ca_file": self.server.ca_file, **settings}
        text = f"repository: {self.repository}\nstores:\n  far:\n"
        text += "".join(f"    {key}: {value}\n" for key, value in values.items() if value)
        self.write("holdfast.yaml", (text + "".join(lines)).encode())

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_REPO": None,
                                      "HOLDFAST_WEBDAV_PASSWORD": nginx.Server.password, **changes})

    def names(self):
        return [name for _, _, names in os.walk(self.files) for name in names]

    def test_what_goes_there_comes_back(self):
        self.init()
        first = self.backup()["snapshot"]
        self.write("source/large", os.urandom(15_000_000))
        self.backup()
        self.assertEqual(self.backup()["snapshot"]["statistics"]["bytes_new"], 0)
        self.run_program("check", "--read-data")
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("forget", first["id"], "--prune", "--yes")
        self.assertNotIn(first["id"], [snapshot["id"] for snapshot in self.snapshots()])
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        self.assertEqual([name for name in self.names() if "~" in name], [],
                         "nothing temporary stays")

    def test_a_password_comes_from_a_file_or_a_command(self):
        alone = {"HOLDFAST_WEBDAV_PASSWORD": None}
        self.configure(password_file="webdav-password")
        self.run_program("init", "--passphrase-memory", "64KiB", **alone)
        self.configure(password_command="[cat, webdav-password]")
        self.run_program("snapshots", **alone)
        self.configure()
        result = self.run_program("snapshots", expect=ACCESS_DENIED, **alone)
        self.assertIn("HOLDFAST_WEBDAV_PASSWORD", result.err)

    def test_a_password_that_is_wrong_is_said_and_not_shown(self):
        result = self.run_program("init", expect=ACCESS_DENIED, HOLDFAST_WEBDAV_PASSWORD="geheim")
        self.assertIn("check the user in the address, and the password", result.err)
        self.assertNotIn("geheim", result.err)
        result = self.run_program("-r", "webdavs://ann:geheim@127.0.0.1/x", "snapshots",
                                  expect=USAGE)
        self.assertNotIn("geheim", result.err)
        self.assertNotIn("geheim", self.server.read("access"))

    def test_a_password_in_the_open_is_refused(self):
        self.repository = f"webdav://ann@127.0.0.1:{self.server.port}/backups"
        self.configure(ca_file=None)
        result = self.run_program("init", expect=ACCESS_DENIED)
        self.assertIn("in the open", result.err)
        self.assertEqual(os.path.exists(self.server.path("access")) and self.server.read("access"),
                         "", "nothing was sent")
        self.configure(ca_file=None, plain_password="true")
        self.init()

    def test_a_certificate_that_is_not_trusted_is_refused(self):
        self.configure(ca_file=None)
        result = self.run_program("init", expect=ACCESS_DENIED)
        self.assertIn("not trusted", result.err)
        self.assertIn("ca_file", result.err)

    def test_a_folder_that_is_not_there_is_said(self):
        result = self.run_program("snapshots", expect=NOT_FOUND)
        self.assertIn("is not there", result.err)

    def test_a_server_that_is_down_is_said(self):
        self.init()
        self.server.stop()
        result = self.run_program("snapshots", expect=UNAVAILABLE)
        self.assertIn("Connection refused", result.err)
        self.assertIn("whether the server runs", result.err)

    def test_a_disk_that_is_full_fails_until_it_is_not(self):
        disk = mount_tmpfs(self, self.path("files/disk"), 8 << 20)
        self.repository = self.server.url("/disk/site")
        self.configure()
        self.init()
        self.write("source/large", os.urandom(20_000_000))
        # nginx has no status of its own for it.
        result = self.run_program("backup", self.source, expect=UNAVAILABLE)
        self.assertIn("a full disk", result.err)
        resize_tmpfs(self, disk, 64 << 20)
        self.backup()
        self.run_program("check", "--read-data")
