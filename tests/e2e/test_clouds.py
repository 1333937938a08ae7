"""Repositories at Aliyun's OSS and Tencent's COS, as tests/support/cloud_bucket.py plays them."""

import os

import clocks
import cloud_bucket
import trees
from cloud_bucket import Refused
from program import ACCESS_DENIED, PARTIAL, UNSUPPORTED, USAGE
from test_doctor import DoctorTest

BUCKET = "blog-1250000000"


class CloudTest:
    """What both clouds share; the class of each says what its variables are called."""

    dialect = ""
    id_variable = secret_variable = token_variable = ""
    credentials_file, credentials = "", ""

    def setUp(self):
        super().setUp()
        self.cloud = cloud_bucket.CloudBuckets(self.dialect)
        self.addCleanup(self.cloud.server_close)
        self.addCleanup(self.cloud.shutdown)
        self.repository = f"{self.dialect}://{BUCKET}/prefix"

    def environment(self, **changes):
        return super().environment(**{
            f"{self.dialect.upper()}_ENDPOINT": f"http://localhost:{self.cloud.port}",
            f"{self.dialect.upper()}_REGION": cloud_bucket.REGION,
            self.id_variable: cloud_bucket.ACCESS_KEY,
            self.secret_variable: cloud_bucket.SECRET_KEY, **changes})

    def without_keys(self, **changes):
        return {self.id_variable: None, self.secret_variable: None, **changes}

    def refuse(self, status, code, method=None, inside=""):
        def fault(handler):
            if method in (None, handler.command):
                raise Refused(status, code, "", inside)
        self.cloud.faults.append(fault)

    def test_what_goes_there_comes_back(self):
        self.init()
        self.write("source/large", os.urandom(12_000_000))
        self.backup()
        self.assertEqual(self.backup()["snapshot"]["statistics"]["bytes_new"], 0)
        self.run_program("check", "--read-data")
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])
        os.remove(self.path("source/large"))
        self.backup()
        self.run_program("forget", "--keep-last", "1", "--prune", "--yes")
        self.run_program("check", "--read-data")
        (_, uploads), = self.cloud.buckets.values()
        self.assertEqual(uploads, {})

    def test_temporary_credentials(self):
        self.cloud.token = "token-of-sts"
        result = self.run_program("init", expect=ACCESS_DENIED)
        self.assertIn("renew the temporary credentials", result.err)
        given = {self.token_variable: "token-of-sts"}
        self.run_program("init", "--passphrase-memory", "64KiB", **given)
        self.run_program("backup", self.source, **given)

    def test_credentials_of_the_tools_of_the_cloud(self):
        result = self.run_program("init", expect=ACCESS_DENIED, **self.without_keys())
        self.assertIn(self.secret_variable, result.err)
        self.assertIn("~/" + self.credentials_file, result.err)
        self.write(self.credentials_file, self.credentials.format(
            id=cloud_bucket.ACCESS_KEY, secret=cloud_bucket.SECRET_KEY).encode())
        self.run_program("init", "--passphrase-memory", "64KiB", **self.without_keys())

    def test_a_bucket_and_region_of_the_configuration(self):
        self.write("holdfast.yaml", f"""
repository: {self.repository}
stores:
  far:
    url: {self.repository}
    endpoint: http://localhost:{self.cloud.port}
    region: {cloud_bucket.REGION}
sites:
  blog: {{ files: [{self.source}] }}
""".encode())
        alone = {"HOLDFAST_REPO": None, f"{self.dialect.upper()}_REGION": "elsewhere",
                 f"{self.dialect.upper()}_ENDPOINT": "http://127.0.0.1:1"}
        self.run_program("init", "--passphrase-memory", "64KiB", **alone)
        self.run_program("backup", **alone)
        score = self.run_program("score", "--json", expect=PARTIAL, **alone)
        place = next(place for place in score.json["sites"][0]["places"]
                     if place["medium"] == "object store")
        self.assertTrue(place["offsite"])

    def test_names_that_cannot_be_meant(self):
        for url, region in ((f"{self.dialect}://Bucket_/p", cloud_bucket.REGION),
                            (f"{self.dialect}://{BUCKET}.example.com/p", cloud_bucket.REGION),
                            (f"{self.dialect}://{BUCKET}/p", "no.region")):
            result = self.run_program("snapshots", "--repo", url, expect=USAGE,
                                      **{f"{self.dialect.upper()}_ENDPOINT": None,
                                         f"{self.dialect.upper()}_REGION": region})
            self.assertIn(f"write {self.dialect}://", result.err)

    # ---- doctor ----

    def test_doctor_of_a_bucket_that_is_well(self):
        self.init()
        findings = self.examine(self.repository, expect=0)
        self.assertEqual({found["verdict"] for found in findings.values()}, {"good"})

    def test_doctor_tells_wrong_keys(self):
        self.init()
        self.expect_fault(self.repository, "login", "InvalidAccessKeyId", "check the access key",
                          **{self.id_variable: "AKIDnobody"})
        self.expect_fault(self.repository, "login", "SignatureDoesNotMatch", "the secret key",
                          **{self.secret_variable: "geheim"})

    def test_doctor_tells_a_bucket_that_is_not_there(self):
        self.expect_fault(f"{self.dialect}://absent-1250000000/p", "place", "NoSuchBucket",
                          "its region")

    def test_doctor_tells_a_bucket_with_versions(self):
        self.repository = f"{self.dialect}://versioned-1250000000/p"
        self.cloud.buckets["versioned-1250000000"] = ({}, {})
        self.expect_fault(self.repository, "write", "forbid-overwrite", "versioning")

    def test_doctor_tells_debts_and_quotas(self):
        self.init()
        self.refuse(403, "InDebt" if self.dialect == "oss" else "UnavailableForLegalReasons", "PUT")
        self.expect_fault(self.repository, "write", "", "must be paid")


class Oss(CloudTest, DoctorTest):
    dialect = "oss"
    id_variable, secret_variable = "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"
    token_variable = "OSS_SESSION_TOKEN"
    credentials_file = ".ossutilconfig"
    credentials = "[default]\naccessKeyID={id}\naccessKeySecret={secret}\n"

    def test_doctor_tells_another_region(self):
        self.init()
        self.expect_fault(self.repository, "place", "signing region", "'region'",
                          OSS_REGION="cn-beijing")
        self.refuse(403, "AccessDenied", "GET", "<Endpoint>oss-cn-shenzhen.aliyuncs.com</Endpoint>")
        self.expect_fault(self.repository, "place", "AccessDenied", "oss-cn-shenzhen.aliyuncs.com")

    def test_doctor_tells_a_clock_that_is_off(self):
        self.init()
        self.expect_fault(self.repository, "clock", "RequestTimeTooSkewed", "set the clock",
                          **clocks.clock_at(self, "+2h"))

    def test_doctor_tells_a_token_that_expired(self):
        self.refuse(403, "SecurityTokenExpired")
        self.expect_fault(self.repository, "login", "SecurityTokenExpired", "renew the temporary")


class Cos(CloudTest, DoctorTest):
    dialect = "cos"
    id_variable, secret_variable = "COS_SECRET_ID", "COS_SECRET_KEY"
    token_variable = "COS_SESSION_TOKEN"
    credentials_file = ".cos.conf"
    credentials = "[common]\nsecret_id = {id}\nsecret_key = {secret}\n"

    def test_doctor_tells_a_clock_that_is_off(self):
        self.init()
        for offset, code in (("+2h", "RequestTimeTooSkewed"), ("-2h", "RequestIsExpired")):
            self.expect_fault(self.repository, "clock", code, "set the clock",
                              **clocks.clock_at(self, offset))

    def test_doctor_tells_a_network_that_is_not_enabled(self):
        self.refuse(400, "BucketAccelerateNotEnabled")
        self.expect_fault(self.repository, "place", "BucketAccelerateNotEnabled",
                          "enable acceleration")

    def test_a_lock_that_would_be_none_is_refused(self):
        self.write("holdfast.yaml", f"stores: {{far: {{url: '{self.repository}', lock: 30 days}}}}"
                   .encode())
        result = self.run_program("init", expect=UNSUPPORTED)
        self.assertIn("for chosen customers only", result.err)
