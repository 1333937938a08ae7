#!/usr/bin/python3
"""Tries to read a repository with all that a machine holds: a key file, a cache, every object.

Opens the key slot of the key file, then tries each 32 bytes that stand anywhere in the bundle, the
key file or the cache as the private key of each pack and as its secret. Prints what came of it as
JSON; `texts` is all that any key opened, in hexadecimal. Works as docs/format/repository.md says,
with the seals of tools/primitives.py, and knows nothing of the program.
"""

import json
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tools"))
from primitives import (WRONG, decode, object_key, open_aes,  # noqa: E402
                        open_envelope, open_sealed_secret, open_small_box, public_key_of)

WINDOWS_MAX = 6000  # of the cache; more are sampled


def files_below(folder):
    return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def windows(data):
    return {data[at:at + 32] for at in range(len(data) - 31)}


class Thief:
    def __init__(self, repository, key_file, cache):
        self.repository = repository
        self.private = bytes.fromhex(re.search(r"^hfkey-(\w{64})", read(key_file).decode(),
                                               re.MULTILINE)[1])
        self.id = open_envelope(read(repository + "/format"), b"HOLDFAST")[0][:32]
        self.texts = [b"".join(read(path) for path in files_below(cache))]
        self.bundle_text = self.open_slot()
        self.bundle = decode("KeyBundle", self.bundle_text)

    def objects(self, folder):
        return [(os.path.basename(path), read(path))
                for path in files_below(f"{self.repository}/{folder}")]

    def open_slot(self):
        for _, data in self.objects("keys"):
            slot = decode("KeySlot", open_envelope(data, b"HFKEYSLT")[0])
            header = decode("KeySlotHeader", slot.header)
            if header.recipient == public_key_of(self.private):
                key = open_sealed_secret(self.private, slot.sealed_key)
                return open_small_box(key, b"holdfast key slot", slot.box, slot.header)
        raise SystemExit("the key file opens no slot")

    def granted(self):
        """Private keys of epochs that were sealed to this slot."""
        for _, data in self.objects("epochs"):
            record = decode("EpochRecord", open_envelope(data, b"HFEPOCH\n")[0][64:])
            for grant in record.grants:
                try:
                    yield open_sealed_secret(self.bundle.grant_key, grant.sealed)
                except WRONG:
                    pass

    def candidates(self):
        cached = sorted(windows(self.texts[0]))
        sampled = random.Random(1).sample(cached, min(len(cached), WINDOWS_MAX))
        return [*windows(self.bundle_text), self.private, *self.granted(), *sampled]

    def open_metadata(self, folder, magic, word):
        """How many records the metadata key opens."""
        for _, data in self.objects(folder):
            body = open_envelope(data, magic)[0]
            self.texts.append(open_small_box(self.bundle.metadata_key, b"holdfast " + word, body,
                                             self.id + f"{folder}/".encode()))
        return len(self.objects(folder))

    def pack_key(self, data, candidates):
        label = b"holdfast/v1/pack/" + self.id.hex().encode()
        for candidate in candidates:
            secrets = [candidate]
            try:
                secrets.append(open_sealed_secret(candidate, data[48:128]))
            except WRONG:
                pass
            for secret in secrets:
                try:
                    return object_key(secret, data[16:48], label, data[128:160])
                except WRONG:
                    pass
        return None

    def open_pack(self, data, candidates):
        key = self.pack_key(data, candidates)
        if key is None:
            return False
        frame = data[192:216]
        box = data[216:216 + int.from_bytes(frame[8:12], "little")]
        position = int.from_bytes(frame[4:8], "little")
        self.texts.append(open_aes(key, position, box, self.id + data[16:48] + data[11:16] + frame))
        return True

    def run(self):
        records = self.open_metadata("snapshots", b"HFSNAPSH", b"snapshot")
        candidates = self.candidates()
        packs = [data for _, data in self.objects("packs")]
        opened = sum(self.open_pack(data, candidates) for data in packs)
        return {"records": records, "packs": len(packs), "packs_opened": opened,
                "candidates": len(candidates), "texts": [text.hex() for text in self.texts]}


if __name__ == "__main__":
    print(json.dumps(Thief(*sys.argv[1:]).run()))
