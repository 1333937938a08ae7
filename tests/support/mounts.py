"""File systems of a test's own: loop images and tmpfs, unmounted when the test ends."""

import os
import shutil
import subprocess

# Program and Debian package that makes each file system, and the size of an image that it accepts.
MAKERS = {"ext4": (("mkfs.ext4", "-q", "-F", "-b", "4096"), "e2fsprogs", 128 << 20),
          "xfs": (("mkfs.xfs", "-q"), "xfsprogs", 320 << 20),
          "btrfs": (("mkfs.btrfs", "-q"), "btrfs-progs", 256 << 20)}


def _run(test, *command):
    if os.geteuid() != 0:
        test.fail("mounting needs root: run the tests as root, as CI does")
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        test.fail(f"{' '.join(command)}: {completed.stderr.strip()}")


def _mount(test, directory, *arguments):
    os.mkdir(directory)
    _run(test, "mount", *arguments, directory)
    test.addCleanup(_run, test, "umount", directory)
    return directory


def mount_tmpfs(test, directory, size):
    """A tmpfs of `size` bytes at `directory`, which is made."""
    return _mount(test, directory, "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs")


def resize_tmpfs(test, directory, size):
    _run(test, "mount", "-o", f"remount,size={size}", directory)


def remount(test, directory, mode):
    """Makes what is mounted at `directory` "ro" or "rw"."""
    _run(test, "mount", "-o", f"remount,{mode}", directory)


def mount_image(test, directory, kind):
    """A file system of `kind` in an image beside `directory`, which is made."""
    command, package, size = MAKERS[kind]
    if shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
        test.fail(f"{command[0]} is missing: install the Debian package {package}")
    image = directory + ".image"
    with open(image, "wb") as file:
        file.truncate(size)
    _run(test, *command, image)
    return _mount(test, directory, "-o", "loop", image)
