"""The passphrase and what is backed up show nowhere; names cannot command a terminal."""

import glob
import os
import pty
import re
import subprocess

from program import BINARY, PASSPHRASE, ProgramTest

CANARY = "canary-7f3a91 passphrase that must not show"
CONTENT = b"canary content 51c2 that is stored encrypted"
NAME = "canary-name-90ab.txt"
HOSTILE = (b"red\x1b[31m", b"line\nbreak", b"bell\x07", b"carriage\rreturn", b"\xff\xfe",
           "csi\u009b31m".encode(), "turn\u202earound".encode(), b"title\x1b]0;owned\x07")


class Secrets(ProgramTest):
    def setUp(self):
        super().setUp()
        self.assertNotEqual(CANARY, PASSPHRASE)
        with open(self.passphrase_file, "w") as file:
            file.write(CANARY + "\n")
        self.write("source/" + NAME, CONTENT * 10)
        self.outputs = []
        self.call("init", "--passphrase-memory", "64KiB")

    def call(self, *arguments):
        for extra in ((), ("--json",), ("--verbose",)):
            if arguments[0] in ("init", "restore") and extra:
                continue
            result = self.run_program(*arguments, *extra)
            self.outputs += [result.out, result.err.encode()]

    def test_passphrase_and_contents_are_nowhere(self):
        self.call("backup", self.source)
        for command in (("snapshots",), ("ls", "-R", "latest"), ("stats",), ("check",),
                        ("restore", "latest", "--to", self.path("out")), ("version",)):
            self.call(*command)
        secrets = [CANARY.encode(), CANARY.encode("utf-16-le"), CANARY.encode().hex().encode()]
        for output in self.outputs:
            for secret in secrets:
                self.assertNotIn(secret, output)
        for folder in ("repository", "cache"):
            for path in glob.glob(self.path(folder) + "/**", recursive=True):
                if os.path.isfile(path):
                    self.assert_not_in_file(path, secrets + [CONTENT])
        for path in glob.glob(self.repository + "/**", recursive=True):
            self.assertNotIn(NAME, path)
            if os.path.isfile(path):
                self.assert_not_in_file(path, [NAME.encode(), self.source.encode()])

    def assert_not_in_file(self, path, needles):
        with open(path, "rb") as file:
            content = file.read()
        for needle in needles:
            self.assertNotIn(needle, content, path)

    def test_process_shows_nothing_and_leaves_no_core(self):
        process = self.start("backup", "--stdin")
        process.stdin.write(b"x" * 100_000)
        process.stdin.flush()  # more than a pipe holds: it was opened and read from
        about = f"/proc/{process.pid}/"
        shown = b"".join(open(about + name, "rb").read() for name in ("cmdline", "environ"))
        self.assertNotIn(CANARY.encode(), shown)
        with open(about + "limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), r"Max core file size +0 +0 ")
        # What is not dumpable belongs to root in /proc, and nobody else can attach or read memory.
        self.assertEqual(os.stat(about + "mem").st_uid, 0)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)

    def test_passphrase_by_argument_is_not_possible(self):
        self.run_program("snapshots", "--passphrase", CANARY, expect=2)

    def test_private_files_are_for_their_owner(self):
        self.call("backup", self.source)
        for root in (self.repository, self.path("cache")):
            for folder, _, files in os.walk(root):
                for name in [".", *files]:
                    mode = os.stat(os.path.join(folder, name)).st_mode
                    self.assertEqual(mode & 0o077, 0, os.path.join(folder, name))


class Names(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        for name in HOSTILE:
            path = os.path.join(os.fsencode(self.source), name)
            with open(path, "wb") as file:
                file.write(b"x")
        self.backup()

    def assert_harmless(self, output):
        colours = re.sub(rb"\x1b\[\d*(;\d+)*[mK]", b"", output).replace(b"\r\n", b"\n")
        for byte in colours:
            self.assertTrue(byte == 10 or 32 <= byte != 127, output)
        for name in HOSTILE:
            self.assertNotIn(name, output)
        colours.decode("utf-8")

    def commands(self):
        return (("ls", "-R", "latest"), ("find", "*red*"),
                ("restore", "latest", "--dry-run", "--to", self.path("out")),
                ("check", "--verbose"), ("backup", self.source, "--verbose", "--full"),
                ("ls", "latest:" + self.source + "/no\x1b[31msuch"))

    def test_in_a_pipe(self):
        for command in self.commands():
            completed = subprocess.run([BINARY, *command], capture_output=True, check=False,
                                       env=self.environment(), cwd=self.home, timeout=60)
            self.assert_harmless(completed.stdout)
            self.assert_harmless(completed.stderr)

    def test_on_a_terminal(self):
        for command in self.commands():
            self.assert_harmless(self.on_terminal(*command))

    def on_terminal(self, *command):
        master, slave = pty.openpty()
        process = subprocess.Popen([BINARY, *command], stdout=slave, stderr=slave,
                                   stdin=subprocess.DEVNULL, cwd=self.home,
                                   env=self.environment(TERM="xterm-256color"))
        os.close(slave)
        output = b""
        try:
            while block := os.read(master, 65536):
                output += block
        except OSError:  # the other end was closed
            pass
        os.close(master)
        process.wait(timeout=60)
        return output.replace(b"\r", b"")
