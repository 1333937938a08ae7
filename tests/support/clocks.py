"""Clocks that are wrong, by libfaketime: only the program sees them, and not for file times."""

import glob


def clock_at(test, offset):
    """Environment variables for a clock moved by `offset` ("-30d"), or set ("@1970-01-02 0:00:00").

    The program stays the process that was started, so that signals reach it.
    """
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        test.fail("libfaketime is missing: install the Debian package faketime")
    return {"LD_PRELOAD": libraries[0], "FAKETIME": offset, "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": "verify_asan_link_order=0"}
