"""Runs that are stopped by a signal: they end cleanly, and the next one goes on from there."""

import json
import os
import shutil
import signal
import subprocess

from clocks import clock_at
from program import BINARY, DONE, INTERRUPTED
from site_case import SiteTest
from trees import describe, differences, wrongly_finished

# More than fits into the packs that are open at once: some are sealed when the signal comes.
FILES, FILE_SIZE = 2000, 128 << 10
STORED_BEFORE = 100 << 20


class Interrupted(SiteTest):
    def make_many(self):
        for i in range(FILES):
            self.write(f"source/{i // 100}/{i}", os.urandom(FILE_SIZE))

    def stop_when_stored(self, process, signal_number):
        """Sends the signal when progress says that so much was stored."""
        for line in process.stderr:
            progress = json.loads(line) if line.startswith(b"{") else {}
            if progress.get("bytes_stored", 0) >= STORED_BEFORE:
                break
        process.send_signal(signal_number)
        return self.wait_for(process)

    def interrupted_backup(self, signal_number, expected_code):
        self.make_many()
        # Files that changed a moment ago are not trusted by their times: an hour later they are.
        later = clock_at(self, "+1h")
        process = self.start("backup", self.source, "--json", "--progress", "json", **later)
        result = self.stop_when_stored(process, signal_number)
        self.assertEqual(result.code, expected_code, result.err)
        self.assert_nothing_lost()
        run = self.backup(self.source, **later)
        statistics = run["snapshot"]["statistics"]
        # What was sealed is not stored again, and files that were finished are not read again.
        self.assertLess(statistics["bytes_new"], FILES * FILE_SIZE * 3 // 4)
        self.assertLess(statistics["bytes_read"], FILES * FILE_SIZE)
        self.expected[run["snapshot"]["id"]] = describe(self.source)
        self.assert_nothing_lost()

    def test_backup_by_sigint(self):
        self.interrupted_backup(signal.SIGINT, INTERRUPTED)

    def test_backup_by_sigterm(self):
        self.interrupted_backup(signal.SIGTERM, INTERRUPTED)

    def test_backup_by_sigkill(self):
        self.interrupted_backup(signal.SIGKILL, -signal.SIGKILL)

    def test_restore_by_sigkill_goes_on(self):
        self.make_many()
        taken = self.back_up_again()
        target = self.path("out")
        process = self.start("restore", taken, "--to", target, "--progress", "json")
        for line in process.stderr:
            if json.loads(line).get("bytes_done", 0) >= FILES * FILE_SIZE // 4:
                break
        process.kill()
        self.wait_for(process)
        self.assertEqual(wrongly_finished(self.expected[taken], describe(target + self.source)), [])
        again = self.run_program("restore", taken, "--to", target, "--into-existing", "--json")
        self.assertEqual(differences(self.expected[taken], describe(target + self.source)), [])
        self.assertLess(again.json["bytes_written"], FILES * FILE_SIZE)

    def test_a_reader_that_goes_away(self):
        """A closed pipe neither kills the backup nor makes it hang."""
        self.write("source/more", b"more")
        for command in (["backup", self.source, "--json", "--verbose"], ["ls", "-R", "latest"]):
            read_end, write_end = os.pipe()
            os.close(read_end)
            completed = subprocess.run([BINARY, *command], stdout=write_end, timeout=60,
                                       stderr=subprocess.PIPE, env=self.environment(), check=False)
            os.close(write_end)
            self.assertGreaterEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual(len(self.snapshots()), 2)
        self.assert_nothing_lost_but_new()

    def assert_nothing_lost_but_new(self):
        self.run_program("check", "--read-data")
        self.assert_restores(self.first)

    def test_a_second_signal_ends_at_once(self):
        fifo = self.path("pipe")
        os.mkfifo(fifo)
        process = self.start("backup", "--stdin", "--json")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        result = self.wait_for(process)
        self.assertIn(result.code, (DONE, INTERRUPTED, -signal.SIGINT))
        self.assert_nothing_lost()
        shutil.rmtree(self.source)
