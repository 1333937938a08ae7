#!/usr/bin/env python3
"""Makes a small real site, or changes it: make_site.py make|change SITE [CHINOOK_DATABASE].

The site has what makes backups hard: many small texts, pictures that do not compress, a file that
grew for years, a disk image full of holes, names that are not text, hard links, symlinks, extended
attributes, and a database in use.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
import sys
import zlib
from pathlib import Path

PAGES = 1500
PICTURES = 60
PICTURE_BYTES = 1_000_000
LOG_LINES = 300_000
IMAGE_BYTES = 1 << 30
WORDS = ("backup restore site point index chunk pack tree snapshot store key slot epoch segment "
         "source target drill plan copy page frame ledger track album artist invoice").split()


def png(rng: random.Random, size: int) -> bytes:
    """A file that begins and ends like a picture and compresses as badly as one."""

    def part(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", 1920, 1080, 8, 2, 0, 0, 0)
    parts = part(b"IHDR", header) + part(b"IDAT", rng.randbytes(size)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def page(rng: random.Random, number: int) -> str:
    body = "\n".join(" ".join(rng.choices(WORDS, k=12)) for _ in range(rng.randrange(5, 120)))
    return f"# Page {number}\n\n{body}\n"


def log_lines(rng: random.Random, first: int, count: int) -> str:
    return "".join(f"2026-11-{1 + n // 20000:02d} request={n} path=/{rng.choice(WORDS)}/{n % 977} "
                   f"status={rng.choice((200, 200, 200, 304, 404))} bytes={rng.randrange(9999)}\n"
                   for n in range(first, first + count))


def set_age(path: Path, rng: random.Random) -> None:
    """A modification time in the past, to the nanosecond."""
    moment = 1_700_000_000_000_000_000 + rng.randrange(10**17)
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def set_attribute(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError as error:
        print(f"  no extended attributes here ({error.strerror}): going on without")


def make_uploads(uploads: Path, rng: random.Random) -> None:
    for number in range(PAGES):
        path = uploads / "pages" / f"{number // 100:02d}" / f"page-{number:04d}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(rng, number))
        set_age(path, rng)
    (uploads / "pictures").mkdir()
    for number in range(PICTURES):
        path = uploads / "pictures" / f"photo {number:03d}.png"
        path.write_bytes(png(rng, rng.randrange(PICTURE_BYTES // 2, PICTURE_BYTES)))
        set_age(path, rng)


def make_oddities(odd: Path, rng: random.Random) -> None:
    odd.mkdir()
    (odd / "access.log").write_text(log_lines(rng, 0, LOG_LINES))
    with open(odd / "disk.img", "wb") as image:
        image.truncate(IMAGE_BYTES)
        for offset in (0, IMAGE_BYTES // 3 // 4096 * 4096, IMAGE_BYTES - 4096):
            image.seek(offset)
            image.write(rng.randbytes(4096))
    (odd / "empty").touch()
    (odd / "first name").write_text("one file, two names\n")
    os.link(odd / "first name", odd / "second name")
    (odd / "up").symlink_to("../pages/00")
    (odd / "nowhere").symlink_to("/does/not/exist")
    os.mkfifo(odd / "pipe")
    (odd / "\u4e2d\u6587\u540d\u5b57 \U0001f680.txt").write_text("names are bytes\n")
    with open(os.path.join(os.fsencode(odd), b"not text \xff\xfe\n"), "wb") as file:
        file.write(b"a name that is no text\n")
    (odd / ("long" + "g" * 251)).write_text("a name of 255 bytes\n")
    deep = odd.joinpath(*["deeper"] * 40)
    deep.mkdir(parents=True)
    (deep / "bottom").write_text("forty levels down\n")
    (odd / "private").write_text("only the owner reads this\n")
    (odd / "private").chmod(0o400)
    (odd / "tool").write_text("#!/bin/sh\n")
    (odd / "tool").chmod(0o6755)
    set_attribute(odd / "private", "user.origin", b"camera 7\0raw")
    set_attribute(odd, "user.comment", "\u6279\u6ce8".encode())
    if os.geteuid() == 0:
        os.chown(odd / "empty", 12345, 54321)
    for path in (odd / "empty", odd / "up", odd / "pipe", deep, odd):
        set_age(path, rng)


def make_site(site: Path, chinook: Path) -> None:
    rng = random.Random(20261120)
    uploads = site / "uploads"
    uploads.mkdir(parents=True)
    make_uploads(uploads, rng)
    make_oddities(uploads / "odd", rng)
    (site / "settings.env").write_text("SECRET_KEY=do-not-lose-me\nDATABASE=chinook.db\n")
    (site / "settings.env").chmod(0o600)
    database = site / "chinook.db"
    shutil.copyfile(chinook, database)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
    connection.commit()
    connection.close()


def change_site(site: Path) -> None:
    """A day of work: some of everything is edited, added, moved, removed."""
    rng = random.Random(20261121)
    uploads = site / "uploads"
    for number in rng.sample(range(PAGES), 30):
        path = uploads / "pages" / f"{number // 100:02d}" / f"page-{number:04d}.md"
        with open(path, "a") as text:
            text.write("\nEdited today.\n")
    shutil.rmtree(uploads / "pages" / "07")
    os.rename(uploads / "pages" / "03", uploads / "pages" / "archive")
    (uploads / "pictures" / "photo new.png").write_bytes(png(rng, PICTURE_BYTES))
    (uploads / "pictures" / "photo 000.png").unlink()
    odd = uploads / "odd"
    with open(odd / "access.log", "a") as log:
        log.write(log_lines(rng, LOG_LINES, 2000))
    with open(odd / "disk.img", "r+b") as image:
        image.seek(IMAGE_BYTES // 2)
        image.write(rng.randbytes(8192))
    (odd / "tool").chmod(0o755)
    (odd / "up").unlink()
    (odd / "up").symlink_to("../pages/01")
    (site / "settings.env").write_text("SECRET_KEY=rotated\nDATABASE=chinook.db\nTHEME=dark\n")
    connection = sqlite3.connect(site / "chinook.db")
    connection.execute("UPDATE Track SET UnitPrice = 1.29 WHERE GenreId = 1")
    connection.execute("DELETE FROM PlaylistTrack WHERE PlaylistId = 5")
    connection.commit()
    connection.close()


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "make":
        make_site(Path(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) == 3 and sys.argv[1] == "change":
        change_site(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
