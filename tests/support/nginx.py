"""A real nginx with its WebDAV modules on loopback, on free ports, with TLS and a password."""
import os
import socket
import subprocess
import time

import addresses

START_SECONDS_MAX = 30
MODULE = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so"

CONFIG = """load_module {module};
{user}
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
  access_log {folder}/access;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {host}:{port};
    listen {host}:{tls_port} ssl;
    ssl_certificate {folder}/tls.crt;
    ssl_certificate_key {folder}/tls.key;
    {lines}
    root {files};
    client_max_body_size 0;
    dav_methods PUT DELETE MKCOL MOVE;
    dav_ext_methods PROPFIND;
    auth_basic test;
    auth_basic_user_file {folder}/users;
  }}
}}
"""


class Server:
    """Runs from its making to stop(); serves `files` to the user with the password."""

    user, password = "ann", "open sesame"

    def __init__(self, folder, files, host="127.0.0.1", lines=""):
        self.folder = folder
        self.host = host
        os.makedirs(folder)
        os.makedirs(files, exist_ok=True)
        sockets = [addresses.bound(host), addresses.bound(host)]
        self.port, self.tls_port = (free.getsockname()[1] for free in sockets)
        for free in sockets:
            free.close()
        self.ca_file = self.path("tls.crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=localhost", "-addext", addresses.NAMES,
                        "-keyout", self.path("tls.key"), "-out", self.ca_file],
                       check=True, capture_output=True)
        self.write("users", f"{self.user}:{{PLAIN}}{self.password}\n")
        self.write("conf", CONFIG.format(
            module=MODULE, user="user root;" if os.geteuid() == 0 else "", folder=folder,
            files=files, host=addresses.in_url(host), lines=lines, port=self.port,
            tls_port=self.tls_port))
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-c", self.path("conf"), "-p", folder + "/", "-e",
             self.path("log")], start_new_session=True)
        self.wait_until_it_answers()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def url(self, path):
        return f"webdavs://{self.user}@{addresses.in_url(self.host)}:{self.tls_port}{path}"

    def wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError("nginx does not answer: " + self.read("log")) from None

    def stop(self):
        self.process.terminate()
        self.process.wait()
