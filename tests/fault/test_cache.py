"""The cache may vanish or rot: the result is the same as without one."""

import os
import shutil

from faults import say, seed
from site_case import SiteTest
import random


class Cache(SiteTest):
    def setUp(self):
        super().setUp()
        self.cache = self.path("cache")
        self.back_up_again()

    def cache_files(self):
        return sorted(os.path.join(folder, name) for folder, _, files in os.walk(self.cache)
                      for name in files)

    def assert_works(self):
        self.write("source/small", os.urandom(10))
        self.back_up_again()
        self.assert_nothing_lost()

    def test_missing(self):
        shutil.rmtree(self.cache)
        self.assert_works()

    def test_a_new_machine(self):
        self.back_up_again(HOLDFAST_CACHE_DIR=self.path("another cache"))
        self.assert_works()

    def test_each_file_damaged(self):
        chosen = seed()
        say(self, f"HOLDFAST_TEST_SEED={chosen}")
        noise = random.Random(chosen)

        def flipped(content):
            at = noise.randrange(len(content))
            return content[:at] + bytes([content[at] ^ 1 << noise.randrange(8)]) + content[at + 1:]

        damages = {"empty": lambda content: b"",
                   "truncated": lambda content: content[:noise.randrange(len(content) or 1)],
                   "zeroed": lambda content: bytes(len(content)),
                   "noise": lambda content: noise.randbytes(len(content)),
                   "one bit": lambda content: flipped(content) if content else b"x",
                   "longer": lambda content: content + noise.randbytes(100)}
        for name in self.kinds():
            for damage, change in damages.items():
                with self.subTest(file=name, damage=damage):
                    for path in self.cache_files():
                        if self.kind_of(path) == name:
                            self.rewrite(path, change)
                    self.assert_works_briefly()

    @staticmethod
    def kind_of(path):
        return os.path.basename(os.path.dirname(path)) + " " + os.path.splitext(path)[1]

    def kinds(self):
        return sorted({self.kind_of(path) for path in self.cache_files()})

    def assert_works_briefly(self):
        self.write("source/small", os.urandom(10))
        taken = self.back_up_again()
        self.assert_restores(taken)
        self.run_program("check")
        del self.expected[taken]

    def test_directories_in_place_of_files(self):
        for path in self.cache_files():
            os.unlink(path)
            os.mkdir(path)
        result = self.run_program("backup", self.source, expect=None)
        if result.code != 0:
            self.assertIn(self.cache, result.err)
        shutil.rmtree(self.cache)
        self.assert_works()

    def test_of_another_time(self):
        """A cache that was restored from a backup of itself knows less than there is."""
        kept = self.path("kept")
        shutil.copytree(self.cache, kept)
        self.write("source/folder/text", b"changed")
        self.back_up_again()
        shutil.rmtree(self.cache)
        os.rename(kept, self.cache)
        self.assert_works()
