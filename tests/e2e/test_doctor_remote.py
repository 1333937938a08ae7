"""What `holdfast doctor` says of WebDAV, FTP and served repositories that are not well."""

import os
import re
import signal
import subprocess

import addresses
import mounts
import nginx
import vsftpd
from test_doctor import DoctorTest, fill


class RemoteDoctorTest(DoctorTest):
    def configure(self, url, **settings):
        """Returns the name of the store."""
        text = f"stores:\n  far:\n    url: {url}\n"
        text += "".join(f"    {key}: '{value}'\n" for key, value in settings.items())
        self.write("holdfast.yaml", text.encode())
        return "far"

    def expect_well(self, store, **changes):
        findings = self.examine(store, expect=0, **changes)
        self.assertEqual({found["verdict"] for found in findings.values()}, {"good"}, findings)
        return findings


READ_ONLY = "location /read-only { limit_except GET HEAD OPTIONS PROPFIND { deny all; } }"
PLAIN = "location /plain { dav_methods off; dav_ext_methods off; }"
SMALL = "location /small { client_max_body_size 64k; }"


class Webdav(RemoteDoctorTest):
    def setUp(self):
        super().setUp()
        self.server = nginx.Server(self.path("nginx"), self.path("files"),
                                   lines=f"{READ_ONLY} {PLAIN} {SMALL}")
        self.addCleanup(self.server.stop)
        for name in ("site", "read-only", "plain", "small"):
            os.mkdir(self.path("files/" + name))

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_WEBDAV_PASSWORD": nginx.Server.password, **changes})

    def at(self, path, **changes):
        return self.configure(self.server.url(path),
                              **{"ca_file": self.server.ca_file, **changes})

    def test_a_folder_that_is_well(self):
        findings = self.expect_well(self.at("/site"))
        self.assertEqual(list(findings)[:5], ["name", "port", "trust", "login", "place"])
        left = os.listdir(self.path("files/site"))
        self.assertEqual(sorted(left), ["doctor", "~claims", "~uploads"])
        self.assertEqual([files for _, _, files in os.walk(self.path("files/site")) if files], [])

    def test_a_server_that_refuses(self):
        store = self.at("/site")
        self.server.stop()
        self.expect_fault(store, "port", "refused", "whether the server runs")

    def test_a_certificate_that_is_not_trusted(self):
        self.expect_fault(self.configure(self.server.url("/site")), "trust", "not trusted",
                          "ca_file")

    def test_a_name_without_an_address(self):
        self.expect_fault(self.configure("webdavs://ann@no-such-host.invalid/site"), "name",
                          "has no address", "getent hosts")

    def test_a_key_that_is_not_the_pinned_one(self):
        self.expect_fault(self.at("/site", pinned_key=f"sha256//{'A' * 43}="), "trust",
                          "not the pinned one", "find out why it changed")

    def test_a_client_certificate_that_is_missing(self):
        gone = self.path("gone.pem")
        self.expect_fault(self.at("/site", client_certificate=gone, client_key=gone), "trust",
                          "client certificate or its key cannot be used", "files in PEM")

    def test_a_password_that_is_wrong(self):
        self.expect_fault(self.at("/site"), "login", "401", "the password",
                          HOLDFAST_WEBDAV_PASSWORD="geheim")

    def test_a_password_in_the_open(self):
        store = self.configure(f"webdav://ann@127.0.0.1:{self.server.port}/site")
        self.expect_fault(store, "login", "in the open", "plain_password")

    def test_a_folder_that_is_not_there(self):
        self.expect_fault(self.at("/gone"), "place", "is not there", "check the path")

    def test_a_server_that_knows_no_webdav(self):
        self.expect_fault(self.at("/plain"), "place", "405", "is a WebDAV folder")

    def test_no_right_to_write(self):
        self.expect_fault(self.at("/read-only"), "write", "403", "the rights of the user")

    def test_a_server_that_takes_no_large_bodies(self):
        self.expect_fault(self.at("/small"), "upload", "413", "client_max_body_size")

    def test_a_full_disk_there(self):
        place = mounts.mount_tmpfs(self, self.path("files/disk"), 64 << 10)
        fill(place)
        self.expect_fault(self.at("/disk"), "write", "500", "a full disk")


class Ftps(RemoteDoctorTest):
    def setUp(self):
        super().setUp()
        os.chmod(self.path(""), 0o755)
        self.server = self.start_server("vsftpd")

    def start_server(self, name, *lines):
        server = vsftpd.Server(self.path(name), *lines)
        self.addCleanup(server.stop)
        os.mkdir(server.path("root/stores/site"))
        server.give(server.path("root/stores/site"))
        return server

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_FTPS_PASSWORD": vsftpd.Server.password, **changes})

    def at(self, path, server=None, **changes):
        server = server or self.server
        return self.configure(server.url(path), **{"ca_file": server.ca_file, **changes})

    def test_a_folder_that_is_well(self):
        findings = self.expect_well(self.at("/stores/site"))
        self.assertEqual(list(findings)[:5], ["name", "port", "trust", "login", "place"])

    def test_a_server_that_refuses(self):
        store = self.at("/stores/site")
        self.server.stop()
        self.expect_fault(store, "port", "refused", "whether the server runs")

    def test_a_certificate_that_is_not_trusted(self):
        self.expect_fault(self.configure(self.server.url("/stores/site")), "trust", "not trusted",
                          "ca_file")

    def test_a_server_without_tls(self):
        server = self.start_server("plain", "ssl_enable=NO")
        self.expect_fault(self.at("/stores/site", server), "trust", "does not offer TLS",
                          "turn TLS on")

    def test_tls_that_begins_at_once(self):
        server = self.start_server("implicit", "implicit_ssl=YES")
        self.expect_fault(self.at("/stores/site", server), "trust", "does not greet",
                          "TLS begins at once")

    def test_tls_that_does_not_begin_at_once(self):
        self.expect_fault(self.at("/stores/site", tls="implicit"), "trust",
                          "TLS could not be set up", "speaks TLS")

    def test_a_name_without_an_address(self):
        self.expect_fault(self.configure("ftps://ann@no-such-host.invalid/site"), "name",
                          "has no address", "getent hosts")

    def test_a_password_that_is_wrong(self):
        self.expect_fault(self.at("/stores/site"), "login", "refuses the login", "the password",
                          HOLDFAST_FTPS_PASSWORD="geheim")

    def test_a_folder_that_is_not_there(self):
        self.expect_fault(self.at("/stores/gone"), "place", "is not there", "check the path")

    def test_a_server_that_may_only_be_read(self):
        server = self.start_server("read-only", "write_enable=NO")
        self.expect_fault(self.at("/stores/site", server), "write", "550",
                          "may do in that folder")

    def test_a_full_disk_there(self):
        place = mounts.mount_tmpfs(self, self.server.path("root/stores/disk"), 64 << 10)
        self.server.give(place)
        fill(place)
        self.expect_fault(self.at("/stores/disk"), "write", "451", "check disk and quota")


class Served(RemoteDoctorTest):
    def setUp(self):
        super().setUp()
        self.token = None
        os.mkdir(self.path("store"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-addext", addresses.NAMES, "-keyout", "tls.key", "-out",
                        "tls.crt"], cwd=self.home, check=True, capture_output=True)
        added = self.run_program("token", "add", "me", "--repository", "blog", "--tokens", "tokens")
        self.token = added.text.strip()
        self.server = self.serve()
        self.repository = self.url()

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_REST_TOKEN": self.token, **changes})

    def serve(self, *options):
        server = self.start("serve", "--store", "store", "--tokens", "tokens", "--certificate",
                            "tls.crt", "--certificate-key", "tls.key", "--listen", "127.0.0.1:0",
                            *options)
        line = server.stdout.readline().decode()
        self.port = int(re.search(r"at https://127\.0\.0\.1:(\d+);", line).group(1))
        return server

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(timeout=30)

    def url(self, repository="blog"):
        return f"https://127.0.0.1:{self.port}/{repository}"

    def at(self, repository="blog", **changes):
        return self.configure(self.url(repository), **{"ca_file": self.path("tls.crt"), **changes})

    def test_a_repository_that_is_well(self):
        store = self.at()
        self.init()
        self.expect_well(store)

    def test_a_server_that_refuses(self):
        store = self.at()
        self.stop()
        self.expect_fault(store, "port", "refused", "whether the server runs")

    def test_a_certificate_that_is_not_trusted(self):
        self.expect_fault(self.configure(self.url()), "trust", "not trusted", "ca_file")

    def test_a_token_that_is_not_known(self):
        self.expect_fault(self.at(), "login", "not known here", "token",
                          HOLDFAST_REST_TOKEN="hft_" + "0" * 64)

    def test_no_token(self):
        self.expect_fault(self.at(), "login", "there is no token", "HOLDFAST_REST_TOKEN",
                          HOLDFAST_REST_TOKEN=None)

    def test_a_token_of_another_repository(self):
        self.expect_fault(self.at("other"), "place", "is for the repository 'blog'",
                          "check the address")

    def test_a_repository_that_is_not_there(self):
        self.expect_fault(self.at(), "place", "no such repository",
                          "the name of the repository")

    def test_a_quota_that_is_used_up(self):
        self.at()
        self.init()
        self.stop()
        self.server = self.serve("--quota", "1KiB")
        self.expect_fault(self.at(), "write", "of its quota", "raise the quota")

    def test_a_server_of_something_else(self):
        server = nginx.Server(self.path("nginx"), self.path("files"))
        self.addCleanup(server.stop)
        store = self.configure(f"https://127.0.0.1:{server.tls_port}/blog", ca_file=server.ca_file)
        self.expect_fault(store, "login", "401", "check the token")
