"""Limits of bandwidth: what passes in ten seconds, counted on the wire, and the longest silence in
them. Another rate in the file while a backup runs is one of the rows."""
import os
import subprocess
import sys
import threading
import time

import measure
import tools
from relay import Relay

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/support"))
import nginx  # noqa: E402
import sshd  # noqa: E402

RATE = 5 << 20
SECONDS = 10
SETTLE_SECONDS = 1.5  # the first pieces, and the second after which a file is looked at again
DATA_BYTES = RATE * 20
TOLERANCE = 0.05
SILENCE_SECONDS_MAX = 1


class Folder:
    """Counts as a relay does, of a folder that is written to."""

    def __init__(self, path):
        self.seen = {"up": []}
        self.path, self.running = path, True
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        last = self.size()
        while self.running:
            time.sleep(0.02)
            size = self.size()
            if size > last:
                self.seen["up"].append((time.monotonic(), size - last))
            last = max(size, last)

    def size(self):
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name)).st_size
                except FileNotFoundError:  # it got its name in this moment
                    pass
        return total

    def stop(self):
        self.running = False


class Limited(tools.Holdfast):
    """Holdfast with a store that is reached through something that counts."""

    def __init__(self, scratch, label):
        self.place = os.path.join(scratch, "limits-" + label)
        measure.remove(self.place)
        os.makedirs(self.place)
        super().__init__(self.place)
        self.config = os.path.join(self.place, "holdfast.yaml")
        self.env["HOLDFAST_CONFIG"] = self.config
        self.settings = ""
        self.server = None
        getattr(self, "serve_" + label)()
        self.env["HOLDFAST_REPO"] = self.repository
        self.limit("none")

    def serve_directory(self):
        os.makedirs(self.repository)
        self.meter = Folder(self.repository)

    def serve_sftp(self):
        self.server = sshd.Server(os.path.join(self.place, "sshd"))
        self.meter = Relay(self.server.port)
        with open(self.server.path("host.pub")) as key:
            line = f"[127.0.0.1]:{self.meter.port} {key.read()}"
        with open(self.server.path("known_hosts"), "a") as known:
            known.write(line)
        self.env["HOLDFAST_SSH_CONFIG"] = self.server.config
        self.repository = f"sftp://root@127.0.0.1:{self.meter.port}{self.repository}"

    def serve_webdav(self):
        self.server = nginx.Server(os.path.join(self.place, "nginx"), self.repository)
        self.meter = Relay(self.server.tls_port)
        self.env["HOLDFAST_WEBDAV_PASSWORD"] = nginx.Server.password
        self.repository = f"webdavs://{nginx.Server.user}@127.0.0.1:{self.meter.port}/site"
        self.settings = (f"stores:\n  far: {{url: '{self.repository}', "
                         f"ca_file: {self.server.ca_file}}}\n")

    def limit(self, text):
        with open(self.config + "~", "w") as out:
            out.write(f"limit: {text}\n{self.settings}")
        os.replace(self.config + "~", self.config)

    def start(self, *arguments):
        return subprocess.Popen([self.binary, *arguments], env={**os.environ, **self.env},
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def window(self, way, process, begin):
        """Bytes a second and the longest silence in ten seconds from `begin` on."""
        while time.monotonic() < begin + SECONDS and process.poll() is None:
            time.sleep(0.1)
        if process.poll() is not None:
            raise RuntimeError("the run ended before ten seconds did")
        seen = [(at, size) for at, size in list(self.meter.seen[way])
                if begin <= at < begin + SECONDS]
        times = [begin, *(at for at, _ in seen), begin + SECONDS]
        silence = max(later - earlier for earlier, later in zip(times, times[1:]))
        return sum(size for _, size in seen) / SECONDS, silence

    def first_mib(self, way):
        while sum(size for _, size in list(self.meter.seen[way])) < 1 << 20:
            time.sleep(0.02)
        return time.monotonic()

    def measured(self, way, arguments, change=None):
        """One run, which is stopped after its ten seconds."""
        self.limit(str(RATE))
        self.meter.seen[way].clear()
        process = self.start(*arguments)
        begin = self.first_mib(way)
        if change:
            self.limit(str(change))
        result = self.window(way, process, begin + SETTLE_SECONDS)
        process.terminate()
        process.wait()
        return result

    def stop(self):
        self.meter.stop()
        if self.server:
            self.server.stop()


def row(what, rate, result):
    passed, silence = result
    good = abs(passed / rate - 1) <= TOLERANCE and silence <= SILENCE_SECONDS_MAX
    return (f"| {what} | {rate / 2**20:.1f} | **{passed / 2**20:.2f}** ({passed / rate - 1:+.1%}) "
            f"| {silence:.2f} s | {TOLERANCE:.0%} {'reached' if good else 'MISSED'} |")


def section(scratch):
    data = os.path.join(scratch, "limits-data")
    measure.remove(data)
    os.makedirs(data)
    with open(os.path.join(data, "random"), "wb") as out:
        for _ in range(DATA_BYTES >> 20):
            out.write(os.urandom(1 << 20))
    lines = ["### Limits of bandwidth", "",
             f"What passes in {SECONDS} s, in MiB a second.", "",
             "| work | limit | passed | longest silence | goal |", "|---|---|---|---|---|"]
    for label in ("directory", "sftp", "webdav"):
        holdfast = Limited(scratch, label)
        try:
            holdfast.call("init")
            lines.append(row(f"{label}: backup", RATE, holdfast.measured("up", ["backup", data])))
            lines.append(row(f"{label}: backup, rate changed while it ran", RATE // 2,
                             holdfast.measured("up", ["backup", data], RATE // 2)))
            if label != "directory":
                holdfast.limit("none")
                holdfast.call("backup", data)
                target = os.path.join(holdfast.place, "restored")
                lines.append(row(f"{label}: restore", RATE, holdfast.measured(
                    "down", ["restore", "latest", "--to", target])))
        finally:
            holdfast.stop()
            measure.remove(holdfast.place)
    print("\n".join(lines))
    return lines + [""]
