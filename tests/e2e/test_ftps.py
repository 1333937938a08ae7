"""A repository in a folder of an FTP server."""

import os

import trees
import vsftpd
from mounts import mount_tmpfs, resize_tmpfs
from program import ACCESS_DENIED, NO_SPACE, NOT_FOUND, UNAVAILABLE, USAGE, ProgramTest


class Ftps(ProgramTest):
    def setUp(self):
        super().setUp()
        os.chmod(self.path(""), 0o755)
        self.server = self.start_server("vsftpd")
        self.repository = self.server.url("/stores/site")
        self.write("ftps-password", vsftpd.Server.password.encode() + b"\n")
        self.configure()

    def start_server(self, name, *lines):
        server = vsftpd.Server(self.path(name), *lines)
        self.addCleanup(server.stop)
        return server

    def configure(self, **settings):
        values = {"url": self.repository, "ca_file": self.server.ca_file, **settings}
        text = f"repository: {self.repository}\nstores:\n  far:\n"
        text += "".join(f"    {key}: {value}\n" for key, value in values.items() if value)
        self.write("holdfast.yaml", text.encode())

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_REPO": None,
                                      "HOLDFAST_FTPS_PASSWORD": vsftpd.Server.password, **changes})

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
        ours = self.server.path("root/stores/site/.holdfast")
        self.assertEqual([name for _, _, names in os.walk(ours) for name in names], [],
                         "nothing temporary stays")

    def test_tls_that_begins_at_once(self):
        self.server = self.start_server("implicit", "implicit_ssl=YES")
        self.repository = self.server.url("/stores/site")
        self.configure(tls="implicit")
        self.init()
        self.backup()
        self.run_program("check", "--read-data")

    def test_a_password_comes_from_a_file_or_a_command(self):
        alone = {"HOLDFAST_FTPS_PASSWORD": None}
        self.configure(password_file="ftps-password")
        self.run_program("init", "--passphrase-memory", "64KiB", **alone)
        self.configure(password_command="[cat, ftps-password]")
        self.run_program("snapshots", **alone)
        self.configure()
        result = self.run_program("snapshots", expect=ACCESS_DENIED, **alone)
        self.assertIn("HOLDFAST_FTPS_PASSWORD", result.err)

    def test_a_password_that_is_wrong_is_said_and_not_shown(self):
        result = self.run_program("init", expect=ACCESS_DENIED, HOLDFAST_FTPS_PASSWORD="geheim")
        self.assertIn("check the user in the address, and the password", result.err)
        self.assertNotIn("geheim", result.err)
        result = self.run_program("-r", "ftps://ann:geheim@127.0.0.1/x", "snapshots", expect=USAGE)
        self.assertNotIn("geheim", result.err)

    def test_plain_ftp_is_refused_unless_it_is_asked_for(self):
        self.server = self.start_server("plain", "ssl_enable=NO")
        self.repository = self.server.url("/stores/site", "ftp")
        self.configure(ca_file=None)
        result = self.run_program("init", expect=ACCESS_DENIED)
        self.assertIn("in the open", result.err)
        self.assertNotIn('"PASS ', self.server.read("log"), "nothing was sent")
        self.configure(ca_file=None, plain_password="true")
        self.init()
        self.backup()

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
        disk = mount_tmpfs(self, self.server.path("root/stores/disk"), 8 << 20)
        self.server.give(disk)
        self.repository = self.server.url("/stores/disk/site")
        self.configure()
        self.init()
        self.write("source/large", os.urandom(20_000_000))
        result = self.run_program("backup", self.source, expect=NO_SPACE)
        self.assertIn("check disk and quota of the server", result.err)
        resize_tmpfs(self, disk, 64 << 20)
        self.backup()
        self.run_program("check", "--read-data")
