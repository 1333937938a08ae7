"""Damage of every region of every kind of object: it is reported by name, or changes nothing.

`check --read-data` names the object, and a restore gives exact bytes or says that it did not.
HOLDFAST_FAULT_POINTS bounds the number of damages, and HOLDFAST_TEST_SEED repeats a choice.
"""

import collections
import itertools
import json
import os
import random
import shutil
import struct
import tempfile
import unittest

from every_kind import Site
from faults import Expectation, Place, each, sample, say, seed
from program import CORRUPT, DONE, TAMPERED
from trees import describe, differences, wrongly_finished

POINTS = int(os.environ.get("HOLDFAST_FAULT_POINTS", "1000"))
FLIPS_IN_A_REGION = 8
PAGE = 4096

Region = collections.namedtuple("Region", "name begin end")
Damage = collections.namedtuple("Damage", "object what change")

PACK_HEADER = (("magic", 8), ("version", 2), ("suite", 1), ("kind", 1), ("epoch", 4), ("id", 32),
               ("secret", 80), ("commitment", 32), ("checksum", 8), ("zero", 24))
FRAME = (("magic", 4), ("position", 4), ("box size", 4), ("encoded size", 4), ("encoding", 1),
         ("zero", 7))
ENVELOPE = (("magic", 8), ("version", 4), ("features", 8), ("length", 4))
TRAILER_END = (("directory offset", 8), ("directory size", 4), ("parity size", 4), ("version", 2),
               ("parity groups", 2), ("zero", 4), ("checksum", 8), ("magic", 8))
BOX_HEAD = (("salt", 32), ("commitment", 32))
SECTOR = 64 * 1024


def fields(prefix, at, sizes):
    for name, size in sizes:
        yield Region(f"{prefix} {name}", at, at + size)
        at += size


def regions_of_pack(content):
    """By docs/format/repository.md; what is sealed needs no key to be found."""
    yield from fields("header", 0, PACK_HEADER)
    at = 192
    while content[at:at + 4] == b"HFSG":
        box_size = struct.unpack_from("<I", content, at + 8)[0]
        yield from fields("frame", at, FRAME)
        yield Region("box", at + 24, at + 24 + box_size - 16)
        yield Region("tag", at + 24 + box_size - 16, at + 24 + box_size)
        at += 24 + box_size
    fixed = len(content) - 40
    directory, size, parity = struct.unpack_from("<QII", content, fixed)
    covered = directory + size
    sectors = -(-covered // SECTOR) + parity // min(SECTOR, covered)
    trailer = fixed - 8 * sectors
    if at < directory:
        yield Region("padding", at, directory)
    yield from fields("directory", directory, BOX_HEAD)
    yield Region("directory text", directory + 64, covered)
    if parity > 0:
        yield Region("copy of the header", covered, covered + 192)
        yield Region("copy of the trailer", covered + 192, trailer - parity)
        yield Region("parity", trailer - parity, trailer)
    yield Region("sector checksums", trailer, fixed)
    yield from fields("trailer", fixed, TRAILER_END)


def regions_of_record(content):
    yield from fields("envelope", 0, ENVELOPE)
    body, end = 24, len(content) - 32
    yield from (Region("start of the body", body, min(body + 64, end)),
                Region("body", min(body + 64, end), end), Region("checksum", end, len(content)))


def regions_of_index(content):
    third = len(content) // 3
    yield from (Region("start", 0, 64), Region("first third", 64, third),
                Region("second third", third, 2 * third), Region("last third", 2 * third,
                                                                 len(content)))


def regions_of(name, content):
    kind = name.split("/")[0]
    makers = {"packs": regions_of_pack, "index": regions_of_index}
    regions = makers.get(kind, regions_of_record)(content)
    return [region for region in regions if region.end > region.begin]


def damages_of(name, content, noise):
    """Flips in each region, cuts around each border, more at the end, and pages of zeros."""
    def flip(at, bit):
        return lambda old: old[:at] + bytes([old[at] ^ 1 << bit]) + old[at + 1:]

    regions = regions_of(name, content)
    for region in regions:
        for _ in range(FLIPS_IN_A_REGION):
            at, bit = noise.randrange(region.begin, region.end), noise.randrange(8)
            yield Damage(name, f"{region.name}: bit {bit} of byte {at}", flip(at, bit))
    borders = {region.begin + step for region in regions for step in (-1, 0, 1)}
    for size in sorted({0, len(content) - 1, *borders}):
        if 0 <= size < len(content):
            yield Damage(name, f"cut at {size}", lambda old, size=size: old[:size])
    yield Damage(name, "one byte more", lambda old: old + b"\0")
    yield Damage(name, "twice", lambda old: old + old)
    for at in {0, len(content) // 2 // PAGE * PAGE, (len(content) - 1) // PAGE * PAGE}:
        size = min(PAGE, len(content) - at)
        yield Damage(name, f"zeros at {at}",
                     lambda old, at=at, size=size: old[:at] + bytes(size) + old[at + size:])
    yield Damage(name, "gone", None)


class DamageTest(unittest.TestCase):
    def setUp(self):
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="holdfast-damage."))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.place = Place(os.path.join(self.home, "place")).init()
        self.site = Site(os.path.join(self.home, "site"), seed=9)
        self.path = os.fsdecode(self.site.root)
        self.expected = {}
        self.make_history()
        self.numbers = itertools.count()
        self.seed = seed()
        say(self, f"HOLDFAST_TEST_SEED={self.seed} HOLDFAST_FAULT_POINTS={POINTS}")

    def make_history(self):
        """Two snapshots to restore, and one that was forgotten. More than one segment of data."""
        self.site.write("text", b"".join(b"line %d of a long text\n" % i for i in range(200_000)))
        self.site.write("noise", self.site.noise(300_000))
        self.site.write("folder/small", b"small")
        self.back_up()
        self.site.write("folder/gone soon", b"x" * 1000)
        forgotten = self.back_up()
        self.site.write("noise", self.site.noise(200_000))
        os.unlink(self.site.path("folder/gone soon"))
        self.back_up()
        del self.expected[forgotten]
        if self.place.run("forget", forgotten).returncode != DONE:
            raise RuntimeError("forget does not work")

    def back_up(self):
        completed = self.place.run("backup", "--json", self.path)
        if completed.returncode != DONE:
            raise RuntimeError(completed.stderr)
        taken = json.loads(completed.stdout)["runs"][0]["snapshot"]["id"]
        self.expected[taken] = describe(self.path)
        return taken

    def objects(self):
        for folder, _, files in os.walk(self.place.repository):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, self.place.repository), file.read()

    def test_every_region(self):
        self.assertEqual(Expectation(self.path, None, self.expected).wrong_with(self.place), [])
        noise = random.Random(self.seed)
        damages = [damage for name, content in sorted(self.objects())
                   for damage in damages_of(name, content, noise)]
        kinds = {damage.object.split("/")[0] for damage in damages}
        self.assertLessEqual({"format", "keys", "packs", "index", "snapshots", "deletions"}, kinds)
        chosen = sample(damages, POINTS, self.seed)
        say(self, f"{len(chosen)} of {len(damages)} damages of {len(kinds)} kinds")
        wrong = each(chosen, self.wrong_after)
        self.assertEqual("\n".join(wrong), "")

    def wrong_after(self, damage):
        place = self.place.copy(os.path.join(self.home, f"try-{next(self.numbers)}"))
        # Another machine: nothing that it remembers hides the damage.
        shutil.rmtree(place.cache)
        path = os.path.join(place.repository, damage.object)
        try:
            with open(path, "rb") as file:
                content = file.read()
            os.unlink(path)
            if damage.change is not None:
                with open(path, "wb") as file:
                    file.write(damage.change(content))
            found = self.wrong_with_check(place, damage) + self.wrong_with_restores(place)
            return [f"{damage.object}, {damage.what}: {sentence}" for sentence in found]
        finally:
            shutil.rmtree(place.home, ignore_errors=True)

    def wrong_with_check(self, place, damage):
        checked = place.run("check", "--read-data", "--json")
        if checked.returncode < 0:
            return [f"check ended by signal {-checked.returncode}: {checked.stderr}"]
        if checked.returncode == DONE:
            # Prune reads trees instead of a damaged reach object; nobody misses a pack that only
            # a forgotten snapshot needed, nor its index, and without its ledger a pack is read
            # again.
            may_be = damage.object.startswith("reach/") or (
                damage.object.startswith(("packs/", "index/", "checks/")) and
                damage.what == "gone")
            return [] if may_be and self.all_restore(place) else ["check found nothing"]
        if checked.returncode not in (CORRUPT, TAMPERED):  # it could not even be opened
            named = damage.object.split("/")[0] in checked.stderr or "repository" in checked.stderr
            return [] if named else [f"check ended with {checked.returncode}: {checked.stderr}"]
        named = damage.object in checked.stdout + checked.stderr
        if damage.what == "gone" and not damage.object.startswith("packs/"):
            named = True  # nothing else holds its name: what misses it is named
        return [] if named or damage.object.split("/")[0] in ("format", "keys") else [
            f"check does not name it: {checked.stdout[:600]}{checked.stderr}"]

    def all_restore(self, place):
        return all(place.run("restore", snapshot, "--to",
                             os.path.join(place.home, "whole-" + snapshot)).returncode == DONE
                   for snapshot in self.expected)

    def wrong_with_restores(self, place):
        found = []
        for snapshot, expected in self.expected.items():
            target = os.path.join(place.home, snapshot)
            restored = place.run("restore", snapshot, "--to", target)
            there = describe(target + self.path) if os.path.isdir(target + self.path) else {}
            if restored.returncode == DONE:
                found += differences(expected, there)
            elif restored.returncode < 0 or not (restored.stderr + restored.stdout).strip():
                found.append(f"restore ended with {restored.returncode}: {restored.stderr!r}")
            found += wrongly_finished(expected, there)
        return found


if __name__ == "__main__":
    unittest.main()
