#!/usr/bin/env python3
"""What a site is, in everything: manifest.py take SITE FILE, or compare FILE RESTORED LOW HIGH.

`take` writes down type, mode, owner, modification time to the nanosecond, size, content, link
target, which names are one file, the holes of sparse files and extended attributes of every entry,
and every row of every table of the database. `compare` checks a restored site against that: each
difference is printed, and one is enough for exit code 1. The database was in use while it was
backed up: of its table `ledger` exactly the first N rows must be there, LOW <= N <= HIGH.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import shutil
import stat
import sys
import tempfile

DATABASE = "chinook.db"
# What SQLite keeps beside a database in use: part of the database, not of the tree.
DATABASE_FILES = {DATABASE + suffix for suffix in ("", "-wal", "-shm", "-journal")}


def data_extents(fd: int, size: int) -> list[list[int]]:
    """Where a file has data, as [begin, end) pairs: all else is holes."""
    extents, at = [], 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        extents.append([begin, at])
    return extents


def describe_content(path: str, size: int) -> dict[str, object]:
    with open(path, "rb", buffering=0) as file:
        extents = data_extents(file.fileno(), size)
        digest = hashlib.blake2b(digest_size=16)
        for begin, end in extents:
            file.seek(begin)
            digest.update(f"{begin}:{end};".encode())
            while begin < end:
                piece = file.read(min(end - begin, 1 << 20))
                digest.update(piece)
                begin += len(piece)
    return {"data": extents, "content": digest.hexdigest()}


def describe(path: str) -> dict[str, object]:
    info = os.lstat(path)
    entry: dict[str, object] = {
        "type": stat.S_IFMT(info.st_mode),
        "mode": oct(stat.S_IMODE(info.st_mode)),
        "owner": [info.st_uid, info.st_gid],
        "modified_ns": info.st_mtime_ns,
    }
    if stat.S_ISLNK(info.st_mode):
        entry["link_target"] = os.fsencode(os.readlink(path)).hex()
    if stat.S_ISREG(info.st_mode):
        entry["size"] = info.st_size
        entry |= describe_content(path, info.st_size)
    if not stat.S_ISLNK(info.st_mode):
        try:
            names = sorted(os.listxattr(path))
            entry["attributes"] = {name: os.getxattr(path, name).hex() for name in names}
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
    return entry


def describe_tree(site: str) -> dict[str, object]:
    entries: dict[str, dict[str, object]] = {os.fsencode(".").hex(): describe(site)}
    first_names: dict[tuple[int, int], str] = {}
    for folder, subfolders, names in os.walk(site):
        for name in sorted(subfolders + names):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, site)
            if relative in DATABASE_FILES:
                continue
            key = os.fsencode(relative).hex()
            entries[key] = describe(path)
            info = os.lstat(path)
            if stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                inode = info.st_dev, info.st_ino
                entries[key]["same_file_as"] = first_names.setdefault(inode, key)
    return entries


def describe_database(path: str) -> dict[str, object]:
    """Mode, owner and all rows, read from a copy: opening a database may write beside it."""
    info = os.stat(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, DATABASE)
        for suffix in ("", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, copy + suffix)
        return {
            "mode": oct(stat.S_IMODE(info.st_mode)),
            "owner": [info.st_uid, info.st_gid],
            "integrity": integrity(copy),
            "rows": all_rows(copy),
        }


def all_rows(path: str) -> dict[str, list[list[str]]]:
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    rows = {table: [[repr(value) for value in row] for row in
                    connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')]
            for table in tables}
    connection.close()
    return rows


def integrity(path: str) -> str:
    connection = sqlite3.connect(path)
    verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return str(verdict)


def tree_differences(before: dict, after: dict) -> list[str]:
    found = []
    for key in sorted(before.keys() | after.keys()):
        name = os.fsdecode(bytes.fromhex(key)).encode("utf-8", "backslashreplace").decode()
        if key not in after:
            found.append(f"{name!r} did not come back")
        elif key not in before:
            found.append(f"{name!r} was never there")
        else:
            found += [f"{name!r}: {what} was {before[key].get(what)!r}, is {after[key].get(what)!r}"
                      for what in sorted(before[key].keys() | after[key].keys())
                      if before[key].get(what) != after[key].get(what)]
    return found


def database_differences(before: dict, after: dict, low: int, high: int) -> list[str]:
    found = [f"database: {what} was {before[what]!r}, is {after[what]!r}"
             for what in ("mode", "owner", "integrity") if before[what] != after[what]]
    before, after = before["rows"], after["rows"]
    for table in sorted(before.keys() ^ after.keys()):
        found.append(f"table {table} is on one side only")
    for table in sorted((before.keys() & after.keys()) - {"ledger"}):
        if before[table] != after[table]:
            found.append(f"table {table} has other rows")
    ledger, original = after.get("ledger", []), before["ledger"]
    if not low <= len(ledger) <= high:
        found.append(f"ledger has {len(ledger)} rows; it had {low} when the backup began, "
                     f"{high} when it ended")
    if ledger != original[: len(ledger)]:
        found.append("ledger is not the first rows of the original")
    return found


def compare(manifest: dict, restored: str, low: int, high: int) -> int:
    differences = tree_differences(manifest["tree"], describe_tree(restored))
    database = describe_database(os.path.join(restored, DATABASE))
    differences += database_differences(manifest["database"], database, low, high)
    if database["integrity"] != "ok":
        differences.append(f"integrity_check says {database['integrity']}")
    for difference in differences[:20]:
        print(f"  DIFFERENT: {difference}")
    if differences:
        print(f"  {len(differences)} differences")
        return 1
    files = [entry for entry in manifest["tree"].values() if "content" in entry]
    rows = database["rows"]
    print(f"  {len(manifest['tree']):,} entries equal: type, mode, owner, times, links, attributes")
    print(f"  {len(files):,} files equal in every byte and every hole")
    print(f"  {sum(map(len, rows.values())):,} rows in {len(rows)} tables equal, integrity_check "
          f"ok; the ledger stops at {len(rows['ledger']):,}")
    return 0


def main() -> int:
    if len(sys.argv) == 4 and sys.argv[1] == "take":
        site, path = sys.argv[2:]
        manifest = {"tree": describe_tree(site),
                    "database": describe_database(os.path.join(site, DATABASE))}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(manifest, file)
        return 0
    if len(sys.argv) == 6 and sys.argv[1] == "compare":
        with open(sys.argv[2], encoding="utf-8") as file:
            return compare(json.load(file), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
