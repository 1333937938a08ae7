"""Runs commands and tells what they cost."""
import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Cost:
    """One run: wall and processor seconds, peak resident memory of the largest process in MB."""
    seconds: float
    cpu: float
    memory: float


def run(arguments, env=None, cwd=None, good=(0,)):
    """Runs to the end; raises with the command's last words when it fails."""
    with open(os.devnull, "rb") as nothing:
        log = subprocess.PIPE
        begun = time.monotonic()
        process = subprocess.Popen(arguments, env={**os.environ, **(env or {})}, cwd=cwd,
                                   stdin=nothing, stdout=log, stderr=subprocess.STDOUT)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n"
                           + output.decode(errors="replace")[-2000:])
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6), output


def median(costs):
    """The run in the middle by wall time, with the largest memory of all runs."""
    middle = statistics.median_low([c.seconds for c in costs])
    chosen = next(c for c in costs if c.seconds == middle)
    return Cost(chosen.seconds, chosen.cpu, max(c.memory for c in costs))


def size_of(path):
    """Bytes of all files below `path`, in MB as they are sold."""
    total = 0
    for folder, _, names in os.walk(path):
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    return total / 1e6


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


def free_memory():
    """Bytes that nothing uses, not even the page cache."""
    with open("/proc/meminfo") as facts:
        return next(int(line.split()[1]) * 1024 for line in facts if line.startswith("MemFree"))


def settle(work, *warmed):
    """Brings the machine to the state of a server that has run for long: all written data on disk,
    and memory full of clean page cache. A virtual machine gives free memory back to its host, and
    to get a page again costs several times the work itself: whoever ran first would pay for all.
    What is in `warmed` is read after that."""
    os.sync()
    with open(os.path.join(work, "filler"), "a+b") as filler:
        filler.truncate(1 << 40)  # all hole: its pages cost no reading and are evicted first
        step = 256 << 20
        at = 0
        while free_memory() > 2 * step and at < 1 << 40:
            os.posix_fadvise(filler.fileno(), at, step, os.POSIX_FADV_WILLNEED)
            at += step
    for path in warmed:
        warm(path)


def warm(path):
    """Reads everything once, so that all tools find it in the page cache."""
    if os.path.isfile(path):
        files = [path]
    else:
        files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    for name in files:
        if os.path.isfile(name) and not os.path.islink(name):
            with open(name, "rb") as opened:
                while opened.read(1 << 20):
                    pass
