"""A real vsftpd on loopback, on a free port, with TLS that data connections must resume."""
import os
import pwd
import socket
import subprocess
import time

import addresses

START_SECONDS_MAX = 30
LISTEN = "listen=YES\nlisten_address={}"
LISTEN_IPV6 = "listen=NO\nlisten_ipv6=YES\nlisten_address6={}"

# Its only user is the one that it knows without the machine's: no account is made for a test.
CONFIG = """{listen}
listen_port={port}
background=NO
local_enable=NO
write_enable=YES
anonymous_enable=YES
secure_email_list_enable=YES
email_password_file={folder}/passwords
anon_root={folder}/root
ftp_username=ftp
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
seccomp_sandbox=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={folder}/tls.crt
rsa_private_key_file={folder}/tls.key
secure_chroot_dir={folder}/empty
log_ftp_protocol=YES
xferlog_enable=YES
vsftpd_log_file={folder}/log
"""


class Server:
    """Runs from its making to stop(); /stores is the folder that its user may write to."""

    user, password = "anonymous", "open-sesame"

    def __init__(self, folder, *lines, host="127.0.0.1"):
        self.folder = folder
        self.host = host
        for name in ("empty", "root/stores"):
            os.makedirs(self.path(name))
        os.chmod(folder, 0o755)
        self.give(self.path("root/stores"))
        with addresses.bound(host) as free:
            self.port = free.getsockname()[1]
        self.ca_file = self.path("tls.crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=localhost", "-addext", addresses.NAMES,
                        "-keyout", self.path("tls.key"), "-out", self.ca_file],
                       check=True, capture_output=True)
        self.write("passwords", self.password + "\n")
        listen = LISTEN_IPV6 if ":" in host else LISTEN
        text = CONFIG.format(folder=folder, port=self.port, listen=listen.format(host))
        text += "".join(f"{line}\n" for line in lines)
        self.process = subprocess.Popen(["/usr/sbin/vsftpd", self.write("conf", text)],
                                        start_new_session=True)
        self.wait_until_it_answers()

    @staticmethod
    def give(path):
        """Lets the server's user write there."""
        owner = pwd.getpwnam("ftp")
        os.chown(path, owner.pw_uid, owner.pw_gid)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def url(self, path, scheme="ftps"):
        return f"{scheme}://{self.user}@{addresses.in_url(self.host)}:{self.port}{path}"

    def wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError("vsftpd does not answer") from None

    def stop(self):
        self.process.terminate()
        self.process.wait()
