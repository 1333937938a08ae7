"""The repository in several places: copy, copies, and backups that keep copies up to date."""

import os
import shutil

import clocks
import sshd
import trees
from program import CONFLICT, DONE, NOT_FOUND, PARTIAL, ProgramTest, USAGE


class Copies(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.write("source/large", os.urandom(3_000_000))
        self.copy_place = self.path("nas")

    def config(self, copies, stores):
        lines = ["sites:", "  blog:", "    files: [source]", f"    copies: [{copies}]", "stores:"]
        lines += [f"  {name}: {text}" for name, text in stores.items()]
        self.write("holdfast.yaml", "\n".join(lines).encode())

    def expect_copy_whole(self, repository):
        """Everything comes back from the copy alone, with the same passphrase."""
        alone = {"HOLDFAST_REPO": repository, "HOLDFAST_CACHE_DIR": self.path("cache-of-copy")}
        self.run_program("check", "--read-data", **alone)
        out = self.path("out")
        shutil.rmtree(out, ignore_errors=True)
        self.run_program("restore", "latest", "--to", out, **alone)
        self.assertEqual(trees.compare_trees(self.source, out + self.source), [])
        return self.run_program("snapshots", "--json", **alone).json["snapshots"]

    def test_a_copy_is_made_kept_up_to_date_and_restored_from(self):
        first = self.backup()["snapshot"]["id"]
        self.run_program("copy", self.copy_place, expect=NOT_FOUND)
        self.assertFalse(os.path.exists(self.copy_place), "a missing disk becomes no empty copy")
        plan = self.run_program("copy", self.copy_place, "--create", "--dry-run", "--json").json
        self.assertEqual(plan["copies"][0]["snapshots"], [first])
        self.run_program("copy", self.copy_place, "--create")
        self.expect_copy_whole(self.copy_place)
        self.write("source/more", b"more\n")
        second = self.backup()["snapshot"]["id"]
        report = self.run_program("copy", self.copy_place, "--read-back", "--json").json
        self.assertEqual(report["copies"][0]["snapshots_sent"], [second])
        self.assertLess(report["copies"][0]["bytes_sent"], 100_000)
        shutil.rmtree(self.repository)
        self.assertEqual(len(self.expect_copy_whole(self.copy_place)), 2)

    def test_copies_shows_which_snapshot_is_where(self):
        self.config("nas, usb", {"nas": f"{{url: '{self.copy_place}'}}",
                                 "usb": f"{{url: '{self.path('usb')}', offline: true}}"})
        first = self.backup("blog", "--no-copies")["snapshot"]["id"]
        self.run_program("copy", "nas", "--create")
        second = self.backup("blog", "--no-copies")["snapshot"]["id"]
        shown = self.run_program("copies", "--json").json
        states = {copy["store"]: copy["state"] for copy in shown["copies"]}
        self.assertEqual(states, {"nas": "behind", "usb": "away"})
        where = {point["id"]: point["copies"] for point in shown["snapshots"]}
        self.assertEqual(where, {first: ["nas"], second: []})
        self.assertIn("behind", self.run_program("copies").text)

    def test_a_backup_keeps_its_copies_up_to_date(self):
        server = sshd.Server(self.path("sshd"))
        self.addCleanup(server.stop)
        far = self.path("far")
        self.config("nas, far", {"nas": f"{{url: '{self.copy_place}'}}",
                                 "far": f"{{url: '{server.url(far)}'}}"})
        ssh = {"HOLDFAST_SSH_CONFIG": server.config}
        self.backup("blog", "--no-copies")
        self.run_program("copy", "--create", **ssh)
        self.write("source/another", os.urandom(2_000_000))
        result = self.run_program("backup", "--json", **ssh).json
        snapshot = result["runs"][0]["snapshot"]["id"]
        for copy in result["copies"]:
            self.assertEqual(copy["snapshots_sent"], [snapshot], copy)
        self.expect_copy_whole(self.copy_place)
        self.expect_copy_whole(far)

        server.stop()
        result = self.run_program("backup", "--json", **ssh)
        near, gone = result.json["copies"]
        self.assertEqual(len(near["snapshots_sent"]), 1)
        self.assertEqual(gone["error"]["kind"], "unavailable")
        self.assertIn("far was not brought up to date", result.err)
        self.assertEqual(len(self.snapshots()), 3, "a dead copy fails no backup")

    def test_a_restore_turns_to_a_copy(self):
        self.config("nas, far", {"nas": f"{{url: '{self.copy_place}'}}",
                                 "far": f"{{url: '{self.path('far')}'}}"})
        self.backup("blog", "--no-copies")
        self.run_program("copy", "--create")
        packs = sorted(os.path.join(folder, name) for folder, _, names in
                       os.walk(os.path.join(self.repository, "packs")) for name in names)
        for number, pack in enumerate(packs):  # one damaged beyond parity, one gone, one cut
            damage = number % 3
            if damage == 0:
                with open(pack, "r+b") as file:
                    file.seek(192)
                    file.write(os.urandom(os.path.getsize(pack) - 192))
            elif damage == 1:
                os.remove(pack)
            else:
                os.truncate(pack, 1000)
        out = self.path("out")
        result = self.run_program("restore", "latest", "--to", out)
        self.assertIn("reading it from", result.err)
        self.assertEqual(trees.compare_trees(self.source, out + self.source), [])

        os.rename(self.repository, self.path("elsewhere"))
        shutil.rmtree(self.copy_place)
        shutil.rmtree(out)
        result = self.run_program("restore", "latest", "--to", out)
        self.assertIn("reading from its copy far", result.err)
        self.assertEqual(trees.compare_trees(self.source, out + self.source), [])
        self.run_program("backup", "blog", expect=NOT_FOUND)

    def test_what_was_forgotten_is_forgotten_there(self):
        first = self.backup()["snapshot"]["id"]
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("copy", self.copy_place, "--create")
        self.run_program("forget", first, "--prune", "--yes")
        report = self.run_program("copy", self.copy_place, "--prune", "--json").json["copies"][0]
        self.assertEqual(report["snapshots_removed"], 1)
        self.assertGreater(report["bytes_deleted"], 2_900_000)
        self.assertEqual(len(self.expect_copy_whole(self.copy_place)), 1)

    def score(self, expect):
        shown = self.run_program("score", "--json", expect=expect).json["sites"][0]
        return {rule["rule"]: rule["kept"] for rule in shown["rules"]}

    def test_the_score_of_a_site(self):
        usb = self.path("usb")
        self.config("nas, usb", {
            "nas": f"{{url: '{self.copy_place}', offsite: true, medium: server}}",
            "usb": f"{{url: '{usb}', offline: true, verify: 90 days}}"})
        self.backup("blog", "--no-copies")
        self.assertEqual(self.score(PARTIAL), {"copies": False, "media": False, "offsite": False,
                                               "offline": False, "errors": False})
        self.run_program("copy", "--create", "--read-back")
        self.run_program("check", "--read-data")
        kept = {"copies": True, "media": True, "offsite": True, "offline": True, "errors": True}
        self.assertEqual(self.score(DONE), kept)
        os.rename(usb, usb + "-in-the-safe")
        self.assertEqual(self.score(DONE), kept, "a disk in the safe counts as it was seen last")
        metrics = self.run_program("score", "--metrics").text
        self.assertIn('holdfast_score_kept{site="blog",rule="offline"} 1\n', metrics)
        self.assertIn('holdfast_score_have{site="blog",rule="copies"} 4\n', metrics)
        self.backup("blog", "--no-copies")
        self.assertEqual(self.score(PARTIAL)["copies"], False)
        self.assertIn("holdfast copy nas", self.run_program("score", expect=PARTIAL).text)

    def test_a_disk_that_should_have_been_connected_is_overdue(self):
        usb = self.path("usb")
        self.config("usb", {"usb": f"{{url: '{usb}', offline: true, period: 20 days}}"})
        self.backup("blog", "--no-copies")
        self.run_program("copy", "--create")
        os.rename(usb, usb + "-in-the-safe")
        later, much_later = (clocks.clock_at(self, f"+{days}d") for days in (10, 25))

        def state(code, **changes):
            shown = self.run_program("copies", "--json", expect=code, **changes).json
            return shown["copies"][0]["state"]
        self.assertEqual(state(DONE, **much_later), "away", "it lacks nothing")
        result = self.run_program("backup", "--json", **later)
        self.assertEqual(result.json["copies"], [{"store": "usb", "state": "away"}])
        self.assertEqual(state(DONE, **later), "away")
        self.assertEqual(state(PARTIAL, **much_later), "overdue")
        result = self.run_program("backup", "--json", **much_later)
        self.assertEqual(result.json["copies"], [{"store": "usb", "state": "overdue"}])
        self.assertIn("connect it", result.err)
        self.assertIn("usb is overdue", self.run_program("score", expect=PARTIAL,
                                                         **much_later).text)
        os.rename(usb + "-in-the-safe", usb)
        result = self.run_program("backup", "--json", **much_later)
        self.assertEqual(len(result.json["copies"][0]["snapshots_sent"]), 3,
                         "a disk that is there again is brought up to date by the next backup")
        os.rename(usb, usb + "-in-the-safe")
        self.assertEqual(state(DONE, **much_later), "away", "what it has is known")

    def test_damage_does_not_travel(self):
        self.backup()
        pack = max((os.path.join(folder, name) for folder, _, names in
                    os.walk(os.path.join(self.repository, "packs")) for name in names),
                   key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(1000)
            file.write(b"damage")
        report = self.run_program("copy", self.copy_place, "--create", "--json").json["copies"][0]
        self.assertEqual(report["packs_mended"], 1)
        self.expect_copy_whole(self.copy_place)
        with open(pack, "r+b") as file:
            file.write(bytes(os.path.getsize(pack)))
        other = self.path("other")
        result = self.run_program("copy", other, "--create", "--json", expect=PARTIAL)
        name = os.path.relpath(pack, self.repository)
        self.assertEqual([problem["object"] for problem in result.json["copies"][0]["problems"]],
                         [name])
        self.run_program("repair", "--from", self.copy_place, "--yes")
        self.run_program("check", "--read-data")

    def test_a_maintainers_key_is_enough(self):
        self.backup()
        self.run_program("key", "add", "--role", "maintainer", "--label", "keeper",
                         "--generate", self.path("keeper.key"))
        self.run_program("copy", self.copy_place, "--create", "--key-file",
                         self.path("keeper.key"), HOLDFAST_PASSPHRASE_FILE=None)
        self.expect_copy_whole(self.copy_place)

    def test_keys_that_were_removed_go_when_asked(self):
        self.backup()
        self.run_program("key", "add", "--role", "reader", "--label", "old",
                         "--generate", self.path("old.key"))
        slot = next(slot["id"] for slot in self.run_program("key", "list", "--json").json["slots"]
                    if slot["label"] == "old")
        self.run_program("copy", self.copy_place, "--create")
        self.run_program("key", "remove", slot)
        self.assertIn("--remove-keys", self.run_program("copy", self.copy_place, "--dry-run").text)
        report = self.run_program("copy", self.copy_place, "--remove-keys", "--json").json
        self.assertEqual(report["copies"][0]["keys_removed"], 1)
        self.run_program("snapshots", "--key-file", self.path("old.key"), expect=13,
                         HOLDFAST_REPO=self.copy_place, HOLDFAST_PASSPHRASE_FILE=None)

    def test_what_makes_no_sense_is_refused(self):
        self.backup()
        self.run_program("copy", expect=USAGE)
        self.run_program("copy", self.repository, expect=USAGE)
        self.assertIn("did you mean nas?", self.nas_misspelt())
        other = self.path("other")
        self.run_program("init", "--passphrase-memory", "64KiB", HOLDFAST_REPO=other)
        self.run_program("copy", other, expect=CONFLICT)

    def nas_misspelt(self):
        self.config("nas", {"nas": f"{{url: '{self.copy_place}'}}"})
        return self.run_program("copy", "nass", expect=NOT_FOUND).err
