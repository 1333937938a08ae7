"""Stores on other machines, beside restic on the same servers: on a fast line, on one with 50 ms of
delay, and on one that breaks. The servers are real and run on this machine, on its cores."""
import os
import re
import subprocess
import sys

import data
import measure
import tools
from relay import Relay

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/support"))
import servers  # noqa: E402
import sshd  # noqa: E402

DELAY_SECONDS = 0.05  # on each way
GOALS = {"sftp": 2, "sftp, delayed": 3, "s3": 2}
LISTING_SECONDS_MAX = 3
SNAPSHOTS, PACK_BYTES = 100, 350  # make more than 10,000 packs
CUTS, UPLOAD_BYTES, CUT_TOLERANCE = 20, 10**9, 0.05


class Sftp:
    """An OpenSSH server, through a relay or not."""
    name = "sftp"

    def __init__(self, scratch, delay=None):
        self.place = os.path.join(scratch, "network-sftp")
        measure.remove(self.place)
        os.makedirs(self.place)
        self.server = sshd.Server(os.path.join(self.place, "sshd"))
        self.relay = None if delay is None else Relay(self.server.port, delay)
        self.port = self.relay.port if self.relay else self.server.port
        with open(self.server.path("host.pub"), encoding="utf-8") as key:
            line = f"[127.0.0.1]:{self.port} {key.read()}"
        with open(self.server.path("known_hosts"), "a", encoding="utf-8") as known:
            known.write(line)

    def holdfast(self, tool):
        tool.env["HOLDFAST_SSH_CONFIG"] = self.server.config
        return f"sftp://root@127.0.0.1:{self.port}{self.place}/holdfast"

    def restic(self, tool):
        tool.options = ["-o", f"sftp.command=ssh -F {self.server.config} -p {self.port} "
                              "root@127.0.0.1 -s sftp"]
        return f"sftp:root@127.0.0.1:{self.place}/restic"

    def empty(self):
        for name in ("holdfast", "restic"):
            measure.remove(os.path.join(self.place, name))

    def stop(self):
        if self.relay:
            self.relay.stop()
        self.server.stop()
        measure.remove(self.place)


class S3:
    """Ceph's gateway; started anew for each round, as its disk is in memory."""
    name = "s3"

    def __init__(self, scratch, delay=None):
        self.server = servers.Rgw(os.path.join(scratch, "network-s3"))
        self.scratch = scratch
        self.relayed, self.relay = delay is not None, None
        self.delay = delay
        self.empty()

    def empty(self):
        self.server.stop()
        self.server.start()
        facts = servers.address_of(self.scratch, "network-s3")
        if self.relayed:
            self.relay = Relay(int(facts["port"]), self.delay)
        self.url = f"http://127.0.0.1:{self.relay.port if self.relayed else facts['port']}"
        self.keys = {"AWS_ACCESS_KEY_ID": facts["access_key"],
                     "AWS_SECRET_ACCESS_KEY": facts["secret_key"]}

    def holdfast(self, tool):
        tool.env.update(self.keys, AWS_ENDPOINT_URL=self.url)
        return "s3://bench/holdfast"

    def restic(self, tool):
        tool.env.update(self.keys)
        return f"s3:{self.url}/bench-restic/site"

    def stop(self):
        self.server.stop()


class Rest:
    """`holdfast serve --store`; always through a relay."""
    name = "rest"

    def __init__(self, scratch, delay):
        self.place = os.path.join(scratch, "network-rest")
        measure.remove(self.place)
        os.makedirs(os.path.join(self.place, "store"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        "tls.key", "-out", "tls.crt"], cwd=self.place, check=True,
                       capture_output=True)
        self.token = subprocess.run(
            [tools.binary(), "token", "add", "bench", "--repository", "site", "--full", "--tokens",
             "tokens"], cwd=self.place, check=True, capture_output=True, text=True).stdout.strip()
        self.server = subprocess.Popen(
            [tools.binary(), "serve", "--store", "store", "--tokens", "tokens", "--certificate",
             "tls.crt", "--certificate-key", "tls.key", "--listen", "127.0.0.1:0"],
            cwd=self.place, stdout=subprocess.PIPE, text=True)
        port = re.search(r"at https://127\.0\.0\.1:(\d+);", self.server.stdout.readline()).group(1)
        self.relay = Relay(int(port), delay)

    def holdfast(self, tool):
        url = f"https://127.0.0.1:{self.relay.port}/site"
        config = os.path.join(self.place, "holdfast.yaml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"stores: {{far: {{url: '{url}', ca_file: {self.place}/tls.crt}}}}\n")
        tool.env.update(HOLDFAST_CONFIG=config, HOLDFAST_REST_TOKEN=self.token)
        return url

    def stop(self):
        self.relay.stop()
        self.server.terminate()
        self.server.wait()
        measure.remove(self.place)


class FarHoldfast(tools.Holdfast):
    def __init__(self, scratch, store):
        super().__init__(scratch)
        self.repository = store.holdfast(self)
        self.env["HOLDFAST_REPO"] = self.repository


class FarRestic(tools.Restic):
    def __init__(self, scratch, store):
        super().__init__(scratch)
        self.options = []
        self.repository = store.restic(self)

    def call(self, *arguments):
        return super().call(*self.options, *arguments)


def compare(label, make, work, scratch, runs):
    """Rows of first backup and restore over one line."""
    tree = data.kernel_tree(work)
    costs = {}
    store = make()
    try:
        for turn in range(runs):
            if turn > 0:
                store.empty()
            for Tool in (FarHoldfast, FarRestic):
                tool = Tool(scratch, store)
                tool.init()
                measure.settle(scratch, tree)
                costs.setdefault((tool.name, "first backup"), []).append(tool.backup(tree))
                measure.settle(scratch)
                target = os.path.join(scratch, f"far-{label}-{tool.name}-{turn}")
                costs.setdefault((tool.name, "restore"), []).append(tool.restore(target))
                measure.remove(tool.cache)
    finally:
        store.stop()
    rows = []
    for verb in ("first backup", "restore"):
        ours, theirs = (measure.median(costs[name, verb]) for name in ("holdfast", "restic"))
        ratio = theirs.seconds / ours.seconds
        good = "reached" if ratio >= GOALS[label] else "MISSED"
        rows.append(f"| {label}: {verb} | {ours.seconds:.2f} s ({ours.cpu:.2f}), "
                    f"{ours.memory:.0f} MB | {theirs.seconds:.2f} s ({theirs.cpu:.2f}), "
                    f"{theirs.memory:.0f} MB | **{ratio:.1f}** | {GOALS[label]} {good} |")
        print(rows[-1], flush=True)
    return rows


def listing_rows(scratch, filler):
    """Opening a repository of many packs that this machine has never seen, and listing all."""
    rows = []
    for Store in (Sftp, Rest):
        store = Store(scratch, DELAY_SECONDS)
        try:
            here = tools.Holdfast(scratch)
            here.repository = os.path.join(store.place, "holdfast" if Store is Sftp
                                           else "store/site")
            here.env["HOLDFAST_REPO"] = here.repository
            here.init()
            measure.run([filler, here.repository, here.cache, "bench", str(SNAPSHOTS),
                         str(PACK_BYTES)])
            packs = sum(len(names) for _, _, names in os.walk(here.repository + "/packs"))
            far = FarHoldfast(scratch, store)
            # The plan also reads the index and what snapshots reach, a million chunks of each.
            for what, verb, limit in (("snapshots", ["snapshots"], LISTING_SECONDS_MAX),
                                      ("plan of a prune", ["prune", "--dry-run"], None)):
                measure.remove(far.cache)
                measure.settle(scratch)
                cost = far.call(*verb)
                good = "" if limit is None else \
                    f"{limit} s {'reached' if cost.seconds < limit else 'MISSED'}"
                rows.append(f"| {Store.name}, delayed: {what} of {packs} packs, nothing cached "
                            f"| {cost.seconds:.2f} s ({cost.cpu:.2f}), {cost.memory:.0f} MB | | "
                            f"| {good} |")
                print(rows[-1], flush=True)
        finally:
            store.stop()
    return rows


def cut_rows(scratch):
    """What goes up when an upload of 1 GB is cut twenty times."""
    source = os.path.join(scratch, "upload")
    measure.remove(source)
    os.makedirs(source)
    with open(os.path.join(source, "random"), "wb") as out:
        for _ in range(UPLOAD_BYTES // 10**6):
            out.write(os.urandom(10**6))
    rows = []
    for Store in (Sftp, S3, Rest):
        sent = []
        for cuts in (0, CUTS):
            store = Store(scratch, 0)
            try:
                tool = FarHoldfast(scratch, store)
                tool.init()
                before = store.relay.sent("up")
                store.relay.cut_every(UPLOAD_BYTES // (CUTS + 1), cuts)
                tool.backup(source)
                if store.relay.cuts_left:
                    raise RuntimeError(f"{store.relay.cuts_left} cuts were not made")
                sent.append(store.relay.sent("up") - before)
            finally:
                store.stop()
                measure.remove(tool.cache)
        more = sent[1] / sent[0] - 1
        good = "reached" if more <= CUT_TOLERANCE else "MISSED"
        rows.append(f"| {Store.name}: 1 GB uploaded, cut {CUTS} times "
                    f"| {sent[1] / 1e6:.0f} MB sent | | **{more:+.1%}** of {sent[0] / 1e6:.0f} MB "
                    f"| +{CUT_TOLERANCE:.0%} {good} |")
        print(rows[-1], flush=True)
    measure.remove(source)
    return rows


def section(work, scratch, runs, filler):
    lines = ["### Over the network", "",
             f"Servers on loopback; delayed: {DELAY_SECONDS * 1000:.0f} ms on each way.", "",
             "| work | holdfast | restic | restic / holdfast | goal |", "|---|---|---|---|---|"]
    lines += compare("sftp", lambda: Sftp(scratch), work, scratch, runs)
    lines += compare("s3", lambda: S3(scratch), work, scratch, runs)
    # Once: it takes restic many minutes, nearly all of them waiting, which does not vary.
    lines += compare("sftp, delayed", lambda: Sftp(scratch, DELAY_SECONDS), work, scratch, 1)
    return lines + listing_rows(scratch, filler) + cut_rows(scratch) + [""]
