"""Limits of bandwidth on the command line and in holdfast.yaml."""

import os
import time

from program import DONE, INTERRUPTED, TIMEOUT_SECONDS, USAGE, ProgramTest

SLOW = "128KiB"  # 20 MB of what is written here take longer than any deadline of a test


class Limits(ProgramTest):
    def configure(self, text):
        path = self.write("holdfast.yaml.new", f"repository: {self.repository}\n{text}".encode())
        os.rename(path, self.path("holdfast.yaml"))

    def wait_until(self, happened):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not happened():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def stored_bytes(self):
        return sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(self.repository) for name in names)

    def start_slow_backup(self, *options):
        """A backup of 20 MB that has begun to write."""
        self.init()
        self.write("source/large", os.urandom(20_000_000))
        before = self.stored_bytes()
        process = self.start("backup", *options, self.source)
        self.wait_until(lambda: self.stored_bytes() > before + 20_000)
        return process

    def test_a_limit_that_is_lifted_in_the_file_lets_a_running_backup_end(self):
        self.configure(f"limit: {{up: {SLOW}}}\n")
        process = self.start_slow_backup()
        self.assertIsNone(process.poll())
        self.configure("limit: none\n")
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        self.assertEqual(process.returncode, DONE, errors)
        self.assertIn(b"its limits of bandwidth hold from here on", errors)
        self.run_program("check", "--read-data")

    def test_a_run_that_waits_for_its_turn_can_be_stopped(self):
        process = self.start_slow_backup("--limit-upload", SLOW)
        process.terminate()
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        self.assertEqual(process.returncode, INTERRUPTED, errors)

    def test_the_command_line_goes_before_the_file(self):
        self.configure(f"limit: {SLOW}\n")
        self.init()
        self.write("source/large", os.urandom(20_000_000))
        free = ("--limit-upload", "none", "--limit-download", "none")
        self.backup(self.source, *free)
        self.run_program("restore", "latest", "--to", self.path("out"), *free)

    def test_a_rate_that_is_none_is_said(self):
        self.init()
        for rate in ("fast", "100", "20MiB/h"):
            result = self.run_program("backup", "--limit-upload", rate, self.source, expect=USAGE)
            self.assertIn("--limit-upload", result.err)
        self.configure("limit:\n  windows:\n    - {from: 8, up: 1MiB}\n")
        result = self.run_program("backup", "site", expect=USAGE)
        self.assertIn("holdfast.yaml:4:14: limit.windows.from is no time of day", result.err)
