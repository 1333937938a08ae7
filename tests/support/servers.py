"""Real servers for tests, each started once for a run of ctest and shared by all that need it.

`python3 servers.py start NAME FOLDER` starts one and writes FOLDER/address, lines of `name=value`
that say how to reach it; `stop` ends it by the process ids that it left in FOLDER/run. A server
that an earlier run left behind is stopped first. Starting waits until the server answers.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import addresses

START_SECONDS_MAX = 120


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
    finally:
        for free in sockets:
            free.close()


def is_running(process, folder):
    """Whether the process is there and ours: its command line names the folder."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return folder.encode() in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Server:
    """State, logs and process ids in one folder."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def prepare(self, *folders):
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("run", "log", *folders):
            os.makedirs(self.path(name))

    def call(self, *command, **options):
        """Runs a program to its end; what it says goes to the log."""
        with open(self.path("log", "commands"), "ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, check=False, **options)
        if done.returncode != 0:
            with open(self.path("log", "commands"), encoding="utf-8", errors="replace") as log:
                raise RuntimeError(f"{command[0]} failed: {log.read()[-2000:]}")

    def spawn(self, name, *command):
        """Starts a program that stays in the foreground."""
        with open(self.path("log", name + ".out"), "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        self.write(os.path.join("run", name + ".pid"), str(process.pid))

    def wait_for(self, url):
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError(f"{url} does not answer; see {self.folder}/log") from None
                time.sleep(0.1)

    def publish(self, **values):
        self.write("address", "".join(f"{name}={value}\n" for name, value in values.items()))

    def stop(self):
        processes = []
        for name in os.listdir(self.path("run")) if os.path.isdir(self.path("run")) else ():
            if not name.endswith(".pid"):
                continue
            with open(self.path("run", name), encoding="ascii") as file:
                processes.append(int(file.read() or 0))
        for process in processes:
            if is_running(process, self.folder):
                os.killpg(os.getpgid(process), signal.SIGKILL)  # with its workers
        for process in processes:
            self.wait_for_end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_for_end(self, process):
        end = time.monotonic() + START_SECONDS_MAX
        while is_running(process, self.folder):
            if time.monotonic() > end:
                raise RuntimeError(f"process {process} does not end")
            time.sleep(0.02)


CEPH_CONFIG = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
mon initial members = a
ms bind ipv4 = true
ms bind ipv6 = false
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
run dir = {folder}/run
pid file = {folder}/run/$name.pid
keyring = {folder}/keyring
admin socket =
log file = {folder}/log/$name.log
crash dir = {folder}/run
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
[mon]
mon data = {folder}/mon
mon osd min down reporters = 1
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd memory target = 939524096
osd class load list = *
osd class default list = *
osd max object name len = 460
osd max object namespace len = 64
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:{port} endpoint=[::1]:{port} {tls}
rgw dns name = s3.localhost
rgw thread pool size = 32
rgw enable usage log = false
rgw s3 auth use sts = true
rgw s3 auth order = local, sts
rgw sts key = abcdefghijklmnop
"""


class Rgw(Server):
    """Ceph's S3 gateway over one monitor and one disk in memory: about 12 s and 200 MiB."""

    access_key, secret_key = "AKIATEST", "testsecretkey0123456789"
    cold_class = "COLD"

    def start(self):
        self.prepare("mon", "osd")
        port, tls_port, mon_port = free_ports(3)
        fsid = self.uuid()
        self.config = self.write("ceph.conf", CEPH_CONFIG.format(
            folder=self.folder, fsid=fsid, port=port, mon_port=mon_port,
            tls=f"ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={self.path('tls.pem')}"))
        self.make_certificate()
        self.make_cluster(fsid, mon_port)
        # Makes the default zone, too.
        self.ceph("radosgw-admin", "user", "create", "--uid=t", "--display-name=t",
                  "--access-key=" + self.access_key, "--secret-key=" + self.secret_key)
        self.make_class()
        self.make_role()
        self.ceph("radosgw", "-n", "client.rgw.a")
        self.wait_for(f"http://127.0.0.1:{port}/")
        self.publish(port=port, tls_port=tls_port, ca_file=self.path("tls.crt"),
                     cold_class=self.cold_class, role_arn="arn:aws:iam:::role/backup",
                     access_key=self.access_key, secret_key=self.secret_key)

    def make_class(self):
        """A storage class beside STANDARD, before the gateway starts."""
        for level in ("zonegroup", "zone"):
            pool = ("--data-pool=default.rgw.cold.data",) if level == "zone" else ()
            self.ceph("radosgw-admin", level, "placement", "add", f"--rgw-{level}=default",
                      "--placement-id=default-placement", "--storage-class=" + self.cold_class,
                      *pool)

    def make_role(self):
        """One that the user may take, and that may do everything."""
        trust = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'
                 '{"AWS":["arn:aws:iam:::user/t"]},"Action":["sts:AssumeRole"]}]}')
        rights = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],'
                  '"Resource":["arn:aws:s3:::*"]}]}')
        self.ceph("radosgw-admin", "role", "create", "--role-name=backup", "--path=/",
                  "--assume-role-policy-doc=" + trust)
        self.ceph("radosgw-admin", "role-policy", "put", "--role-name=backup",
                  "--policy-name=all", "--policy-doc=" + rights)

    def ceph(self, program, *arguments):
        self.call(program, "-c", self.config, *arguments)

    @staticmethod
    def uuid():
        with open("/proc/sys/kernel/random/uuid", encoding="ascii") as file:
            return file.read().strip()

    def make_certificate(self):
        self.call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                  "-subj", "/CN=localhost",
                  "-addext", f"{addresses.NAMES},DNS:s3.localhost,DNS:*.s3.localhost", "-keyout",
                  self.path("tls.key"), "-out", self.path("tls.crt"))
        pem = ""
        for name in ("tls.key", "tls.crt"):
            with open(self.path(name), encoding="ascii") as file:
                pem += file.read()
        self.write("tls.pem", pem)

    def make_cluster(self, fsid, mon_port):
        keyring, monmap = self.write("keyring", ""), self.path("monmap")
        self.call("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a",
                  f"[v2:127.0.0.1:{mon_port}]", monmap)
        everything = [word for part in ("mon", "osd", "mgr") for word in ("--cap", part, "allow *")]
        for name in ("mon.", "client.admin", "osd.0", "client.rgw.a"):
            self.call("ceph-authtool", keyring, "--gen-key", "-n", name, *everything)
        self.ceph("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
        self.ceph("ceph-mon", "-i", "a")
        disk = self.uuid()
        self.ceph("ceph", "osd", "new", disk)
        self.ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self.ceph("ceph-osd", "-i", "0")


SWIFT_PART = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}/etc
devices = {folder}/srv
mount_check = false
workers = 1
log_level = WARNING
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
[{kind}-replicator]
[{kind}-updater]
[{kind}-auditor]
"""

SWIFT_PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}/etc
workers = 2
log_level = WARNING
[pipeline:main]
pipeline = catch_errors healthcheck cache listing_formats bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
# Asked for by tempauth; that nobody listens there only means that nothing is remembered.
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
check_bucket_owner = false
dns_compliant_bucket_names = true
"""


class Swift(Server):
    """OpenStack Swift with its S3 API: it refuses conditional writes."""

    def start(self):
        self.prepare("etc", "srv/d1")
        ports = dict(zip(("proxy", "account", "container", "object"), free_ports(4)))
        self.write("etc/swift.conf", "[swift-hash]\nswift_hash_path_suffix = s\n"
                   "swift_hash_path_prefix = p\n[storage-policy:0]\nname = p0\ndefault = yes\n"
                   "[swift-constraints]\nmax_header_size = 16384\n")
        for kind in ("account", "container", "object"):
            self.write(f"etc/{kind}-server.conf", SWIFT_PART.format(
                folder=self.folder, kind=kind, port=ports[kind], user=self.user()))
            builder = self.path("etc", kind + ".builder")
            self.call("swift-ring-builder", builder, "create", "4", "1", "1")
            self.call("swift-ring-builder", builder, "add", f"r1z1-127.0.0.1:{ports[kind]}/d1", "1")
            self.call("swift-ring-builder", builder, "rebalance")
        self.write("etc/proxy-server.conf", SWIFT_PROXY.format(
            folder=self.folder, port=ports["proxy"], user=self.user()))
        for kind in ("account", "container", "object", "proxy"):
            self.spawn(kind, f"swift-{kind}-server", self.path("etc", kind + "-server.conf"))
        self.wait_for(f"http://127.0.0.1:{ports['proxy']}/healthcheck")
        self.publish(port=ports["proxy"], access_key="test:tester", secret_key="testing")

    @staticmethod
    def user():
        return "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")


def address_of(folder, name):
    """What the server published; `folder` has one for each server."""
    with open(os.path.join(folder, name, "address"), encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file)


SERVERS = {"rgw": Rgw, "swift": Swift}


PACKAGES = {"rgw": "radosgw ceph-mon ceph-osd ceph-common openssl",
            "swift": "swift-proxy swift-account swift-container swift-object"}


def main():
    what, name, folder = sys.argv[1:]
    server = SERVERS[name](folder)
    server.stop()
    if what != "start":
        return
    try:
        server.start()
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing: apt install {PACKAGES[name]}")


if __name__ == "__main__":
    main()
