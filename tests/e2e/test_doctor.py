"""What `holdfast doctor` says of everything that can be wrong between here and a store."""

import http.server
import json
import os
import select
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid

import clocks
import mounts
import servers
import sshd
from program import NOT_FOUND, PARTIAL, ProgramTest

SUPPORT = os.path.join(os.path.dirname(__file__), "..", "support")


class DoctorTest(ProgramTest):
    def examine(self, *what, expect=PARTIAL, **changes):
        """The findings of the first subject, by their layer."""
        result = self.run_program("doctor", *what, "--json", expect=expect, **changes)
        findings = result.json["subjects"][0]["findings"]
        return {finding["layer"]: finding for finding in findings}

    def expect_fault(self, store, layer, cause, next_step, **changes):
        """One layer failed with its cause and the next step; nothing behind it was tried."""
        findings = self.examine(store, **changes)
        failed = [name for name, found in findings.items() if found["verdict"] == "failed"]
        self.assertEqual(failed, [layer], json.dumps(findings, indent=1))
        self.assertIn(cause, findings[layer]["says"])
        self.assertIn(next_step, findings[layer]["next_step"])
        before = list(findings)[:list(findings).index(layer)]
        verdicts = {findings[name]["verdict"] for name in before}
        self.assertLessEqual(verdicts, {"good", "warning"})
        return findings


def fill(place):
    """Takes all that is free."""
    with open(os.path.join(place, "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


class Local(DoctorTest):
    def setUp(self):
        super().setUp()
        self.store = self.path("store")
        os.mkdir(self.store)

    def test_a_store_that_is_well(self):
        findings = self.examine(self.store, expect=0)
        self.assertEqual({found["verdict"] for found in findings.values()}, {"good"})
        self.assertGreater(findings["upload"]["figure"], 0)
        self.assertEqual(findings["upload"]["unit"], "bytes/s")
        self.assertEqual(os.listdir(self.store), ["doctor"])
        text = self.run_program("doctor", self.store).text
        self.assertIn("ok   lock      a second object of the same name is refused", text)

    def test_a_look_writes_nothing(self):
        findings = self.examine(self.store, "--look-only", expect=0)
        self.assertNotIn("write", findings)
        self.assertEqual(os.listdir(self.store), [])

    def test_a_path_that_is_not_there(self):
        self.expect_fault(self.path("gone"), "place", "is not there", "mounted")

    def test_a_path_that_is_a_file(self):
        self.expect_fault(self.write("file", b""), "place", "is not there", "check the path")

    def test_a_mount_for_reading_only(self):
        place = mounts.mount_tmpfs(self, self.path("mount"), 1 << 20)
        mounts.remount(self, place, "ro")
        self.expect_fault(place, "write", "Read-only file system", "mount it for writing")

    def test_a_full_disk(self):
        place = mounts.mount_tmpfs(self, self.path("mount"), 64 << 10)
        fill(place)
        findings = self.expect_fault(place, "write", "No space left", "free some space")
        self.assertEqual(findings["space"]["verdict"], "warning")

    def test_little_space(self):
        place = mounts.mount_tmpfs(self, self.path("mount"), 100 << 20)
        findings = self.examine(place, expect=0)
        self.assertEqual(findings["space"]["verdict"], "warning")
        self.assertIn("prune", findings["space"]["next_step"])

    def test_a_cache_that_cannot_be_written(self):
        result = self.run_program("doctor", self.store, "--json", expect=PARTIAL,
                                  HOLDFAST_CACHE_DIR="/proc/nowhere")
        machine = result.json["subjects"][-1]
        self.assertEqual(machine["kind"], "machine")
        self.assertEqual(machine["findings"][0]["layer"], "cache folder")
        self.assertEqual(machine["findings"][0]["verdict"], "failed")

    def test_a_name_that_means_nothing(self):
        result = self.run_program("doctor", "nas", expect=NOT_FOUND)
        self.assertIn("no site or store nas", result.err)


class Site(DoctorTest):
    def configure(self, text):
        self.write("holdfast.yaml", text.encode())

    def test_what_a_site_takes_and_where_it_goes(self):
        os.mkdir(self.path("first"))
        with sqlite3.connect(self.path("shop.db")) as database:
            database.execute("create table t (x)")
        database.close()
        self.write("not.db", b"text and nothing else")
        self.configure(f"""repository: {self.path("first")}
sites:
  blog:
    files: [source, missing]
    databases:
      - sqlite: shop.db
      - sqlite: not.db
    copies: [usb]
stores:
  usb:
    url: {self.path("usb")}
    offline: true
""")
        result = self.run_program("doctor", "blog", "--json", expect=PARTIAL, HOLDFAST_REPO=None)
        site, repository, disk, _ = result.json["subjects"]
        self.assertEqual([found["verdict"] for found in site["findings"]],
                         ["good", "failed", "good", "failed"])
        self.assertIn("No such file", site["findings"][1]["says"])
        self.assertIn("no SQLite database", site["findings"][3]["says"])
        self.assertEqual(repository["name"], "repository")
        self.assertEqual({found["verdict"] for found in repository["findings"]}, {"good"})
        self.assertEqual(disk["name"], "usb")
        self.assertEqual(result.json["failed"], 2, "a disk in the safe is no failure")

    def test_without_a_name_everything_is_examined(self):
        os.mkdir(self.path("first"))
        os.mkdir(self.path("second"))
        self.configure(f"""repository: {self.path("first")}
sites:
  blog:
    files: [source]
stores:
  second:
    url: {self.path("second")}
""")
        result = self.run_program("doctor", "--json", HOLDFAST_REPO=None)
        self.assertEqual([subject["name"] for subject in result.json["subjects"]],
                         ["blog", "repository", "second", "this machine"])


class Network(DoctorTest):
    def test_a_name_without_an_address(self):
        self.expect_fault("sftp://root@no-such-host.invalid/x", "name", "has no address",
                          "getent hosts")

    def test_a_port_that_refuses(self):
        self.expect_fault("sftp://root@127.0.0.1:1/x", "port", "refused", "whether the server runs")

    def test_a_port_that_says_nothing(self):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting = []  # further connections are dropped, as a firewall does
            for _ in range(3):
                waiting.append(socket.socket())
                self.addCleanup(waiting[-1].close)
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(full.getsockname())
            self.expect_fault(f"sftp://root@127.0.0.1:{full.getsockname()[1]}/x", "port",
                              "no answer in time", "firewalls")


class Stalling(threading.Thread):
    """Passes a few bytes in each direction and then nothing more, as a wrong MTU does."""

    def __init__(self, port, bytes_max):
        super().__init__(daemon=True)
        self.target = ("127.0.0.1", port)
        self.bytes_max = bytes_max
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client):
        server = socket.create_connection(self.target)
        left = {client: self.bytes_max, server: 1 << 60}
        while True:
            for ready in select.select([side for side in left if left[side] > 0], [], [])[0]:
                data = ready.recv(min(left[ready], 16384))
                if not data:
                    return
                left[ready] -= len(data)
                (server if ready is client else client).sendall(data)


class Ssh(DoctorTest):
    def setUp(self):
        super().setUp()
        self.server = sshd.Server(self.path("sshd"))
        self.addCleanup(self.server.stop)
        os.mkdir(self.path("far"))
        self.store = self.server.url(self.path("far"))

    def environment(self, **changes):
        return super().environment(**{"HOLDFAST_SSH_CONFIG": self.server.config, **changes})

    def configure_client(self, **changes):
        lines = {"IdentityFile": self.server.path("id"), "IdentitiesOnly": "yes",
                 "UserKnownHostsFile": self.server.path("known_hosts"), **changes}
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        self.write("ssh_config", text.encode())
        return {"HOLDFAST_SSH_CONFIG": self.path("ssh_config")}

    def restart(self, more):
        """The server with further lines in its configuration."""
        with open(self.server.path("sshd_config"), encoding="utf-8") as file:
            text = "".join(line for line in file if line.split()[0] != more.split()[0])
        self.server.stop()
        self.server.write("sshd_config", text + more + "\n")
        self.server.start()

    def test_a_server_that_is_well(self):
        findings = self.examine(self.store, expect=0)
        self.assertEqual({found["verdict"] for found in findings.values()}, {"good"})
        self.assertEqual(list(findings)[:5], ["name", "port", "trust", "login", "place"])
        self.assertIn("are free", findings["space"]["says"])

    def test_a_host_key_that_nobody_accepted(self):
        changes = self.configure_client(UserKnownHostsFile="/dev/null")
        self.expect_fault(self.store, "trust", "Host key", "not known here", **changes)

    def test_a_host_key_that_changed(self):
        with open(self.server.path("id.pub.other"), "w", encoding="utf-8"):
            pass
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path("other")],
                       check=True)
        with open(self.path("other.pub"), encoding="utf-8") as key:
            self.write("known", f"[127.0.0.1]:{self.server.port} {key.read()}".encode())
        changes = self.configure_client(UserKnownHostsFile=self.path("known"))
        self.expect_fault(self.store, "trust", "Host key", "another one than before", **changes)

    def test_a_key_that_the_server_does_not_accept(self):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path("other")],
                       check=True)
        changes = self.configure_client(IdentityFile=self.path("other"))
        self.expect_fault(self.store, "login", "Permission denied", "a key that the server accepts",
                          **changes)

    def test_a_user_that_is_not_there(self):
        self.expect_fault(self.store.replace("root@", "no-such-user@"), "login",
                          "Permission denied", "a key that the server accepts")

    def test_a_user_who_is_locked_out(self):
        self.restart("DenyUsers root")
        self.expect_fault(self.store, "login", "Permission denied", "a key that the server accepts")

    def test_an_account_that_is_locked(self):
        with open("/etc/shadow", encoding="utf-8") as file:
            locked = [line.split(":")[0] for line in file if line.split(":")[1].startswith("!")]
        self.expect_fault(self.store.replace("root@", locked[0] + "@"), "login",
                          "Permission denied", "a key that the server accepts")

    def test_a_key_that_others_may_read(self):
        os.chmod(self.server.path("id"), 0o644)
        self.expect_fault(self.store, "login", "", "chmod 600")

    def test_a_server_without_sftp(self):
        self.restart("Subsystem other /bin/true")
        with open(self.server.path("sshd_config"), encoding="utf-8") as file:
            text = file.read().replace("Subsystem sftp internal-sftp\n", "")
        self.server.stop()
        self.server.write("sshd_config", text)
        self.server.start()
        self.expect_fault(self.store, "place", "subsystem request failed", "Subsystem sftp")

    def test_a_shell_that_talks(self):
        self.restart("ForceCommand echo welcome to this server")
        self.expect_fault(self.store, "login", "does not speak SFTP", "must be silent")

    def test_a_folder_that_is_not_there(self):
        self.expect_fault(self.server.url(self.path("gone")), "place", "is not there",
                          "check the path")

    def test_a_server_that_may_only_be_read(self):
        self.restart("ForceCommand internal-sftp -R")
        findings = self.examine(self.store)
        self.assertEqual(findings["place"]["verdict"], "good")
        failed = [found for found in findings.values() if found["verdict"] == "failed"]
        self.assertEqual(len(failed), 1)
        self.assertIn("ermission denied", failed[0]["says"])
        self.assertIn("what this user may do", failed[0]["next_step"])

    def test_a_full_disk_there(self):
        place = mounts.mount_tmpfs(self, self.path("mount"), 2 << 20)
        fill(place)
        findings = self.examine(self.server.url(place))
        self.assertEqual(findings["space"]["verdict"], "warning")
        failed = [found for found in findings.values() if found["verdict"] == "failed"]
        self.assertEqual(failed[0]["layer"], "write")
        self.assertIn("free some space", failed[0]["next_step"])

    def test_a_line_that_stalls(self):
        relay = Stalling(self.server.port, 60_000)
        relay.start()
        self.addCleanup(relay.listener.close)
        with open(self.server.path("known_hosts"), encoding="utf-8") as file:
            self.write("known", file.read().replace(str(self.server.port),
                                                    str(relay.port)).encode())
        changes = self.configure_client(UserKnownHostsFile=self.path("known"))
        url = self.store.replace(f":{self.server.port}", f":{relay.port}")
        self.expect_fault(url, "upload", "nothing for 10 seconds", "MTU", **changes)


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers like a bucket that is well, but for the one reply that the test wants."""

    protocol_version = "HTTP/1.1"
    answers = {}  # method -> (status, code, headers)
    stored = {}

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command in self.answers:
            status, code, headers = self.answers[self.command]
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            return self.reply(status, body, headers)
        if self.command == "GET":
            return self.reply(200, b"<ListBucketResult><IsTruncated>false</IsTruncated>"
                                   b"</ListBucketResult>")
        is_bucket = self.path.strip("/").count("/") == 0
        return self.reply(404 if self.command == "HEAD" and not is_bucket else 200)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = serve


class S3(DoctorTest):
    def setUp(self):
        super().setUp()
        self.server = servers.address_of(os.environ["HOLDFAST_TEST_SERVERS"], "rgw")
        self.store = f"s3://holdfast-doctor/{uuid.uuid4().hex}"
        self.repository = self.store

    def environment(self, **changes):
        return super().environment(**{
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server['port']}",
            "AWS_ACCESS_KEY_ID": self.server["access_key"],
            "AWS_SECRET_ACCESS_KEY": self.server["secret_key"], **changes})

    def at(self, port, scheme="https", **changes):
        return {"AWS_ENDPOINT_URL": f"{scheme}://127.0.0.1:{port}", **changes}

    def answer(self, method, status, code, *headers):
        """A store that answers so to one method."""
        handler = type("Answering", (Scripted,), {"answers": {method: (status, code, headers)}})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return self.at(server.server_address[1], "http")

    def faulty_listeners(self):
        """Servers with certificates that are wrong, each in its own way, by name."""
        os.mkdir(self.path("tls"))
        process = subprocess.Popen([sys.executable, "-B", os.path.join(SUPPORT, "http_server.py"),
                                    self.path("tls")], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        return json.loads(process.stdout.readline())

    def test_a_bucket_that_is_well(self):
        self.init()  # makes the bucket
        findings = self.examine(self.store, expect=0)
        self.assertEqual({found["verdict"] for found in findings.values()}, {"good"})
        self.assertEqual(findings["clock"]["unit"], "s")

    def test_an_endpoint_without_an_address(self):
        self.expect_fault(self.store, "name", "has no address", "getent hosts",
                          AWS_ENDPOINT_URL="https://no-such-host.invalid")

    def test_an_endpoint_that_refuses(self):
        self.expect_fault(self.store, "port", "refused", "whether the server runs", **self.at(1))

    def test_certificates(self):
        ports = self.faulty_listeners()
        trusted = {"AWS_CA_BUNDLE": self.path("tls/ca.pem")}
        faults = (("https", {}, "not trusted", "ca_file"),
                  ("alone", trusted, "self-signed", "ca_file"),
                  ("expired", trusted, "expired", "renew it"),
                  ("early", trusted, "not valid yet", "clock of this machine"),
                  ("other", trusted, "another name", "the name that the certificate has"))
        for listener, changes, cause, step in faults:
            with self.subTest(listener):
                self.expect_fault(self.store, "trust", cause, step,
                                  **self.at(ports[listener], **changes))

    def test_a_file_of_authorities_that_is_missing(self):
        self.expect_fault(self.store, "trust", "certificate authorities", "ca_file",
                          **self.at(self.server["tls_port"], AWS_CA_BUNDLE=self.path("none.pem")))

    def test_a_port_that_speaks_no_tls(self):
        self.expect_fault(self.store, "trust", "TLS could not be set up", "speaks TLS",
                          **self.at(self.server["port"]))

    def test_a_proxy_that_is_down(self):
        findings = self.examine(self.store, HTTPS_PROXY="http://127.0.0.1:1",
                                **self.at(self.server["tls_port"]))
        self.assertNotIn("port", findings)
        self.assertEqual(findings["login"]["verdict"], "failed")
        self.assertIn("127.0.0.1", findings["login"]["says"])

    def test_a_key_that_is_not_known(self):
        self.expect_fault(self.store, "login", "InvalidAccessKeyId", "check the access key",
                          AWS_ACCESS_KEY_ID="AKIANOBODY")

    def test_a_secret_that_is_wrong(self):
        self.expect_fault(self.store, "login", "SignatureDoesNotMatch", "the secret key",
                          AWS_SECRET_ACCESS_KEY="geheim")

    def test_no_credentials(self):
        self.expect_fault(self.store, "login", "no credentials", "AWS_ACCESS_KEY_ID",
                          AWS_ACCESS_KEY_ID=None)

    def test_a_bucket_that_is_not_there(self):
        self.expect_fault(f"s3://holdfast-{uuid.uuid4().hex}", "place", "NoSuchBucket",
                          "the name of the bucket")

    def test_a_clock_that_is_off(self):
        self.init()
        self.expect_fault(self.store, "clock", "RequestTimeTooSkewed", "set the clock",
                          **clocks.clock_at(self, "+2h"))

    def test_another_region(self):
        changes = self.answer("GET", 301, "PermanentRedirect",
                              ("x-amz-bucket-region", "cn-north-1"))
        self.expect_fault(self.store, "place", "PermanentRedirect", "cn-north-1", **changes)

    def test_a_bucket_of_somebody_else(self):
        changes = self.answer("GET", 403, "AccessDenied")
        self.expect_fault(self.store, "place", "AccessDenied", "policies", **changes)

    def test_a_token_that_expired(self):
        changes = self.answer("GET", 400, "ExpiredToken")
        self.expect_fault(self.store, "login", "ExpiredToken", "renew the temporary credentials",
                          **changes)

    def test_a_store_in_trouble(self):
        changes = self.answer("GET", 503, "SlowDown")
        self.expect_fault(self.store, "login", "SlowDown", "try later", **changes)

    def test_no_right_to_write(self):
        changes = self.answer("PUT", 403, "AccessDenied")
        self.expect_fault(self.store, "write", "AccessDenied", "policies", **changes)

    def test_a_quota(self):
        changes = self.answer("PUT", 403, "QuotaExceeded")
        self.expect_fault(self.store, "write", "QuotaExceeded", "raise the quota", **changes)
