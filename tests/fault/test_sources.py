"""Sources that change, vanish or cannot be read while they are backed up."""

import os
import shutil
import threading

from program import BINARY, DONE, PARTIAL
from site_case import SiteTest
from trees import describe

NOBODY = "65534"


class Background:
    """Calls `act` again and again until left."""

    def __init__(self, act):
        self.act = act
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.stopping.is_set():
            self.act()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


class Sources(SiteTest):
    def test_unreadable_files_are_listed(self):
        """As somebody who is not root."""
        program = self.path("holdfast")
        shutil.copyfile(BINARY, program)
        os.chmod(program, 0o755)
        os.chmod(self.write("source/closed", b"x"), 0)
        os.mkdir(self.path("source/closed folder"), 0)
        for folder, _, files in os.walk(self.home):
            for name in [".", *files]:
                path = os.path.join(folder, name)
                if "closed" not in path and "source" not in path:
                    os.chown(path, int(NOBODY), int(NOBODY))
        completed = self.run_as_nobody(program, "backup", self.source, "--json")
        self.assertEqual(completed.code, PARTIAL, completed.err)
        run = completed.json["runs"][0]
        self.assertTrue(run["snapshot"]["partial"])
        self.assertEqual({problem["path"] for problem in run["problems"]},
                         {self.path("source/closed"), self.path("source/closed folder")})
        for problem in run["problems"]:
            self.assertIn("Permission denied", problem["message"])
        printed = self.run_as_nobody(program, "backup", self.source)
        self.assertIn(self.path("source/closed") + ": ", printed.text)
        found = self.restore(run["snapshot"]["id"])
        self.assertEqual(found[b"small"], self.expected[self.first][b"small"])

    def run_as_nobody(self, program, *arguments):
        import program as module  # what `start` runs
        kept, module.BINARY = module.BINARY, "setpriv"
        try:
            process = self.start(f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--",
                                 program, *arguments)
        finally:
            module.BINARY = kept
        return self.wait_for(process)

    def test_a_tree_that_disappears(self):
        for i in range(3000):
            self.write(f"source/many/{i % 30}/{i}", b"%d" % i)
        before = describe(self.source)
        process = self.start("backup", self.source, "--json", "--threads", "1")
        shutil.rmtree(self.path("source/many"))
        result = self.wait_for(process)
        self.assertIn(result.code, (DONE, PARTIAL), result.err)
        taken = result.json["runs"][0]["snapshot"]["id"]
        for path, properties in self.restore(taken).items():
            if properties["kind"] == "file":
                self.assertEqual(properties["content"], before[path]["content"], path)
        self.assert_nothing_lost()

    def test_the_whole_source_disappears(self):
        for i in range(3000):
            self.write(f"source/many/{i % 30}/{i}", b"%d" % i)
        process = self.start("backup", self.source, "--json", "--threads", "1")
        os.rename(self.source, self.path("moved"))
        result = self.wait_for(process)
        os.rename(self.path("moved"), self.source)
        self.assertIn(result.code, (DONE, PARTIAL, 4, 14), result.err)
        self.assert_nothing_lost()

    def test_a_log_that_grows(self):
        log = self.write("source/log", b"")
        with open(log, "ab", buffering=0) as file:
            counter = iter(range(1 << 30))
            with Background(lambda: file.write(b"line %010d\n" % next(counter))):
                runs = [self.run_program("backup", self.source, "--json", expect=None)
                        for _ in range(5)]
        whole = self.read("source/log")
        for result in runs:
            self.assertIn(result.code, (DONE, PARTIAL), result.err)
            run = result.json["runs"][0]
            if log in {problem["path"] for problem in run["problems"]}:
                continue
            restored = self.run_program("cat", f"{run['snapshot']['id']}:{log}").out
            self.assertTrue(whole.startswith(restored), f"{len(restored)} of {len(whole)}")
        self.assert_restores(self.first)

    def test_a_file_that_is_written_over(self):
        """Read until it stands still, or reported: a mixture is never passed over in silence."""
        size = 2 << 20
        path = self.write("source/changing", bytes(size))
        states = iter(range(1, 1 << 30))

        def write_over():
            content = bytes([next(states) % 251]) * 65536
            with open(path, "r+b", buffering=0) as file:
                for at in range(0, size, len(content)):
                    os.pwrite(file.fileno(), content, at)

        with Background(write_over):
            runs = [self.run_program("backup", self.source, "--json", expect=None)
                    for _ in range(5)]
        for result in runs:
            self.assertIn(result.code, (DONE, PARTIAL), result.err)
            run = result.json["runs"][0]
            if path in {problem["path"] for problem in run["problems"]}:
                continue
            content = self.run_program("cat", f"{run['snapshot']['id']}:{path}").out
            self.assertEqual(len(content), size)
            borders = sum(content[i] != content[i - 1] for i in range(65536, size, 65536))
            self.assertLessEqual(borders, 1, "a mixture of more than two states")
        self.assert_restores(self.first)
        self.back_up_again()
        self.assert_nothing_lost()

    def test_a_file_that_becomes_something_else(self):
        path = self.path("source/odd")
        outside = self.write("outside/secret", b"do not take this")

        def become():
            for make in (lambda: os.mkdir(path), lambda: os.symlink(outside, path),
                         lambda: os.mkfifo(path), lambda: self.write("source/odd", b"x")):
                make()
                (os.rmdir if os.path.isdir(path) and not os.path.islink(path)
                 else os.unlink)(path)

        with Background(become):
            for _ in range(10):
                result = self.run_program("backup", self.source, "--json", expect=None)
                self.assertIn(result.code, (DONE, PARTIAL), result.err)
                found = self.restore(result.json["runs"][0]["snapshot"]["id"])
                if found.get(b"odd", {}).get("kind") == "file":
                    self.assertLessEqual(found[b"odd"]["size"], 1)
        self.assert_restores(self.first)
