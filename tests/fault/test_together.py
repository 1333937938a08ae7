"""Several processes on one repository at once."""

import os

from program import DONE
from site_case import SiteTest
from trees import describe


class Together(SiteTest):
    def finish(self, *processes):
        results = [self.wait_for(process) for process in processes]
        for result in results:
            self.assertEqual(result.code, DONE, result.err)
        return results

    def back_up_at_once(self, *options):
        self.write("source/more", os.urandom(3 << 20))
        starts = [self.start("backup", self.source, "--json", *extra) for extra in options]
        for result in self.finish(*starts):
            taken = result.json["runs"][0]["snapshot"]["id"]
            self.expected[taken] = describe(self.source)
        self.assert_nothing_lost()

    def test_backups_of_one_site(self):
        self.back_up_at_once((), ())
        self.back_up_at_once((), (), ("--full",))

    def test_backups_of_different_sites(self):
        self.back_up_at_once(("--site", "one"), ("--site", "two"))

    def test_backups_of_machines_without_a_common_cache(self):
        self.write("source/more", os.urandom(3 << 20))
        starts = [self.start("backup", self.source, "--json",
                             HOLDFAST_CACHE_DIR=self.path(f"cache-{i}")) for i in range(3)]
        for result in self.finish(*starts):
            self.expected[result.json["runs"][0]["snapshot"]["id"]] = describe(self.source)
        self.assert_nothing_lost()

    def test_backup_beside_restore_check_and_forget(self):
        second = self.back_up_again()
        self.write("source/more", os.urandom(3 << 20))
        taken, *_ = self.finish(
            self.start("backup", self.source, "--json"), self.start("check", "--read-data"),
            self.start("restore", self.first, "--to", self.path("out")),
            self.start("forget", second))
        self.expected[taken.json["runs"][0]["snapshot"]["id"]] = describe(self.source)
        del self.expected[second]
        self.assert_nothing_lost()
