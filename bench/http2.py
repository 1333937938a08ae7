"""HTTP/2 on one connection against HTTP/1.1 on several, over a line with delay, and what
compressing the channel would save. Prints the tables of docs/decisions/0033-http2.md.

    HOLDFAST_BINARY=build/release/holdfast python3 bench/http2.py [DELAY_MS]

The client is curl with the library that Holdfast uses, the server nginx with its WebDAV modules.
"""
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time

from relay import Relay

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/support"))
import addresses  # noqa: E402
import nginx  # noqa: E402
import sshd  # noqa: E402

ROUNDS = 3
CONNECTIONS = 16  # as HttpOptions::connections_max
WAYS = {
    "HTTP/1.1, 16 connections": ["--http1.1", "--parallel-immediate"],
    "HTTP/2, up to 16 connections": ["--http2", "--parallel-immediate"],
    "HTTP/2, one connection": ["--http2"],
}
# Name: how many, of how many bytes, which way.
LOADS = {
    "400 GET of 4 KiB": (400, 4 << 10, "get"),
    "160 GET of 256 KiB": (160, 256 << 10, "get"),
    "48 PUT of 4 MiB": (48, 4 << 20, "put"),
}


def requests_of(place, base, count, size, way):
    """A configuration of curl, and files for it."""
    source = os.path.join(place, "source")
    with open(source, "wb") as file:
        file.write(os.urandom(size))
    served = os.path.join(place, "files")
    lines = []
    for number in range(count):
        lines.append(f'url = "{base}/{way}-{size}-{number}"')
        if way == "put":
            lines.append(f'upload-file = "{source}"')
            continue
        lines.append('output = "/dev/null"')
        with open(os.path.join(served, f"get-{size}-{number}"), "wb") as file:
            file.write(os.urandom(size))
    path = os.path.join(place, "requests")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    return path


def time_of(server, config, options):
    began_at = time.monotonic()
    login = f"{server.user}:{server.password}"
    subprocess.run(["curl", "-sS", "--no-progress-meter", "--fail", "-Z", "--parallel-max",
                    str(CONNECTIONS), "--cacert", server.ca_file, "-u", login, "-K", config,
                    *options], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_at


def compare_versions(place, delay):
    with addresses.bound("127.0.0.1") as free:
        port = free.getsockname()[1]
    server = nginx.Server(os.path.join(place, "nginx"), os.path.join(place, "files"),
                          lines=f"listen 127.0.0.1:{port} ssl http2;")
    relays = {way: Relay(port if "HTTP/2" in way else server.tls_port, delay) for way in WAYS}
    print("| | " + " | ".join(WAYS) + " |\n|---" + "|---" * len(WAYS) + "|")
    try:
        for load, (count, size, kind) in LOADS.items():
            row = []
            for way, options in WAYS.items():
                base = f"https://127.0.0.1:{relays[way].port}"
                config = requests_of(place, base, count, size, kind)
                times = [time_of(server, config, options) for _ in range(ROUNDS)]
                row.append(f"{statistics.median(times):.2f} s")
            print(f"| {load} | " + " | ".join(row) + " |", flush=True)
    finally:
        server.stop()


def compare_compression(place, delay):
    """What of a backup, and of opening it anew, goes over the line with and without."""
    binary = os.environ["HOLDFAST_BINARY"]
    server = sshd.Server(os.path.join(place, "sshd"))
    passphrase = server.write("passphrase", "x\n")
    os.chmod(passphrase, 0o600)
    source = os.path.join(place, "site")
    os.makedirs(source)
    for number in range(2000):
        with open(os.path.join(source, f"page-{number}.html"), "wb") as file:
            file.write(b"<p>The quick brown fox, number %d</p>\n" % number * 200)
    with open(os.path.join(source, "photo.jpg"), "wb") as file:
        file.write(os.urandom(40 << 20))
    print("\n| over SSH | | bytes up | bytes down | time |\n|---|---|---|---|---|")
    for setting in ("no", "yes"):
        relay = Relay(server.port, delay)
        with open(server.path("host.pub"), encoding="utf-8") as key:
            server.write("known_hosts", f"[127.0.0.1]:{relay.port} {key.read()}")
        config = server.write("config-" + setting, open(server.config, encoding="utf-8").read() +
                              f"Compression {setting}\n")
        env = {**os.environ, "HOLDFAST_SSH_CONFIG": config, "HOME": place,
               "HOLDFAST_PASSPHRASE_FILE": passphrase,
               "HOLDFAST_REPO": f"sftp://root@127.0.0.1:{relay.port}{place}/far-{setting}"}
        for name, command in (("init", ["init", "--passphrase-memory", "64KiB"]),
                              ("first backup", ["backup", source]),
                              ("open on another machine", ["stats"])):
            env["HOLDFAST_CACHE_DIR"] = os.path.join(place, f"cache-{setting}-{name[:4]}")
            before = relay.sent("up"), relay.sent("down")
            began_at = time.monotonic()
            subprocess.run([binary, *command], check=True, env=env, stdout=subprocess.DEVNULL)
            took = time.monotonic() - began_at
            if name != "init":
                print(f"| {name} | Compression {setting} | {relay.sent('up') - before[0]:,} | "
                      f"{relay.sent('down') - before[1]:,} | {took:.2f} s |", flush=True)
        relay.stop()
    server.stop()
    compare_bodies(os.path.join(place, "far-no"))


def compare_bodies(repository):
    """How small gzip makes what a store sends."""
    print("\n| body | bytes | by gzip |\n|---|---|---|")
    names = []
    for folder in ("index", "snapshots", "reach"):
        for name in sorted(os.listdir(os.path.join(repository, folder))):
            with open(os.path.join(repository, folder, name), "rb") as file:
                body = file.read()
            names.append(f"{folder}/{name}")
            print(f"| {folder}, sealed | {len(body):,} | {len(gzip.compress(body)):,} |")
            break
    lines = "".join(f"{4 << 20} packs/{os.urandom(1).hex()}/{os.urandom(32).hex()}\n"
                    for _ in range(10_000)).encode()
    print(f"| a list of 10,000 packs, REST | {len(lines):,} | {len(gzip.compress(lines)):,} |")


def main():
    delay = float(sys.argv[1] if len(sys.argv) > 1 else 50) / 1000
    with tempfile.TemporaryDirectory(prefix="holdfast-http2.") as place:
        os.chmod(place, 0o755)
        compare_versions(place, delay)
        compare_compression(place, delay)


if __name__ == "__main__":
    main()
