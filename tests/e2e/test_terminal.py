"""What a person at a terminal sees and is asked."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

from program import BINARY, INTERRUPTED, PASSPHRASE, USAGE, ProgramTest

PATIENCE_SECONDS = 60


class Terminal:
    """The program with a terminal of its own."""

    def __init__(self, test, *arguments, columns=80, **changes):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x18\x00" + bytes([columns, 0]) + bytes(4))
        self.process = subprocess.Popen(
            [BINARY, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=test.home,
            env=test.environment(**changes), close_fds=True,
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
        self.slave = slave
        self.seen = ""
        test.addCleanup(self.close)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536).decode("utf-8", "replace")

    def expect(self, text):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.seen:
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} is not in {self.seen!r}")
            self.read(0.05)

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        self.read(0)
        return self.process.wait(timeout=1)


class Passphrases(ProgramTest):
    def test_asked_twice_by_init_and_never_shown(self):
        terminal = Terminal(self, "init", "--passphrase-memory", "64KiB",
                            HOLDFAST_PASSPHRASE_FILE=None)
        terminal.expect("New passphrase: ")
        terminal.type(PASSPHRASE + "\n")
        terminal.expect("The same again: ")
        terminal.type(PASSPHRASE + "\n")
        self.assertEqual(terminal.end(), 0, terminal.seen)
        self.assertNotIn(PASSPHRASE, terminal.seen)
        again = Terminal(self, "snapshots", HOLDFAST_PASSPHRASE_FILE=None)
        again.expect("Passphrase: ")
        again.type(PASSPHRASE + "\n")
        self.assertEqual(again.end(), 0, again.seen)
        self.assertIn("no snapshots", again.seen)

    def test_two_that_differ(self):
        terminal = Terminal(self, "init", HOLDFAST_PASSPHRASE_FILE=None)
        terminal.expect("New passphrase: ")
        terminal.type("one\n")
        terminal.expect("The same again: ")
        terminal.type("two\n")
        self.assertEqual(terminal.end(), USAGE)
        self.assertFalse(os.path.exists(self.repository + "/format"))

    def test_an_interrupted_question_gives_the_terminal_back(self):
        terminal = Terminal(self, "init", HOLDFAST_PASSPHRASE_FILE=None)
        terminal.expect("New passphrase: ")
        self.assertFalse(termios.tcgetattr(terminal.slave)[3] & termios.ECHO)
        terminal.type("\x03")
        self.assertEqual(terminal.end(), INTERRUPTED, terminal.seen)
        self.assertTrue(termios.tcgetattr(terminal.slave)[3] & termios.ECHO)


class Questions(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.backup()
        self.write("source/readme.txt", b"changed\n")

    def test_in_place_asks_and_takes_no_for_an_answer(self):
        terminal = Terminal(self, "restore", "latest", "--in-place")
        terminal.expect("[y/N] ")
        terminal.type("n\n")
        self.assertEqual(terminal.end(), USAGE)
        self.assertEqual(self.read("source/readme.txt"), b"changed\n")

    def test_in_place_asks_and_goes_on(self):
        terminal = Terminal(self, "restore", "latest", "--in-place")
        terminal.expect("[y/N] ")
        terminal.type("yes\n")
        self.assertEqual(terminal.end(), 0, terminal.seen)
        self.assertEqual(self.read("source/readme.txt"), b"read me\n")


class ProgressLine(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        for number in range(300):
            self.write(f"source/many/{number}-" + "x" * 60, os.urandom(20_000))

    def test_is_redrawn_within_the_width_and_removed(self):
        terminal = Terminal(self, "backup", self.source, columns=60)
        self.assertEqual(terminal.end(), 0, terminal.seen)
        lines = re.findall(r"\r\x1b\[K([^\r\x1b\n]*)", terminal.seen)
        self.assertTrue(lines)
        self.assertLess(max(map(len, lines)), 60)
        self.assertIn("snapshot", terminal.seen.rsplit("\x1b[K", 1)[-1])

    def test_none_when_quiet(self):
        terminal = Terminal(self, "backup", self.source, "--quiet")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn("\x1b[K", terminal.seen)

    def test_colours_only_where_they_are_wanted(self):
        plain = Terminal(self, "backup", self.source, TERM="xterm", NO_COLOR="1")
        self.assertEqual(plain.end(), 0)
        self.assertNotIn("\x1b[1m", plain.seen)
        colourful = Terminal(self, "backup", self.source, TERM="xterm")
        self.assertEqual(colourful.end(), 0)
        self.assertIn("\x1b[1m", colourful.seen)
