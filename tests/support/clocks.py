"""Clocks that are wrong, by libfaketime: only the program sees them, and not for file times."""

import glob
import os


def clock_at(test, offset):
    """Environment variables for a clock moved by `offset` ("-30d"), or set ("@1970-01-02 0:00:00").

    The program stays the process that was started, so that signals reach it.
    """
    return {**_preloaded(test), "FAKETIME": offset}


class JumpingClock:
    """The true time until jump("+1d") says otherwise, to a program that runs with `variables`."""

    def __init__(self, test):
        self.path = test.path("clock")
        self.jump("+0")
        self.variables = {**_preloaded(test), "FAKETIME_TIMESTAMP_FILE": self.path,
                          "FAKETIME_NO_CACHE": "1"}

    def jump(self, offset):
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(offset + "\n")
        os.replace(self.path + ".new", self.path)


def _preloaded(test):
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        test.fail("libfaketime is missing: install the Debian package faketime")
    return {"LD_PRELOAD": libraries[0], "NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": "verify_asan_link_order=0"}
