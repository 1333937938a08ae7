"""Which folder may include which foreign header, and that public headers include none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch

from cmake_lists import listed_files
from project import Finding, Project

EVERYWHERE = ("*",)
TESTS = ("src/*_test.cpp", "src/*_fuzz.cpp", "src/*_testing.*", "src/*/test_*", "src/*/testing_*",
         "src/*_suite.*", "tests/*")

# Header pattern -> the files that may include it. First match counts.
FOREIGN = (
    ("fmt/*", EVERYWHERE),
    ("gtest/*", TESTS),
    ("gmock/*", TESTS),
    ("rapidcheck*", TESTS),
    ("openssl/ssl.h", ("src/net/curl_ftp.cpp",)),
    ("openssl/*", ("src/crypto/*",)),
    ("boost/json/*", ("src/storage/s3/process_credentials.cpp",)),
    ("boost/*", ("src/http_server/*",)),
    ("sodium*", ("src/crypto/*", "src/base/secret.cpp")),
    ("immintrin.h", ("src/crypto/*", "src/pipeline/*")),
    ("isa-l/*", ("src/pipeline/*",)),
    ("zstd*.h", ("src/pipeline/*", "src/repository/*")),
    ("xxhash.h", ("src/pipeline/*", "src/storage/sftp/*", "src/repository/*", "src/backup/*")),
    ("google/protobuf/*", TESTS),
    ("sqlite3.h", ("src/sources/sqlite/*",)),
    ("yaml-cpp/*", ("src/config/*",)),
    ("CLI/*", ("src/cli/*",)),
    ("archive*.h", ("src/archive/*",)),
    ("curl/*", ("src/net/curl_*",)),
    ("pugixml*", ("src/net/xml.cpp",)),
    ("fuse*.h", ("src/mount/*",)),
)

# Folders that compute and do no I/O, and the headers that would let them.
PURE_FOLDERS = ("src/pipeline/", "src/policy/")
IO_HEADERS = ("sys/*", "linux/*", "fcntl.h", "unistd.h", "dirent.h", "filesystem", "fstream",
              "iostream")
# Plain headers of the C library; those in folders (sys/, linux/) are known by their folder.
SYSTEM_HEADERS = {
    "cpuid.h", "dirent.h", "dlfcn.h", "endian.h", "errno.h", "fcntl.h", "fnmatch.h", "getopt.h",
    "grp.h", "langinfo.h", "limits.h", "locale.h", "netdb.h", "poll.h", "pthread.h", "pwd.h",
    "sched.h",
    "signal.h", "spawn.h", "stdlib.h", "string.h", "strings.h", "syslog.h", "termios.h", "time.h",
    "ucontext.h", "unistd.h", "utime.h", "wait.h",
}

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<([^>]+)>|"([^"]+)")', re.MULTILINE)


def _matches_any(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _allowed_files(header: str) -> tuple[str, ...] | None:
    """The files that may include `header`; None when no row knows it."""
    for pattern, files in FOREIGN:
        if fnmatch(header, pattern):
            return files
    if header in SYSTEM_HEADERS or re.match(r"(sys|linux|arpa|netinet|asm|bits)/", header):
        return EVERYWHERE
    if re.fullmatch(r"[a-z_0-9]+", header):  # the C++ standard library
        return EVERYWHERE
    return None


def foreign_includes(project: Project) -> Iterator[Finding]:
    for file in project.cpp():
        for match in _INCLUDE.finditer(file.code):
            header, line = match.group(2), file.line_at(match.start(1))
            if header is None:
                continue
            allowed = _allowed_files(header)
            if allowed is None:
                yield Finding("foreign-include", file.path, line, f"<{header}> is in no row of "
                              "tests/tidy/includes.py: which folder owns it?", header)
            elif not _matches_any(file.path, allowed):
                yield Finding("foreign-include", file.path, line,
                              f"<{header}> belongs to {', '.join(allowed)}", header)


def io_in_pure_folders(project: Project) -> Iterator[Finding]:
    for folder in PURE_FOLDERS:
        for file in project.cpp(folder):
            for match in _INCLUDE.finditer(file.code):
                header = match.group(2)
                if header and not file.is_test and _matches_any(header, IO_HEADERS):
                    yield Finding("io-in-pure-folder", file.path, file.line_at(match.start(1)),
                                  f"{folder} does no I/O: <{header}> does", header)


def foreign_in_public_headers(project: Project) -> Iterator[Finding]:
    public = listed_files(project, ("HEADERS",))
    for file in project.cpp("src/"):
        if file.path not in public:
            continue
        for match in _INCLUDE.finditer(file.code):
            header = match.group(2) or match.group(3)
            owners = [pattern for pattern, _ in FOREIGN if fnmatch(header, pattern)]
            if owners or header.endswith(".pb.h"):
                yield Finding("foreign-in-public-header", file.path, file.line_at(match.start(1)),
                              f"{header} in a public header: keep it in the .cpp", header)
