"""A line to a server of this machine whose user's laptop sleeps: connections die without a word."""
import socket
import struct
import threading

BUFFER_BYTES = 64 << 10


class Line:
    """Passes on what comes. `lose()`: the server hears that the client is gone, the client nothing,
    and nobody new gets through. `come_back()`: who still uses an old connection is told that nobody
    knows it; new ones work, after `refusals` more that do not."""

    def __init__(self, port):
        self.target = port
        self.lock = threading.Lock()
        self.sent = 0  # bytes from the client
        self.refused = 0
        self.refusals = 0
        self.is_lost = False
        self.old = []
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here = self.listener.accept()[0]
            except OSError:
                return
            with self.lock:
                if self.is_lost or self.refusals > 0:
                    self.refusals -= not self.is_lost
                    self.refused += 1
                    reset(here)
                    continue
                there = socket.create_connection(("127.0.0.1", self.target))
                self.pairs.append((here, there))
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self.pump, args=(source, sink, source is here),
                                 daemon=True).start()

    def pump(self, source, sink, is_up):
        try:
            while part := source.recv(BUFFER_BYTES):
                sink.sendall(part)
                if is_up:
                    with self.lock:
                        self.sent += len(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def lose(self):
        with self.lock:
            self.is_lost = True
            for _, there in self.pairs:
                reset(there)
            self.old, self.pairs = [here for here, _ in self.pairs], []

    def come_back(self, refusals=0):
        with self.lock:
            for here in self.old:
                reset(here)
            self.old = []
            self.refusals = refusals
            self.is_lost = False

    def stop(self):
        self.listener.close()


def reset(end):
    """The other side hears that there is no such connection."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone
    finally:
        end.close()
