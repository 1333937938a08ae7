"""A test with a repository that holds one snapshot of a small site."""

import os
import shutil

import small_site
from program import DONE, ProgramTest, Result
from trees import describe, differences


class SiteTest(ProgramTest):
    def setUp(self):
        super().setUp()
        shutil.rmtree(self.source)
        os.rename(small_site.make(self.home).root, self.source)
        self.init()
        self.first = self.backup()["snapshot"]["id"]
        self.expected = {self.first: describe(self.source)}

    def run_program(self, *arguments, expect=DONE, **options):
        """As in ProgramTest; with `expect` None any exit code will do."""
        if expect is not None:
            return super().run_program(*arguments, expect=expect, **options)
        process = self.start(*arguments, **options)
        return self.wait_for(process)

    def wait_for(self, process):
        out, err = process.communicate(timeout=120)
        return Result(type("Completed", (), {"returncode": process.returncode, "stdout": out,
                                             "stderr": err}))

    def back_up_again(self, *options, **more):
        """A snapshot of what the site holds at this moment."""
        taken = self.backup(self.source, *options, **more)["snapshot"]["id"]
        self.expected[taken] = describe(self.source)
        return taken

    def restore(self, snapshot, **options):
        """Restores the site into a new directory; returns its description."""
        target = self.path("restored-" + snapshot)
        self.run_program("restore", snapshot, "--to", target, **options)
        description = describe(target + self.source)
        shutil.rmtree(target)
        return description

    def assert_restores(self, snapshot):
        self.assertEqual(differences(self.expected[snapshot], self.restore(snapshot)), [])

    def assert_nothing_lost(self):
        """The repository is sound, and every snapshot that was taken restores identically."""
        self.run_program("check", "--read-data")
        listed = {snapshot["id"] for snapshot in self.snapshots()}
        self.assertLessEqual(set(self.expected), listed)
        for snapshot in self.expected:
            self.assert_restores(snapshot)

    def objects(self, kind):
        """Paths of all objects below a folder of the repository, sorted."""
        return sorted(os.path.join(folder, name)
                      for folder, _, files in os.walk(os.path.join(self.repository, kind))
                      for name in files)

    @staticmethod
    def rewrite(path, change):
        with open(path, "rb") as file:
            content = file.read()
        with open(path, "wb") as file:
            file.write(change(content))
