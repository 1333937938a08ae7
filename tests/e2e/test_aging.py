"""Verification that ages: a part of the packs at each check, and what stats says of it."""

import os
import shutil

from program import CORRUPT, USAGE, ProgramTest


class Aging(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        for number in range(4):
            self.write("source/large", os.urandom(1_000_000))
            self.backup(self.source)

    def check(self, *arguments, **options):
        return self.run_program("check", "--json", *arguments, **options).json

    def readings(self):
        return self.run_program("stats", "--json").json["readings"]

    def test_parts_add_up_to_everything(self):
        before = self.readings()
        self.assertEqual(before["never_packs"], before["packs"])
        self.assertIsNone(before["oldest"])
        self.assertIn("never", self.run_program("stats").text)
        read = 0
        for _ in range(20):
            report = self.check("--read-data-older-than", "30d", "--budget", "2 MB")
            read += report["packs_read"]
            if report["packs_left"] == 0:
                break
        self.assertEqual(read, before["packs"])
        after = self.readings()
        self.assertEqual(after["never_packs"], 0)
        self.assertEqual(after["bytes_7_days"], after["bytes"])
        self.assertIn("100 % within 7 days", self.run_program("stats").text)
        self.assertEqual(self.check("--read-data-older-than", "30d")["packs_read"], 0)

    def test_parity_is_of_the_repository(self):
        def share(*init, config=None, **backup):
            where = self.path("parity-repository")
            shutil.rmtree(where, ignore_errors=True)
            if config is not None:
                self.write("parity.yaml", config.format(where).encode())
                os.chmod(self.path("parity.yaml"), 0o600)
                init += "--config", self.path("parity.yaml")
            said = self.run_program("init", where, "--passphrase-memory", "64KiB", "--json", *init)
            here = {"HOLDFAST_REPO": where}
            self.run_program("backup", self.source, **here)
            stats = self.run_program("stats", "--json", **here).json
            self.assertEqual(stats["parity_percent"], said.json["parity_percent"])
            return stats["parity_percent"], stats["stored_data_bytes"]
        self.write("source/large", os.urandom(6_000_000))
        default, size = share()
        self.assertEqual(default, 3)
        none, size_of_none = share("--parity", "0")
        self.assertEqual(none, 0)
        self.assertLess(size_of_none, size - 100_000)
        much, size_of_much = share("--parity", "25")
        self.assertEqual(much, 25)
        self.assertGreater(size_of_much, size + 1_000_000)
        self.assertEqual(share(config="parity: 7\n")[0], 7)
        store = "parity: 7\nstores: {{ usb: {{ url: \"file://{}\", parity: 11 }} }}\n"
        self.assertEqual(share(config=store)[0], 11)
        self.assertEqual(share("--parity", "4", config=store)[0], 4)
        self.run_program("init", self.path("no"), "--parity", "26", expect=USAGE)
        self.assertFalse(os.path.exists(self.path("no")))

    def test_another_machine_goes_on(self):
        self.check("--read-data-older-than", "30d", "--budget", "1")
        other = self.check("--read-data-older-than", "30d", HOLDFAST_CACHE_DIR=self.path("other"))
        self.assertEqual(other["packs_read"], self.readings()["packs"] - 1)

    def test_a_full_check_counts_and_damage_is_remembered(self):
        self.check("--read-data")
        self.assertEqual(self.readings()["never_packs"], 0)
        packs = os.path.join(self.repository, "packs")
        name = max((os.path.join(folder, name) for folder, _, names in os.walk(packs)
                    for name in names), key=os.path.getsize)
        os.chmod(name, 0o600)
        with open(name, "r+b") as file:
            file.seek(300_000)
            file.write(b"damaged")
        self.check("--read-data", expect=CORRUPT)
        self.assertEqual(self.readings()["damaged_packs"], 1)
        report = self.check("--read-data-older-than", "30d", expect=CORRUPT)
        self.assertEqual(report["packs_read"], 1)

    def test_options_that_contradict_each_other(self):
        for wrong, said in ((("--budget", "1GB"), "--read-data-older-than"),
                            (("--read-data", "--read-data-older-than", "1d"), "exclude"),
                            (("--read-data-older-than", "1d", "--budget", "0"), "more than"),
                            (("--read-data-older-than", "soon"), "soon"),
                            (("--read-data-older-than", "1d", "--budget", "some"), "some")):
            self.assertIn(said, self.run_program("check", *wrong, expect=USAGE).err)
