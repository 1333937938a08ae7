"""Files that nothing builds, nothing includes or nobody explains."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from cmake_lists import strip_comments
from project import Finding, Project

# Folders whose parent explains them.
NO_README = re.compile(
    r"^(\.ci|tests/corpus/.*|tests/golden/.*|examples/chinook|changes/unreleased)$")


def unbuilt_sources(project: Project) -> Iterator[Finding]:
    """A .cpp that no CMakeLists.txt of its folder or of one above names."""
    lists = {file.folder: strip_comments(file.text) for file in project.files
             if file.name == "CMakeLists.txt"}
    for file in project.cpp():
        if file.is_header:
            continue
        folder, relative = file.folder, file.name
        while folder and folder not in lists:
            folder, relative = posixpath.dirname(folder), f"{posixpath.basename(folder)}/{relative}"
        if not re.search(rf"(?<![\w./]){re.escape(relative)}(?![\w.])", lists.get(folder, "")):
            yield Finding("unbuilt-source", file.path, 1, "no CMakeLists.txt names it")


def unused_headers(project: Project) -> Iterator[Finding]:
    included = set()
    for file in project.cpp():
        for name in re.findall(r'#\s*include\s*[<"]([^">]+)[">]', file.code):
            included.update((f"src/{name}", posixpath.join(file.folder, name)))
    for file in project.cpp():
        if file.is_header and file.path not in included:
            yield Finding("unused-header", file.path, 1, "nothing includes it")


def headers_without_pragma_once(project: Project) -> Iterator[Finding]:
    for file in project.cpp():
        if file.is_header and not re.search(r"^#pragma once$", file.text, re.MULTILINE):
            yield Finding("pragma-once", file.path, 1, "a header begins with #pragma once")


def folders_without_readme(project: Project) -> Iterator[Finding]:
    folders = {posixpath.dirname(path) for path in project.paths} - {""}
    for folder in sorted(folders):
        if not NO_README.match(folder) and f"{folder}/README.md" not in project.paths:
            yield Finding("folder-readme", folder, 1, "no README.md: what is it for, what belongs, "
                          "what does not, where to start reading?")


def dead_links(project: Project) -> Iterator[Finding]:
    """Relative links of Markdown pages whose target does not exist."""
    folders = {posixpath.dirname(path) for path in project.paths}
    folders |= {posixpath.dirname(folder) for folder in folders}
    for file in project.files:
        if not file.path.endswith(".md"):
            continue
        for match in re.finditer(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", file.text):
            target = match.group(1)
            if re.match(r"[a-z]+:", target):
                continue
            path = posixpath.normpath(posixpath.join(file.folder, target))
            if path not in project.paths and path not in folders:
                yield Finding("dead-link", file.path, file.line_at(match.start()),
                              f"{target} does not exist")


NAMED_TEST = re.compile(r"`(test_\w+)\.\w+\.(test_\w+)`")


def absent_tests(project: Project) -> Iterator[Finding]:
    """What a document says that a test shows."""
    texts = {file.path: file.text for file in project.files}
    for file in project.files:
        if not file.path.endswith(".md"):
            continue
        for match in NAMED_TEST.finditer(file.text):
            module, name = match.groups()
            if f"def {name}(" not in texts.get(f"tests/e2e/{module}.py", ""):
                yield Finding("absent-test", file.path, file.line_at(match.start()),
                              f"tests/e2e/{module}.py has no {name}")
