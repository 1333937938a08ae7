"""What the CMakeLists.txt files list."""

from __future__ import annotations

import re

from project import Project

KEYWORDS = ("SOURCES", "HEADERS", "PUBLIC", "PRIVATE", "EXTERNAL", "TESTS", "TEST_DEPENDS",
            "TESTING_HEADERS", "TESTING_SOURCES", "FUZZERS", "MAIN")


def listed_files(project: Project, keywords: tuple[str, ...]) -> set[str]:
    """Paths that holdfast_module and holdfast_program calls list under one of `keywords`."""
    listed = set()
    for file in project.files:
        if file.name != "CMakeLists.txt":
            continue
        calls = r"holdfast_(?:module|program)\(([^)]*)\)"
        for call in re.finditer(calls, strip_comments(file.text)):
            current = ""
            for word in call.group(1).split():
                if word in KEYWORDS:
                    current = word
                elif current in keywords:
                    listed.add(f"{file.folder}/{word}")
    return listed


def strip_comments(text: str) -> str:
    return re.sub(r"#[^\n]*", "", text)
