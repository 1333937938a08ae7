"""A small site and the repositories that the fault tests start from."""

import json
import os

from every_kind import Site
from faults import Expectation, Place
from program import DONE
from trees import describe


def make(home):
    """A few files of each way that they are stored: small, of several chunks, linked, sparse."""
    site = Site(os.path.join(home, "site"), seed=3)
    site.write("empty", b"")
    site.write("small", b"small\n")
    site.write("folder/text", b"text " * 20_000)
    site.write("folder/noise", site.noise(400_000))
    site.write("folder/below/more", site.noise(30_000))
    os.link(site.path("small"), site.path("folder/linked"))
    os.symlink("small", site.path("link"))
    os.mkfifo(site.path("fifo"))
    os.setxattr(site.path("small"), "user.key", b"value")
    with open(site.path("holes"), "wb") as file:
        file.truncate(1 << 20)
        file.seek(600_000)
        file.write(site.noise(5000))
    site.write("one byte", b"1")
    site.set_times()
    return site


def change(site):
    site.write("small", b"another small one\n")
    site.write("folder/new", site.noise(50_000))
    with open(site.path("folder/noise"), "r+b") as file:
        file.seek(100_000)
        file.write(site.noise(1000))
    os.unlink(site.path("folder/below/more"))
    site.set_times()


class Beginnings:
    """`empty`: a repository without snapshots. `used`: with one of the site before it was changed.

    Both are to be copied, not written to.
    """

    def __init__(self, home):
        self.home = home
        self.site = make(home)
        self.path = os.fsdecode(self.site.root)
        self.empty = Place(os.path.join(home, "empty")).init()
        self.used = self.empty.copy(os.path.join(home, "used"))
        taken = self.back_up(self.used)
        acknowledged = {taken: describe(self.path)}
        change(self.site)
        now = describe(self.path)
        self.expectations = {self.empty.home: Expectation(self.path, now, {}),
                             self.used.home: Expectation(self.path, now, acknowledged)}

    def expectation_of(self, beginning):
        return self.expectations[beginning.home]

    def back_up(self, place):
        """Takes a snapshot that must work; returns its id."""
        completed = place.run("backup", "--json", self.path)
        if completed.returncode != DONE:
            raise RuntimeError(completed.stderr + completed.stdout)
        return json.loads(completed.stdout)["runs"][0]["snapshot"]["id"]
