"""Single requests to an S3 server with somebody's credentials: what a thief of them would send."""

import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse

REGION = "us-east-1"


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


class Bucket:
    """One bucket at a server of tests/support/servers.py."""

    def __init__(self, server, name):
        self.server = server
        self.name = name

    def sign(self, method, path, query, headers, payload):
        key = ("AWS4" + self.server["secret_key"]).encode()
        date = headers["x-amz-date"][:8]
        scope = f"{date}/{REGION}/s3/aws4_request"
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = "\n".join([method, path, query, lines, names, payload])
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                          hashlib.sha256(request.encode()).hexdigest()])
        for part in (date, REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return (f"AWS4-HMAC-SHA256 Credential={self.server['access_key']}/{scope}, "
                f"SignedHeaders={names}, Signature={signature}")

    def send(self, method, key="", query=None, body=b"", headers=None):
        """The status, the headers in small letters and the body of the reply."""
        path = "/" + quote(self.name) + ("/" + quote(key, "/") if key else "")
        payload = hashlib.sha256(body).hexdigest()
        now = datetime.datetime.now(datetime.timezone.utc)
        sent = {**(headers or {}), "host": f"127.0.0.1:{self.server['port']}",
                "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"), "x-amz-content-sha256": payload}
        encoded = "&".join(f"{quote(name)}={quote(value)}"
                           for name, value in sorted((query or {}).items()))
        sent["authorization"] = self.sign(method, path, encoded, sent, payload)
        connection = http.client.HTTPConnection("127.0.0.1", int(self.server["port"]), timeout=60)
        try:
            connection.request(method, path + ("?" + encoded if encoded else ""), body, sent)
            reply = connection.getresponse()
            text = reply.read()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, text
        finally:
            connection.close()

    def versions(self, prefix):
        """Key, version and whether it is a mark that hides; of at most 1000."""
        status, _, text = self.send("GET", query={"versions": "", "prefix": prefix})
        assert status == 200 and b"<IsTruncated>true" not in text, text
        found = re.findall(rb"<(Version|DeleteMarker)>.*?<Key>(.*?)</Key>.*?"
                           rb"<VersionId>(.*?)</VersionId>", text, re.S)
        return [(key.decode(), version.decode(), kind == b"DeleteMarker")
                for kind, key, version in found]
