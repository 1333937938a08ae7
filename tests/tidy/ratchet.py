"""Named exceptions that may only shrink.

One line each in ratchet.txt:  rule  path  subject  value  # reason
The value is exact: a breach that grows is reported, and so is an entry larger than what is there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from project import Finding

# Each rule whose breaches are measured; the others count their breaches per path and subject.
MEASURED = {"line-length", "file-length", "function-length"}

_LINE = re.compile(r"^(\S+)\s+(\S+)\s+(.+?)\s+(\d+)\s+#\s*(\S.*)$")


@dataclass(frozen=True)
class Entry:
    rule: str
    path: str
    subject: str
    value: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.rule, self.path, self.subject


def parse(text: str) -> tuple[list[Entry], list[str]]:
    """Entries and complaints."""
    entries, complaints = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            complaints.append(f"ratchet.txt:{number}: not 'rule path subject value # reason'")
            continue
        rule, path, subject, value, _ = match.groups()
        entries.append(Entry(rule, path, subject, int(value)))
    return entries, complaints


def apply(findings: Iterable[Finding], entries: list[Entry]) -> list[str]:
    """What to complain about once the named exceptions are taken into account."""
    allowed = {entry.key: entry.value for entry in entries}
    grouped: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        grouped[finding.rule, finding.path, finding.subject].append(finding)
    complaints = []
    for key, group in grouped.items():
        measured = key[0] in MEASURED
        value = max(finding.value for finding in group) if measured else len(group)
        limit = allowed.get(key, 0)
        if value > limit:
            complaints.extend(str(finding) for finding in group)
        elif value < limit:
            complaints.append(
                f"{key[1]}: {key[0]} {key[2]} is {value}: lower its ratchet from {limit}")
    for key in allowed.keys() - grouped.keys():
        complaints.append(f"{key[1]}: {key[0]} {key[2]} is gone: take it out of ratchet.txt")
    return sorted(complaints)
