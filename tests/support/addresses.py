"""Addresses of this machine for servers of tests, and a name that only proxies know."""
import os
import socket

# The name of every server, for who asks a proxy that `knows_store` started.
STORE = "store.test"
BUCKETS = "s3.localhost"
# What certificates are for.
NAMES = f"subjectAltName=IP:127.0.0.1,IP:::1,DNS:{STORE}"


def in_url(host):
    return f"[{host}]" if ":" in host else host


def bound(host):
    """A socket on a free port of that address."""
    free = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    free.bind((host, 0))
    return free


def knows_store(folder):
    """What goes before a command line so that the program, and only it, can resolve STORE (and
    BUCKETS, which the S3 server takes for itself)."""
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w", encoding="ascii") as file:
        file.write(f"127.0.0.1 localhost {STORE} {BUCKETS}\n")
    return ["unshare", "--mount", *propagation(), "sh", "-c",
            'mount --bind "$0" /etc/hosts && exec "$@"', hosts]


def propagation():
    """In a chroot / is often no mount, and then unshare cannot make it private."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        is_mount = any(line.split()[4] == "/" for line in mounts)
    return [] if is_mount else ["--propagation", "unchanged"]
