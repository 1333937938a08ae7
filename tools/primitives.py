"""What a repository is made of: hashes, seals, envelopes, numbers and messages.

See docs/format/repository.md, *Conventions*, *Messages* and *Envelope*, and the schemas in proto/.
"""
import hmac
import os
import pathlib
import re
import struct
import subprocess
from types import SimpleNamespace

import nacl.public
import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HASHED_AT_ONCE = 256  # each is an open file

class Damaged(Exception):
    """What is stored is not as the page says, or a later version wrote it."""

class WrongKey(Damaged):
    """The commitment is that of another key."""

WRONG = (Damaged, OSError, InvalidSignature, InvalidTag, zstandard.ZstdError, ValueError,
         nacl.exceptions.CryptoError)

def need(condition, what):
    if not condition:
        raise Damaged(what)

# ---- hashes and seals

def blake3(pieces, key=None):
    """The BLAKE3 of each of `pieces`, keyed if there is a key. One run of b3sum hashes many."""
    hashes = []
    for start in range(0, len(pieces), HASHED_AT_ONCE):
        files = [os.memfd_create("piece") for _ in pieces[start:start + HASHED_AT_ONCE]]
        for file, piece in zip(files, pieces[start:]):
            with open(file, "wb", closefd=False) as stream:
                stream.write(piece)
        command = ["b3sum", "--no-names", *(["--keyed"] if key else [])]
        run = subprocess.run(command + [f"/dev/fd/{file}" for file in files], check=True,
                             input=key or b"", stdout=subprocess.PIPE, pass_fds=files)
        for file in files:
            os.close(file)
        hashes += [bytes.fromhex(line) for line in run.stdout.decode().split()]
    return hashes

def checksum(data):
    return blake3([data])[0][:8]

def hkdf(secret, salt, label, size):
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=label).derive(secret)

def object_key(secret, salt, label, commitment):
    """The key made of secret, salt and label, if its commitment is this one."""
    both = hkdf(secret, salt, label, 64)
    if not hmac.compare_digest(both[32:], commitment):
        raise WrongKey("the commitment is that of another key")
    return both[:32]

def open_aes(key, position, box, associated):
    return AESGCM(key).decrypt(bytes(4) + struct.pack("<Q", position), box, associated)

def open_small_box(secret, label, box, associated):
    need(len(box) >= 80, "a box is too short")
    return open_aes(object_key(secret, box[:32], label, box[32:64]), 0, box[64:], associated)

def open_sealed_secret(private_key, sealed):
    return nacl.public.SealedBox(nacl.public.PrivateKey(private_key)).decrypt(sealed)

def public_key_of(private_key):
    return nacl.public.PrivateKey(private_key).public_key.encode()

def verify(public_key, signature, text):
    Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)

def open_zstd(data, size):
    """Decompresses one frame that says that it has `size` bytes, and nothing after it."""
    need(zstandard.frame_content_size(data) == size, "a frame carries another content size")
    decoder = zstandard.ZstdDecompressor().decompressobj()
    text = decoder.decompress(data)
    need(len(text) == size and not decoder.unused_data, "not one whole zstd frame")
    return text

def open_envelope(data, magic):
    """The body of an envelope, and the bytes of its version and features."""
    need(len(data) >= 56 and data[:8] == magic, "it does not start as such an object does")
    need(blake3([data[:-32]])[0] == data[-32:], "its hash is another one")
    version, features, length = struct.unpack("<IQI", data[8:24])
    need(version == 1 and not features, f"unsupported: version {version}, features {features:#x}")
    need(length == len(data) - 56, "its length is another one")
    return data[24:-32], data[8:20]

# ---- numbers and messages

class Cursor:
    """Takes numbers and bytes off the front of `data`."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        need(size <= len(self.data) - self.at, "bytes are missing")
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self):
        value = shift = 0
        byte = 0x80
        while byte >= 0x80:
            byte, = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            need(value < 1 << 64 and shift <= 70, "a varint is too large")
        need(byte or shift == 7, "a varint is longer than it needs to be")
        return value

    def varints(self, count):
        return [self.varint() for _ in range(count)]

    def more(self):
        return self.at < len(self.data)

    def end(self):
        need(not self.more(), "something follows the end")

def zigzag(number):
    return number >> 1 if number % 2 == 0 else -(number + 1 >> 1)

def split(data, size):
    need(len(data) % size == 0, f"not a row of items of {size} bytes")
    return [data[at:at + size] for at in range(0, len(data), size)]

def load_schemas(folder):
    """The messages of the .proto files: name -> field number -> (name, type, repeated)."""
    schemas = {}
    for file in folder.glob("*.proto"):
        text = re.sub(r"//.*|\benum\s+\w+\s*\{[^}]*\}", "", file.read_text(encoding="utf-8"))
        for name, body in re.findall(r"\bmessage\s+(\w+)\s*\{([^}]*)\}", text):
            fields = re.findall(r"(repeated\s+)?(\w+)\s+(\w+)\s*=\s*(\d+)\s*;", body)
            schemas[name] = {int(number): (field, kind, bool(repeated))
                             for repeated, kind, field, number in fields}
    return schemas

SCHEMAS = load_schemas(pathlib.Path(__file__).resolve().parent.parent / "proto")

def decode_value(kind, wire, cursor):
    has_length = kind == "bytes" or kind in SCHEMAS
    need(wire == (2 if has_length else 0), "a field has a foreign type")
    number = cursor.varint()
    if has_length:
        data = cursor.take(number)
        return decode(kind, data) if kind in SCHEMAS else data
    need(kind in ("uint64", "sint64") or number < 1 << 32, "a number is too large")
    return zigzag(number) if kind == "sint64" else number

def decode(name, data):
    """A message in its one encoding; what is left out is zero, empty, None or an empty list."""
    fields = SCHEMAS[name]
    message = {field: [] if repeated else b"" if kind == "bytes" else None if kind in SCHEMAS else 0
               for field, kind, repeated in fields.values()}
    cursor, last = Cursor(data), 0
    while cursor.more():
        number, wire = divmod(cursor.varint(), 8)
        need(number in fields, f"unsupported: {name} has a field {number}")
        field, kind, repeated = fields[number]
        need(number > last or repeated and number == last, f"{name}: fields out of order")
        value, last = decode_value(kind, wire, cursor), number
        need(repeated or value not in (0, b""), f"{name}.{field} is written though it is empty")
        message[field] = message[field] + [value] if repeated else value
    return SimpleNamespace(**message)
