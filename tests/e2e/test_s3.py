"""A repository in a bucket of Ceph's gateway."""

import json
import os
import uuid

import s3_requests
import servers
import trees
from program import ACCESS_DENIED, NOT_FOUND, UNAVAILABLE, USAGE, ProgramTest


class S3(ProgramTest):
    def setUp(self):
        super().setUp()
        self.server = servers.address_of(os.environ["HOLDFAST_TEST_SERVERS"], "rgw")
        self.prefix = uuid.uuid4().hex
        self.repository = f"s3://holdfast-e2e/{self.prefix}"

    def environment(self, **changes):
        return super().environment(**{
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server['port']}",
            "AWS_ACCESS_KEY_ID": self.server["access_key"],
            "AWS_SECRET_ACCESS_KEY": self.server["secret_key"], **changes})

    def test_what_goes_there_comes_back(self):
        self.init()
        first = self.backup()["snapshot"]
        self.write("source/large", os.urandom(15_000_000))
        self.backup()
        self.assertEqual(self.backup()["snapshot"]["statistics"]["bytes_new"], 0)
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("forget", "--keep-last", "1", "--prune", "--yes")
        self.assertNotIn(first["id"], [snapshot["id"] for snapshot in self.snapshots()])
        self.run_program("check", "--read-data")

    def test_a_configuration_says_how_to_reach_it(self):
        self.write("credentials", "[backup]\n"
                   f"aws_access_key_id = {self.server['access_key']}\n"
                   f"aws_secret_access_key = {self.server['secret_key']}\n".encode())
        url = f"s3://127.0.0.1:{self.server['tls_port']}/holdfast-e2e/{self.prefix}"
        config = f"repository: {url}\nstores:\n  far:\n    url: {url}\n    profile: backup\n"
        self.write("holdfast.yaml", (config + f"    ca_file: {self.server['ca_file']}\n"
                                     "    credentials_file: credentials\n").encode())
        alone = {"HOLDFAST_REPO": None, "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                 "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
        self.run_program("init", "--passphrase-memory", "64KiB", **alone)
        self.run_program("backup", self.source, **alone)
        self.write("holdfast.yaml", (config + f"    ca_file: {self.server['ca_file']}\n"
                                     "    credentials_command: [cat, credentials]\n").encode())
        result = self.run_program("snapshots", "--json", **alone)
        self.assertEqual(len(result.json["snapshots"]), 1)
        self.write("holdfast.yaml", (config + "    credentials_file: credentials\n").encode())
        result = self.run_program("snapshots", expect=ACCESS_DENIED, **alone)
        self.assertIn("not trusted", result.err)
        self.assertIn("ca_file", result.err)

    def test_a_profile_may_say_how_to_get_credentials(self):
        self.init()
        keys = (self.server["access_key"], self.server["secret_key"])
        self.write(".aws/credentials", "[base]\naws_access_key_id = {}\n"
                   "aws_secret_access_key = {}\n".format(*keys).encode())
        self.write("keys.json", json.dumps({"Version": 1, "AccessKeyId": keys[0],
                                            "SecretAccessKey": keys[1]}).encode())
        self.write(".aws/config", (
            f"[profile backup]\nrole_arn = {self.server['role_arn']}\nsource_profile = base\n"
            "[profile wrong]\nrole_arn = arn:aws:iam:::role/other\nsource_profile = base\n"
            "[profile round]\nrole_arn = arn:aws:iam:::role/other\nsource_profile = round\n"
            f"[profile given]\ncredential_process = cat \"{self.path('keys.json')}\"\n").encode())
        alone = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
        self.backup(AWS_PROFILE="backup", **alone)
        listed = self.run_program("snapshots", "--json", AWS_PROFILE="given", **alone).json
        self.assertEqual(len(listed["snapshots"]), 1)
        result = self.run_program("snapshots", AWS_PROFILE="wrong", expect=ACCESS_DENIED, **alone)
        self.assertIn("taking the role arn:aws:iam:::role/other", result.err)
        result = self.run_program("snapshots", AWS_PROFILE="round", expect=USAGE, **alone)
        self.assertIn("profile round needs itself", result.err)

    def classes(self, prefix):
        """Of packs, and of all else."""
        bucket = s3_requests.Bucket(self.server, "holdfast-e2e")
        found = {True: set(), False: set()}
        for key in {key for key, _, _ in bucket.versions(prefix + "/")}:
            status, headers, _ = bucket.send("HEAD", key)
            self.assertEqual(status, 200)
            if "/.holdfast/" in key:
                continue  # tries what the store can do
            found["/packs/" in key].add(headers.get("x-amz-storage-class", "STANDARD"))
        return found[True], found[False]

    def test_only_content_has_the_class_of_the_store(self):
        places = {"far": self.repository, "copy": f"s3://holdfast-e2e/copy-{self.prefix}"}
        name_of_class = self.server["cold_class"]
        stores = "".join(f"  {name}: {{ url: '{url}', storage_class: {name_of_class} }}\n"
                         for name, url in places.items())
        self.write("holdfast.yaml", ("stores:\n" + stores).encode())
        self.init()
        self.backup()
        self.run_program("copy", "copy", "--create")
        for url in places.values():
            content, metadata = self.classes(url.removeprefix("s3://holdfast-e2e/"))
            self.assertEqual(content, {name_of_class, "STANDARD"}, "packs of trees are not content")
            self.assertEqual(metadata, {"STANDARD"})
        self.run_program("-r", places["copy"], "restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_packs_go_into_another_class(self):
        self.write("holdfast.yaml", (f"stores:\n  far:\n    url: {self.repository}\n"
                                     "    lifecycle: [{after: 0s, class: COLD}]\n").encode())
        self.init()
        self.write("source/large", os.urandom(15_000_000))
        self.backup()
        moved = self.run_program("tier", "--json").json["stores"][0]
        self.assertGreater(moved["bytes_moved"], 15_000_000)
        self.assertEqual(moved["problems"], [])
        self.assertIn("nothing is due", self.run_program("tier").text)
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def test_credentials_that_are_wrong_are_said_and_not_shown(self):
        result = self.run_program("init", expect=ACCESS_DENIED, AWS_SECRET_ACCESS_KEY="geheim")
        self.assertIn("check the access key", result.err)
        self.assertNotIn("geheim", result.err)
        result = self.run_program("init", expect=ACCESS_DENIED, AWS_ACCESS_KEY_ID=None)
        self.assertIn("AWS_ACCESS_KEY_ID", result.err)

    def test_a_server_that_is_down_is_said(self):
        result = self.run_program("snapshots", expect=UNAVAILABLE,
                                  AWS_ENDPOINT_URL="http://127.0.0.1:1")
        self.assertIn("Connection refused", result.err)
        self.assertIn("whether the server runs", result.err)

    def test_a_bucket_that_is_not_there_is_said(self):
        self.repository = "s3://holdfast-" + self.prefix
        result = self.run_program("snapshots", expect=NOT_FOUND)
        self.assertIn("NoSuchBucket", result.err)
