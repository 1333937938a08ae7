"""The programs that are measured, each with the same verbs."""
import os

import measure


def binary():
    return os.path.abspath(os.environ.get("HOLDFAST_BINARY", "build/release/holdfast"))


class Holdfast:
    name = "holdfast"
    runs_max = 99

    def __init__(self, work):
        self.binary = binary()
        self.repository = os.path.join(work, "holdfast-repo")
        self.cache = os.path.join(work, "holdfast-cache")
        secret = os.path.join(work, "passphrase")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
            out.write("bench\n")
        self.env = {"HOLDFAST_REPO": self.repository, "HOLDFAST_PASSPHRASE_FILE": secret,
                    "HOLDFAST_CACHE_DIR": self.cache}

    def call(self, *arguments):
        return measure.run([self.binary, *arguments], self.env)[0]

    def init(self):
        measure.remove(self.repository)
        measure.remove(self.cache)
        self.call("init")

    def backup(self, path):
        return self.call("backup", path)

    def restore(self, target):
        return self.call("restore", "latest", "--to", target)

    def check(self):
        return self.call("check", "--read-data")

    def version(self):
        return measure.run([self.binary, "version"], self.env)[1].decode().splitlines()[0]


class Restic:
    name = "restic"
    runs_max = 99

    def __init__(self, work):
        self.repository = os.path.join(work, "restic-repo")
        self.cache = os.path.join(work, "restic-cache")
        self.env = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": self.cache}

    def call(self, *arguments):
        return measure.run(["restic", "-r", self.repository, *arguments], self.env)[0]

    def init(self):
        measure.remove(self.repository)
        measure.remove(self.cache)
        self.call("init")

    def backup(self, path):
        return self.call("backup", path)

    def restore(self, target):
        return self.call("restore", "latest", "--target", target)

    def check(self):
        return self.call("check", "--read-data")

    def version(self):
        return " ".join(measure.run(["restic", "version"])[1].decode().split()[:2])


class Borg:
    name = "borg"
    runs_max = 1  # it takes most of the time of a benchmark, and no goal depends on it

    def __init__(self, work):
        self.repository = os.path.join(work, "borg-repo")
        self.base = os.path.join(work, "borg-base")
        self.env = {"BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": self.base,
                    "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        self.count = 0

    def call(self, *arguments, cwd=None):
        return measure.run(["borg", *arguments], self.env, cwd=cwd)[0]

    def init(self):
        measure.remove(self.repository)
        measure.remove(self.base)
        self.count = 0
        self.call("init", "-e", "repokey-blake2", self.repository)

    def backup(self, path):
        self.count += 1
        return self.call("create", "-C", "zstd,3", f"{self.repository}::a{self.count}", path)

    def restore(self, target):
        os.makedirs(target)
        return self.call("extract", f"{self.repository}::a{self.count}", cwd=target)

    def check(self):
        return self.call("check", "--verify-data", self.repository)

    def version(self):
        return measure.run(["borg", "--version"])[1].decode().strip()
