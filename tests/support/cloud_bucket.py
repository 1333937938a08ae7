"""Buckets that speak as Aliyun's OSS, Tencent's COS and AWS's S3 do, and refuse what those would
refuse, archive classes among it, which Ceph's gateway does not have.

Everything is in memory. Each request's signature is computed anew here, from the documentation of
the clouds and with the standard library alone, out of what arrived. Run as a program it prints one
line of JSON (the ports of "oss", "cos" and "s3") and serves until its standard input ends. Buckets
are made by PUT; in one whose name begins with "versioned" the header against overwriting does
nothing, as where versioning was enabled. A thaw ends when somebody looked `thaw_looks` times if
it did; `age` makes all objects older and `freeze` ends what was thawed. `worm` is the retention
policy of all buckets, as its state and its days; in a bucket whose name begins with "worm" it is a
locked one of 30 days. What was stored since fewer days can be neither deleted nor overwritten.
"""
import base64
import email.utils
import hashlib
import hmac
import http.server
import json
import re
import sys
import threading
import time
import urllib.parse
import uuid
from xml.etree import ElementTree
from xml.sax.saxutils import escape

ACCESS_KEY, SECRET_KEY, REGION = "AKIDexample", "secretexample0123456789", "cn-hangzhou"
SKEW_SECONDS_MAX = 900
PART_SIZE_MIN = {"oss": 100 * 1024, "cos": 1024 * 1024, "s3": 5 * 1024 * 1024}
CLASSES = {"oss": ("Standard", "IA"), "cos": ("STANDARD", "STANDARD_IA"),
           "s3": ("STANDARD", "STANDARD_IA")}
# Each with the speeds of its thaws; None: it has one, which is not named.
ARCHIVES = {"oss": {"Archive": None, "ColdArchive": ("Expedited", "Standard", "Bulk"),
                    "DeepColdArchive": ("Expedited", "Standard")},
            "cos": {"ARCHIVE": ("Expedited", "Standard", "Bulk"),
                    "DEEP_ARCHIVE": ("Standard", "Bulk")},
            "s3": {"GLACIER": ("Expedited", "Standard", "Bulk"),
                   "DEEP_ARCHIVE": ("Standard", "Bulk")}}
THAW_DAYS_MAX = {"Archive": 7}
JOB_ELEMENT = {"oss": "JobParameters", "cos": "CASJobParameters", "s3": "GlacierJobParameters"}
REPLACES = {"oss": "REPLACE", "cos": "Replaced", "s3": "REPLACE"}
DAY = 24 * 3600


class Refused(Exception):
    def __init__(self, status, code, message="", inside=""):
        super().__init__(code)
        self.status, self.code, self.message, self.inside = status, code, message, inside


class Stored:
    """An object: what it holds and where it is kept. `thaw` is None, or how often it must still be
    looked at until it can be read; `until` is when it cannot any more."""

    def __init__(self, data, metadata, storage_class):
        self.data, self.metadata, self.storage_class = data, metadata, storage_class
        self.modified = time.time()
        self.thaw, self.until = None, 0

    @property
    def modified_text(self):
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.modified))


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


def mac(key, text, digest=hashlib.sha256):
    return hmac.new(key, text.encode(), digest).digest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def serve(self):
        server = self.server
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:  # the connection was cut
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        self.key = urllib.parse.unquote(path)[1:]
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.own = {"s3": "x-amz-"}.get(server.dialect, f"x-{server.dialect}-")
        self.bucket = self.headers["Host"].partition(".")[0]
        if server.dialect == "s3":
            self.bucket, _, self.key = self.key.partition("/")
        try:
            for fault in server.faults:
                fault(self)
            self.check_signature(path)
            self.check_body(body)
            with server.lock:
                self.answer(body)
        except Refused as refused:
            self.reply(refused.status, f"<Error><Code>{refused.code}</Code><Message>"
                       f"{escape(refused.message)}</Message>{refused.inside}</Error>")

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = serve

    def reply(self, status, body="", **headers):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # ---- who asks ----

    def check_signature(self, path):
        given = self.headers.get("Authorization", "")
        {"oss": self.check_oss, "cos": self.check_cos, "s3": self.check_s3}[self.server.dialect](
            given, path)
        if self.headers.get(self.own + "security-token") != self.server.token:
            raise Refused(403, "InvalidSecurityToken" if self.own == "x-oss-" else "InvalidToken")

    def require(self, access_key, signature, expected):
        if access_key != ACCESS_KEY:
            raise Refused(403, "InvalidAccessKeyId")
        if not hmac.compare_digest(signature, expected):
            raise Refused(403, "SignatureDoesNotMatch")

    def check_oss(self, given, path):
        form = re.fullmatch(r"OSS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/oss/"
                            r"aliyun_v4_request,(?:AdditionalHeaders=([a-z;-]+),)?"
                            r"Signature=([0-9a-f]{64})", given)
        if not form or self.headers.get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD":
            raise Refused(400, "InvalidArgument", "malformed Authorization")
        access_key, day, region, more, signature = form.groups()
        if region != self.server.region:
            raise Refused(400, "InvalidArgument", "Invalid signing region in Authorization header.")
        stamp = self.headers.get("x-oss-date", "")
        when = time.strptime(stamp, "%Y%m%dT%H%M%SZ")
        self.check_clock(email.utils.mktime_tz((*when[:9], 0)))
        more = more.split(";") if more else []
        if more != sorted(more) or any(name not in self.headers for name in more):
            raise Refused(400, "InvalidArgument", "AdditionalHeaders")
        headers = {name.lower(): value.strip() for name, value in self.headers.items()}
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers)
                        if name.startswith("x-oss-") or name in ("content-type", "content-md5")
                        or name in more)
        query = sorted((quoted(name), quoted(value)) for name, value in self.query.items())
        query = "&".join(name + ("=" + value if value else "") for name, value in query)
        canonical = "\n".join((self.command, f"/{self.bucket}{path}", query, lines,
                               ";".join(more), "UNSIGNED-PAYLOAD"))
        text = "\n".join(("OSS4-HMAC-SHA256", stamp, f"{day}/{region}/oss/aliyun_v4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()))
        key = b"aliyun_v4" + SECRET_KEY.encode()
        for step in (day, region, "oss", "aliyun_v4_request"):
            key = mac(key, step)
        self.require(access_key, signature, mac(key, text).hex())

    def check_s3(self, given, path):
        form = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, "
                            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", given)
        if not form:
            raise Refused(400, "AuthorizationHeaderMalformed")
        access_key, day, region, names, signature = form.groups()
        for name in self.headers:
            if name.lower().startswith("x-amz-") and name.lower() not in names.split(";"):
                raise Refused(403, "AccessDenied", f"{name} is not signed")
        lines = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names.split(";"))
        query = "&".join(f"{quoted(name)}={quoted(value)}"
                         for name, value in sorted(self.query.items()))
        canonical = "\n".join((self.command, path, query, lines, names,
                               self.headers["x-amz-content-sha256"]))
        stamp = self.headers["x-amz-date"]
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, f"{day}/{region}/s3/aws4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()))
        key = b"AWS4" + SECRET_KEY.encode()
        for step in (day, region, "s3", "aws4_request"):
            key = mac(key, step)
        self.require(access_key, signature, mac(key, text).hex())

    def check_cos(self, given, path):
        form = dict(pair.split("=", 1) for pair in given.split("&") if "=" in pair)
        if list(form) != ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list",
                          "q-url-param-list", "q-signature"]:
            raise Refused(400, "InvalidArgument", "malformed Authorization")
        begin, end = map(int, form["q-sign-time"].split(";"))
        if not begin <= time.time() <= end:
            raise Refused(403, "RequestIsExpired" if time.time() > end else "RequestTimeTooSkewed")

        def listed(pairs, names):
            known = {name.lower(): value for name, value in pairs}
            names = names.split(";") if names else []
            if names != sorted(names) or any(name not in known for name in names):
                raise Refused(403, "SignatureDoesNotMatch")
            return "&".join(f"{name}={quoted(known[name])}" for name in names)

        if "host" not in form["q-header-list"].split(";"):
            raise Refused(403, "AccessDenied", "host is not signed")
        canonical = "\n".join((self.command.lower(), urllib.parse.unquote(path),
                               listed(self.query.items(), form["q-url-param-list"]),
                               listed(self.headers.items(), form["q-header-list"]), ""))
        text = "\n".join(("sha1", form["q-sign-time"],
                          hashlib.sha1(canonical.encode()).hexdigest(), ""))
        key = mac(SECRET_KEY.encode(), form["q-key-time"], hashlib.sha1).hex()
        self.require(form["q-ak"], form["q-signature"],
                     mac(key.encode(), text, hashlib.sha1).hex())

    def check_clock(self, when):
        if abs(time.time() - when) > SKEW_SECONDS_MAX:
            raise Refused(403, "RequestTimeTooSkewed")

    def check_body(self, body):
        if self.server.dialect == "s3":
            if self.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
                raise Refused(400, "XAmzContentSHA256Mismatch")
            return
        given = self.headers.get("Content-MD5")
        if (body or given) and given != base64.b64encode(hashlib.md5(body).digest()).decode():
            raise Refused(400, "InvalidDigest" if given else "MissingContentMD5")

    # ---- what is asked for ----

    def answer(self, body):
        buckets = self.server.buckets
        if not self.key and self.command == "PUT":
            buckets.setdefault(self.bucket, ({}, {}))
            return self.reply(200)
        if self.bucket not in buckets:
            raise Refused(404, "NoSuchBucket")
        self.objects, self.uploads = buckets[self.bucket]
        if not self.key:
            return self.answer_bucket()
        if "uploads" in self.query or "uploadId" in self.query:
            return self.answer_upload(body)
        if self.command == "PUT":
            if self.own + "copy-source" in self.headers:
                return self.copy()
            self.store(body, self.metadata())
            return self.reply(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
        if self.command == "POST" and "restore" in self.query:
            return self.thaw(ElementTree.fromstring(body))
        if self.command == "DELETE":
            self.expect_mutable()
            self.objects.pop(self.key, None)
            return self.reply(204)
        if self.key not in self.objects:
            raise Refused(404, "NoSuchKey")
        found = self.objects[self.key]
        if self.command == "HEAD":
            return self.reply(200, Content_Length=str(len(found.data)), **found.metadata,
                              Last_Modified=email.utils.formatdate(found.modified, usegmt=True),
                              **self.tier_headers(found))
        self.expect_readable(found)
        return self.answer_range(found.data, found.metadata)

    def chosen_class(self):
        dialect = self.server.dialect
        chosen = self.headers.get(self.own + "storage-class", CLASSES[dialect][0])
        if chosen not in CLASSES[dialect] and chosen not in ARCHIVES[dialect]:
            raise Refused(400, "InvalidStorageClass")
        return chosen

    def metadata(self):
        return {name: value for name, value in self.headers.items()
                if name.lower().startswith(self.own + "meta-")}

    def store(self, data, metadata, storage_class=None):
        storage_class = storage_class or self.chosen_class()
        forbids = (self.headers.get(self.own + "forbid-overwrite") == "true" or
                   self.server.dialect == "s3" and self.headers.get("If-None-Match") == "*")
        if forbids and self.key in self.objects and not self.bucket.startswith("versioned"):
            raise Refused(*{"s3": (412, "PreconditionFailed")}.get(self.server.dialect,
                                                                   (409, "FileAlreadyExists")))
        self.expect_mutable()
        self.objects[self.key] = Stored(data, metadata, storage_class)

    # ---- retention ----

    def worm(self):
        return ("Locked", 30) if self.bucket.startswith("worm") else self.server.worm

    def expect_mutable(self):
        if self.key not in self.objects or not self.worm() or self.server.worm_is_a_lie:
            return
        if self.objects[self.key].modified + self.worm()[1] * DAY > time.time():
            raise Refused(409, "FileImmutable", "The object you specified is immutable.")

    def answer_worm(self):
        if not self.worm():
            raise Refused(404, "NoSuchWORMConfiguration")
        state, days = self.worm()
        return self.reply(200, f"<WormConfiguration><WormId>1666E2CFB2B3418</WormId>"
                          f"<State>{state}</State><RetentionPeriodInDays>{days}"
                          "</RetentionPeriodInDays><CreationDate>2026-11-01T00:00:00.000Z"
                          "</CreationDate></WormConfiguration>")

    # ---- classes ----

    def is_archived(self, found):
        return found.storage_class in ARCHIVES[self.server.dialect]

    def expect_readable(self, found):
        if self.is_archived(found) and (found.thaw != 0 or found.until < time.time()):
            raise Refused(403, "InvalidObjectState")

    def tier_headers(self, found):
        headers = {}
        if self.server.dialect == "oss" or found.storage_class != "STANDARD":
            headers[self.own + "storage-class"] = found.storage_class
        if found.thaw is None:
            return headers
        if found.thaw > 0:
            found.thaw -= 1
            headers[self.own + "restore"] = 'ongoing-request="true"'
        elif found.until > time.time():
            headers[self.own + "restore"] = (
                'ongoing-request="false", expiry-date="' +
                email.utils.formatdate(found.until, usegmt=True) + '"')
        return headers

    def thaw(self, request):
        if self.key not in self.objects:
            raise Refused(404, "NoSuchKey")
        found = self.objects[self.key]
        if not self.is_archived(found):
            raise Refused(403, "InvalidObjectState")
        values = {element.tag: element.text for element in request.iter()}
        days = int(values["Days"])
        speeds = ARCHIVES[self.server.dialect][found.storage_class]
        if not 0 < days <= THAW_DAYS_MAX.get(found.storage_class, 365):
            raise Refused(400, "InvalidArgument", "Days")
        if (speeds is None) != (JOB_ELEMENT[self.server.dialect] not in values):
            raise Refused(400, "MalformedXML")
        if speeds is not None and values["Tier"] not in speeds:
            raise Refused(400, "InvalidArgument", "Tier")
        if found.thaw:
            raise Refused(409, "RestoreAlreadyInProgress")
        is_new = found.thaw is None or found.until < time.time()
        if is_new:
            found.thaw = self.server.thaw_looks
        found.until = time.time() + days * DAY
        self.server.thawed.append((self.key, values.get("Tier"), days))
        return self.reply(202 if is_new else 200)

    def copy(self):
        """Of an object onto itself: that is all that is asked for."""
        source = urllib.parse.unquote(self.headers[self.own + "copy-source"])
        host = f"{self.bucket}.cos.{self.server.region}.myqcloud.com"
        if source != (host if self.server.dialect == "cos" else "/" + self.bucket) + "/" + self.key:
            raise Refused(400, "InvalidArgument", "copy-source")
        if self.headers.get(self.own + "metadata-directive") != REPLACES[self.server.dialect]:
            raise Refused(400, "InvalidRequest", "metadata-directive")
        if self.key not in self.objects:
            raise Refused(404, "NoSuchKey")
        found = self.objects[self.key]
        self.expect_readable(found)
        self.store(found.data, self.metadata())
        return self.reply(200, "<CopyObjectResult><ETag>&quot;1&quot;</ETag></CopyObjectResult>")

    @staticmethod
    def now():
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())

    def answer_range(self, data, metadata):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not asked:
            return self.reply(200, data, **metadata)
        begin, end = int(asked[1]), min(int(asked[2]) + 1, len(data))
        is_strict = self.own == "x-cos-" or self.headers.get("x-oss-range-behavior") == "standard"
        if not is_strict and int(asked[2]) >= len(data):
            return self.reply(200, data, **metadata)
        if begin >= len(data):
            raise Refused(416, "InvalidRange")
        return self.reply(206, data[begin:end], **metadata,
                          Content_Range=f"bytes {begin}-{end - 1}/{len(data)}")

    def answer_bucket(self):
        prefix = self.query.get("prefix", "")
        if self.command == "HEAD" and self.server.dialect != "oss":
            return self.reply(200)
        if self.command != "GET":
            raise Refused(405, "MethodNotAllowed")
        if "worm" in self.query and self.server.dialect == "oss":
            return self.answer_worm()
        if "uploads" in self.query:
            after = (self.query.get("key-marker", ""), self.query.get("upload-id-marker", ""))
            page, rest = self.page(sorted((key, name) for name, (key, *_) in self.uploads.items()
                                          if key.startswith(prefix) and (key, name) > after),
                                   "max-uploads")
            text = "".join(f"<Upload><Key>{key}</Key><UploadId>{name}</UploadId><Initiated>"
                           f"{self.uploads[name][2]}</Initiated></Upload>" for key, name in page)
            if rest:
                text += (f"<NextKeyMarker>{page[-1][0]}</NextKeyMarker>"
                         f"<NextUploadIdMarker>{page[-1][1]}</NextUploadIdMarker>")
            return self.list("ListMultipartUploadsResult", text, rest)
        by_token = self.server.dialect != "cos"
        if by_token != (self.query.get("list-type") == "2"):
            raise Refused(400, "InvalidArgument", "list-type")
        after = self.query.get("continuation-token" if by_token else "marker", "")
        if by_token and after:
            after = base64.b64decode(after).decode()
        page, rest = self.page(sorted(key for key in self.objects
                                      if key.startswith(prefix) and key > after), "max-keys")
        text = "".join(f"<Contents><Key>{escape(key)}</Key><LastModified>"
                       f"{self.objects[key].modified_text}</LastModified>"
                       f"<Size>{len(self.objects[key].data)}</Size>"
                       f"<StorageClass>{self.objects[key].storage_class}</StorageClass></Contents>"
                       for key in page)
        if rest and by_token:
            token = base64.b64encode(page[-1].encode()).decode()
            text += f"<NextContinuationToken>{token}</NextContinuationToken>"
        elif rest:
            text += f"<NextMarker>{escape(page[-1])}</NextMarker>"
        return self.list("ListBucketResult", text, rest)

    def page(self, names, limit):
        count = int(self.query.get(limit, "100"))
        if not 0 < count <= 1000:
            raise Refused(400, "InvalidArgument", limit)
        return names[:count], names[count:]

    def list(self, name, inside, rest):
        self.reply(200, f"<?xml version='1.0'?><{name}><IsTruncated>{'true' if rest else 'false'}"
                   f"</IsTruncated>{inside}</{name}>")

    def answer_upload(self, body):
        if self.command == "POST" and "uploads" in self.query:
            name = uuid.uuid4().hex.upper()
            self.uploads[name] = (self.key, {}, self.now(), (self.metadata(), self.chosen_class()))
            return self.reply(200, "<InitiateMultipartUploadResult><UploadId>"
                              f"{name}</UploadId></InitiateMultipartUploadResult>")
        name = self.query["uploadId"]
        if self.uploads.get(name, ("",))[0] != self.key:
            raise Refused(404, "NoSuchUpload")
        _, parts, _, metadata = self.uploads[name]
        if self.command == "PUT":
            parts[int(self.query["partNumber"])] = body
            return self.reply(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
        if self.command == "DELETE":
            del self.uploads[name]
            return self.reply(204)
        wanted = []
        for part in ElementTree.fromstring(body):
            values = {child.tag.rpartition("}")[2]: child.text for child in part}
            data = parts.get(int(values["PartNumber"]))
            if data is None or values["ETag"].strip('"') != hashlib.md5(data).hexdigest():
                raise Refused(400, "InvalidPart")
            wanted.append(data)
        if any(len(data) < PART_SIZE_MIN[self.server.dialect] for data in wanted[:-1]):
            raise Refused(400, "EntityTooSmall")
        self.store(b"".join(wanted), *metadata)
        del self.uploads[name]
        return self.reply(200, "<CompleteMultipartUploadResult/>")


class CloudBuckets(http.server.ThreadingHTTPServer):
    """Serves from its making on, at `port`; `faults` are called with each request's handler."""

    daemon_threads = True

    def __init__(self, dialect, region=REGION, token=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.dialect, self.region, self.token = dialect, region, token
        self.buckets, self.faults, self.lock = {}, [], threading.Lock()
        self.thaw_looks = 2
        self.worm = None  # ("InProgress" or "Locked", days)
        self.worm_is_a_lie = False
        self.thawed = []  # of each thaw that was begun the key, the speed and the days
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stored(self):
        """All objects by their keys."""
        return {key: found for objects, _ in self.buckets.values()
                for key, found in objects.items()}

    def age(self, days):
        with self.lock:
            for found in self.stored().values():
                found.modified -= days * DAY

    def freeze(self):
        """What was thawed, or is being, is not any more."""
        with self.lock:
            for found in self.stored().values():
                found.thaw, found.until = None, 0

    def handle_error(self, request, client_address):
        """Connections that tests cut are no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    print(json.dumps({dialect: CloudBuckets(dialect).port for dialect in ("oss", "cos", "s3")}),
          flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
