#!/usr/bin/env python3
"""Keeps a SQLite database busy: ledger.py DATABASE REPORT, until its standard input closes.

Commits one row after the other into the table `ledger`, and never checkpoints its write-ahead log.
REPORT gets one line of JSON after each ten commits and at the end: the last committed id and the
slowest commit in milliseconds. So the demo can tell how far the ledger was when a backup began and
when it ended.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import sys
import time


def write_report(path: str, last: int, slowest_ms: float) -> None:
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump({"last": last, "slowest_ms": round(slowest_ms, 1)}, file)
    os.replace(temporary, path)


def asked_to_stop() -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and sys.stdin.readline() == ""


def main() -> None:
    database, report = sys.argv[1:]
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    last = connection.execute("SELECT coalesce(max(id), 0) FROM ledger").fetchone()[0]
    slowest_ms = 0.0
    while not asked_to_stop():
        for _ in range(10):
            begun = time.monotonic()
            connection.execute("INSERT INTO ledger VALUES (?, ?)", (last + 1, f"entry {last + 1}"))
            slowest_ms = max(slowest_ms, (time.monotonic() - begun) * 1000)
            last += 1
        write_report(report, last, slowest_ms)
        select.select([sys.stdin], [], [], 0.002)
    write_report(report, last, slowest_ms)
    # Leaving without close(): a clean close would checkpoint and delete the write-ahead log.
    os._exit(0)


if __name__ == "__main__":
    main()
