"""A real bucket, for whoever has one: `./dev test-cloud oss://bucket/prefix` (or cos://, s3://).

Credentials, region and endpoint come from the environment, as for the program. Everything goes
below a new prefix; a small repository remains there, which the cloud's own tools remove. No part
of ctest: it needs an account and costs a little.
"""

import json
import os
import unittest
import uuid

import trees
from program import ProgramTest

NAMES = ("AWS_", "OSS_", "COS_", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


class Cloud(ProgramTest):
    def setUp(self):
        super().setUp()
        self.repository = (os.environ["HOLDFAST_TEST_CLOUD_URL"].rstrip("/") +
                           f"/holdfast-test-{uuid.uuid4().hex}")

    def environment(self, **changes):
        given = {name: value for name, value in os.environ.items() if name.startswith(NAMES)}
        given["HOME"] = os.environ["HOME"]  # where files of credentials are
        return super().environment(**{**given, **changes})

    def test_a_repository_lives_there(self):
        self.init()
        print("below", self.repository)
        self.write("source/large", os.urandom(40_000_000))  # several parts
        self.backup()
        self.assertEqual(self.backup()["snapshot"]["statistics"]["bytes_new"], 0)
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        findings = self.run_program("doctor", self.repository, "--json").json
        print(json.dumps(findings["subjects"][0]["findings"], indent=1))
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("forget", "--keep-last", "1", "--prune", "--yes")
        self.run_program("check", "--read-data")


if __name__ == "__main__":
    unittest.main()
