"""The program under test, in a temporary home of its own."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

BINARY = os.path.abspath(os.environ.get("HOLDFAST_BINARY", "build/dev/holdfast"))
PASSPHRASE = "correct horse battery staple"
TIMEOUT_SECONDS = 120

DONE, INTERNAL, USAGE, PARTIAL, NOT_FOUND, ALREADY_EXISTS = 0, 1, 2, 3, 4, 5
ACCESS_DENIED, CORRUPT, CONFLICT, UNAVAILABLE, IO, UNSUPPORTED, NO_SPACE = 6, 7, 8, 9, 10, 11, 12
WRONG_KEY, SOURCE_FAILED, TAMPERED, INTERRUPTED = 13, 14, 15, 130


class Result:
    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr.decode("utf-8", "replace")

    @property
    def text(self):
        return self.out.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.out)


class ProgramTest(unittest.TestCase):
    """A fresh folder with a passphrase and a small tree for each test."""

    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-e2e."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.repository = self.path("repository")
        self.passphrase_file = self.path("passphrase")
        with open(self.passphrase_file, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(PASSPHRASE + "\n")
        self.source = self.path("source")
        self.write("source/readme.txt", b"read me\n")
        self.write("source/folder/data.bin", bytes(range(256)) * 1000)
        os.symlink("readme.txt", self.path("source/link"))

    def path(self, name):
        return os.path.join(self.home, name)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def environment(self, **changes):
        variables = {
            "PATH": os.environ["PATH"], "HOME": self.home, "TZ": "UTC", "TERM": "dumb",
            "HOLDFAST_REPO": self.repository, "HOLDFAST_CACHE_DIR": self.path("cache"),
            "HOLDFAST_PASSPHRASE_FILE": self.passphrase_file}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH"):
            if key in os.environ:
                variables[key] = os.environ[key]
        variables.update(changes)
        return {key: value for key, value in variables.items() if value is not None}

    def run_program(self, *arguments, stdin=b"", expect=DONE, **changes):
        """Runs one command line without a terminal and checks its exit code."""
        completed = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True,
                                   env=self.environment(**changes), cwd=self.home,
                                   timeout=TIMEOUT_SECONDS, start_new_session=True, check=False)
        result = Result(completed)
        self.assertEqual(result.code, expect,
                         f"{arguments}\n{result.out[:2000]!r}\n{result.err}")
        return result

    def init(self):
        # A cheap passphrase: what it costs is not what these tests are about.
        return self.run_program("init", "--passphrase-memory", "64KiB", "--json").json

    def backup(self, *arguments, expect=DONE, **options):
        """The first run of a backup."""
        chosen = arguments or (self.source,)
        result = self.run_program("backup", "--json", *chosen, expect=expect, **options)
        return result.json["runs"][0]

    def snapshots(self):
        return self.run_program("snapshots", "--json").json["snapshots"]

    def start(self, *arguments, **changes):
        """Starts the program and does not wait for it."""
        process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.home,
                                   env=self.environment(**changes), start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def bytes_in(folder):
        """Of all files below it, while somebody writes there."""
        total = 0
        for path, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(path, name)).st_size
                except FileNotFoundError:  # it just got its name
                    continue
        return total

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
