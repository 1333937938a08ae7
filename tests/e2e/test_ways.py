"""Ways to a store: IPv6, proxies, hosts to jump over, and who may be spoken to."""

import os
import re
import shutil
import subprocess
import uuid

import addresses
import nginx
import proxies
import servers
import sshd
import trees
import vsftpd
from program import ACCESS_DENIED, UNAVAILABLE, UNSUPPORTED, USAGE, ProgramTest


class Ways(ProgramTest):
    """Each store is a real server; what a test says of it is for the address that it uses."""

    def setUp(self):
        super().setUp()
        os.chmod(self.home, 0o755)
        self.variables = {"HOLDFAST_REPO": None}

    def environment(self, **changes):
        return super().environment(**{**self.variables, **changes})

    def use(self, url, **settings):
        """A store there is the repository."""
        self.repository = url
        text = f"repository: {url}\nstores:\n  far:\n    url: {url}\n"
        text += "".join(f"    {key}: '{value}'\n" for key, value in settings.items())
        self.write("holdfast.yaml", text.encode())

    def webdav(self, host="127.0.0.1", lines=""):
        server = nginx.Server(self.path("nginx"), self.path("files"), host, lines)
        self.addCleanup(server.stop)
        self.variables["HOLDFAST_WEBDAV_PASSWORD"] = server.password
        return server

    def ftps(self, host="127.0.0.1"):
        server = vsftpd.Server(self.path("vsftpd"), host=host)
        self.addCleanup(server.stop)
        self.variables["HOLDFAST_FTPS_PASSWORD"] = server.password
        return server

    def ssh(self, name="sshd", host="127.0.0.1", start=()):
        server = sshd.Server(self.path(name), host, start)
        self.addCleanup(server.stop)
        self.variables["HOLDFAST_SSH_CONFIG"] = server.config
        return server

    def serve(self, host="127.0.0.1"):
        """`holdfast serve --store`; returns its port and its certificate."""
        os.mkdir(self.path("served"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-addext", addresses.NAMES, "-keyout", "tls.key", "-out",
                        "tls.crt"], cwd=self.home, check=True, capture_output=True)
        added = self.run_program("token", "add", "me", "--repository", "blog", "--tokens", "tokens")
        self.variables["HOLDFAST_REST_TOKEN"] = added.text.strip()
        server = self.start("serve", "--store", "served", "--tokens", "tokens", "--certificate",
                            "tls.crt", "--certificate-key", "tls.key", "--listen",
                            f"{addresses.in_url(host)}:0")
        line = server.stdout.readline().decode()
        return int(re.search(r"at https://.*:(\d+);", line).group(1)), self.path("tls.crt")

    def s3(self):
        server = servers.address_of(os.environ["HOLDFAST_TEST_SERVERS"], "rgw")
        self.variables.update(AWS_ACCESS_KEY_ID=server["access_key"],
                              AWS_SECRET_ACCESS_KEY=server["secret_key"])
        return server

    def expect_there_and_back(self):
        self.init()
        self.write("source/large", os.urandom(3_000_000))
        self.backup()
        shutil.rmtree(self.path("cache"))
        self.run_program("restore", "latest", "--to", self.path("out"))
        self.assertEqual(trees.compare_trees(self.source, self.path("out") + self.source), [])

    def expect_fails(self, code, *words):
        """What is said has the words, and never a password."""
        result = self.run_program("snapshots", expect=code)
        for word in words:
            self.assertIn(word, result.err)
        for text in (result.err, result.text):
            self.assertNotIn(proxies.PASSWORD, text)
            self.assertNotIn("geheim", text)


class Ipv6(Ways):
    def test_webdav(self):
        server = self.webdav("::1")
        self.use(server.url("/backups"), ca_file=server.ca_file)
        self.expect_there_and_back()

    def test_ftps(self):
        server = self.ftps("::1")
        self.use(server.url("/stores/site"), ca_file=server.ca_file)
        self.expect_there_and_back()

    def test_sftp(self):
        server = self.ssh(host="::1")
        self.use(server.url(self.path("far")))
        self.expect_there_and_back()

    def test_a_served_repository(self):
        port, ca_file = self.serve("::1")
        self.use(f"https://[::1]:{port}/blog", ca_file=ca_file)
        self.expect_there_and_back()

    def test_a_bucket(self):
        port = self.s3()["port"]
        url = f"s3://[::1]:{port}/holdfast-ways/{uuid.uuid4().hex}"
        self.use(url, endpoint=f"http://[::1]:{port}")
        self.expect_there_and_back()
        # TLS at the address of the bucket itself is what it has without an endpoint.
        self.use(url)
        self.expect_fails(UNAVAILABLE, "[::1]", "TLS")


class Proxies(Ways):
    def proxy(self, kind, *arguments):
        proxy = kind(self.path(kind.__name__), *arguments)
        self.addCleanup(proxy.stop)
        return proxy

    def test_http_of_the_environment(self):
        server = self.webdav()
        port = server.tls_port
        url = f"webdavs://{server.user}@{addresses.STORE}:{port}/backups"
        self.use(url, ca_file=server.ca_file)
        self.expect_fails(UNAVAILABLE, "has no address")
        proxy = self.proxy(proxies.Tinyproxy)
        self.variables["HTTPS_PROXY"] = proxy.url("http")
        self.expect_there_and_back()
        self.assertGreater(proxy.connections_to(port), 0)
        # Who is not to go through it does not.
        self.variables["NO_PROXY"] = addresses.STORE
        self.expect_fails(UNAVAILABLE, "has no address")
        del self.variables["NO_PROXY"]
        self.use(url, ca_file=server.ca_file, proxy="none")
        self.expect_fails(UNAVAILABLE, "has no address")
        self.use(url, ca_file=server.ca_file)
        self.variables["HTTPS_PROXY"] = f"http://eve:geheim@127.0.0.1:{proxy.port}"
        self.expect_fails(ACCESS_DENIED, "the proxy refused the login", "user and password")
        self.variables["HTTPS_PROXY"] = f"http://eve:geheim@{addresses.STORE}:1"
        self.expect_fails(UNAVAILABLE, "the name of the proxy has no address")
        for wrong in ("gopher://eve:geheim@h:1", "http://eve:geheim@h:port"):
            self.variables["HTTPS_PROXY"] = wrong
            self.expect_fails(USAGE, "the address of the proxy", "socks5h://")
        proxy.stop()
        self.variables["HTTPS_PROXY"] = proxy.url("http")
        self.expect_fails(UNAVAILABLE, "Connection refused")

    def test_socks_of_the_store(self):
        server = self.ftps()
        url = f"ftps://{server.user}@{addresses.STORE}:{server.port}/stores/site"
        proxy = self.proxy(proxies.Microsocks)
        # What the store says counts.
        self.variables.update(ALL_PROXY="http://127.0.0.1:1", NO_PROXY="*")
        self.use(url, ca_file=server.ca_file, proxy=proxy.url("socks5h"))
        self.expect_there_and_back()
        self.assertGreater(proxy.connections_to(server.port), 0)
        others = len(re.findall(f"connected to {addresses.STORE}:", proxy.said()))
        self.assertGreater(others, proxy.connections_to(server.port), "data goes there too")
        self.use(url, ca_file=server.ca_file, proxy=proxy.url("socks5h").replace("over", "geheim"))
        self.expect_fails(ACCESS_DENIED, "the proxy refused the login")
        self.use(url, ca_file=server.ca_file, proxy=f"socks5h://127.0.0.1:{proxy.port}")
        self.expect_fails(ACCESS_DENIED, "the proxy refused the login")

    def test_ftp_by_connect(self):
        server = self.ftps()
        proxy = self.proxy(proxies.Tinyproxy)
        self.use(f"ftps://{server.user}@{addresses.STORE}:{server.port}/stores/site",
                 ca_file=server.ca_file, proxy=proxy.url("http"))
        self.expect_there_and_back()
        self.assertGreater(proxy.connections_to(server.port), 0)

    def test_a_tunnel_of_ssh(self):
        place = self.path("known")
        os.mkdir(place)
        tunnel = self.proxy(proxies.SshTunnel, self.ssh(start=addresses.knows_store(place)))
        port, ca_file = self.serve()
        self.variables["ALL_PROXY"] = tunnel.url("socks5h")
        self.use(f"https://{addresses.STORE}:{port}/blog", ca_file=ca_file)
        self.expect_there_and_back()
        self.assertGreater(tunnel.connections_to(port), 0)
        tunnel.stop()
        self.expect_fails(UNAVAILABLE, "Connection refused")

    def test_a_bucket_over_tls_and_without(self):
        server = self.s3()
        proxy = self.proxy(proxies.Tinyproxy)
        bucket = f"holdfast-ways/{uuid.uuid4().hex}"
        name = addresses.BUCKETS
        self.use(f"s3://{name}:{server['tls_port']}/{bucket}",
                 ca_file=server["ca_file"], proxy=proxy.url("http"))
        self.expect_there_and_back()
        self.assertGreater(proxy.connections_to(server["tls_port"], name), 0)
        url = f"http://{name}:{server['port']}"
        self.use("s3://" + bucket, endpoint=url)
        self.variables["http_proxy"] = proxy.url("http")
        self.assertEqual(len(self.snapshots()), 1)
        self.assertIn(f"GET {url}/", proxy.said())
        self.variables["http_proxy"] = f"http://eve:geheim@127.0.0.1:{proxy.port}"
        self.expect_fails(ACCESS_DENIED, "status 401")

    def test_a_host_that_ssh_jumps_over(self):
        jump, far = self.ssh("jump"), self.ssh("far-sshd")
        for server in (jump, far):
            with open(jump.path("known_hosts"), "a", encoding="utf-8") as known:
                with open(server.path("known_hosts"), encoding="utf-8") as own:
                    known.write(own.read())
        with open(jump.path("authorized_keys"), encoding="utf-8") as key:
            far.write("authorized_keys", key.read())
        config = jump.config
        with open(config, "a", encoding="utf-8") as file:
            file.write(f"Host nas\n  HostName 127.0.0.1\n  Port {far.port}\n  User root\n"
                       f"  ProxyJump root@127.0.0.1:{jump.port}\n")
        self.variables["HOLDFAST_SSH_CONFIG"] = config
        self.use(f"sftp://nas{self.path('far')}")
        self.expect_there_and_back()
        with open(far.path("log"), encoding="utf-8") as log:
            self.assertIn("Accepted publickey for root", log.read())
        jump.stop()
        self.expect_fails(UNAVAILABLE, "the connection ended", "whether sshd runs there")


class Trust(Ways):
    def test_a_client_certificate_and_a_pinned_key(self):
        for name in ("mine", "other"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                            f"/CN={name}", "-keyout", name + ".key", "-out", name + ".crt"],
                           cwd=self.home, check=True, capture_output=True)
        server = self.webdav(lines=f"ssl_client_certificate {self.path('mine.crt')}; "
                                   "ssl_verify_client on;")
        public = subprocess.run(
            f"openssl x509 -pubkey -noout -in {server.ca_file} | openssl pkey -pubin -outform der "
            "| openssl dgst -sha256 -binary | openssl base64", shell=True, check=True,
            capture_output=True, text=True).stdout.strip()
        good = {"ca_file": server.ca_file, "client_certificate": self.path("mine.crt"),
                "client_key": self.path("mine.key"), "pinned_key": "sha256//" + public}
        url = server.url("/backups")
        self.use(url, **good)
        self.expect_there_and_back()
        self.use(url, **{**good, "pinned_key": f"sha256//{'A' * 43}="})
        self.expect_fails(ACCESS_DENIED, "the server's key is not the pinned one", "pinned_key")
        self.use(url, **{**good, "client_key": self.path("other.key")})
        self.expect_fails(USAGE, "the client certificate or its key cannot be used")
        self.use(url, ca_file=server.ca_file)
        self.expect_fails(UNSUPPORTED, "status 400")  # as nginx says that it wants a certificate
