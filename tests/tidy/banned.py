"""Calls that the house does not use, each with what to use instead and the files that may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

from project import Finding, Project

TESTS = ("*_test.cpp", "*_testing.*", "*/test_*", "*/testing_*", "*_suite.*", "tests/*")


@dataclass(frozen=True)
class Ban:
    """`pattern` in code (comments and literals aside).

    Not where the path matches one of `allowed`, nor where the statement so far matches `unless`.
    """

    pattern: str
    instead: str
    allowed: tuple[str, ...] = ()
    unless: str = r"(?!)"


def call(names: str) -> str:
    """A pattern for a call of one of `names`, plain or in std:: or ::, not a member or our own."""
    return rf"(?<![\w.>:])(?:std::|::)?(?:{names})\s*\("


BANS = (
    Ban(call("rename|renameat|renameat2|std::filesystem::rename"),
        "base/durable_file, the one place that makes data durable",
        # A restore names files of others, thousands a second, and fsyncs them by its own rule.
        ("src/base/durable_file.cpp", "src/restore/safe_files.cpp", *TESTS)),
    Ban(call("strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok"), "std::string and fmt"),
    Ban(call("atoi|atol|atoll|atof|stoi|stol|stoul|stoll|stoull|stod"),
        "std::from_chars, which reports what it did not read", TESTS),
    Ban(call("rand|srand|rand_r|drand48") + r"|std::random_device|std::mt19937",
        "base::Random, passed in", ("src/base/random.*", *TESTS)),
    Ban(call("system|popen"),
        "the command runner of sources/stream: no shell, exit code checked",
        TESTS),
    Ban(call("sleep|usleep|nanosleep|std::this_thread::sleep_for|std::this_thread::sleep_until"),
        "a wait with a stop_token and a condition", ("src/base/clock.cpp",)),
    Ban(r"(system|steady|high_resolution)_clock::now|" +
        call("time|gettimeofday|clock_gettime"), "base::Clock, passed in",
        ("src/base/clock.cpp", *TESTS)),
    Ban(call("localtime|gmtime|asctime|ctime|strerror"),
        "the re-entrant _r form, or base/error for errno", ("src/base/error.cpp",)),
    Ban(call("mktemp|tmpnam|tempnam|tmpfile"), "base/temporary_directory"),
    Ban(r"std::regex", "a small parser: std::regex recurses without bound on hostile input"),
    Ban(r"catch\s*\(\s*\.\.\.\s*\)", "catch what you can handle; (...) only at thread tops, "
        "C borders and main",
        ("src/base/task_group.cpp", "src/app/main.cpp")),
    Ban(r"(?<!static_)\bassert\s*\(", "HF_ASSERT, which stays on in a release"),
    Ban(r"std::endl", "'\\n': nothing here needs a flush per line"),
    Ban(r"std::c(out|err|log)\b|fmt::print\b|" + call("printf|fprintf|puts|perror"),
        "a value given to an observer; only cli and app speak to people",
        ("src/app/*", "src/cli/*", "src/base/assert.cpp", "bench/*", *TESTS)),
    Ban(r"\bnew\s+[\w:(]|(?<!=)(?<!= )\bdelete\b(?!\s*;)", "std::make_unique or a container",
        unless=r"\b(unique|shared)_ptr\b"),  # where a constructor is private
    Ban(r"std::(thread|jthread|async)\b(?!::)|\.detach\s*\(", "base::TaskGroup",
        ("src/base/task_group.*", *TESTS)),
    Ban(call("getenv|secure_getenv|setenv|putenv"), "an argument: the environment is read in app",
        ("src/app/*", "src/cli/*", *TESTS)),
    Ban(call("exit|_exit|quick_exit|abort|std::terminate"),
        "an Error, or HF_ASSERT for our own mistakes",
        ("src/app/main.cpp", "src/base/assert.cpp", *TESTS)),
    Ban(r"\bgoto\b", "a function"),
    Ban(r"GTEST_SKIP|DISABLED_",
        "a test that runs: a missing tool is a failure that names its package"),
    Ban(r"#\s*include\s*\"[^\"]*\.\.", "the path from src/, or the sibling's plain name"),
)

_COMPILED = [(re.compile(ban.pattern), ban) for ban in BANS]


def banned_calls(project: Project) -> Iterator[Finding]:
    for file in project.cpp():
        for pattern, ban in _COMPILED:
            if any(fnmatch(file.path, allowed) for allowed in ban.allowed):
                continue
            for match in pattern.finditer(file.code):
                if re.search(ban.unless, re.split(r"[;{}]", file.code[: match.start()])[-1]):
                    continue
                found = " ".join(match.group(0).split()).rstrip("(")
                yield Finding("banned-call", file.path, file.line_at(match.start()),
                              f"{found}: use {ban.instead}", found)


def using_namespace_in_headers(project: Project) -> Iterator[Finding]:
    for file in project.cpp():
        if not file.is_header:
            continue
        for match in re.finditer(r"\busing\s+namespace\b", file.code):
            yield Finding("using-namespace", file.path, file.line_at(match.start()),
                          "a header opens no namespace for others")
