"""Limits on sizes: a file tells one story, a function fits a screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from project import Finding, Project, SourceFile

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 600
HEADER_LINES_MAX = 200
FUNCTION_LINES_MAX = 70


def lines_too_long(project: Project) -> Iterator[Finding]:
    for file in project.files:
        if not file.is_code:
            continue
        for number, line in enumerate(file.lines, 1):
            if len(line) > LINE_COLUMNS_MAX and "://" not in line:
                yield Finding("line-length", file.path, number,
                              f"{len(line)} columns, at most {LINE_COLUMNS_MAX}",
                              f"{number}", len(line))


def files_too_long(project: Project) -> Iterator[Finding]:
    for file in project.files:
        if not file.is_code:
            continue
        limit = HEADER_LINES_MAX if file.is_header else FILE_LINES_MAX
        count = file.text.count("\n")
        if count > limit:
            yield Finding("file-length", file.path, 1, f"{count} lines, at most {limit}: "
                          "what would split it?", file.name, count)


def functions_too_long(project: Project) -> Iterator[Finding]:
    for file in project.cpp():
        for name, first, last in functions_of(file):
            count = last - first + 1
            if count > FUNCTION_LINES_MAX:
                yield Finding("function-length", file.path, first, f"{name} has {count} lines, "
                              f"at most {FUNCTION_LINES_MAX}: name its phases", name, count)


_NAME = re.compile(r"((?:\w+::)*~?\w+|operator\s*\S+?)\s*\(([^()]*)")
_TYPE = re.compile(r"\b(class|struct|union|enum)\b[^()=]*$")
_INITIALISERS = re.compile(r"\)[^()]*?(?<!:):(?!:)")


def _kind_of_brace(head: str, scope: str, parens: int) -> str:
    """What a `{` opens, given the text since the last statement and the scope that it stands in."""
    if scope in ("function", "braces") or parens > 0:
        return "braces"
    if re.search(r"\bnamespace\b|\bextern\s*\"", head):
        return "scope"
    if "(" not in head or _TYPE.search(head):
        return "scope" if _TYPE.search(head) else "braces"
    if _INITIALISERS.search(head) and re.search(r"[\w>]$", head.rstrip()):
        return "braces"  # a member in a constructor's initialiser list
    if re.search(r"=\s*$", head):
        return "braces"
    return "function"


def _function_name(head: str) -> str:
    match = _NAME.search(head)
    if match is None:
        return "?"
    name, arguments = match.groups()
    macro = name.isupper()  # TEST(Suite, Case)
    return f"{name}({re.sub(chr(10) + ' *', '', arguments)})" if macro else name


def functions_of(file: SourceFile) -> Iterator[tuple[str, int, int]]:
    """Name, first line of the body and last line of each function; lambdas belong to theirs."""
    code = re.sub(r"(?m)^\s*#.*?(?<!\\)$", lambda m: " " * len(m.group(0)), file.code)
    scopes: list[tuple[str, str, int]] = []  # kind, name, line
    head_start, parens, line = 0, 0, 1
    for offset, character in enumerate(code):
        if character == "\n":
            line += 1
        elif character in "([":
            parens += 1
        elif character in ")]":
            parens -= 1
        elif character == ";" and parens == 0:
            head_start = offset + 1
        elif character == "{":
            head = code[head_start:offset]
            kind = _kind_of_brace(head, scopes[-1][0] if scopes else "scope", parens)
            scopes.append((kind, _function_name(head) if kind == "function" else "", line))
            if kind != "braces":
                head_start = offset + 1
        elif character == "}" and scopes:
            kind, name, first = scopes.pop()
            if kind == "function":
                yield name, first, line
            if kind != "braces":
                head_start = offset + 1
