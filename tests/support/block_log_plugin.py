"""The nbdkit plugin of block_log.py: a disk that writes down every write and flush.

Parameters: `img` is the disk, `log` the file that records are appended to.
"""

import os
import struct

import nbdkit

RECORD = struct.Struct("<BQI")  # as in block_log.py
API_VERSION = 2
_plugin = {}


def config(key, value):
    _plugin[key] = value


def get_ready():
    _plugin["disk"] = os.open(_plugin["img"], os.O_RDWR)
    _plugin["records"] = os.open(_plugin["log"], os.O_WRONLY | os.O_APPEND)


def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS


def open(_readonly):  # nbdkit names it
    return 1


def get_size(_handle):
    return os.fstat(_plugin["disk"]).st_size


def can_flush(_handle):
    return True


def can_fua(_handle):
    return nbdkit.FUA_NATIVE


def pread(_handle, into, offset, _flags):
    into[:] = os.pread(_plugin["disk"], len(into), offset)


def pwrite(_handle, data, offset, flags):
    os.pwrite(_plugin["disk"], data, offset)
    os.write(_plugin["records"], RECORD.pack(1, offset, len(data)) + bytes(data))
    if flags & nbdkit.FLAG_FUA:
        flush(_handle, 0)


def flush(_handle, _flags):
    os.write(_plugin["records"], RECORD.pack(2, 0, 0))
