"""Rules on plain text: white space, open ends, traces of one machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from project import Finding, Project, SourceFile

# Texts of others, kept as they came.
FOREIGN_TEXT = re.compile(r"^(LICENSE|examples/chinook/.*|tests/(corpus|golden)/.*)$")
# This folder names what it forbids.
OWN_RULES = "tests/tidy/"

MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:work|root|home/\w+|tmp/(?:bash_jobs|tmp)\b)[/.\w-]*")


def _own_files(project: Project) -> Iterator[SourceFile]:
    for file in project.files:
        if not FOREIGN_TEXT.match(file.path):
            yield file


def loose_white_space(project: Project) -> Iterator[Finding]:
    for file in _own_files(project):
        for number, line in enumerate(file.lines, 1):
            if line.endswith("\r"):
                yield Finding("white-space", file.path, number, "a carriage return at the end")
            elif line != line.rstrip():
                yield Finding("white-space", file.path, number, "spaces at the end of the line")
            if "\t" in line:
                yield Finding("white-space", file.path, number, "a tab: spaces here")
        if file.text and (not file.text.endswith("\n") or file.text.endswith("\n\n")):
            yield Finding("white-space", file.path, len(file.lines), "a text ends with one newline")


def open_ends(project: Project) -> Iterator[Finding]:
    for file in _own_files(project):
        if file.path.startswith(OWN_RULES):
            continue
        for match in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\):)", file.text):
            yield Finding("open-end", file.path, file.line_at(match.start()),
                          f"{match.group(1)} without an issue: TODO(#12): text", match.group(1))


def machine_paths(project: Project) -> Iterator[Finding]:
    for file in _own_files(project):
        if file.path.startswith(OWN_RULES):
            continue
        for match in MACHINE_PATHS.finditer(file.text):
            yield Finding("machine-path", file.path, file.line_at(match.start()),
                          f"{match.group(0)} exists on one machine", match.group(0))
