"""A real OpenSSH server on loopback, on a free port, with keys of its own."""
import os
import socket
import subprocess
import time

import addresses

START_SECONDS_MAX = 30


class Server:
    """Runs from its making to stop(); serves SFTP to root with the key in `config`."""

    def __init__(self, folder, host="127.0.0.1", start=()):
        """`start` goes before the command line."""
        self.folder = folder
        self.host = host
        self.before = start
        os.makedirs(folder)
        os.makedirs("/run/sshd", exist_ok=True)
        with addresses.bound(host) as free:
            self.port = free.getsockname()[1]
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)],
                           check=True)
        os.replace(self.path("id.pub"), self.path("authorized_keys"))
        self.write("sshd_config", f"""Port {self.port}
ListenAddress {host}
HostKey {self.path("host")}
PidFile none
AuthorizedKeysFile {self.path("authorized_keys")}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
""")
        with open(self.path("host.pub"), encoding="utf-8") as key:
            self.write("known_hosts", f"[{host}]:{self.port} {key.read()}")
        self.config = self.write("config", f"""IdentityFile {self.path("id")}
IdentitiesOnly yes
UserKnownHostsFile {self.path("known_hosts")}
""")
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.before, "/usr/sbin/sshd", "-D", "-f",
                                         self.path("sshd_config"), "-E", self.path("log")],
                                        start_new_session=True)
        self.wait_until_it_answers()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def url(self, path):
        return f"sftp://root@{addresses.in_url(self.host)}:{self.port}{path}"

    def wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    with open(self.path("log"), encoding="utf-8") as log:
                        raise RuntimeError("sshd does not answer: " + log.read()) from None

    def stop(self):
        self.process.terminate()
        self.process.wait()
