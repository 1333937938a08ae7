#!/usr/bin/env python3
"""Checks the project against its house rules: tidy.py [PROJECT_ROOT]. Exit code 1 on any breach."""

from __future__ import annotations

import os
import sys

import banned
import dead_files
import includes
import ratchet
import sizes
import text
from project import Finding, Project

RULES = (
    sizes.lines_too_long,
    sizes.files_too_long,
    sizes.functions_too_long,
    banned.banned_calls,
    banned.using_namespace_in_headers,
    includes.foreign_includes,
    includes.io_in_pure_folders,
    includes.foreign_in_public_headers,
    dead_files.unbuilt_sources,
    dead_files.unused_headers,
    dead_files.headers_without_pragma_once,
    dead_files.folders_without_readme,
    dead_files.dead_links,
    dead_files.absent_tests,
    text.loose_white_space,
    text.open_ends,
    text.machine_paths,
)


def check(project: Project, ratchet_text: str) -> list[str]:
    """Every complaint about `project`, one line each."""
    findings: list[Finding] = [finding for rule in RULES for finding in rule(project)]
    entries, complaints = ratchet.parse(ratchet_text)
    return complaints + ratchet.apply(findings, entries)


def main() -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..")
    with open(os.path.join(here, "ratchet.txt"), encoding="utf-8") as stream:
        complaints = check(Project.read(root), stream.read())
    for complaint in complaints:
        print(complaint)
    print(f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
