#!/usr/bin/env python3
"""Shows for each rule that it reports a bad sample and leaves a good one alone."""

from __future__ import annotations

import unittest

import banned
import ratchet
import sizes
import text
import tidy
from project import Finding, Project, SourceFile

LONG_BODY = "  step();\n" * 70

# Rule name -> bad samples, good samples; each a project of its own.
SAMPLES: dict[str, tuple[list[dict[str, str]], list[dict[str, str]]]] = {
    "line-length": (
        [{"src/a.cpp": "x" * 101}, {"tests/a.py": "#" * 101}],
        [{"src/a.cpp": "x" * 100}, {"a.md": "x" * 300}, {"src/a.cpp": "// https://" + "x" * 100}],
    ),
    "file-length": (
        [{"src/a.cpp": "\n" * 601}, {"src/a.hpp": "\n" * 201}],
        [{"src/a.cpp": "\n" * 600}, {"src/a.hpp": "\n" * 200}],
    ),
    "function-length": (
        [
            {"src/a.cpp": "void long_one() {\n" + LONG_BODY + "}\n"},
            {"src/a.cpp": "namespace n {\nTEST(A, B) {\n" + LONG_BODY + "}\n}\n"},
            {"src/a.cpp": "class A {\n  A(int b) : b_{b} {\n" + LONG_BODY + "  }\n};\n"},
            {"src/a.cpp": "auto f(A a = {}) -> B {\nrun([] {\n" + LONG_BODY + "});\n}\n"},
        ],
        [
            {"src/a.cpp": "void f() {\n" + "  step();\n" * 68 + "}\n"},
            {"src/a.cpp": "namespace n {\n" + "void f() { g(); }\n" * 90 + "}\n"},
            {"src/a.cpp": "const Row table[] = {\n" + "  {f(1), 2},\n" * 90 + "};\n"},
            {"src/a.cpp": "struct A {\n" + "  int f() const { return 1; }\n" * 90 + "};\n"},
        ],
    ),
    "banned-call": (
        [{"src/a.cpp": "#include \"../base/x.hpp\"\n"}],
        [{"src/a.cpp": "a.rename(b);"}],
    ),
    "using-namespace": (
        [{"src/a.hpp": "using namespace std;\n"}],
        [{"src/a.cpp": "using namespace std::literals;\n"}],
    ),
    "foreign-include": (
        [
            {"src/cli/a.cpp": "#include <sqlite3.h>\n"},
            {"src/cli/a.cpp": "#include <gtest/gtest.h>\n"},
            {"src/cli/a.cpp": "#include <nobody/knows.h>\n"},
        ],
        [
            {"src/sources/sqlite/a.cpp": "#include <sqlite3.h>\n"},
            {"src/cli/a_test.cpp": "#include <gtest/gtest.h>\n#include <vector>\n"},
            {"src/cli/a.cpp": "// #include <sqlite3.h>\n#include <sys/stat.h>\n"},
        ],
    ),
    "io-in-pure-folder": (
        [{"src/policy/a.cpp": "#include <fstream>\n"}],
        [
            {"src/policy/a.cpp": "#include <vector>\n"},
            {"src/policy/a_test.cpp": "#include <fstream>\n"},
        ],
    ),
    "foreign-in-public-header": (
        [{"src/base/CMakeLists.txt": "holdfast_module(base HEADERS a.hpp)",
          "src/base/a.hpp": "#include <fmt/format.h>\n"}],
        [{"src/base/CMakeLists.txt": "holdfast_module(base SOURCES a.cpp)",
          "src/base/a.hpp": "#include <fmt/format.h>\n"}],
    ),
    "unbuilt-source": (
        [
            {"src/base/CMakeLists.txt": "SOURCES a.cpp", "src/base/b.cpp": ""},
            {"src/base/CMakeLists.txt": "# a.cpp\n", "src/base/a.cpp": ""},
            {"src/base/CMakeLists.txt": "SOURCES ba.cpp", "src/base/a.cpp": ""},
        ],
        [
            {"src/base/CMakeLists.txt": "SOURCES a.cpp", "src/base/a.cpp": ""},
            {"src/base/CMakeLists.txt": "SOURCES deep/a.cpp", "src/base/deep/a.cpp": ""},
        ],
    ),
    "unused-header": (
        [{"src/base/a.hpp": "#pragma once\n"}],
        [
            {"src/base/a.hpp": "", "src/base/b.cpp": '#include "a.hpp"\n'},
            {"src/base/a.hpp": "", "src/app/b.cpp": '#include "base/a.hpp"\n'},
        ],
    ),
    "pragma-once": ([{"src/a.hpp": "#ifndef A\n"}], [{"src/a.hpp": "// What.\n#pragma once\n"}]),
    "folder-readme": (
        [{"src/base/a.cpp": ""}],
        [{"src/README.md": "", "src/base/README.md": "", "src/base/a.cpp": ""}],
    ),
    "dead-link": (
        [{"docs/a.md": "[b](b.md)\n"}, {"a.md": "[b](docs/none.md#part)\n"}],
        [{"docs/a.md": "[b](../b.md#part) [c](https://example.org) [d](#here)\n", "b.md": ""}],
    ),
    "absent-test": (
        [{"a.md": "`test_a.A.test_b`\n"},
         {"a.md": "`test_a.A.test_b`\n", "tests/e2e/test_a.py": "def test_bc():\n"}],
        [{"a.md": "`test_a.A.test_b`\n", "tests/e2e/test_a.py": "def test_b(self):\n"}],
    ),
    "white-space": (
        [{"a.md": "a \n"}, {"a.md": "a\r\n"}, {"a.md": "a"}, {"a.md": "a\n\n"}, {"a.cpp": "\ta\n"}],
        [{"a.md": "a\n\nb\n"}, {"tests/corpus/a": "a \t"}],
    ),
    "open-end": (
        [{"src/a.cpp": "// TODO: later\n"}, {"dev": "# FIXME\n"}],
        [{"src/a.cpp": "// TODO(#12): what and why\n"}],
    ),
    "machine-path": (
        [{"a.md": "see /work/x\n"}, {"a.sh": "cd /root/x\n"}, {"a.sh": "/home/anna/x\n"}],
        [{"a.md": "/srv/blog /var/lib/holdfast $HOME/work ./work/x\n"}],
    ),
}

# One bad line for each ban, in their order.
BANNED_LINES = (
    "std::filesystem::rename(a, b);", "strcpy(a, b);", "int n = std::stoi(text);",
    "std::mt19937 engine;", "std::system(command);", "std::this_thread::sleep_for(1s);",
    "auto t = steady_clock::now();",
    "localtime(&t);", "mktemp(name);", "std::regex pattern;", "} catch (...) {", "assert(a);",
    "out << std::endl;", "std::cerr << 1;", "auto* p = new Thing(1);", "std::thread worker;",
    "getenv(name);", "exit(1);", "goto out;", "GTEST_SKIP();", '#include "../a.hpp"',
)

HARMLESS = """
// rename(a, b); new Thing(1); goto; TODO
const char* text = "system(rm) new Thing assert(x)";
Thing(const Thing&) = delete;
static_assert(sizeof(int) == 4);
std::shared_ptr<const T>(new T(1)); file.rename(to);
store->exit(1); holdfast::base::rename(x); renewed = true; localtime_r(&t, &u);
auto id = std::jthread::id{}; catch (const Error& error) {}
int big = 1'000'000; char quote = '"'; auto raw = R"x(goto out; ")x"; int after = 1;
"""


def findings(samples: dict[str, str]) -> list[Finding]:
    return [finding for rule in tidy.RULES for finding in rule(Project.of(samples))]


class RuleTest(unittest.TestCase):
    def test_each_rule_reports_its_bad_samples(self) -> None:
        for rule, (bad, _) in SAMPLES.items():
            for sample in bad:
                with self.subTest(rule=rule, sample=str(sample)[:80]):
                    self.assertIn(rule, {finding.rule for finding in findings(sample)})

    def test_each_rule_accepts_its_good_samples(self) -> None:
        for rule, (_, good) in SAMPLES.items():
            for sample in good:
                with self.subTest(rule=rule, sample=str(sample)[:80]):
                    self.assertNotIn(rule, {finding.rule for finding in findings(sample)})

    def test_no_rule_is_without_samples(self) -> None:
        self.assertEqual(len(SAMPLES), len(tidy.RULES))

    def test_each_ban_has_a_line_that_breaks_it(self) -> None:
        self.assertEqual(len(BANNED_LINES), len(banned.BANS))
        for line, ban in zip(BANNED_LINES, banned.BANS):
            with self.subTest(line=line):
                found = list(banned.banned_calls(Project.of({"src/x/a.cpp": line + "\n"})))
                self.assertEqual(1, len(found), [str(finding) for finding in found])
                self.assertIn(ban.instead, found[0].message)

    def test_harmless_code_breaks_no_ban(self) -> None:
        found = list(banned.banned_calls(Project.of({"src/x/a.cpp": HARMLESS})))
        self.assertEqual([], [str(finding) for finding in found])

    def test_an_allowed_file_may_use_what_is_banned(self) -> None:
        sample = {"src/base/clock.cpp": "system_clock::now();\n"}
        self.assertEqual([], list(banned.banned_calls(Project.of(sample))))

    def test_functions_are_named_and_measured(self) -> None:
        source = "namespace a {\nint B::c(int d) const {\n  if (d) { e(); }\n  return 1;\n}\n}\n"
        functions = list(sizes.functions_of(SourceFile("src/a.cpp", source)))
        self.assertEqual([("B::c", 2, 5)], functions)

    def test_foreign_texts_are_left_alone(self) -> None:
        self.assertEqual([], list(text.loose_white_space(Project.of({"LICENSE": "a \n\n"}))))


class RatchetTest(unittest.TestCase):
    breach = Finding("function-length", "src/a.cpp", 7, "f has 90 lines", "f", 90)

    def complain(self, line: str, *found: Finding) -> list[str]:
        entries, complaints = ratchet.parse(line)
        return complaints + ratchet.apply(found, entries)

    def test_a_breach_without_an_entry_is_reported(self) -> None:
        self.assertEqual(["src/a.cpp:7: f has 90 lines [function-length]"],
                         self.complain("", self.breach))

    def test_an_entry_allows_exactly_its_value(self) -> None:
        self.assertEqual([], self.complain("function-length src/a.cpp f 90 # a table", self.breach))

    def test_a_breach_may_not_grow(self) -> None:
        self.assertTrue(self.complain("function-length src/a.cpp f 89 # a table", self.breach))

    def test_an_entry_follows_a_breach_that_shrinks(self) -> None:
        self.assertIn("lower its ratchet",
                      self.complain("function-length src/a.cpp f 91 # a table", self.breach)[0])

    def test_an_entry_without_a_breach_is_reported(self) -> None:
        self.assertIn("take it out", self.complain("function-length src/a.cpp f 90 # a table")[0])

    def test_an_entry_needs_a_reason(self) -> None:
        self.assertTrue(self.complain("function-length src/a.cpp f 90", self.breach))


if __name__ == "__main__":
    unittest.main()
