#!/usr/bin/python3
"""Reads a Holdfast repository without Holdfast: lists its snapshots, extracts one, checks all.

Written from docs/format/repository.md and the schemas in proto/ alone, so that it proves that page,
whose words it uses; primitives.py has seals and messages. It verifies all that it reads, and writes
only below a directory that it makes. Needs Python 3.11 and, from Debian, b3sum python3-argon2
python3-cryptography python3-nacl python3-zstandard. Exit code: 0 all was right, 1 something was not
and is named, 2 wrong usage.
"""
import argparse
import datetime
import os
import pathlib
import re
import stat
import struct
import subprocess
import sys
from collections import OrderedDict

import argon2.low_level
from primitives import (Cursor, Damaged, WRONG, WrongKey, blake3, checksum, decode, hkdf, need,
                        object_key, open_aes, open_envelope, open_sealed_secret, open_small_box,
                        open_zstd, public_key_of, split, verify, zigzag)

SECTOR, PACK_HEADER, PACK_MAX, FRAME = 64 * 1024, 192, 1 << 30, 24
SEGMENT_MAX, ENCODED_MAX, OBJECT_MAX = 16 << 20, 16_809_988, 16 << 20
INDEX_COUNT_MAX, INDEX_COLUMNS_MAX, INDEX_MAX = 4_194_304, 256 << 20, 600 << 20
MAP_FANOUT = 512
SEGMENTS_CACHED = 12
FILE, DIRECTORY, SYMLINK = 1, 2, 3
SPECIAL = {4: stat.S_IFIFO, 5: stat.S_IFSOCK, 6: stat.S_IFBLK, 7: stat.S_IFCHR}
PROBLEMS = []  # what was not right

def say(thing, what):
    PROBLEMS.append(f"{thing}: {str(what) or 'the seal is broken'}")
    print(PROBLEMS[-1], file=sys.stderr)

def try_to(thing, act, *arguments):
    """Does something with `thing`; if it fails, says why."""
    try:
        act(*arguments)
    except WRONG as error:
        say(thing, error)

# ---- the repository, in three layers: records, chunks, trees

def instant(time):
    return (time.seconds, time.nanoseconds) if time else (0, 0)

def pack_name(pack_id):
    return f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}"

class Records:
    """The objects below a directory: who the repository is, its keys, its records."""

    def __init__(self, root, passphrase):
        self.root = pathlib.Path(root)
        self.id, self.owner = self.read_format()
        self.keys = self.open_slots(passphrase)
        need(self.keys.owner_signing_key == self.owner, "format: another owner than in the slot")
        self.private_keys = {epoch.number: epoch.private_key for epoch in self.keys.epochs}
        for name in self.names("epochs"):
            try_to(f"epochs/{name}", self.read_epoch, name)

    def names(self, prefix):
        folder = self.root / prefix
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def size(self, name):
        return (self.root / name).stat().st_size

    def read(self, name, at=0, size=None, most=OBJECT_MAX):
        size = self.size(name) if size is None else size
        need(size <= most, "it is too large")
        with open(self.root / name, "rb") as file:
            data = os.pread(file.fileno(), size, at)
        need(len(data) == size, "it ends too early")
        return data

    def read_format(self):
        for name in ("format", "format.2", "format.3"):
            try:
                body, head = open_envelope(self.read(name), b"HOLDFAST")
                need(len(body) == 140, "its body has another size")
                verify(body[32:64], body[76:], b"holdfast format object" + head + body[:76])
                return body[:32], body[32:64]
            except WRONG as error:
                say(name, error)
        raise Damaged("format: no copy is readable")

    def open_slots(self, passphrase):
        for name in self.names("keys"):
            try:
                return self.open_slot(self.read(f"keys/{name}"), passphrase)
            except WrongKey:
                pass  # somebody else's
            except WRONG as error:
                say(f"keys/{name}", error)
        raise WrongKey("no key slot opens with this passphrase")

    def open_slot(self, data, passphrase):
        slot = decode("KeySlot", open_envelope(data, b"HFKEYSLT")[0])
        header = decode("KeySlotHeader", slot.header)
        need(header.repository_id == self.id, "it is of another repository")
        if header.kind != 1:
            raise WrongKey("it is not for a passphrase")
        need(1 <= header.passes <= 64 and 8192 <= header.memory_bytes <= 4 << 30
             and len(header.salt) == 16, "its costs are out of bounds")
        key = argon2.low_level.hash_secret_raw(
            passphrase, header.salt, time_cost=header.passes, parallelism=1, hash_len=32,
            memory_cost=header.memory_bytes // 1024, type=argon2.low_level.Type.ID, version=19)
        text = open_small_box(key, b"holdfast key slot", slot.box, slot.header)
        bundle = decode("KeyBundle", text)
        need(bundle.certificate == header.certificate, "header and bundle differ")
        self.check_certificate(bundle.certificate, bundle.owner_signing_key)
        return bundle

    def check_certificate(self, certificate, owner):
        need(len(certificate) == 129, "a certificate has another size")
        verify(owner, certificate[65:], b"holdfast certificate" + self.id + certificate[:65])

    def check_writer(self, record, roles):
        """The owner wrote it, or somebody whom the owner gave one of the roles."""
        if record.writer != self.owner or record.certificate:
            self.check_certificate(record.certificate, self.owner)
            need(record.certificate[1:33] == record.writer, "it is certified for another writer")
            need(record.certificate[0] in roles, "its writer has no right to write it")

    def read_epoch(self, name):
        body, _ = open_envelope(self.read(f"epochs/{name}"), b"HFEPOCH\n")
        verify(self.owner, body[:64], b"holdfast epoch" + body[64:])
        epoch = decode("EpochRecord", body[64:])
        need(epoch.repository_id == self.id and re.fullmatch(r"(\d{4})\.[123]", name)
             and int(name[:4]) == epoch.number >= 2, "it is not the epoch of its name")
        own = public_key_of(self.keys.grant_key)
        for grant in epoch.grants:
            if grant.grant_key == own and not self.private_keys.get(epoch.number):
                key = open_sealed_secret(self.keys.grant_key, grant.sealed)
                need(public_key_of(key) == epoch.public_key, "it grants another key")
                self.private_keys[epoch.number] = key

    def records(self, folder, kind, magic, word):
        """All records of a folder that can be read: id -> message."""
        key = hkdf(self.keys.metadata_key, self.id, f"holdfast {word} id".encode(), 32)
        records = {}

        def read(name):
            body, _ = open_envelope(self.read(f"{folder}/{name}"), magic)
            signed = open_small_box(self.keys.metadata_key, f"holdfast {word}".encode(), body,
                                    self.id + f"{folder}/".encode())
            need(blake3([signed], key)[0].hex() == name, "its id is another one")
            record = decode(kind, signed[64:])
            text = f"holdfast signed {word}".encode() + self.id + signed[64:]
            verify(record.writer, signed[:64], text)
            self.check_writer(record, {1, 2, 3} if kind == "Snapshot" else {1, 4})
            records[bytes.fromhex(name)] = record
        for name in self.names(folder):
            try_to(f"{folder}/{name}", read, name)
        return records

    def snapshots(self):
        """(id, record) of those that count, by the time when they ended; checks the chains."""
        snapshots = self.records("snapshots", "Snapshot", b"HFSNAPSH", "snapshot")
        deletions = self.records("deletions", "Deletion", b"HFDELETE", "deletion")
        deleted = {entry.id: entry for record in deletions.values() for entry in record.deleted}
        self.check_chains({**snapshots, **deletions}, deleted)
        living = [(id, record) for id, record in snapshots.items() if id not in deleted]
        return sorted(living, key=lambda pair: (instant(pair[1].finished), pair[0]))

    def check_chains(self, records, deleted):
        known = {(entry.writer, entry.sequence) for entry in deleted.values()}
        known |= {(record.writer, record.sequence) for record in records.values()}
        for id, record in records.items():
            before = record.sequence - 1
            if before > 0 and (record.writer, before) not in known:
                say(f"writer {record.writer.hex()[:16]}", f"record {before} was lost")
            elif bool(before) != bool(record.previous) or (
                    before and record.previous not in records and record.previous not in deleted):
                say(id.hex(), "the record before it is not there")

class Chunks(Records):
    """Where chunks are, and their bytes. What no index has is looked up in the packs."""

    def __init__(self, root, passphrase):
        super().__init__(root, passphrase)
        self.segments = []  # (pack id, position, offset, stored size, chunk ids, lengths)
        self.places = {}    # chunk id -> numbers of segments
        self.pack_keys, self.opened = {}, OrderedDict()
        self.packs_read = False
        for name in self.names("index"):
            try_to(f"index/{name}", self.read_index, name)

    def add(self, pack_id, position, offset, stored, ids, lengths):
        need(sum(lengths) <= SEGMENT_MAX, "a segment is too large")
        self.segments.append((pack_id, position, offset, stored, ids, lengths))
        for id in set(ids):
            self.places[id] = self.places.get(id, ()) + (len(self.segments) - 1,)

    def read_index(self, name):
        body, _ = open_envelope(self.read(f"index/{name}", most=INDEX_MAX), b"HFINDEX\n")
        associated = b"HFINDEX\n" + struct.pack("<I", 1) + self.id + bytes.fromhex(name)
        text = Cursor(open_small_box(self.keys.index_key, b"holdfast/v1/index", body, associated))
        packs, segments, chunks, size, compressed = struct.unpack("<5I", text.take(20))
        need(max(packs, segments, chunks) <= INDEX_COUNT_MAX, "it counts too many")
        need(size <= min(INDEX_COLUMNS_MAX, compressed * 4096), "its columns are too large")
        columns = Cursor(open_zstd(text.take(compressed), size))
        pack_ids, ids = split(text.take(32 * packs), 32), split(text.take(32 * chunks), 32)
        text.end()
        heads = [columns.varints(4) for _ in range(packs)]
        rows = list(zip(*(columns.varints(segments) for _ in range(5))))
        lengths = columns.varints(chunks)
        columns.end()
        need(sum(head[3] for head in heads) == segments
             and sum(row[4] for row in rows) == chunks, "it miscounts")
        row = iter(rows)
        chunk = 0
        for pack_id, (_kind, _epoch, pack_size, count) in zip(pack_ids, heads):
            position, end = -1, 0
            for move, gap, stored, _surplus, chunk_count in (next(row) for _ in range(count)):
                position = zigzag(move) + position + 1
                offset, above = end + gap, chunk + chunk_count
                end = offset + stored
                need(position >= 0 and end <= pack_size, "a segment lies outside its pack")
                self.add(pack_id, position, offset, stored, ids[chunk:above], lengths[chunk:above])
                chunk = above

    def header(self, pack_id):
        """The checked header of a pack, and what of it associated data carries."""
        data = self.read(pack_name(pack_id), 0, PACK_HEADER)
        need(data[:8] == b"HFPACK\r\n" and checksum(data[:160]) == data[160:168],
             "its header is damaged")
        need(data[8:11] == b"\1\0\1" and 1 <= data[11] <= 3, "unsupported version, suite or kind")
        need(data[16:48] == pack_id and not any(data[168:]), "its header is another pack's")
        return data, self.id + pack_id + data[11:16]

    def explain(self, pack_id):
        """A pack that is not here may be in another store instead: its mark says in which."""
        name = f"elsewhere/{pack_id.hex()}"
        if (self.root / pack_name(pack_id)).exists() or not (self.root / name).exists():
            return
        body, _ = open_envelope(self.read(name), b"HFAWAY\r\n")
        mark = decode("Elsewhere", open_small_box(self.keys.index_key, b"holdfast/v1/elsewhere",
                                                  body, self.id + name.encode()))
        raise Damaged(f"{pack_name(pack_id)} is kept in the store {mark.store.decode()} only: "
                      "read that instead")

    def pack_key(self, pack_id):
        """The key of a pack, and the start of the associated data of its segments."""
        if pack_id not in self.pack_keys:
            data, associated = self.header(pack_id)
            private_key = self.private_keys.get(struct.unpack("<I", data[12:16])[0])
            need(private_key, "the key slot has no private key of its epoch")
            secret = open_sealed_secret(private_key, data[48:128])
            label = b"holdfast/v1/pack/" + self.id.hex().encode()
            key = object_key(secret, pack_id, label, data[128:160])
            self.pack_keys[pack_id] = key, associated
        return self.pack_keys[pack_id]

    def read_segment(self, pack_id, position, offset, stored):
        """The chunks of the segment at `offset`."""
        self.explain(pack_id)
        key, associated = self.pack_key(pack_id)
        data = self.read(pack_name(pack_id), offset, stored, ENCODED_MAX + FRAME + 16)
        magic, at, box_size, encoded_size, encoding = struct.unpack("<4sIIIB", data[:17])
        need(magic == b"HFSG" and at == position and box_size == stored - FRAME
             and encoding in (0, 1) and not any(data[17:FRAME]), "a frame is not the one expected")
        need(encoded_size <= ENCODED_MAX, "a segment is too large")
        text = open_aes(key, position, data[FRAME:], associated + data[:FRAME])
        if encoding == 1:
            need(len(text) < encoded_size, "a compressed segment is no smaller")
            text = open_zstd(text, encoded_size)
        need(len(text) == encoded_size, "a segment has another size")
        cursor = Cursor(text)
        count, = struct.unpack("<I", cursor.take(4))
        need(count <= 8192, "a segment has too many chunks")
        lengths = struct.unpack(f"<{count}I", cursor.take(4 * count))
        chunks = [cursor.take(length) for length in lengths]
        cursor.end()
        return chunks

    def segment(self, number):
        """Chunk id -> bytes of a segment, all of them verified."""
        if number not in self.opened:
            pack_id, position, offset, stored, ids, lengths = self.segments[number]
            try:
                chunks = self.read_segment(pack_id, position, offset, stored)
                need([len(chunk) for chunk in chunks] == lengths
                     and blake3(chunks, self.keys.chunk_id_key) == ids, "it has other chunks")
            except WRONG as error:
                raise Damaged(f"{pack_name(pack_id)} at {offset}: {error!r}") from None
            self.opened[number] = dict(zip(ids, chunks))
            if len(self.opened) > SEGMENTS_CACHED:
                self.opened.popitem(last=False)
        self.opened.move_to_end(number)
        return self.opened[number]

    def chunk(self, id):
        problem = "nothing says where it is"
        for number in self.places.get(id, ()):
            try:
                return self.segment(number)[id]
            except Damaged as error:
                problem = error
        if not self.packs_read:
            self.read_directories()
            return self.chunk(id)
        raise Damaged(f"chunk {id.hex()}: {problem}")

    def packs(self):
        return [bytes.fromhex(name) for ab in self.names("packs")
                for name in self.names(f"packs/{ab}") if re.fullmatch(ab + "[0-9a-f]{62}", name)]

    def read_directories(self):
        self.packs_read = True
        for pack_id in self.packs():
            try_to(pack_name(pack_id), self.read_directory, pack_id)

    def trailer(self, pack_id):
        """The checksums of all sectors, offset and size of the directory, size of the parity."""
        size = self.size(pack_name(pack_id))
        need(PACK_HEADER + 40 < size <= PACK_MAX, "its size cannot be")
        end = self.read(pack_name(pack_id), size - 40, 40)
        at, directory, parity, version, groups = struct.unpack("<QIIHH", end[:20])
        covered = at + directory
        need(0 < covered <= size and parity <= size, "its trailer is damaged")
        sectors = -(-covered // SECTOR) + parity // min(SECTOR, covered)
        length = 8 * sectors + 40
        need(length <= size, "its trailer is damaged")
        data = self.read(pack_name(pack_id), size - length, length)
        need(data[-8:] == b"HFPACKND" and checksum(data[:-16]) == data[-16:-8],
             "its trailer is damaged")
        need(version == 1, f"unsupported: trailer {version}")
        between = PACK_HEADER + length + parity if groups else 0
        need(not any(data[-20:-16]) and covered + between + length == size,
             "its trailer does not fit")
        return split(data[:-40], 8), at, directory, parity

    def read_directory(self, pack_id):
        _, at, length, _ = self.trailer(pack_id)
        box = self.read(pack_name(pack_id), at, length)
        text = Cursor(open_small_box(self.keys.index_key, b"holdfast/v1/directory", box,
                                     self.header(pack_id)[1]))
        offset = PACK_HEADER
        for _ in range(text.varint()):
            position, stored, count = text.varints(3)
            chunks = [(text.take(32), text.varint()) for _ in range(count)]
            self.add(pack_id, position, offset, stored, [id for id, _ in chunks],
                     [length for _, length in chunks])
            offset += stored
        text.end()
        need(offset <= at, "its segments overlap the directory")

    def check_sectors(self, pack_id):
        sums, at, length, parity = self.trailer(pack_id)
        data = self.read(pack_name(pack_id), 0, self.size(pack_name(pack_id)), PACK_MAX)
        covered, end = at + length, len(data) - 8 * len(sums) - 40
        sectors = [data[start:min(start + SECTOR, covered)] for start in range(0, covered, SECTOR)]
        sectors += split(data[end - parity:end], min(SECTOR, covered))
        for number, hash in enumerate(blake3(sectors)):
            need(hash[:8] == sums[number], f"sector {number} is damaged")
        need(not parity or data[covered:end - parity] == data[:PACK_HEADER] + data[end:],
             "the copy of its header or trailer is damaged")

    def check(self):
        """Reads every pack and opens every segment that index or directories name."""
        for pack_id in self.packs():
            try_to(pack_name(pack_id), self.check_sectors, pack_id)
        self.read_directories()
        for number in range(len(self.segments)):
            try_to("segment", self.segment, number)

class Trees(Chunks):
    """Directories, lists and maps of blocks: what tree pages say."""

    def page(self, id, letter, message):
        data = self.chunk(id)
        need(data[:2] == letter + b"\1", f"page {id.hex()} is of another kind or version")
        return decode(message, data[2:])

    def directory(self, root):
        """The nodes of a directory in the order of their names."""
        page = self.page(root, b"T", "TreePage")
        if not page.base:
            return self.nodes_below(page)
        base = self.page(page.base, b"T", "TreePage")
        need(page.level == 0 and not page.children and not base.base, "an overlay that is none")
        nodes = {node.name: node for node in self.nodes_below(base)
                 if node.name not in page.removed}
        nodes.update({node.name: node for node in self.nodes_below(page)})
        return [nodes[name] for name in sorted(nodes)]

    def nodes_below(self, page, level=None):
        need(page.level < 25 and level in (None, page.level), "a page is at another level")
        nodes = list(page.nodes)
        for child in page.children:
            below = self.nodes_below(self.page(child.page, b"T", "TreePage"), page.level - 1)
            need(below and (below[0].name, len(below)) == (child.first, child.count),
                 "a page is not what its parent says")
            nodes += below
        names = [node.name for node in nodes]
        need(all(one < two for one, two in zip(names, names[1:])), "names that do not ascend")
        need(all(0 < len(name) <= 4096 and name not in (b".", b"..") and b"/" not in name
                 and b"\0" not in name for name in names), "a name that cannot be")
        return nodes

    def list_items(self, reference, items_of, level=None):
        """The items of a long list; `items_of` takes those of a page of level 0."""
        page = self.page(reference.page, b"L", "ListPage")
        need(page.level < 9 and level in (None, page.level), "a list page is at another level")
        items = [] if page.level else items_of(page)
        need(len(items) + sum(child.count for child in page.children) == reference.count,
             "a list page miscounts")
        yield from items
        for child in page.children:
            yield from self.list_items(child, items_of, page.level - 1)

    def chunk_ids(self, node):
        def items_of(page):
            return split(page.chunks, 32)
        return self.list_items(node.chunk_list, items_of) if node.chunk_list else items_of(node)

    def holes(self, node):
        """(start, end) of each hole."""
        def items_of(page):
            cursor, holes, end = Cursor(page.holes), [], 0
            while cursor.more():
                start = end + cursor.varint()
                end = start + cursor.varint()
                need(end > start, "a hole is empty")
                holes.append((start, end))
            return holes
        return self.list_items(node.hole_list, items_of) if node.hole_list else items_of(node)

    def pieces(self, node):
        """(offset, bytes) of all that is not a hole."""
        gaps, position = [*self.holes(node), (node.size, node.size)], 0
        ids, data = iter(self.chunk_ids(node)), b""
        for start, end in gaps:
            while position < start:
                data = data or self.chunk(next(ids, b""))
                yield position, data[:start - position]
                taken = min(len(data), start - position)
                position, data = position + taken, data[taken:]
            need(position == start, "holes that overlap")
            position = end
        need(not data and next(ids, None) is None, "chunks go beyond the end of the file")

    def map_leaves(self, id, leaves):
        """The leaves of the map of a paged file, below a page that has `leaves` of them."""
        if leaves == 1:
            yield self.page(id, b"M", "MapPage")
            return
        each = 1
        while each * MAP_FANOUT < leaves:
            each *= MAP_FANOUT
        pages = split(self.page(id, b"X", "MapIndexPage").pages, 32)
        need(len(pages) == -(-leaves // each), "a map page has another number of pages")
        for number, below in enumerate(pages):
            yield from self.map_leaves(below, min(each, leaves - number * each))

    def paged_pieces(self, paged):
        """(offset, bytes) of each block that is not zero."""
        size, first = paged.block_size, 0
        need(size, "a paged file without a block size")
        total = -(-paged.size // size)
        for leaf in self.map_leaves(paged.map_root, -(-total // MAP_FANOUT)):
            superblocks = split(leaf.superblocks, 32)
            places, slots, slot = Cursor(leaf.places), Cursor(leaf.slots), -1
            for number in range(first, min(first + MAP_FANOUT, total)):
                place = places.varint()
                need(place <= len(superblocks), "a block is in no superblock")
                if place:
                    slot += 1 + zigzag(slots.varint())
                    block = self.chunk(superblocks[place - 1])[slot * size:(slot + 1) * size]
                    length = min(size, paged.size - number * size)
                    need(slot >= 0 and len(block) >= length, "a block is outside its superblock")
                    yield number * size, block[:length]
            first += MAP_FANOUT
            places.end()
            slots.end()

# ---- extraction

class Extraction:
    """Writes one snapshot below a new directory."""

    def __init__(self, trees, target):
        self.trees, self.target = trees, os.fsencode(target)
        self.first_names = {}
        self.directories = []  # (path, node): set at the end, when nothing more is put into them

    def run(self, snapshot):
        os.mkdir(self.target, 0o700)
        for item in snapshot.items:
            self.first_names.clear()
            parts, path = item.path.split(b"/")[1:], self.target
            need(item.path[:1] == b"/" and item.root and item.root.name == parts[-1]
                 and not {b"..", b"."} & set(parts), "an item with a path that cannot be")
            for number, part in enumerate(parts[:-1]):
                path = os.path.join(path, part)
                if not os.path.lexists(path):
                    os.mkdir(path, 0o700)
                    if item.ancestors:
                        self.directories.append((path, item.ancestors[number]))
                need(stat.S_ISDIR(os.lstat(path).st_mode), "an item below what is no directory")
            path = os.path.join(path, parts[-1])
            try_to(os.fsdecode(path), self.put, path, item.root)
        for path, node in reversed(self.directories):
            try_to(os.fsdecode(path), self.set_metadata, path, node)

    def put(self, path, node):
        if node.kind == DIRECTORY:
            if not os.path.lexists(path) or not stat.S_ISDIR(os.lstat(path).st_mode):
                os.mkdir(path, 0o700)
            self.directories.append((path, node))
            for child in self.trees.directory(node.tree):
                below = os.path.join(path, child.name)
                try_to(os.fsdecode(below), self.put, below, child)
        elif node.hard_link and node.hard_link in self.first_names:
            os.link(self.first_names[node.hard_link], path, follow_symlinks=False)
        else:
            self.put_leaf(path, node)
            self.set_metadata(path, node)
            self.first_names[node.hard_link] = path

    def put_leaf(self, path, node):
        if node.kind == SYMLINK:
            os.symlink(node.link_target, path)
        elif node.kind in SPECIAL:
            os.mknod(path, 0o600 | SPECIAL[node.kind], node.device)
        else:
            need(node.kind == FILE and (not node.paged or node.paged.size == node.size),
                 "not a file that can be")
            trees = self.trees
            with open(path, "xb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
                file.truncate(node.size)
                for offset, piece in (trees.paged_pieces(node.paged) if node.paged
                                      else trees.pieces(node)):
                    file.seek(offset)
                    file.write(piece)
        if node.paged:
            whole = subprocess.run(["b3sum", "--no-names", "--", path], stdout=subprocess.PIPE,
                                   check=True).stdout.decode().strip()
            need(whole == node.paged.file_hash.hex(), "its hash is another one")

    @staticmethod
    def set_metadata(path, node):
        if os.geteuid() == 0:
            os.chown(path, node.user_id, node.group_id, follow_symlinks=False)
        for attribute in node.attributes:
            os.setxattr(path, attribute.name, attribute.value, follow_symlinks=False)
        if node.kind != SYMLINK:
            os.chmod(path, node.mode)
        time = node.mtime_seconds * 1_000_000_000 + node.mtime_nanoseconds
        os.utime(path, ns=(time, time), follow_symlinks=False)

# ---- commands

def list_snapshots(repository):
    for id, record in repository.snapshots():
        when = datetime.datetime.fromtimestamp(instant(record.finished)[0], datetime.timezone.utc)
        paths = " ".join(ascii(os.fsdecode(item.path))[1:-1] for item in record.items)
        print(id.hex(), when.strftime("%Y-%m-%dT%H:%M:%SZ"), ascii(os.fsdecode(record.site)), paths)

def choose(snapshots, wanted):
    found = snapshots[-1:] if wanted == "latest" else [
        pair for pair in snapshots if pair[0].hex().startswith(wanted)]
    need(len(found) == 1, f"{wanted}: {len(found)} snapshots have an id that starts so")
    return found[0][1]

def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repo", required=True, metavar="DIRECTORY")
    parser.add_argument("--passphrase-file", required=True, metavar="FILE")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="say which snapshots there are")
    commands.add_parser("check", help="read and verify everything")
    extract = commands.add_parser("extract", help="put what a snapshot holds below a new directory")
    extract.add_argument("snapshot", help="the beginning of an id, or latest")
    extract.add_argument("target", help="does not exist yet")
    chosen = parser.parse_args()
    try:
        passphrase = pathlib.Path(chosen.passphrase_file).read_bytes().rstrip(b"\r\n")
        repository = Trees(chosen.repo, passphrase)
        if chosen.command == "extract":
            snapshot = choose(repository.snapshots(), chosen.snapshot)
            Extraction(repository, chosen.target).run(snapshot)
        else:
            list_snapshots(repository)
        if chosen.command == "check":
            repository.check()
    except WRONG as error:
        say(chosen.repo, error)
    return 1 if PROBLEMS else 0

if __name__ == "__main__":
    sys.exit(main())
