"""An HTTP server with every fault that a client must tell apart, and proxies in front of it.

Run as a program it prints one line of JSON (name of each listener to its port) and serves until its
standard input ends. `python3 http_server.py FOLDER` writes its certificates into FOLDER:
ca.pem, client.pem (certificate and key), pin (the public key of the good server for pinning).
"""
import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import os
import select
import socket
import socketserver
import ssl
import sys
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
PATTERN = bytes(i * 7 % 251 for i in range(251 * 4096))


def now():
    return datetime.datetime.utcnow()


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder, name="Holdfast test authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.issue(self.key.public_key(), self.name, is_authority=True)
        self.write("ca.pem", self.certificate)

    def issue(self, public_key, subject, address="127.0.0.1", days=(-1, 30), is_authority=False,
              issuer=None):
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(issuer or self.name)
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now() + days[0] * DAY).not_valid_after(now() + days[1] * DAY)
                   .add_extension(x509.BasicConstraints(is_authority, None), critical=True))
        if not is_authority:
            names = [x509.IPAddress(ipaddress.ip_address(address))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder

    def write(self, file_name, builder, key=None, signer=None):
        certificate = builder.sign(signer or self.key, hashes.SHA256())
        path = os.path.join(self.folder, file_name)
        with open(path, "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
            if key:
                file.write(key.private_bytes(serialization.Encoding.PEM,
                                             serialization.PrivateFormat.PKCS8,
                                             serialization.NoEncryption()))
        return path

    def make(self, file_name, is_self_signed=False, **how):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file_name)])
        issuer = subject if is_self_signed else None
        builder = self.issue(key.public_key(), subject, issuer=issuer, **how)
        return self.write(file_name, builder, key, key if is_self_signed else None), key


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    is_first = True  # request of its connection

    def setup(self):
        super().setup()
        with self.server.counting:
            self.server.connections += 1

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def request_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            left = int(self.headers.get("Content-Length", "0"))
            while left > 0:
                part = self.rfile.read(min(left, 1 << 16))
                if not part:
                    return
                left -= len(part)
                yield part
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        name, _, argument = url.path[1:].partition("/")
        getattr(self, "serve_" + name, self.serve_nothing)(argument)
        self.is_first = False

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def serve_nothing(self, _):
        self.answer(404, b"no such thing")

    def serve_bytes(self, count):
        """So many bytes of a pattern."""
        self.answer(200, (PATTERN * (int(count) // len(PATTERN) + 1))[:int(count)])

    def serve_digest(self, _):
        """What was sent, as JSON: method, size, digest and headers."""
        digest, size = hashlib.sha256(), 0
        for part in self.request_body():
            digest.update(part)
            size += len(part)
        seen = {"method": self.command, "size": size, "sha256": digest.hexdigest(),
                "headers": dict(self.headers)}
        self.answer(200, json.dumps(seen).encode())

    def serve_status(self, status):
        self.answer(int(status), b"as asked", Retry_After="7", Location="http://127.0.0.1:1/")

    def serve_connections(self, _):
        self.answer(200, str(self.server.connections).encode())

    def serve_headers(self, count):
        self.answer(200, b"", **{f"X_{i}": "y" * 1000 for i in range(int(count))})

    def serve_chunked(self, count):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(count)):
            self.wfile.write(b"%x\r\n%b\r\n" % (1000, PATTERN[:1000]))
        self.wfile.write(b"0\r\n\r\n")

    def serve_silence(self, _):
        """Takes the request and never answers, until the client goes."""
        select.select([self.connection], [], [], 60)
        self.close_connection = True

    def serve_short(self, _):
        """Promises more than it sends."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True

    def serve_fresh(self, _):
        """Answers on a fresh connection, and drops what comes as a later request of one."""
        if self.is_first:
            self.answer(200, b"fresh")
        self.close_connection = True

    def serve_hangup(self, _):
        """Answers once on a connection, and drops the next request on it."""
        self.answer(200, b"bye")
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.counting = threading.Lock()
        self.context = context

    def finish_request(self, request, client_address):
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)
        if self.context:
            request.close()

    def handle_error(self, *_):
        pass


def relay(left, right):
    while True:
        for ready in select.select([left, right], [], [])[0]:
            data = ready.recv(1 << 16)
            if not data:
                return
            (right if ready is left else left).sendall(data)


class Proxy(http.server.BaseHTTPRequestHandler):
    """CONNECT and nothing else; wants the user 'u' with the password 'p'."""

    def log_message(self, *_):
        pass

    def do_CONNECT(self):
        wanted = "Basic " + base64.b64encode(b"u:p").decode()
        if self.headers.get("Proxy-Authorization") != wanted:
            self.send_error(407)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as target:
            self.send_response(200)
            self.end_headers()
            self.server.connections += 1
            relay(self.connection, target)


class Socks(socketserver.BaseRequestHandler):
    """SOCKS 5 with names, as socks5h:// asks."""

    def handle(self):
        reader = self.request.makefile("rb", 0)
        _, count = reader.read(2)
        reader.read(count)
        self.request.sendall(b"\5\0")
        _, _, _, kind = reader.read(4)
        host = (socket.inet_ntoa(reader.read(4)) if kind == 1
                else reader.read(reader.read(1)[0]).decode())
        port = int.from_bytes(reader.read(2), "big")
        with socket.create_connection((host, port)) as target:
            self.request.sendall(b"\5\0\0\1" + bytes(6))
            relay(self.request, target)


class Noise(socketserver.BaseRequestHandler):
    """Speaks, but no HTTP."""

    def handle(self):
        self.request.recv(1000)
        self.request.sendall(b"SSH-2.0-nothing\r\n" * 3)


class ThreadingServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    connections = 0

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, *_):
        pass


def tls(certificate, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca)
    return context


def listeners(folder):
    authority = Authority(folder)
    ca = os.path.join(folder, "ca.pem")
    authority.make("client.pem")
    good, key = authority.make("good.pem")
    public = key.public_key().public_bytes(serialization.Encoding.DER,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)
    with open(os.path.join(folder, "pin"), "w", encoding="ascii") as pin:
        pin.write("sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode())
    expired, _ = authority.make("expired.pem", days=(-30, -1))
    early, _ = authority.make("early.pem", days=(1, 30))
    other, _ = authority.make("other.pem", address="127.0.0.2")
    alone, _ = authority.make("alone.pem", is_self_signed=True)
    return {
        "http": Server(), "https": Server(tls(good)), "expired": Server(tls(expired)),
        "early": Server(tls(early)), "other": Server(tls(other)), "alone": Server(tls(alone)),
        "client": Server(tls(good, ca)), "proxy": ThreadingServer(Proxy),
        "socks": ThreadingServer(Socks), "noise": ThreadingServer(Noise)}


def main():
    servers = listeners(sys.argv[1])
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({name: server.server_address[1] for name, server in servers.items()}),
          flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
