"""What a directory tree holds, in everything that a restore must bring back, and how two differ.

Walks by directory handles, so that paths may be longer than PATH_MAX, and keeps names as bytes.
"""

import hashlib
import os
import stat

# File systems differ in how finely they keep holes: what is smaller than this is not compared.
HOLE_GRANULARITY = 64 * 1024
READ_SIZE = 1 << 20

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
         stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFBLK: "block device",
         stat.S_IFCHR: "character device"}


def describe(root, leave_out=()):
    """A dictionary of relative path (bytes; b"." is the root) to the properties of what is there.

    `leave_out` are relative paths that are not looked at, with all that is below them.
    """
    found, inodes = {}, {}
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found[b"."] = _properties(os.fstat(fd), f"/proc/self/fd/{fd}/.")
        _walk(fd, b"", frozenset(map(os.fsencode, leave_out)), found, inodes)
    finally:
        os.close(fd)
    for paths in inodes.values():
        for path in paths:
            found[path]["linked with"] = tuple(sorted(paths))
    return found


def _walk(directory, prefix, leave_out, found, inodes):
    for name in sorted(map(os.fsencode, os.listdir(directory))):
        path = prefix + name
        if path in leave_out:
            continue
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        # Through the handle the path stays short, and links are not followed.
        handle = b"/proc/self/fd/%d/%s" % (directory, name)
        found[path] = _properties(status, handle)
        if stat.S_ISREG(status.st_mode):
            inodes.setdefault((status.st_dev, status.st_ino), []).append(path)
        if stat.S_ISDIR(status.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            try:
                _walk(below, path + b"/", leave_out, found, inodes)
            finally:
                os.close(below)


def _properties(status, handle):
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    properties = {"kind": kind, "mode": oct(stat.S_IMODE(status.st_mode)), "uid": status.st_uid,
                  "gid": status.st_gid, "mtime": status.st_mtime_ns,
                  "xattrs": _extended_attributes(handle)}
    if kind == "file":
        properties["size"] = status.st_size
        properties["nlink"] = status.st_nlink
        with open(handle, "rb", buffering=0) as file:
            properties["content"] = _digest(file)
            properties["holes"] = _holes(file.fileno(), status.st_size)
    elif kind == "symlink":
        properties["target"] = os.readlink(handle)
    elif kind.endswith("device"):
        properties["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return properties


def _extended_attributes(handle):
    try:
        names = os.listxattr(handle, follow_symlinks=False)
    except OSError:  # a file system without them
        return {}
    return {name: os.getxattr(handle, name, follow_symlinks=False) for name in names}


def _digest(file):
    digest = hashlib.sha256()
    while block := file.read(READ_SIZE):
        digest.update(block)
    return digest.hexdigest()


def _holes(fd, size):
    """Ranges (from, to) without data, at least as long as the granularity."""
    holes, at = [], 0
    while at < size:
        hole = os.lseek(fd, at, os.SEEK_HOLE)
        if hole >= size:
            break
        try:
            at = os.lseek(fd, hole, os.SEEK_DATA)
        except OSError:  # no data up to the end
            at = size
        if at - hole >= 2 * HOLE_GRANULARITY:
            holes.append((hole, at))
    return holes


def _holes_missing(some, others):
    """Holes of `some` that are not inside a hole of `others`, ends aside."""
    return [(begin, end) for begin, end in some
            if not any(low <= begin + HOLE_GRANULARITY and end - HOLE_GRANULARITY <= high
                       for low, high in others)]


def _property_differs(name, left, right):
    if name == "holes":
        return bool(_holes_missing(left or [], right or []) or
                    _holes_missing(right or [], left or []))
    return left != right


def differences(left, right, ignore=()):
    """Sentences on how two descriptions differ; empty when they are the same in everything.

    `ignore` are names of properties.
    """
    found = [f"{path!r} is missing" for path in left if path not in right]
    found += [f"{path!r} is too much" for path in right if path not in left]
    for path in left:
        if path not in right:
            continue
        for name in sorted({*left[path], *right[path]} - set(ignore)):
            ours, theirs = left[path].get(name), right[path].get(name)
            if _property_differs(name, ours, theirs):
                found.append(f"{path!r}: {name} was {ours!r}, is {theirs!r}")
    return found


def wrongly_finished(expected, found):
    """Files that look finished, by size and time, and do not have their content.

    A restore that was stopped may leave files without content, but sets the time of each last.
    """
    return [f"{path!r} looks finished and has other content" for path, properties in found.items()
            if properties["kind"] == "file" and path in expected
            and all(properties.get(name) == expected[path].get(name) for name in ("size", "mtime"))
            and properties["content"] != expected[path]["content"]]


def compare_trees(left, right, leave_out=(), ignore=()):
    """Sentences on how the tree at `right` differs from the one at `left`."""
    return differences(describe(left, leave_out), describe(right, leave_out), ignore)
