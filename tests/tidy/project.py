"""The files of a project as the rules see them, and what a rule says about them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

# Never looked into: what git ignores, and what is not ours to change (.git: a file in a worktree).
SKIPPED = {".git", ".cache", "build", "__pycache__"}

CPP_SUFFIXES = (".cpp", ".hpp")
CODE_SUFFIXES = CPP_SUFFIXES + (".proto", ".py", ".sh", ".cmake")


@dataclass(frozen=True)
class Finding:
    """One breach of one rule. `subject` and `value` are what the ratchet knows it by."""

    rule: str
    path: str
    line: int
    message: str
    subject: str = ""
    value: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message} [{self.rule}]"


@dataclass(frozen=True)
class SourceFile:
    """One text file. `path` is relative to the project, with forward slashes."""

    path: str
    text: str

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.path).parent)

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def is_cpp(self) -> bool:
        return self.path.endswith(CPP_SUFFIXES)

    @property
    def is_header(self) -> bool:
        return self.path.endswith(".hpp")

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/") or bool(re.search(r"_(test|fuzz)\.cpp$", self.path))

    @property
    def is_code(self) -> bool:
        return self.path.endswith(CODE_SUFFIXES) or self.name in ("CMakeLists.txt", "dev")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def code(self) -> str:
        """The text with the insides of comments and literals blanked; lines stay where they are."""
        return blank_comments_and_literals(self.text)

    def line_at(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


_LEXEMES = re.compile(
    r"""//[^\n]*"""
    r"""|/\*.*?\*/"""
    r"""|R"(?P<fence>[^(\s]*)\(.*?\)(?P=fence)\""""
    r"""|"(?:\\.|[^"\\\n])*\""""
    r"""|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE,
)


def blank_comments_and_literals(text: str) -> str:
    """Replaces each comment and literal by as many spaces; quotes and #include lines are kept."""

    def blank(match: re.Match[str]) -> str:
        lexeme = match.group(0)
        start = text.rfind("\n", 0, match.start()) + 1
        if re.match(r"\s*#\s*include\s*$", text[start : match.start()]):
            return lexeme
        blanked = re.sub(r"[^\n]", " ", lexeme)
        if lexeme[0] in "\"'":
            return lexeme[0] + blanked[1:-1] + lexeme[-1]
        return blanked

    return _LEXEMES.sub(blank, text)


@dataclass(frozen=True)
class Project:
    """All text files of a project, and which paths exist at all."""

    files: list[SourceFile]
    paths: set[str] = field(default_factory=set)

    @cached_property
    def by_path(self) -> dict[str, SourceFile]:
        return {file.path: file for file in self.files}

    def cpp(self, under: str = "") -> list[SourceFile]:
        return [file for file in self.files if file.is_cpp and file.path.startswith(under)]

    @staticmethod
    def of(samples: dict[str, str]) -> Project:
        """A project made of samples, for the tests of the rules."""
        return Project([SourceFile(path, text) for path, text in samples.items()], set(samples))

    @staticmethod
    def read(root: str) -> Project:
        files, paths = [], set()
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = sorted(set(subfolders) - SKIPPED)
            for name in sorted(set(names) - SKIPPED):
                full = os.path.join(folder, name)
                path = os.path.relpath(full, root).replace(os.sep, "/")
                paths.add(path)
                if os.path.islink(full) or not os.path.isfile(full):
                    continue
                try:
                    with open(full, encoding="utf-8", newline="") as stream:
                        text = stream.read()
                except UnicodeDecodeError:
                    continue  # binary data: fuzz corpora, databases, golden bytes
                if "\0" not in text:
                    files.append(SourceFile(path, text))
        return Project(files, paths)
