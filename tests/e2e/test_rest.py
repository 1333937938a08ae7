"""A repository that 'holdfast serve --store' serves to other machines."""

import os
import re
import signal
import subprocess
import threading

import trees
from mounts import mount_tmpfs, resize_tmpfs
from program import (ACCESS_DENIED, CONFLICT, DONE, NO_SPACE, NOT_FOUND, UNAVAILABLE, USAGE,
                     ProgramTest)


class Rest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.store = self.path("store")
        os.mkdir(self.store)
        for name in ("tls", "other"):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.path(name + ".key"),
                 "-out", self.path(name + ".crt")], check=True, capture_output=True)
        self.tokens = {"appender": self.add_token("appender"),
                       "keeper": self.add_token("keeper", "--full")}
        self.port = 0
        self.server = self.serve()
        self.repository = f"https://127.0.0.1:{self.port}/blog"
        self.configure()

    def add_token(self, name, *options, repository="blog"):
        result = self.run_program("token", "add", name, "--repository", repository, "--tokens",
                                  "tokens", *options)
        token = result.text.strip()
        self.assertTrue(token.startswith("hft_"))
        self.assertNotIn(token[4:], self.read("tokens").decode(), "only its hash is kept")
        return token

    def serve(self, *options):
        """A server on the same port as the one before it."""
        server = self.start(
            "serve", "--store", self.store, "--tokens", "tokens", "--certificate", "tls.crt",
            "--certificate-key", "tls.key", "--listen", f"127.0.0.1:{self.port}", *options)
        line = server.stdout.readline().decode()
        found = re.search(r"at https://127\.0\.0\.1:(\d+);", line)
        self.assertTrue(found, line)
        self.port = int(found.group(1))
        return server

    def stop(self, how=signal.SIGTERM):
        self.server.send_signal(how)
        code = self.server.wait(timeout=30)
        self.assertEqual(code, DONE if how == signal.SIGTERM else -how)

    def configure(self, **settings):
        values = {"url": self.repository, "ca_file": "tls.crt", **settings}
        text = f"repository: {self.repository}\nstores:\n  far:\n"
        text += "".join(f"    {key}: {value}\n" for key, value in values.items() if value)
        self.write("holdfast.yaml", text.encode())

    def environment(self, **changes):
        token = getattr(self, "tokens", {}).get("appender")
        return super().environment(
            **{"HOLDFAST_REPO": None, "HOLDFAST_REST_TOKEN": token, **changes})

    def as_keeper(self):
        return {"HOLDFAST_REST_TOKEN": self.tokens["keeper"]}

    def test_what_goes_there_comes_back(self):
        self.init()
        first = self.backup()["snapshot"]
        self.write("source/large", os.urandom(15_000_000))
        self.backup()
        self.assertEqual(self.backup()["snapshot"]["statistics"]["bytes_new"], 0)
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("check", "--read-data")
        self.run_program("forget", first["id"], "--prune", "--yes", **self.as_keeper())
        self.assertNotIn(first["id"], [snapshot["id"] for snapshot in self.snapshots()])
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        self.stop()
        # On its own machine it is a folder like any other.
        there = os.path.join(self.store, "blog")
        self.run_program("-r", there, "check", "--read-data")
        self.assertEqual(os.listdir(os.path.join(there, "leases")), [])
        left = [name for _, _, names in os.walk(there) for name in names if name.startswith(".")]
        self.assertEqual(left, [], "nothing temporary stays")

    def test_an_append_only_token_takes_nothing_away(self):
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.write("source/more", os.urandom(100_000))
        self.backup()
        os.remove(self.path("source/more"))
        last = self.backup()["snapshot"]["id"]
        for command in (("forget", first, "--yes"), ("forget", "--keep-last", "1", "--yes")):
            result = self.run_program(*command, expect=ACCESS_DENIED)
            self.assertIn("append-only", result.err)
            self.assertIn("token of kind full", result.err)
        self.assertEqual(len(self.snapshots()), 3)
        self.run_program("forget", "--keep-last", "1", "--yes", **self.as_keeper())
        result = self.run_program("prune", "--yes", expect=ACCESS_DENIED)
        self.assertIn("append-only", result.err)
        self.assertEqual([snapshot["id"] for snapshot in self.snapshots()], [last])
        self.run_program("prune", "--yes", **self.as_keeper())
        self.run_program("check", "--read-data")

    def test_who_has_no_token_or_a_wrong_one_does_not_get_in(self):
        result = self.run_program("init", expect=ACCESS_DENIED, HOLDFAST_REST_TOKEN="hft_wrong")
        self.assertIn("not known", result.err)
        self.assertNotIn("hft_wrong", result.err)
        result = self.run_program("init", expect=ACCESS_DENIED, HOLDFAST_REST_TOKEN=None)
        self.assertIn("HOLDFAST_REST_TOKEN", result.err)
        other = self.add_token("other", repository="other")
        result = self.run_program("init", expect=ACCESS_DENIED, HOLDFAST_REST_TOKEN=other)
        self.assertIn("is for the repository 'other'", result.err)
        self.assertEqual(os.listdir(self.store), [])

    def test_a_token_comes_from_a_file_or_a_command_and_can_be_taken_back(self):
        alone = {"HOLDFAST_REST_TOKEN": None}
        path = self.write("token", self.tokens["appender"].encode() + b"\n")
        os.chmod(path, 0o600)
        self.configure(token_file="token")
        self.run_program("init", "--passphrase-memory", "64KiB", **alone)
        self.configure(token_command="[cat, token]")
        self.run_program("snapshots", **alone)
        listed = self.run_program("token", "list", "--tokens", "tokens", "--json").json["tokens"]
        self.assertEqual([token["kind"] for token in listed], ["append-only", "full"])
        self.run_program("token", "remove", "appender", "--tokens", "tokens")
        self.run_program("snapshots", expect=ACCESS_DENIED, **alone)
        self.run_program("token", "remove", "appender", "--tokens", "tokens", expect=NOT_FOUND)
        self.configure()
        self.run_program("snapshots", **self.as_keeper())

    def test_a_certificate_that_is_not_trusted_is_refused(self):
        for ca_file in (None, "other.crt"):
            self.configure(ca_file=ca_file)
            result = self.run_program("init", expect=ACCESS_DENIED)
            self.assertIn("not trusted", result.err)
            self.assertIn("ca_file", result.err)

    def test_a_quota_that_is_used_up_fails_until_it_is_raised(self):
        self.stop()
        self.server = self.serve("--quota", "8MB")
        self.init()
        self.backup()
        self.write("source/large", os.urandom(20_000_000))
        result = self.run_program("backup", self.source, expect=NO_SPACE)
        self.assertIn("the repository 'blog' is full", result.err)
        self.assertIn("raise the quota", result.err)
        self.assertEqual(len(self.snapshots()), 1)
        self.stop()
        self.server = self.serve("--quota", "80MB")
        self.backup()
        self.run_program("check", "--read-data")

    def test_a_disk_that_is_full_fails_until_it_is_not(self):
        disk = mount_tmpfs(self, os.path.join(self.store, "blog"), 8 << 20)
        self.init()
        self.write("source/large", os.urandom(20_000_000))
        result = self.run_program("backup", self.source, expect=NO_SPACE)
        self.assertIn("the disk of the server is full", result.err)
        resize_tmpfs(self, disk, 64 << 20)
        self.backup()
        self.run_program("check", "--read-data")

    def test_a_server_that_is_killed_in_the_middle_loses_nothing(self):
        self.configure(patience="1s")
        self.init()
        first = self.backup()["snapshot"]["id"]
        self.write("source/large", os.urandom(90_000_000))
        running = self.start("backup", self.source)
        packs = os.path.join(self.store, "blog", "packs")
        # Once something of the new pack is there, under whatever name.
        while self.bytes_in(packs) < 2_000_000 and running.poll() is None:
            threading.Event().wait(0.01)
        self.stop(signal.SIGKILL)
        _, errors = running.communicate()
        self.assertIn(running.returncode, (UNAVAILABLE, CONFLICT), errors)
        self.server = self.serve()
        self.assertEqual([snapshot["id"] for snapshot in self.snapshots()], [first])
        self.backup()
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_a_server_that_is_down_is_said(self):
        self.init()
        self.stop()
        result = self.run_program("snapshots", expect=UNAVAILABLE)
        self.assertIn("Connection refused", result.err)
        self.assertIn("whether the server runs", result.err)

    def test_a_repository_that_is_not_there_is_said(self):
        result = self.run_program("snapshots", expect=NOT_FOUND)
        self.assertIn("name of the repository", result.err)

    def test_what_the_server_lacks_is_said(self):
        usual = {"--store": self.store, "--tokens": "tokens", "--certificate": "tls.crt",
                 "--certificate-key": "tls.key", "--listen": "127.0.0.1:0"}

        def serve(expect, **changes):
            options = {**usual, **{"--" + key.replace("_", "-"): value
                                   for key, value in changes.items()}}
            words = [word for pair in options.items() if pair[1] for word in pair]
            return self.run_program("serve", *words, expect=expect).err

        self.assertIn("--tokens is missing", serve(USAGE, tokens=None))
        self.assertIn("is not there", serve(NOT_FOUND, store=self.path("absent")))
        self.assertIn("cannot be used", serve(USAGE, certificate="absent"))
        self.assertIn("cannot be used", serve(USAGE, certificate_key="other.key"))
        self.assertIn("ADDRESS:PORT", serve(USAGE, listen="8440"))
        os.chmod(self.path("tokens"), 0o644)
        self.assertIn("chmod 600", serve(ACCESS_DENIED))
