"""Real proxies on loopback, on free ports. They alone know the name of the stores: what speaks to a
store by its name went through them."""
import os
import socket
import subprocess
import time

import addresses

START_SECONDS_MAX = 30
USER, PASSWORD = "eve", "over-there"

CONFIG = """Port {port}
Listen 127.0.0.1
Timeout 600
MaxClients 100
LogLevel Info
PidFile "{folder}/pid"
BasicAuth {user} {password}
"""


class Proxy:
    """A program that runs from the making of this to stop(); all that it says is its log."""

    def __init__(self, folder, *command, login=f"{USER}:{PASSWORD}@"):
        self.folder = folder
        self.login = login
        self.log = os.path.join(folder, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.wait_until_it_answers()

    def url(self, scheme):
        return f"{scheme}://{self.login}127.0.0.1:{self.port}"

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError("the proxy does not answer: " + self.said()) from None

    def stop(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    with addresses.bound("127.0.0.1") as free:
        return free.getsockname()[1]


class Tinyproxy(Proxy):
    """HTTP, and CONNECT to any port."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.port = free_port()
        config = os.path.join(folder, "conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(port=self.port, folder=folder, user=USER, password=PASSWORD))
        super().__init__(folder, *addresses.knows_store(folder), "tinyproxy", "-d", "-c", config)

    def connections_to(self, port, name=addresses.STORE):
        return self.said().count(f"CONNECT {name}:{port} HTTP")


class Microsocks(Proxy):
    """SOCKS 5 with a login."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.port = free_port()
        super().__init__(folder, *addresses.knows_store(folder), "microsocks", "-i", "127.0.0.1",
                         "-p", str(self.port), "-u", USER, "-P", PASSWORD)

    def connections_to(self, port):
        return self.said().count(f"connected to {addresses.STORE}:{port}")


class SshTunnel(Proxy):
    """`ssh -D`: SOCKS 5 at a client of `server`, which connects and resolves names."""

    def __init__(self, folder, server):
        os.makedirs(folder)
        self.port = free_port()
        super().__init__(folder, "ssh", "-v", "-N", "-F", server.config, "-D",
                         f"127.0.0.1:{self.port}", "-p", str(server.port), f"root@{server.host}",
                         login="")

    def connections_to(self, port):
        return self.said().count(f"for {addresses.STORE} port {port},")
